// CURVE on the link: who has the right keys gets packets and is heard, nobody else.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "kernels/error.h"
#include "stream/io/control_link.h"
#include "stream/io/model_link.h"
#include "tests/io/link_samples.h"
#include "tests/io/tapped_wire.h"

namespace sluice::stream {
namespace {

using namespace std::chrono_literals;
using test::any_ports;
using test::eventually;
using test::feedback_on;
using test::model_of;
using test::publish_until_received;
using test::tick_packet;

const CurveKeys server = make_curve_keys();
const CurveKeys friendly = make_curve_keys();
const CurveKeys stranger = make_curve_keys();

ControlLinkOptions secured(std::vector<std::string> clients) {
  ControlLinkOptions options = any_ports();
  options.curve = CurveServer{server, std::move(clients)};
  return options;
}

ModelLinkOptions with_keys(const ControlLink& link, const CurveKeys& keys,
                           const std::string& server_key = server.public_key) {
  ModelLinkOptions options = model_of(link);
  options.curve = CurveClient{keys, server_key};
  return options;
}

void expect_served(ControlLink& link, const ModelLinkOptions& options) {
  ModelLink model(options);
  std::int64_t tick = 0;
  EXPECT_GE(publish_until_received(link, model, tick), 0);
  EXPECT_TRUE(eventually([&] { return model.send(feedback_on(1)); }));
  EXPECT_TRUE(eventually([&] { return link.feedback() != nullptr; }));
  if (link.feedback() != nullptr) link.feedback_done();
}

/// For as long as several attempts take.
void expect_refused(ControlLink& link, const ModelLinkOptions& options) {
  const LinkCounts before = link.counts();
  ModelLink model(options);
  Packet packet;
  EXPECT_TRUE(eventually([&] {
    test::publish(link, tick_packet(1));
    EXPECT_NE(model.receive(packet, 5ms), ReceiveStatus::message);
    EXPECT_FALSE(model.send(feedback_on(1)));
    return link.counts().refused >= before.refused + 4;
  }));
  EXPECT_EQ(link.feedback(), nullptr);
  EXPECT_EQ(link.counts().connections, before.connections);
  EXPECT_EQ(link.counts().feedback, before.feedback);
}

TEST(CurveLink, AClientOnTheListIsServed) {
  ControlLink link(secured({stranger.public_key, friendly.public_key}));
  EXPECT_EQ(link.warning(), "");
  expect_served(link, with_keys(link, friendly));
  EXPECT_EQ(link.counts().refused, 0);
}

TEST(CurveLink, WithoutAListWhoeverKnowsTheServersKeyIsServed) {
  ControlLink link(secured({}));
  expect_served(link, with_keys(link, friendly));
  expect_served(link, with_keys(link, stranger));
}

TEST(CurveLink, AClientThatIsNotOnTheListIsRefused) {
  ControlLink link(secured({friendly.public_key}));
  expect_refused(link, with_keys(link, stranger));
  expect_served(link, with_keys(link, friendly));
}

TEST(CurveLink, AClientWithoutKeysIsRefused) {
  for (const auto& clients : {std::vector<std::string>{}, {friendly.public_key}}) {
    ControlLink link(secured(clients));
    expect_refused(link, model_of(link));
    expect_served(link, with_keys(link, friendly));
  }
}

TEST(CurveLink, AClientWithAWrongServerKeyIsRefused) {
  for (const auto& clients : {std::vector<std::string>{}, {friendly.public_key}}) {
    ControlLink link(secured(clients));
    expect_refused(link, with_keys(link, friendly, stranger.public_key));
    expect_served(link, with_keys(link, friendly));
  }
}

TEST(CurveLink, AClientThatShowsAnothersPublicKeyIsRefused) {
  ControlLink link(secured({friendly.public_key}));
  expect_refused(link, with_keys(link, {friendly.public_key, stranger.secret_key}));
}

TEST(CurveLink, AClientThatAsksForEncryptionGetsNothingFromAnOpenLoop) {
  // Whoever took the loop's place cannot feed the model.
  ControlLink link(any_ports());
  expect_refused(link, with_keys(link, friendly));
}

TEST(CurveLink, EveryLoopOfAProcessHasAListOfItsOwn) {
  ControlLink first(secured({friendly.public_key}));
  auto second = std::make_unique<ControlLink>(secured({stranger.public_key}));
  ControlLink open(any_ports());
  expect_refused(first, with_keys(first, stranger));
  expect_refused(*second, with_keys(*second, friendly));
  expect_served(*second, with_keys(*second, stranger));
  expect_served(open, model_of(open));
  second.reset();
  expect_refused(first, with_keys(first, stranger));
  expect_served(first, with_keys(first, friendly));
}

TEST(CurveLink, ListsComeAndGo) {
  for (int i = 0; i < 20; ++i) {
    ControlLink link(secured({friendly.public_key}));
    const ModelLink good(with_keys(link, friendly)), bad(with_keys(link, stranger));
    if (i % 2 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(i));
  }
}

TEST(CurveLink, OnlyLoopbackUnlessAskedForAndThenWithoutAWarning) {
  ControlLinkOptions options = secured({friendly.public_key});
  options.packets = "tcp://*:*";
  EXPECT_THROW(ControlLink{options}, Error);
  options.allow_remote = true;
  EXPECT_EQ(ControlLink(options).warning(), "");
}

TEST(CurveLink, NobodyCanReadAlong) {
  for (const bool encrypted : {false, true}) {
    ControlLink link(encrypted ? secured({friendly.public_key}) : any_ports());
    test::TappedWire wire(link.packets_endpoint());
    ModelLinkOptions options = encrypted ? with_keys(link, friendly) : model_of(link);
    options.packets = wire.endpoint();
    ModelLink model(options);
    std::int64_t tick = 0;
    ASSERT_GE(publish_until_received(link, model, tick), 0);
    // Names that every packet holds. Without encryption the test would see them.
    const std::string seen = wire.seen();
    ASSERT_GT(seen.size(), 500U);
    EXPECT_EQ(seen.find("sluice.schema") == std::string::npos, encrypted);
    EXPECT_EQ(seen.find("camera/features") == std::string::npos, encrypted);
  }
}

}  // namespace
}  // namespace sluice::stream
