// The page that Prometheus reads, held to its format by a parser of its own, and the server that
// gives it out.
#include "apps/loop/metrics.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "apps/loop/listen_address.h"
#include "tests/support/error_messages.h"

namespace sluice::apps {
namespace {

using Labels = std::map<std::string, std::string>;
struct Sample {
  std::string name;
  Labels labels;
  double value = 0;
};
struct Family {
  std::string type, help;
  std::vector<Sample> samples;
};
using Families = std::map<std::string, Family>;

/// Reads `name="value",…}` and returns where it ends.
std::size_t parse_labels(const std::string& line, std::size_t at, Labels& labels) {
  while (line.at(at) != '}') {
    const std::size_t equals = line.find('=', at);
    if (equals == std::string::npos) throw std::runtime_error("no label in " + line);
    const std::string name = line.substr(at, equals - at);
    EXPECT_TRUE(std::regex_match(name, std::regex("[a-zA-Z_][a-zA-Z0-9_]*"))) << line;
    EXPECT_EQ(line.at(equals + 1), '"') << line;
    std::string value;
    for (at = equals + 2; line.at(at) != '"'; ++at) {
      if (line[at] == '\\') {
        const char escaped = line.at(++at);
        EXPECT_TRUE(escaped == '\\' || escaped == '"' || escaped == 'n') << line;
        value += escaped == 'n' ? '\n' : escaped;
      } else {
        value += line[at];
      }
    }
    EXPECT_TRUE(labels.emplace(name, value).second) << line;
    if (line.at(++at) == ',') ++at;
  }
  return at + 1;
}

Sample parse_sample(const std::string& line) {
  Sample sample;
  std::size_t at = line.find_first_of("{ ");
  sample.name = line.substr(0, at);
  EXPECT_TRUE(std::regex_match(sample.name, std::regex("[a-zA-Z_:][a-zA-Z0-9_:]*"))) << line;
  if (line.at(at) == '{') at = parse_labels(line, at + 1, sample.labels);
  EXPECT_EQ(line.at(at), ' ') << line;
  const std::string value = line.substr(at + 1);
  std::size_t used = 0;
  sample.value = value == "+Inf" ? INFINITY : value == "NaN" ? NAN : std::stod(value, &used);
  EXPECT_TRUE(value == "+Inf" || value == "NaN" || used == value.size()) << line;
  return sample;
}

void check_histogram(const std::string& name, const Family& family) {
  double last_bound = -1, last_count = 0, count = -1;
  for (const Sample& sample : family.samples) {
    if (sample.name == name + "_bucket") {
      EXPECT_EQ(count, -1) << "buckets come first";
      const std::string& le = sample.labels.at("le");
      const double bound = le == "+Inf" ? INFINITY : std::stod(le);
      EXPECT_GT(bound, last_bound) << name;
      EXPECT_GE(sample.value, last_count) << name;
      last_bound = bound;
      last_count = sample.value;
    } else if (sample.name == name + "_count") {
      count = sample.value;
    } else {
      EXPECT_EQ(sample.name, name + "_sum");
      EXPECT_GE(sample.value, 0);
    }
  }
  EXPECT_TRUE(std::isinf(last_bound)) << name;
  EXPECT_EQ(count, last_count) << name;
}

/// Text format 0.0.4, and the customs for names.
Families parse_page(const std::string& page) {
  Families families;
  std::string current;
  EXPECT_TRUE(page.ends_with('\n'));
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, std::regex("# HELP (\\S+) (.+)"))) {
      current = match[1];
      EXPECT_TRUE(families.emplace(current, Family{"", match[2], {}}).second) << line;
    } else if (std::regex_match(line, match,
                                std::regex("# TYPE (\\S+) (counter|gauge|histogram)"))) {
      EXPECT_EQ(match[1], current);
      EXPECT_TRUE(families[current].type.empty() && families[current].samples.empty()) << line;
      families[current].type = match[2];
    } else {
      Sample sample = parse_sample(line);
      const bool is_histogram = families[current].type == "histogram";
      EXPECT_TRUE(is_histogram ? sample.name.starts_with(current + '_') : sample.name == current)
          << line;
      families[current].samples.push_back(std::move(sample));
    }
  }
  for (const auto& [name, family] : families) {
    EXPECT_TRUE(name.starts_with("sluice_")) << name;
    EXPECT_FALSE(family.type.empty() || family.samples.empty()) << name;
    EXPECT_EQ(family.type == "counter", name.ends_with("_total")) << name;
    if (family.type == "histogram") check_histogram(name, family);
    std::set<Labels> seen;
    for (const Sample& sample : family.samples) {
      EXPECT_TRUE(family.type == "histogram" || seen.insert(sample.labels).second) << name;
      EXPECT_TRUE(family.type != "counter" || sample.value >= 0) << name;
    }
  }
  return families;
}

