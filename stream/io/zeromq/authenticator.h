// CURVE on sockets, and who is let in: a ZAP handler of our own (RFC 27/ZAP). Private.
#pragma once

#include <string>
#include <string_view>

#include "stream/io/curve.h"
#include "stream/io/zeromq/socket.h"

namespace sluice::stream::zeromq {

/// The 32 bytes of a key in Z85. Throws sluice::Error (kind input); `where` names its origin.
[[nodiscard]] std::string decode_curve_key(std::string_view key, std::string_view where);

/// Lets the clients of a CurveServer in, and nobody else, for as long as it lives. All of a process
/// share one ZAP handler, on a thread that ends with the last of them: ZeroMQ has room for one per
/// context. It must outlive the sockets it secures: without a handler ZeroMQ lets everybody in.
class Admission {
 public:
  /// Throws sluice::Error: kind input for what is no key, system where libzmq has no CURVE.
  explicit Admission(const CurveServer& server);
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;
  ~Admission();

  /// Before the socket listens.
  void secure(Socket& socket) const;

 private:
  CurveKeys keys_;
  std::string domain_;  // what tells this server's clients from those of others
};

/// Before the socket connects. Throws as Admission does.
void use_curve(Socket& socket, const CurveClient& client);

}  // namespace sluice::stream::zeromq
