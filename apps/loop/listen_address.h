// HOST:PORT to listen on.
#pragma once

#include <string>
#include <string_view>

namespace sluice::apps {

struct ListenAddress {
  std::string host;  ///< a name or an address, without brackets
  int port = 0;      ///< 0: any free one
};

/// "127.0.0.1:9464", "[::1]:9464", "localhost:0". Throws sluice::Error (kind input) otherwise.
[[nodiscard]] ListenAddress parse_listen_address(std::string_view text);

}  // namespace sluice::apps
