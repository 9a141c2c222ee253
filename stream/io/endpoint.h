// Where a ZeroMQ socket listens or connects to, checked before ZeroMQ sees it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::stream {

/// Which side of a connection waits. The order of start does not matter: whoever connects keeps
/// trying until the other side is there.
enum class Attach : std::uint8_t { bind, connect };

enum class Transport : std::uint8_t { tcp, ipc, inproc };

struct Endpoint {
  Transport transport = Transport::tcp;
  std::string text;     ///< as ZeroMQ takes it: "tcp://127.0.0.1:5555"
  std::string address;  ///< tcp: host, without brackets; ipc: path; inproc: name
  std::string port;     ///< tcp: 0 … 65535 or "*" (any free one)
};

/// "tcp://HOST:PORT" (HOST a name, an IPv4 address, an IPv6 address in brackets, an interface or
/// "*"), "ipc://PATH" or "inproc://NAME". Throws sluice::Error (kind input) for anything else.
[[nodiscard]] Endpoint parse_endpoint(std::string_view text);

/// True if only this machine can reach it: ipc, inproc, and tcp on localhost, 127.0.0.0/8 or ::1.
[[nodiscard]] bool is_local(const Endpoint& endpoint) noexcept;

/// Parses, and refuses what can't work or would be a surprise: throws sluice::Error (kind input)
/// for a wildcard to connect to, and for listening on more than the loopback interface unless
/// `allow_remote`: that must be asked for, above all where messages are neither encrypted nor
/// authenticated. `encrypted` only words the error.
[[nodiscard]] Endpoint check_endpoint(std::string_view text, Attach attach, bool allow_remote,
                                      bool encrypted = false);

}  // namespace sluice::stream
