// sluice model: a small transformer at the other end of a control loop. It answers every packet
// with an action, and with where it looked.
#include "apps/model/tiny_transformer.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <thread>

#include "apps/commands/command.h"
#include "apps/commands/exit_code.h"
#include "apps/interrupt.h"
#include "apps/model/model_tally.h"
#include "apps/option_checks.h"
#include "apps/terminal_line.h"
#include "kernels/error.h"
#include "stream/grid.h"
#include "stream/io/model_link.h"

namespace sluice::apps {
namespace {

using std::chrono::steady_clock;

struct ModelOptions {
  std::string endpoint, feedback;
  bool no_feedback = false;
  std::filesystem::path server_key, key;
  model::TransformerOptions transformer;
  std::string action = "8,7";
  std::string semantic = "all";
  double min_latency_ms = 0;
  std::optional<std::int64_t> count;
  std::optional<double> timeout_s;
  bool quiet = false;
};

double milliseconds_since(steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(steady_clock::now() - start).count();
}

/// Redrawn a few times a second.
class StatusLine {
 public:
  explicit StatusLine(bool wanted) : wanted_(wanted && line_.is_visible()) {}

  template <typename Text>
  void update(Text&& text) {
    const auto now = steady_clock::now();
    if (!wanted_ || now - last_ < std::chrono::milliseconds(200)) return;
    last_ = now;
    line_.draw(text());
  }
  void wipe() { line_.wipe(); }

 private:
  TerminalLine line_;
  bool wanted_;
  steady_clock::time_point last_;
};

/// Where the loop takes feedback unless it says otherwise: one port up.
std::string next_port(const std::string& packets) {
  const stream::Endpoint endpoint = stream::check_endpoint(packets, stream::Attach::connect, false);
  if (endpoint.transport != stream::Transport::tcp)
    throw input_error("--feedback", concat("not given for ", packets), "it, or --no-feedback");
  const int port = std::stoi(endpoint.port);
  if (port >= 65535)
    throw input_error("--feedback", concat("not given, and there is no port after ", port),
                      "it, or --no-feedback");
  return packets.substr(0, packets.rfind(':') + 1) + std::to_string(port + 1);
}

stream::ModelLinkOptions link_options(const ModelOptions& options) {
  stream::ModelLinkOptions link;
  link.packets = options.endpoint;
  link.feedback = options.feedback;
  if (options.no_feedback)
    link.feedback.clear();
  else if (options.feedback.empty())
    link.feedback = next_port(options.endpoint);
  if (options.server_key.empty()) return link;
  link.curve = stream::CurveClient{
      // Who is not known by his key still needs one to encrypt with.
      options.key.empty() ? stream::make_curve_keys() : stream::read_curve_keys(options.key),
      stream::read_public_key(options.server_key)};
  return link;
}

model::TinyTransformer make_model(const ModelOptions& options) {
  model::TransformerOptions transformer = options.transformer;
  const auto action = stream::parse_grid(options.action, "--action");
  transformer.action_steps = action.rows;
  transformer.action_numbers = action.cols;
  transformer.semantic_rows =
      options.semantic == "last" ? model::SemanticRows::last : model::SemanticRows::all;
  return model::TinyTransformer(transformer);
}

/// Plays a slower model: sleeps until `ms` after `start`, or until the program is to end.
void wait_until(steady_clock::time_point start, double ms) {
  constexpr auto slice = std::chrono::duration<double, std::milli>(20);
  for (double left = ms - milliseconds_since(start); left > 0 && !stop_requested();
       left = ms - milliseconds_since(start))
    std::this_thread::sleep_for(std::min(slice, std::chrono::duration<double, std::milli>(left)));
}

class ModelRun {
 public:
  explicit ModelRun(const ModelOptions& options)
      : options_(options),
        transformer_(make_model(options)),
        link_(link_options(options)),
        status_(!options.quiet) {}

  int run() {
    std::optional<std::chrono::milliseconds> patience;
    if (options_.timeout_s)
      patience = std::chrono::milliseconds(static_cast<std::int64_t>(*options_.timeout_s * 1000));
    status_.update([&] { return fmt::format("Waiting for packets from {}", options_.endpoint); });
    bool silent = false;
    for (bool ended = false; !ended && (!options_.count || tally_.packets() < *options_.count);) {
      switch (link_.receive(packet_, patience, &stop_requested())) {
        case stream::ReceiveStatus::message: answer(); break;
        case stream::ReceiveStatus::malformed: complain(link_.problem()); break;
        case stream::ReceiveStatus::timed_out: ended = silent = true; break;
        case stream::ReceiveStatus::stopped: ended = true; break;
      }
    }
    status_.wipe();
    if (!options_.quiet) fmt::print("{}", tally_.summary());
    std::fflush(stdout);
    if (silent && tally_.packets() == 0)
      throw system_error(options_.endpoint,
                         fmt::format("no packet within {} s", *options_.timeout_s),
                         "a loop that sends there");
    return stop_requested() ? exit_interrupted : exit_ok;
  }

