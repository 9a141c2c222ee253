// sluice recv: receives packets, holds them against the promises, prints rates and latencies.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>

#include "apps/commands/command.h"
#include "apps/commands/exit_code.h"
#include "apps/interrupt.h"
#include "apps/option_checks.h"
#include "apps/output_folder.h"
#include "apps/progress.h"
#include "kernels/error.h"
#include "stream/atomic_file.h"
#include "stream/io/packet_receiver.h"
#include "stream/packet_check.h"

namespace sluice::apps {
namespace {

using std::chrono::steady_clock;

struct RecvOptions {
  std::string endpoint;
  std::optional<std::int64_t> count;
  std::filesystem::path output;
  std::optional<double> timeout_s;
  std::string pattern = "pull";
  bool bind = false;
  bool latest = false;
  bool allow_remote = false;
  bool keep_going = false;
  std::int64_t max_message_mib = 256;
};

/// What came, how fast, and how late.
struct Measurements {
  std::int64_t bytes = 0;
  std::vector<double> latency_ms;
  std::optional<steady_clock::time_point> first, last;

  void add(const stream::Packet& packet, std::size_t size) {
    last = steady_clock::now();
    if (!first) first = last;
    bytes += static_cast<std::int64_t>(size);
    if (!packet.sent_unix_ns) return;
    const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    latency_ms.push_back(static_cast<double>(now - *packet.sent_unix_ns) * 1e-6);
  }

  void print(const stream::PacketCheck& check) {
    const double seconds = first ? std::chrono::duration<double>(*last - *first).count() : 0;
    fmt::print("{} packets, {} tokens, {:.1f} MiB", check.packets(), check.tokens(),
               static_cast<double>(bytes) / (1 << 20));
    if (seconds > 0)
      fmt::print(" in {:.2f} s ({:.1f} packets/s, {:.0f} tokens/s)", seconds,
                 static_cast<double>(check.packets() - 1) / seconds,
                 static_cast<double>(check.tokens()) / seconds);
    fmt::print("; {} missing, {} of them dropped by the sender as late\n", check.missing(),
               check.dropped_by_sender());
    if (check.joined_at() > 0)
      fmt::print("Joined at packet {}: what was sent before is not here\n", check.joined_at());
    if (latency_ms.empty()) return;
    std::sort(latency_ms.begin(), latency_ms.end());
    const auto quantile = [this](double q) {
      return latency_ms[static_cast<std::size_t>(q * static_cast<double>(latency_ms.size() - 1))];
    };
    fmt::print("Latency from sending to receiving, ms: median {:.2f}, p99 {:.2f}, max {:.2f}\n",
               quantile(0.5), quantile(0.99), latency_ms.back());
  }
};

/// Named by sequence number; a packet of an earlier stream under that name stays where it is.
void save(const std::filesystem::path& folder, std::int64_t sequence,
          std::span<const std::byte> bytes) {
  auto path = folder / fmt::format("packet-{:06}.safetensors", sequence);
  for (int copy = 2; std::filesystem::exists(path); ++copy)
    path = folder / fmt::format("packet-{:06}-{}.safetensors", sequence, copy);
  stream::AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

stream::PacketReceiver connect(const RecvOptions& options) {
  stream::ReceiverOptions receiver;
  receiver.pattern =
      options.pattern == "sub" ? stream::ReceivePattern::subscribe : stream::ReceivePattern::pull;
  receiver.attach = options.bind ? stream::Attach::bind : stream::Attach::connect;
  receiver.latest_only = options.latest;
  receiver.allow_remote = options.allow_remote;
  receiver.max_message = options.max_message_mib << 20;
  return stream::PacketReceiver(options.endpoint, receiver);
}

int run(const RecvOptions& options) {
  if (!options.output.empty()) make_output_folder(options.output);
  stream::PacketReceiver receiver = connect(options);
  stream::PacketCheck check;
  Measurements measured;
  Progress progress("Receiving packets", options.count);
  std::optional<std::chrono::milliseconds> patience;
  if (options.timeout_s)
    patience = std::chrono::milliseconds(static_cast<std::int64_t>(*options.timeout_s * 1000));

  stream::Packet packet;
  bool silent = false;
  for (bool ended = false; !ended && (!options.count || check.packets() < *options.count);) {
    switch (receiver.receive(packet, patience, &stop_requested())) {
      case stream::ReceiveStatus::message: {
        measured.add(packet, receiver.bytes().size());
        if (!options.output.empty()) save(options.output, packet.sequence, receiver.bytes());
        for (const auto& violation : check.check(packet))
          fmt::print(stderr, "sluice: packet {}: {}\n", packet.sequence, violation);
        progress.update(check.packets());
        ended = packet.end_of_stream && !options.keep_going;
        break;
      }
      case stream::ReceiveStatus::malformed:
        fmt::print(stderr, "sluice: not a packet: {}\n", receiver.problem());
        break;
      case stream::ReceiveStatus::timed_out:
        silent = true;
        ended = true;
        break;
      case stream::ReceiveStatus::stopped: ended = true; break;
    }
  }
  measured.print(check);
  if (check.violations() > 0) {
    fmt::print(stderr, "sluice: {} violations of the packets' promises\n", check.violations());
    return exit_failure;
  }
  if (receiver.malformed() > 0) return exit_bad_input;
  if (check.packets() > 0)
    fmt::print(
        "Every packet kept its promises: exact budget, consistent totals, tokens in place.\n");
  if (silent && check.packets() == 0)
    throw system_error(
        options.endpoint,
        fmt::format("no packet within {} s: no sender there, or packets above --max-message",
                    *options.timeout_s));
  return stop_requested() ? exit_interrupted : exit_ok;
}

}  // namespace

void add_recv(CLI::App& app, const GlobalOptions&, Action& action) {
  auto options = std::make_shared<RecvOptions>();
  auto* command = app.add_subcommand("recv", "Receive packets and check their promises");
  command->add_option("ENDPOINT", options->endpoint, "tcp://HOST:PORT or ipc://PATH")
      ->required()
      ->check(not_in_process);
  command->add_option("-n,--count", options->count, "Stop after this many packets")
      ->check(above_zero);
  command->add_option("-o,--output", options->output, "Folder for the packets, one file each");
  command->add_option("--timeout", options->timeout_s, "Give up after this many silent seconds")
      ->check(above_zero);
  command->add_option("--pattern", options->pattern, "pull (from push) or sub (from pub)")
      ->check(CLI::IsMember({"pull", "sub"}))
      ->capture_default_str();
  command->add_flag("--bind", options->bind, "Listen; the sender connects");
  command->add_flag("--latest", options->latest, "Keep only the newest packet while busy");
  command->add_flag("--keep-going", options->keep_going, "Go on after the end of a stream");
  command->add_flag("--allow-remote", options->allow_remote,
                    "With --bind: listen on more than the loopback interface");
  command->add_option("--max-message", options->max_message_mib, "Largest message accepted, MiB")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  command->footer("Example:\n  sluice recv tcp://127.0.0.1:5555 -o packets");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace sluice::apps
