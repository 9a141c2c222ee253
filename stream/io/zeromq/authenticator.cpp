#include "stream/io/zeromq/authenticator.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "stream/io/zeromq/wake_event.h"

namespace sluice::stream::zeromq {
namespace {

constexpr const char* zap_endpoint = "inproc://zeromq.zap.01";
constexpr std::size_t key_length = 40;  // in Z85

using Clients = std::set<std::string>;  // their public keys, 32 bytes each; empty: everybody

/// The frames of a request, in order; credentials may be more than one, CURVE has one.
enum Frame : std::size_t { version, request, domain, address, identity, mechanism, credentials };
constexpr std::size_t request_frames = 7;

/// Answers ZeroMQ's question whether a client may connect.
class Authenticator {
 public:
  Authenticator() : socket_(zmq::socket_type::rep, 0) {
    try {
      socket_.handle.bind(zap_endpoint);
    } catch (const zmq::error_t& error) {
      throw translate(error, zap_endpoint, "cannot be listened on");
    }
    thread_ = std::thread([this] { run(); });
  }
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;
  ~Authenticator() {
    stopping_ = true;
    wake_.set();
    thread_.join();
    // At once, for the next one; closing happens in the background.
    zmq_unbind(socket_.handle.handle(), zap_endpoint);
  }

  void admit(const std::string& name, Clients clients) {
    const std::lock_guard lock(mutex_);
    clients_[name] = std::move(clients);
  }
  void forget(const std::string& name) {
    const std::lock_guard lock(mutex_);
    clients_.erase(name);
  }

 private:
  void run() noexcept {
    leave_signals_to_others();
    while (!stopping_) {
      try {
        std::array<zmq::pollitem_t, 2> items{{{socket_.handle.handle(), 0, ZMQ_POLLIN, 0},
                                              {nullptr, wake_.descriptor(), ZMQ_POLLIN, 0}}};
        zmq::poll(items.data(), items.size(), std::chrono::milliseconds{-1});
        if ((items[0].revents & ZMQ_POLLIN) != 0) answer();
      } catch (const std::exception&) {  // a signal, or no memory: that client tries again
      }
    }
  }

  void answer() {
    std::vector<std::string> frames;
    do {
      zmq::message_t frame;
      if (!socket_.handle.recv(frame, zmq::recv_flags::dontwait)) return;
      frames.push_back(frame.to_string());
    } while (socket_.handle.get(zmq::sockopt::rcvmore));
    const bool known = frames.size() == request_frames && frames[version] == "1.0";
    const bool welcome =
        known && frames[mechanism] == "CURVE" && is_client(frames[domain], frames[credentials]);
    const std::array<std::string, 6> reply{"1.0",
                                           known ? frames[request] : "",
                                           welcome ? "200" : "400",
                                           welcome ? "OK" : "this key is not on the list",
                                           "",   // user id
                                           ""};  // metadata
    for (std::size_t i = 0; i < reply.size(); ++i) {
      socket_.handle.send(zmq::buffer(reply[i]),
                          i + 1 < reply.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  }

  bool is_client(const std::string& name, const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto entry = clients_.find(name);
    if (entry == clients_.end()) return false;
    return entry->second.empty() || entry->second.contains(key);
  }

  Socket socket_;
  WakeEvent wake_;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::map<std::string, Clients> clients_;  // by domain
  std::thread thread_;
};

/// The one of this process. Counted by hand: the next may only be made once the last is gone.
struct SharedAuthenticator {
  std::mutex mutex;
  std::int64_t users = 0;
  std::unique_ptr<Authenticator> instance;
};

SharedAuthenticator& shared_authenticator() {
  static SharedAuthenticator shared;
  return shared;
}

void require_curve() {
  if (zmq_has("curve") == 0) throw system_error("libzmq", "was built without CURVE");
}

void set_keys(Socket& socket, const CurveKeys& keys) {
  socket.handle.set(zmq::sockopt::curve_publickey, keys.public_key);
  socket.handle.set(zmq::sockopt::curve_secretkey, keys.secret_key);
}

}  // namespace

std::string decode_curve_key(std::string_view key, std::string_view where) {
  std::string bytes(key_length / 5 * 4, '\0');
  const bool is_key =
      key.size() == key_length &&
      zmq_z85_decode(reinterpret_cast<std::uint8_t*>(bytes.data()), std::string(key).c_str());
  if (!is_key) throw input_error(where, "is no CURVE key", "40 characters of Z85");
  return bytes;
}

Admission::Admission(const CurveServer& server) : keys_(server.keys) {
  require_curve();
  (void)decode_curve_key(keys_.public_key, "the server's public key");
  (void)decode_curve_key(keys_.secret_key, "the server's secret key");
  Clients clients;
  for (const std::string& client : server.clients)
    clients.insert(decode_curve_key(client, "a client's public key"));

  static std::atomic<std::uint64_t> next = 0;
  domain_ = concat("sluice.", next++);
  SharedAuthenticator& shared = shared_authenticator();
  const std::lock_guard lock(shared.mutex);
  if (!shared.instance) shared.instance = std::make_unique<Authenticator>();
  shared.instance->admit(domain_, std::move(clients));
  ++shared.users;
}

Admission::~Admission() {
  SharedAuthenticator& shared = shared_authenticator();
  const std::lock_guard lock(shared.mutex);
  shared.instance->forget(domain_);
  if (--shared.users == 0) shared.instance.reset();
}

void Admission::secure(Socket& socket) const {
  socket.handle.set(zmq::sockopt::curve_server, true);
  set_keys(socket, keys_);
  socket.handle.set(zmq::sockopt::zap_domain, domain_);
}

void use_curve(Socket& socket, const CurveClient& client) {
  require_curve();
  (void)decode_curve_key(client.keys.public_key, "the client's public key");
  (void)decode_curve_key(client.keys.secret_key, "the client's secret key");
  (void)decode_curve_key(client.server, "the server's public key");
  set_keys(socket, client.keys);
  socket.handle.set(zmq::sockopt::curve_serverkey, client.server);
}

}  // namespace sluice::stream::zeromq
