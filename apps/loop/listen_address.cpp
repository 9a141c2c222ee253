#include "apps/loop/listen_address.h"

#include <algorithm>
#include <charconv>

#include "kernels/error.h"
#include "stream/json.h"

namespace sluice::apps {
namespace {

/// Nothing that could be a path, a list or a terminal's command.
bool is_host_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_' || c == ':' || c == '%';
}

}  // namespace

ListenAddress parse_listen_address(std::string_view text) {
  const auto refuse = [&] {
    return input_error(stream::in_quotes(text), "is no address to listen on",
                       "HOST:PORT with a port up to 65535, such as 127.0.0.1:9464 or [::1]:9464");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) throw refuse();
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  const bool has_colon = host.find(':') != std::string_view::npos;
  if (host.empty() || has_colon != is_bracketed ||
      !std::all_of(host.begin(), host.end(), is_host_character))
    throw refuse();
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() || number > 65'535) throw refuse();
  return {std::string(host), static_cast<int>(number)};
}

}  // namespace sluice::apps
