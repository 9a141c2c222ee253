// Videos from a server: one that streams, one that goes silent, one that never answers.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "kernels/error.h"
#include "stream/io/video_reader.h"
#include "tests/io/clip_maker.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/video_checks.h"

namespace sluice::stream {
namespace {

using namespace std::chrono_literals;

/// Answers one HTTP request with some bytes, of unknown length; then closes, or keeps still.
class Server {
 public:
  enum class Manner { complete, silent_afterwards, never_answers };

  Server(std::vector<char> content, Manner manner) : content_(std::move(content)), manner_(manner) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 4) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no server");
    }
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/clip.mkv";
    if (manner != Manner::never_answers) thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    done_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    ::close(listener_);
  }
  [[nodiscard]] const std::string& url() const { return url_; }

 private:
  void serve() {
    while (!done_) {
      const int client = ::accept(listener_, nullptr, nullptr);
      if (client < 0) return;
      std::array<char, 4096> request{};
      (void)!::read(client, request.data(), request.size());
      const std::string head = "HTTP/1.0 200 OK\r\nContent-Type: video/x-matroska\r\n\r\n";
      (void)!::send(client, head.data(), head.size(), MSG_NOSIGNAL);
      std::size_t sent = 0;
      while (sent < content_.size()) {
        const ssize_t count =
            ::send(client, content_.data() + sent, content_.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) break;
        sent += static_cast<std::size_t>(count);
      }
      while (manner_ == Manner::silent_afterwards && !done_) std::this_thread::sleep_for(5ms);
      ::close(client);
    }
  }

  std::vector<char> content_;
  Manner manner_;
  int listener_ = -1;
  std::string url_;
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

std::vector<char> clip_bytes(int frames) {
  const test::TemporaryFolder folder;
  test::make_clip(folder.file("a.mkv"), {.pts = test::steady(frames, 40)}, test::paint_number);
  return test::read_bytes(folder.file("a.mkv"));
}

TEST(NetworkVideo, AStreamIsReadToItsEnd) {
  const Server server(clip_bytes(200), Server::Manner::complete);
  const auto read = test::read_video(server.url());
  EXPECT_EQ(read.numbers.size(), 200U);
  EXPECT_EQ(read.numbers.back(), 199);
  EXPECT_FALSE(read.info.is_recording);
}

TEST(NetworkVideo, AStreamCannotBeSampledByNumber) {
  const Server server(clip_bytes(20), Server::Manner::complete);
  try {
    VideoReader reader(server.url(), {.frames = 5});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::input) << error.what();
  }
}

TEST(NetworkVideo, SilenceEndsTheVideoWithANote) {
  const Server server(clip_bytes(300), Server::Manner::silent_afterwards);
  const auto read = test::read_video(server.url(), {.timeout_s = 0.5});
  EXPECT_GT(read.numbers.size(), 200U);
  ASSERT_FALSE(read.statistics.notes.empty());
  EXPECT_NE(read.statistics.notes.front().find("silent"), std::string::npos);
}

TEST(NetworkVideo, StopInterruptsAReadThatBlocks) {
  const Server server(clip_bytes(300), Server::Manner::silent_afterwards);
  std::atomic<bool> stop = false;
  VideoReader reader(server.url(), {.timeout_s = 60, .stop = &stop});
  const std::jthread stopping([&] {
    std::this_thread::sleep_for(100ms);
    stop = true;
  });
  VideoFrame frame;
  const auto start = std::chrono::steady_clock::now();
  while (reader.next(frame)) {
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}

TEST(NetworkVideo, NoAnswerInTimeIsASystemError) {
  const Server server({}, Server::Manner::never_answers);
  const auto start = std::chrono::steady_clock::now();
  try {
    VideoReader reader(server.url(), {.timeout_s = 0.3});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::system) << error.what();
    EXPECT_NE(std::string(error.what()).find("in time"), std::string::npos) << error.what();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}

TEST(NetworkVideo, StopInterruptsOpening) {
  const Server server({}, Server::Manner::never_answers);
  std::atomic<bool> stop = false;
  const std::jthread stopping([&] {
    std::this_thread::sleep_for(50ms);
    stop = true;
  });
  try {
    VideoReader reader(server.url(), {.timeout_s = 60, .stop = &stop});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("stopped"), std::string::npos) << error.what();
  }
}

TEST(NetworkVideo, NobodyThereIsASystemError) {
  for (const char* url : {"http://127.0.0.1:9/a.mp4", "rtsp://127.0.0.1:9/live"}) {
    try {
      VideoReader reader(url, {.timeout_s = 5});
      FAIL() << url;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::system) << error.what();
    }
  }
}

}  // namespace
}  // namespace sluice::stream
