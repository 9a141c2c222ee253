// sluice stream: segments leave as packets over ZeroMQ as soon as they are certain.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "apps/commands/command.h"
#include "apps/commands/exit_code.h"
#include "apps/interrupt.h"
#include "apps/open_input.h"
#include "apps/option_checks.h"
#include "apps/progress.h"
#include "apps/reduction_options.h"
#include "kernels/error.h"
#include "stream/io/packet_sender.h"

namespace sluice::apps {
namespace {

using std::chrono::steady_clock;

struct StreamOptions {
  InputOptions input;
  ReductionOptions reduction;
  std::string endpoint;
  std::string pattern = "push";
  std::string stream = "sluice";
  bool connect = false;
  bool realtime = false;
  int queue = stream::SenderOptions{}.queue;
  int linger_ms = stream::SenderOptions{}.linger_ms;
};

/// Turns segments into packets and sends them: waiting for the receiver, or dropping what is late.
class SegmentSender {
 public:
  SegmentSender(const StreamOptions& options, const temporal::VideoReducerOptions& engine,
                std::map<std::string, std::string> input_settings, bool live)
      : may_drop_(live),
        linger_(options.linger_ms),
        sender_(options.endpoint, sender_options(options, live)) {
    header_.stream = options.stream;
    header_.retain = engine.reduction.retain;
    input_settings.merge(describe(engine));
    header_.settings_hash = settings_hash(input_settings);
  }

  /// False once the user asked to stop and the receiver is not reading.
  bool send(temporal::ReducedSegment& segment, std::int64_t skipped_input) {
    stream::Packet packet = next_packet(segment.totals, skipped_input);
    packet.segment_first = segment.segment.first;
    packet.segment_last = segment.segment.last;
    packet.forced_cut = segment.segment.forced;
    packet.budget = segment.budget;
    packet.available = segment.available();
    packet.kept = segment.tokens.size();
    packet.batches.push_back(std::move(segment.tokens));
    const bool sent = send(packet);
    segment.tokens = std::move(packet.batches.front());  // its memory is used again
    return sent;
  }

  void send_end(const stream::RunningTotals& totals, std::int64_t skipped_input) {
    stream::Packet packet = next_packet(totals, skipped_input);
    packet.end_of_stream = true;
    ++packet.totals.packets;
    // On a live stream, too, the mark is worth a short wait.
    std::optional<std::chrono::milliseconds> patience;
    if (may_drop_) patience = std::chrono::seconds(2);
    (void)wait_and_send(packet, patience);
    // A model may be seconds behind with what is queued: nothing of a recording shall be lost then.
    if (!may_drop_ && !stop_requested()) sender_.set_linger(std::chrono::hours(24));
  }

  [[nodiscard]] std::int64_t dropped() const { return dropped_packets_; }
  [[nodiscard]] std::int64_t dropped_tokens() const { return dropped_tokens_; }
  [[nodiscard]] const std::string& endpoint() const { return sender_.endpoint(); }

 private:
  static stream::SenderOptions sender_options(const StreamOptions& options, bool live) {
    stream::SenderOptions sender;
    sender.pattern =
        options.pattern == "pub" ? stream::SendPattern::publish : stream::SendPattern::push;
    sender.attach = options.connect ? stream::Attach::connect : stream::Attach::bind;
    sender.allow_remote = options.input.allow_remote;
    sender.queue = options.queue;
    sender.linger_ms = options.linger_ms;
    sender.stamp_wall_clock = live;
    return sender;
  }

  stream::Packet next_packet(const stream::RunningTotals& totals, std::int64_t skipped_input) {
    stream::Packet packet;
    packet.stream = header_.stream;
    packet.retain = header_.retain;
    packet.settings_hash = header_.settings_hash;
    packet.sequence = sequence_++;
    packet.totals = totals;
    packet.totals.skipped_input = skipped_input;
    packet.totals.dropped_packets = dropped_packets_;
    packet.totals.dropped_tokens = dropped_tokens_;
    return packet;
  }

  bool send(stream::Packet& packet) {
    const bool sent = may_drop_ ? sender_.try_send(packet) : wait_and_send(packet, std::nullopt);
    if (!sent) {
      ++dropped_packets_;
      dropped_tokens_ += packet.kept;
    }
    return sent || may_drop_;
  }

  /// Waits for the receiver. After Ctrl-C no longer than the linger time: it may be gone for good.
  bool wait_and_send(stream::Packet& packet, std::optional<std::chrono::milliseconds> patience) {
    if (sender_.send(packet, patience, &stop_requested()) == stream::SendStatus::sent) return true;
    if (given_up_ || !stop_requested()) return false;
    given_up_ = sender_.send(packet, linger_) != stream::SendStatus::sent;
    return !given_up_;
  }

