#include <httplib.h>
#include <netdb.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "apps/loop/listen_address.h"
#include "apps/loop/metrics.h"
#include "kernels/error.h"

namespace sluice::apps {
namespace {

/// The library ignores SIGPIPE for the whole process; that is the program's business.
class KeepSigpipe {
 public:
  KeepSigpipe() { ::sigaction(SIGPIPE, nullptr, &before_); }
  KeepSigpipe(const KeepSigpipe&) = delete;
  KeepSigpipe& operator=(const KeepSigpipe&) = delete;
  ~KeepSigpipe() { ::sigaction(SIGPIPE, &before_, nullptr); }

 private:
  struct sigaction before_ {};
};

/// For this thread and those it starts: a scraper that hangs up is an error of write().
void block_sigpipe() {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
}

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Addresses look_up(const ListenAddress& address, const std::string& listen) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port);
  const int error = ::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found);
  if (error != 0)
    throw input_error("metrics at " + listen, ::gai_strerror(error), "an address of this machine");
  return {found, &::freeaddrinfo};
}

/// Why nothing can listen there: the library doesn't say.
int bind_problem(const addrinfo& address) {
  const int probe = ::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC, 0);
  if (probe < 0) return errno;
  constexpr int yes = 1;
  ::setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  int problem = 0;
  if (::bind(probe, address.ai_addr, address.ai_addrlen) != 0 || ::listen(probe, 1) != 0)
    problem = errno;
  ::close(probe);
  return problem;
}

Error cannot_listen(const ListenAddress& address, const std::string& listen) {
  const int problem = bind_problem(*look_up(address, listen));
  const std::string what =
      problem == 0 ? "nothing can listen there" : std::generic_category().message(problem);
  if (problem == EADDRNOTAVAIL)
    return input_error("metrics at " + listen, what, "an address of this machine");
  return system_error("metrics at " + listen, what, "a free port, or metrics.listen = \"\"");
}

constexpr auto page_type = "text/plain; version=0.0.4; charset=utf-8";
constexpr int workers = 2;  // one scraper that is slow leaves one for the others
constexpr std::chrono::seconds patience{1};

}  // namespace

struct MetricsServer::State {
  explicit State(Page page) {
    server.new_task_queue = [] { return new httplib::ThreadPool(workers); };
    // Without the default's SO_REUSEPORT, which lets two programs share a port.
    server.set_socket_options([](socket_t socket) {
      constexpr int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    // A connection that is kept would keep a worker, and the end waiting.
    server.set_keep_alive_max_count(1);
    server.set_keep_alive_timeout(patience.count());
    server.set_read_timeout(patience);
    server.set_write_timeout(patience);
    server.set_payload_max_length(1024);
    server.Get("/metrics",
               [page = std::move(page)](const httplib::Request&, httplib::Response& response) {
                 response.set_content(page(), page_type);
               });
    server.Get("/", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("The metrics of sluice loop are at /metrics.\n", "text/plain");
    });
  }

  void start() {
    thread = std::thread([this] {
      block_sigpipe();
      server.listen_after_bind();
      ended = true;
    });
    // Before it runs, it can't be told to stop.
    while (!server.is_running() && !ended)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  httplib::Server server;
  std::string url;
  std::atomic<bool> ended = false;
  std::thread thread;
};

MetricsServer::MetricsServer(const std::string& listen, Page page) {
  const ListenAddress address = parse_listen_address(listen);
  (void)look_up(address, listen);
  {
    const KeepSigpipe keep_sigpipe;
    state_ = std::make_unique<State>(std::move(page));
  }
  httplib::Server& server = state_->server;
  int port = address.port;
  const bool is_bound = port == 0 ? (port = server.bind_to_any_port(address.host)) > 0
                                  : server.bind_to_port(address.host, port);
  if (!is_bound) throw cannot_listen(address, listen);
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  state_->url = concat("http://", is_ipv6 ? "[" : "", address.host, is_ipv6 ? "]" : "", ':', port,
                       "/metrics");
  state_->start();
}

MetricsServer::~MetricsServer() {
  state_->server.stop();
  state_->thread.join();
}

const std::string& MetricsServer::url() const noexcept {
  return state_->url;
}

}  // namespace sluice::apps
