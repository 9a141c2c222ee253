#include "stream/io/endpoint.h"

#include <gtest/gtest.h>

#include <string>

#include "kernels/error.h"

namespace sluice::stream {
namespace {

TEST(Endpoint, KnowsItsParts) {
  const Endpoint tcp = parse_endpoint("tcp://127.0.0.1:5555");
  EXPECT_EQ(tcp.transport, Transport::tcp);
  EXPECT_EQ(tcp.address, "127.0.0.1");
  EXPECT_EQ(tcp.port, "5555");
  const Endpoint six = parse_endpoint("tcp://[::1]:*");
  EXPECT_EQ(six.address, "::1");
  EXPECT_EQ(six.port, "*");
  EXPECT_EQ(parse_endpoint("ipc://a/b.sock").address, "a/b.sock");
  EXPECT_EQ(parse_endpoint("inproc://tokens").address, "tokens");
}

TEST(Endpoint, RefusesWhatZeroMqWouldMisread) {
  for (const char* text :
       {"", "tcp", "127.0.0.1:5555", "tcp://", "tcp://:5555", "tcp://localhost",
        "tcp://localhost:", "tcp://localhost:70000", "tcp://localhost:-1", "tcp://localhost:12x",
        "tcp://::1:5555", "tcp://a;b:5555", "ipc://", "inproc://", "udp://127.0.0.1:5555",
        "http://localhost:80", "tcp://local host:5555", "tcp://localhost:5555\n"}) {
    EXPECT_THROW((void)parse_endpoint(text), Error) << text;
  }
  EXPECT_THROW((void)parse_endpoint("ipc://" + std::string(108, 'x')), Error);
  EXPECT_NO_THROW((void)parse_endpoint("ipc://" + std::string(107, 'x')));
}

TEST(Endpoint, OnlyLoopbackIsLocal) {
  for (const char* text : {"tcp://127.0.0.1:1", "tcp://127.1.2.3:1", "tcp://localhost:*",
                           "tcp://[::1]:1", "ipc://x", "inproc://x"}) {
    EXPECT_TRUE(is_local(parse_endpoint(text))) << text;
  }
  for (const char* text : {"tcp://*:5555", "tcp://0.0.0.0:5555", "tcp://[::]:5555", "tcp://eth0:1",
                           "tcp://192.168.1.7:1", "tcp://127.evil.example:1", "tcp://example:1"}) {
    EXPECT_FALSE(is_local(parse_endpoint(text))) << text;
  }
}

TEST(Endpoint, ListeningToOthersMustBeAskedFor) {
  for (const char* text :
       {"tcp://*:5555", "tcp://0.0.0.0:5555", "tcp://[::]:5555", "tcp://eth0:*"}) {
    try {
      (void)check_endpoint(text, Attach::bind, false);
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::input);
      EXPECT_NE(std::string(error.what()).find("--allow-remote"), std::string::npos)
          << error.what();
    }
    EXPECT_NO_THROW((void)check_endpoint(text, Attach::bind, true)) << text;
  }
  EXPECT_NO_THROW((void)check_endpoint("tcp://192.168.1.7:5555", Attach::connect, false));
}

TEST(Endpoint, AWildcardCannotBeConnectedTo) {
  for (const char* text : {"tcp://*:5555", "tcp://localhost:*", "tcp://localhost:0"}) {
    EXPECT_THROW((void)check_endpoint(text, Attach::connect, false), Error) << text;
  }
}

TEST(Endpoint, AnIpcPathNeedsItsFolder) {
  EXPECT_THROW((void)check_endpoint("ipc:///no/such/folder/x", Attach::bind, false), Error);
  EXPECT_NO_THROW((void)check_endpoint("ipc:///no/such/folder/x", Attach::connect, false));
}

}  // namespace
}  // namespace sluice::stream