  bool may_drop_;
  bool given_up_ = false;  ///< after Ctrl-C: the receiver is not reading
  std::chrono::milliseconds linger_;
  stream::PacketSender sender_;
  stream::Packet header_;
  std::int64_t sequence_ = 0;
  std::int64_t dropped_packets_ = 0;
  std::int64_t dropped_tokens_ = 0;
};

/// Waits until a frame's time has come; at once where the source sets the pace itself.
void wait_for(double pts, steady_clock::time_point start) {
  const auto due = start + std::chrono::duration_cast<steady_clock::duration>(
                               std::chrono::duration<double>(pts));
  while (!stop_requested() && steady_clock::now() < due)
    std::this_thread::sleep_until(
        std::min(due, steady_clock::now() + std::chrono::milliseconds(50)));
}

int run(const StreamOptions& options, int threads) {
  const OpenInput input = open_input(options.input, stop_requested(), threads);
  temporal::VideoReducerOptions engine = options.reduction.resolve(input.default_tau);
  engine.causal = true;
  const bool live = options.realtime || !input.source->is_recording();
  kernels::Resources resources(threads);
  temporal::VideoReducer reducer(resources, input.source->source(), engine);
  SegmentSender sender(options, engine, input.settings, live);
  fmt::print("Sending {} from {}\n", options.stream, sender.endpoint());
  std::fflush(stdout);

  const auto skipped = [&] { return input.source->statistics().skipped_packets; };
  Progress progress("Streaming frames", input.source->frame_count());
  const auto start = steady_clock::now();
  stream::FeatureFrame frame;
  temporal::ReducedSegment segment;
  bool delivered = true;
  std::exception_ptr error;
  try {
    while (delivered && !stop_requested() && input.source->next(frame)) {
      if (options.realtime && input.source->is_recording()) wait_for(frame.pts, start);
      progress.update(frame.index + 1);
      reducer.push(frame);
      while (delivered && reducer.next(segment)) delivered = sender.send(segment, skipped());
    }
  } catch (const Error&) {
    error = std::current_exception();  // the receiver still gets what is complete, and the end mark
  }
  // After Ctrl-C, too, the receiver gets what is left and the end mark, if it is still reading.
  reducer.finish();
  while (delivered && reducer.next(segment)) delivered = sender.send(segment, skipped());
  sender.send_end(reducer.totals(), skipped());

  const auto& totals = reducer.totals();
  fmt::print(
      "{} frames, {} tokens -> {} after merging -> {} kept in {} segments; {} dropped as "
      "late ({} tokens); {} forced cuts; {} unspent\n",
      totals.frames, totals.seen, totals.available, totals.kept, totals.packets, sender.dropped(),
      sender.dropped_tokens(), totals.forced_cuts, totals.unspent);
  std::fflush(stdout);
  if (error) std::rethrow_exception(error);
  end_at_next_signal();  // closing the socket may have to wait for the receiver
  return stop_requested() ? exit_interrupted : exit_ok;
}

}  // namespace

void add_stream(CLI::App& app, const GlobalOptions& globals, Action& action) {
  auto options = std::make_shared<StreamOptions>();
  auto* command = app.add_subcommand("stream", "Send reduced segments as packets over ZeroMQ");
  add_input_options(*command, options->input, InputScope::live);
  constexpr auto group = "Output";
  command->add_option("--to", options->endpoint, "Where packets go: tcp://HOST:PORT or ipc://PATH")
      ->required()
      ->check(not_in_process)
      ->group(group);
  command
      ->add_flag("--realtime", options->realtime,
                 "Play a recording at its own pace and never wait for the receiver: whole "
                 "segments are dropped and counted. Cameras are always like that")
      ->group(group);
  command
      ->add_option("--pattern", options->pattern,
                   "push: one receiver gets each, waited for; pub: all that are there do")
      ->check(CLI::IsMember({"push", "pub"}))
      ->capture_default_str()
      ->group(group);
  command->add_flag("--connect", options->connect, "Connect to a receiver that listens")
      ->group(group);
  command
      ->add_flag("--allow-remote", options->input.allow_remote,
                 "Listen on more than the loopback interface (no encryption)")
      ->group(group);
  command->add_option("--queue", options->queue, "Packets waiting for a slow receiver")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000))
      ->group(group);
  command
      ->add_option("--linger", options->linger_ms,
                   "At the end of a live stream, or after Ctrl-C, ms to wait for the receiver")
      ->capture_default_str()
      ->check(CLI::Range(0, 3'600'000))
      ->group(group);
  command->add_option("--name", options->stream, "Name of the stream")
      ->check(not_empty)
      ->capture_default_str()
      ->group(group);
  add_reduction_options(*command, options->reduction, ReductionScope::stream);
  command->footer(
      "Example:\n  sluice stream clip.mp4 --fps 2 --to tcp://127.0.0.1:5555\n"
      "  sluice recv tcp://127.0.0.1:5555");
  command->callback([options, &globals, &action] {
    action = [options, &globals] { return run(*options, globals.threads); };
  });
}

}  // namespace sluice::apps
