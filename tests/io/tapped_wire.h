// A TCP connection through this process, which remembers what went over it.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

namespace sluice::test {

/// Forwards one connection to "tcp://127.0.0.1:PORT".
class TappedWire {
 public:
  explicit TappedWire(const std::string& target) : target_port_(port_of(target)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(listener_, generic(address), size) != 0 || ::listen(listener_, 1) != 0 ||
        ::getsockname(listener_, generic(address), &size) != 0)
      throw std::runtime_error("cannot listen");
    endpoint_ = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  TappedWire(const TappedWire&) = delete;
  TappedWire& operator=(const TappedWire&) = delete;
  ~TappedWire() {
    thread_.request_stop();
    thread_.join();
    ::close(listener_);
  }

  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
  /// In both directions.
  [[nodiscard]] std::string seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  static sockaddr* generic(sockaddr_in& address) { return reinterpret_cast<sockaddr*>(&address); }
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  static std::uint16_t port_of(const std::string& endpoint) {
    return static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
  }
  static bool is_readable(int socket) {
    pollfd readable{.fd = socket, .events = POLLIN, .revents = 0};
    return ::poll(&readable, 1, 1) > 0;
  }

  void run(const std::stop_token& stop) {
    while (!is_readable(listener_)) {
      if (stop.stop_requested()) return;
    }
    const int near = ::accept(listener_, nullptr, nullptr);
    const int far = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = loopback(target_port_);
    bool open = ::connect(far, generic(address), sizeof address) == 0;
    while (open && !stop.stop_requested()) open = forward(near, far) && forward(far, near);
    ::close(near);
    ::close(far);
  }

  bool forward(int from, int to) {
    if (!is_readable(from)) return true;
    std::array<char, 65536> bytes{};
    const ssize_t count = ::recv(from, bytes.data(), bytes.size(), 0);
    if (count <= 0) return false;
    {
      const std::lock_guard lock(mutex_);
      seen_.append(bytes.data(), static_cast<std::size_t>(count));
    }
    return ::send(to, bytes.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL) == count;
  }

  int listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
  std::uint16_t target_port_;
  std::string endpoint_;
  std::mutex mutex_;
  std::string seen_;
  std::jthread thread_;
};

}  // namespace sluice::test