 private:
  void answer() {
    // The loop's last word, nothing to act on.
    if (packet_.end_of_stream && model::valid_tokens(packet_) == 0) return;
    const auto start = steady_clock::now();
    try {
      transformer_.run(packet_, feedback_);
    } catch (const Error& error) {
      complain(error.what());
      return;
    }
    wait_until(start, options_.min_latency_ms);
    if (stop_requested()) return;
    feedback_.model_latency_ms = milliseconds_since(start);
    tally_.add(packet_, *feedback_.model_latency_ms);
    if (!packet_.tick)
      tally_.add_without_tick();
    else if (!options_.no_feedback)
      tally_.add_feedback(link_.send(feedback_));
    status_.update([&] { return tally_.status(); });
  }

  /// Says so once where the same happens again and again.
  void complain(const std::string& problem) {
    tally_.add_malformed();
    if (problem == problem_) return;
    problem_ = problem;
    status_.wipe();
    fmt::print(stderr, "sluice: not a packet to answer: {}\n", problem);
  }

  const ModelOptions& options_;
  model::TinyTransformer transformer_;
  stream::ModelLink link_;
  StatusLine status_;
  model::ModelTally tally_;
  stream::Packet packet_;
  stream::Feedback feedback_;
  std::string problem_;
};

void add_transformer_options(CLI::App& command, ModelOptions& options) {
  auto& transformer = options.transformer;
  command.add_option("--layers", transformer.layers, "Layers")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  command.add_option("--width", transformer.width, "Width of a hidden state, a multiple of 8")
      ->capture_default_str()
      ->check(CLI::Range(8, 4096));
  command.add_option("--heads", transformer.heads, "Attention heads, a divisor of the width")
      ->capture_default_str()
      ->check(CLI::Range(1, 512));
  command.add_option("--seed", transformer.seed, "Of all weights")->capture_default_str();
  command.add_option("--action", options.action, "Steps,numbers of an action")
      ->capture_default_str();
  command
      .add_option("--semantic", options.semantic,
                  "Rows whose attention is the semantic score: all of the prefill, or the last")
      ->capture_default_str()
      ->check(CLI::IsMember({"all", "last"}));
  command.add_option("--max-tokens", transformer.max_tokens, "Larger packets are not answered")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 20));
}

}  // namespace

void add_model(CLI::App& app, const GlobalOptions&, Action& action) {
  auto options = std::make_shared<ModelOptions>();
  auto* command = app.add_subcommand(
      "model", "Answer a loop's packets with a small transformer whose weights are random");
  command
      ->add_option("ENDPOINT", options->endpoint,
                   "Where the loop publishes: tcp://HOST:PORT or ipc://PATH")
      ->required()
      ->check(not_in_process);
  auto* feedback = command
                       ->add_option("--feedback", options->feedback,
                                    "Where it takes feedback [the port after that of ENDPOINT]")
                       ->check(not_in_process);
  command->add_flag("--no-feedback", options->no_feedback, "Send none")->excludes(feedback);
  auto* server_key = command->add_option("--server-key", options->server_key,
                                         "The loop's public CURVE key, a file");
  command->add_option("--key", options->key, "Our own secret CURVE key, a file")->needs(server_key);
  add_transformer_options(*command, *options);
  command
      ->add_option("--min-latency", options->min_latency_ms,
                   "Sleep until so many ms have passed, as a bigger model takes")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 3600000.0));
  command->add_option("-n,--count", options->count, "Stop after this many packets")
      ->check(above_zero);
  command->add_option("--timeout", options->timeout_s, "Give up after this many silent seconds")
      ->check(above_zero);
  command->add_flag("--quiet", options->quiet, "Print only what goes wrong");
  command->footer("Example:\n  sluice model tcp://127.0.0.1:5560 --min-latency 80");
  command->callback(
      [options, &action] { action = [options] { return ModelRun(*options).run(); }; });
}

}  // namespace sluice::apps