double value(const Families& families, const std::string& name, const Labels& labels = {}) {
  const auto family = families.find(name);
  if (family != families.end())
    for (const Sample& sample : family->second.samples)
      if (sample.labels == labels) return sample.value;
  ADD_FAILURE() << "no " << name;
  return NAN;
}

TEST(LatencyHistogram, CountsUpToEachBoundIncluded) {
  LatencyHistogram times;
  for (const double seconds : {0.0, 1e-4, 1.5e-4, 0.3, 10.0, 11.0, -5.0}) times.observe(seconds);
  times.observe(NAN);
  times.observe(INFINITY);
  EXPECT_EQ(times.at_most(0), 3);  // 0, 100 µs, and less than nothing
  EXPECT_EQ(times.at_most(1), 4);
  EXPECT_EQ(times.at_most(10), 4);
  EXPECT_EQ(times.at_most(11), 5);
  EXPECT_EQ(times.at_most(15), 6);
  EXPECT_EQ(times.count(), 8);
  EXPECT_NEAR(times.sum(), 1e6 + 21.30025, 1e-6);
  const auto& bounds = LatencyHistogram::bounds();
  EXPECT_TRUE(std::is_sorted(bounds.begin(), bounds.end()));
  EXPECT_EQ(bounds.front(), 1e-4);
  EXPECT_EQ(bounds.back(), 10);
}

TEST(PrometheusPage, HoldsEveryNumber) {
  LoopMetrics metrics({"front", "a \"b\"\\\n"}, {"front"});
  for (std::size_t i = 0; i < metrics.ticks.size(); ++i) metrics.ticks[i] = 10 + std::int64_t(i);
  for (std::size_t i = 0; i < metrics.feedback.size(); ++i)
    metrics.feedback[i] = 20 + std::int64_t(i);
  metrics.missed = 1;
  metrics.late_packets = 2;
  metrics.budget = 128;
  metrics.available = 512;
  metrics.kept = 127;
  metrics.kept_by_source[1] = 64;
  metrics.kept_total_by_source[1] = std::int64_t{1} << 40;
  metrics.input_age_s[0] = 0.25;
  metrics.input_frames[0] = 33;
  metrics.input_skipped[0] = 3;
  metrics.unanswered = 4;
  metrics.feedback_age_ticks = 5;
  metrics.deadline_misses = 6;
  metrics.model.observe(0.03);
  stream::LinkCounts link;
  link.published = 50;
  link.connections = 2;
  link.disconnections = 1;
  const Families page = parse_page(prometheus_page(metrics, link));
  EXPECT_EQ(value(page, "sluice_ticks_total", {{"status", "ok"}}), 10);
  EXPECT_EQ(value(page, "sluice_ticks_total", {{"status", "failed"}}), 15);
  EXPECT_EQ(value(page, "sluice_ticks_missed_total"), 1);
  EXPECT_EQ(value(page, "sluice_late_packets_total"), 2);
  EXPECT_EQ(value(page, "sluice_tick_budget_tokens"), 128);
  EXPECT_EQ(value(page, "sluice_tick_available_tokens"), 512);
  EXPECT_EQ(value(page, "sluice_tick_kept_tokens"), 127);
  EXPECT_EQ(value(page, "sluice_tick_source_kept_tokens", {{"source", "front"}}), 0);
  EXPECT_EQ(value(page, "sluice_tick_source_kept_tokens", {{"source", "a \"b\"\\\n"}}), 64);
  EXPECT_EQ(value(page, "sluice_kept_tokens_total", {{"source", "a \"b\"\\\n"}}), 0x1p40);
  EXPECT_EQ(value(page, "sluice_input_age_seconds", {{"input", "front"}}), 0.25);
  EXPECT_EQ(value(page, "sluice_input_frames_total", {{"input", "front"}}), 33);
  EXPECT_EQ(value(page, "sluice_input_skipped_total", {{"input", "front"}}), 3);
  EXPECT_EQ(value(page, "sluice_feedback_total", {{"fate", "applied"}}), 20);
  EXPECT_EQ(value(page, "sluice_feedback_total", {{"fate", "other_stream"}}), 27);
  EXPECT_EQ(value(page, "sluice_unanswered_total"), 4);
  EXPECT_EQ(value(page, "sluice_feedback_age_ticks"), 5);
  EXPECT_EQ(value(page, "sluice_deadline_misses_total"), 6);
  EXPECT_EQ(value(page, "sluice_link_published_total"), 50);
  EXPECT_EQ(value(page, "sluice_link_connected"), 1);
  const auto& model = page.at("sluice_model_latency_seconds").samples;
  EXPECT_EQ(model[7].labels.at("le"), "0.02");
  EXPECT_EQ(model[7].value, 0);
  EXPECT_EQ(model[8].value, 1);
}

