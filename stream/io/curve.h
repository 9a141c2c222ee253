// CurveZMQ keys: who may connect, and that nobody else can read along (RFC 26/CurveZMQ).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::stream {

/// A key pair, in Z85: 40 printable characters each.
struct CurveKeys {
  std::string public_key;
  std::string secret_key;
};

/// The side that listens.
struct CurveServer {
  CurveKeys keys;
  /// Public keys of those who may connect; empty: whoever knows the server's public key may.
  std::vector<std::string> clients;
};

/// The side that connects.
struct CurveClient {
  CurveKeys keys;
  std::string server;  ///< the server's public key
};

/// Throws sluice::Error (kind system) where libzmq was built without CURVE.
[[nodiscard]] CurveKeys make_curve_keys();
/// `path`.public and `path`.secret; the latter readable by the owner alone. One line each, the key.
/// Existing files are not replaced: throws sluice::Error.
void write_curve_keys(const CurveKeys& keys, const std::filesystem::path& path);
/// Reads `path`, which is a *.secret file beside its *.public file. Throws sluice::Error (kind
/// input) for what is no key, and for a secret key that others can read.
[[nodiscard]] CurveKeys read_curve_keys(const std::filesystem::path& path);
/// One public key. Throws sluice::Error (kind input).
[[nodiscard]] std::string read_public_key(const std::filesystem::path& path);
/// Those in all *.public files of a folder. Throws sluice::Error (kind input) if there is none.
[[nodiscard]] std::vector<std::string> read_public_keys(const std::filesystem::path& folder);

}  // namespace sluice::stream
