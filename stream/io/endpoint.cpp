#include "stream/io/endpoint.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "kernels/error.h"

namespace sluice::stream {
namespace {

constexpr std::string_view known_forms =
    "tcp://HOST:PORT, ipc://PATH or inproc://NAME, for example tcp://127.0.0.1:5555";
/// sizeof(sockaddr_un::sun_path) with its terminating zero.
constexpr std::size_t max_ipc_path = 107;

bool has_odd_characters(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isspace(c) != 0 || std::iscntrl(c) != 0; });
}

bool is_port(std::string_view text) {
  if (text == "*") return true;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && value <= 65535;
}

void parse_tcp(std::string_view rest, Endpoint& endpoint) {
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || !is_port(rest.substr(colon + 1))) {
    throw input_error(endpoint.text, "has no valid port",
                      "tcp://HOST:PORT with a port up to 65535");
  }
  std::string_view host = rest.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    throw input_error(endpoint.text, "has an odd host",
                      "an IPv6 address in brackets: tcp://[::1]:5555");
  }
  if (host.empty()) throw input_error(endpoint.text, "names no host", known_forms);
  if (host.find_first_of(";/@") != std::string_view::npos) {
    throw input_error(endpoint.text, "has an odd host", known_forms);
  }
  endpoint.transport = Transport::tcp;
  endpoint.address = host;
  endpoint.port = rest.substr(colon + 1);
}

void parse_ipc(std::string_view rest, Endpoint& endpoint) {
  if (rest.empty()) throw input_error(endpoint.text, "names no path", known_forms);
  if (rest.size() > max_ipc_path) {
    throw input_error(endpoint.text, concat("has a path of ", rest.size(), " bytes"),
                      concat("at most ", max_ipc_path, ", the system's limit for sockets"));
  }
  endpoint.transport = Transport::ipc;
  endpoint.address = rest;
}

/// 127.x.y.z; a name such as "127.evil.example" is not.
bool is_loopback_ipv4(std::string_view host) {
  if (!host.starts_with("127.")) return false;
  const bool numeric = std::all_of(
      host.begin(), host.end(), [](unsigned char c) { return std::isdigit(c) != 0 || c == '.'; });
  return numeric && std::count(host.begin(), host.end(), '.') == 3;
}

}  // namespace

Endpoint parse_endpoint(std::string_view text) {
  Endpoint endpoint;
  endpoint.text = text;
  if (has_odd_characters(text)) {
    throw input_error("endpoint", "contains a space or control character", known_forms);
  }
  const std::size_t separator = text.find("://");
  if (separator == std::string_view::npos) {
    throw input_error(text.empty() ? "endpoint" : text, "is not an endpoint", known_forms);
  }
  const std::string_view transport = text.substr(0, separator);
  const std::string_view rest = text.substr(separator + 3);
  if (transport == "tcp") {
    parse_tcp(rest, endpoint);
  } else if (transport == "ipc") {
    parse_ipc(rest, endpoint);
  } else if (transport == "inproc") {
    if (rest.empty()) throw input_error(text, "has no name", known_forms);
    endpoint.transport = Transport::inproc;
    endpoint.address = rest;
  } else {
    throw input_error(text, concat("unknown transport '", transport, "'"), known_forms);
  }
  return endpoint;
}

bool is_local(const Endpoint& endpoint) noexcept {
  if (endpoint.transport != Transport::tcp) return true;
  return endpoint.address == "localhost" || endpoint.address == "lo" || endpoint.address == "::1" ||
         is_loopback_ipv4(endpoint.address);
}

Endpoint check_endpoint(std::string_view text, Attach attach, bool allow_remote, bool encrypted) {
  Endpoint endpoint = parse_endpoint(text);
  if (attach == Attach::bind && !is_local(endpoint) && !allow_remote) {
    throw input_error(text,
                      concat("would listen to other machines",
                             encrypted ? "" : ", without encryption or authentication"),
                      "a loopback address such as tcp://127.0.0.1:5555, or allow_remote "
                      "(--allow-remote) if that is meant");
  }
  if (attach == Attach::connect && endpoint.transport == Transport::tcp &&
      (endpoint.address == "*" || endpoint.port == "*" || endpoint.port == "0")) {
    throw input_error(text, "is a wildcard, which can be listened on but not connected to",
                      "a host and a port");
  }
  if (attach == Attach::bind && endpoint.transport == Transport::ipc && endpoint.address != "*" &&
      endpoint.address.front() != '@') {
    const auto folder = std::filesystem::path(endpoint.address).parent_path();
    std::error_code error;
    if (!folder.empty() && !std::filesystem::is_directory(folder, error)) {
      throw input_error(text, concat("there is no folder ", folder.string()),
                        "an ipc path in an existing folder");
    }
  }
  return endpoint;
}

}  // namespace sluice::stream