TEST(PrometheusPage, WhatHasNeverBeenIsNotANumber) {
  const Families page = parse_page(prometheus_page(LoopMetrics({"a"}, {"a"}), {}));
  EXPECT_TRUE(std::isnan(value(page, "sluice_feedback_age_ticks")));
  EXPECT_TRUE(std::isnan(value(page, "sluice_input_age_seconds", {{"input", "a"}})));
  EXPECT_EQ(value(page, "sluice_link_connected"), 0);
}

TEST(PrometheusPage, IsTheOneOfTheDocumentation) {
  const Families page = parse_page(prometheus_page(LoopMetrics({"a"}, {"a"}), {}));
  std::ifstream docs(std::filesystem::path(SLUICE_SOURCE_DIR) / "docs" / "loop.md");
  std::map<std::string, std::string> documented;
  const std::regex row(R"(\| `(sluice_\w+)(?:\{\w+\})?` \| (\w+) \| .*)");
  for (std::string line; std::getline(docs, line);) {
    std::smatch match;
    if (std::regex_match(line, match, row)) documented[match[1]] = match[2];
  }
  std::map<std::string, std::string> served;
  for (const auto& [name, family] : page) served[name] = family.type;
  EXPECT_EQ(documented, served);
}

TEST(ListenAddress, IsAHostAndAPort) {
  EXPECT_EQ(parse_listen_address("127.0.0.1:9464").host, "127.0.0.1");
  EXPECT_EQ(parse_listen_address("[::1]:80").host, "::1");
  EXPECT_EQ(parse_listen_address("localhost:0").port, 0);
  for (const char* text : {"", ":", "9464", "host", "host:", ":80", "host:65536", "host:-1",
                           "a b:1", "::1:80", "[::1]", "host:1x", "/tmp:1", "[]:1"})
    EXPECT_CONTAINS(test::input_error_of([&] { (void)parse_listen_address(text); }), "HOST:PORT");
}

/// A socket connected to the loopback interface.
class Connection {
 public:
  explicit Connection(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { ::close(socket_); }

  void send(const std::string& text) {
    EXPECT_EQ(::send(socket_, text.data(), text.size(), MSG_NOSIGNAL), std::ssize(text));
  }
  std::string receive_all() {
    std::string text;
    char buffer[4096];
    for (ssize_t n = 0; (n = ::recv(socket_, buffer, sizeof buffer, 0)) > 0;)
      text.append(buffer, static_cast<std::size_t>(n));
    return text;
  }

 private:
  int socket_;
};

int port_of(const MetricsServer& server) {
  std::smatch match;
  EXPECT_TRUE(std::regex_match(server.url(), match, std::regex("http://.*:(\\d+)/metrics")))
      << server.url();
  return std::stoi(match[1]);
}

struct Reply {
  std::string head, body;
};

Reply request(const MetricsServer& server, const std::string& line) {
  Connection connection(port_of(server));
  connection.send(line + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string text = connection.receive_all();
  const std::size_t end = text.find("\r\n\r\n");
  EXPECT_NE(end, std::string::npos) << text;
  return {text.substr(0, end), text.substr(end + 4)};
}

TEST(MetricsServer, GivesThePageAndNothingElse) {
  const MetricsServer server("127.0.0.1:0", [] { return std::string("page 1\n"); });
  const Reply page = request(server, "GET /metrics");
  EXPECT_TRUE(page.head.starts_with("HTTP/1.1 200 ")) << page.head;
  EXPECT_CONTAINS(page.head, "Content-Type: text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(page.body, "page 1\n");
  const Reply head = request(server, "HEAD /metrics");
  EXPECT_TRUE(head.head.starts_with("HTTP/1.1 200 ")) << head.head;
  EXPECT_CONTAINS(head.head, "Content-Length: 7");
  EXPECT_EQ(head.body, "");
  EXPECT_CONTAINS(request(server, "GET /").body, "/metrics");
  for (const char* line :
       {"GET /metricsx", "GET /metrics/", "GET /../etc/passwd", "POST /metrics", "DELETE /metrics"})
    EXPECT_TRUE(request(server, line).head.starts_with("HTTP/1.1 40")) << line;
  EXPECT_TRUE(request(server, "GET /nothing").head.starts_with("HTTP/1.1 404"));
}

TEST(MetricsServer, SaysWhyItCannotListen) {
  const auto page = [] { return std::string(); };
  const MetricsServer server("127.0.0.1:0", page);
  const std::string listen = "127.0.0.1:" + std::to_string(port_of(server));
  try {
    const MetricsServer second(listen, page);
    ADD_FAILURE() << "two servers at " << listen;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::system);
    EXPECT_CONTAINS(error.what(), "metrics at " + listen + ": Address already in use");
  }
  EXPECT_CONTAINS(
      test::input_error_of([&] { const MetricsServer s("192.0.2.1:9464", page); }),
      "metrics at 192.0.2.1:9464: Cannot assign requested address; expected an address of this");
  EXPECT_CONTAINS(test::input_error_of([&] { const MetricsServer s("no.such.invalid:1", page); }),
                  "metrics at no.such.invalid:1: ");
  EXPECT_CONTAINS(test::input_error_of([&] { const MetricsServer s("9464", page); }), "HOST:PORT");
}

TEST(MetricsServer, ItsPortIsFreeAfterwards) {
  std::string listen;
  {
    const MetricsServer server("127.0.0.1:0", [] { return std::string(); });
    (void)request(server, "GET /metrics");
    listen = "127.0.0.1:" + std::to_string(port_of(server));
  }
  const MetricsServer again(listen, [] { return std::string("again"); });
  EXPECT_EQ(request(again, "GET /metrics").body, "again");
}

/// It ends although someone is connected and says nothing, and others hung up in the middle.
TEST(MetricsServer, EndsSoonAndLeavesSignalsAlone) {
  std::optional<Connection> silent, half;
  auto begin = std::chrono::steady_clock::now();
  {
    const MetricsServer server("127.0.0.1:0", [] { return std::string(1 << 22, 'x'); });
    struct sigaction action {};
    ::sigaction(SIGPIPE, nullptr, &action);
    EXPECT_EQ(action.sa_handler, SIG_DFL);
    for (int i = 0; i < 3; ++i) {
      Connection hangs_up(port_of(server));
      hangs_up.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    EXPECT_EQ(request(server, "GET /metrics").body.size(), std::size_t{1} << 22);
    silent.emplace(port_of(server));
    half.emplace(port_of(server));
    half->send("GET /metr");
    begin = std::chrono::steady_clock::now();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
}

TEST(MetricsServer, PagesStayConsistentWhileNumbersMove) {
  LoopMetrics metrics({"a", "b"}, {"a"});
  const MetricsServer server("127.0.0.1:0", [&] { return prometheus_page(metrics, {}); });
  std::atomic<bool> done = false;
  std::thread tick([&] {
    for (std::int64_t i = 0; !done; ++i) {
      metrics.ticks[0].fetch_add(1, std::memory_order_relaxed);
      metrics.kept_total_by_source[1].fetch_add(64, std::memory_order_relaxed);
      metrics.step.observe(1e-4 * static_cast<double>(i % 20'000));
      metrics.input_age_s[0].store(1e-3 * static_cast<double>(i % 7));
    }
  });
  std::vector<std::thread> scrapers;
  for (int i = 0; i < 3; ++i)
    scrapers.emplace_back([&] {
      double ticks = 0, steps = 0;
      for (int scrape = 0; scrape < 15; ++scrape) {
        const Families page = parse_page(request(server, "GET /metrics").body);
        const double ticks_now = value(page, "sluice_ticks_total", {{"status", "ok"}});
        const double steps_now = page.at("sluice_step_seconds").samples.back().value;
        EXPECT_GE(ticks_now, ticks);
        EXPECT_GE(steps_now, steps);
        ticks = ticks_now;
        steps = steps_now;
      }
    });
  for (std::thread& scraper : scrapers) scraper.join();
  done = true;
  tick.join();
}

}  // namespace
}  // namespace sluice::apps
