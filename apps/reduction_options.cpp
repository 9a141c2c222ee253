#include "apps/reduction_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "kernels/error.h"

namespace sluice::apps {

using temporal::Rounding;
using temporal::TokenOrder;

void add_reduction_options(CLI::App& command, ReductionOptions& options, ReductionScope scope) {
  auto& holitom = options.holitom;
  constexpr auto group = "What is kept";
  auto* retain =
      command
          .add_option(
              "--retain", holitom.retain,
              scope == ReductionScope::recording
                  ? "Share of the tokens to keep, (0, 1]; of a 3-D recording the share of its "
                    "voxel tokens, 0.37 unless given"
                  : "Share of the tokens to keep, (0, 1]")
          ->capture_default_str()
          ->group(group);
  if (scope != ReductionScope::stream)
    command.add_option("--budget", holitom.budget, "Tokens to keep in all, instead of a share")
        ->excludes(retain)
        ->group(group);
  command
      .add_option("--tau", options.tau,
                  scope == ReductionScope::clip
                      ? "A position is redundant if its cosine to the next frame is above this "
                        "[0.8]"
                      : "A position is redundant if its cosine to the next frame is above this "
                        "[0.8; for the built-in tokenizer see docs/tokenizer.md]")
      ->group(group);
  command
      .add_option("--beta", holitom.beta,
                  "Weight of a cluster's centre against its members, [0, 1]")
      ->capture_default_str()
      ->group(group);
  command.add_option("--knn", holitom.neighbours, "Neighbours that estimate a token's density")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--contextual", holitom.contextual,
                  "Share of a frame's dynamic tokens that stand for clusters, [0, 1]")
      ->capture_default_str()
      ->group(group);
  command.add_option("--max-window", holitom.max_window, "Longest segment, frames")
      ->capture_default_str()
      ->group(group);
  command
      .add_flag("--plain-mean", holitom.plain_mean, "Merge clusters to their mean, ignoring beta")
      ->group(group);
  command.add_option("--order", options.order, "Order of tokens: static-first or spatial")
      ->check(CLI::IsMember({"static-first", "spatial"}))
      ->capture_default_str()
      ->group(group);
  if (scope != ReductionScope::stream)
    command
        .add_option("--rounding", options.rounding,
                    "exact: the budget to the token; parity: the published rounding")
        ->check(CLI::IsMember({"exact", "parity"}))
        ->capture_default_str()
        ->group(group);
  if (scope == ReductionScope::clip) return;
  if (scope == ReductionScope::recording)
    command
        .add_flag("--causal", options.causal,
                  "Decide as on a live stream: never look ahead, never spend ahead")
        ->group(group);
  command
      .add_option("--latency", options.latency,
                  "Causal: a segment leaves at the latest when this many frames wait")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--credit-frames", options.credit_frames,
                  "Causal: most budget to save up, in frames' worth [latency]")
      ->group(group);
}

temporal::VideoReducerOptions ReductionOptions::resolve(double default_tau) const {
  temporal::VideoReducerOptions options;
  options.reduction = holitom;
  options.reduction.tau = tau.value_or(default_tau);
  options.reduction.rounding = rounding == "parity" ? Rounding::parity : Rounding::exact;
  options.reduction.order = order == "spatial" ? TokenOrder::spatial : TokenOrder::static_first;
  options.causal = causal;
  options.latency = latency;
  options.credit_frames = credit_frames;
  validate(options.reduction);
  return options;
}

std::map<std::string, std::string> describe(const temporal::VideoReducerOptions& options) {
  const auto& p = options.reduction;
  std::map<std::string, std::string> settings{
      {"method", "holitom"},
      {"tau", fmt::format("{}", p.tau)},
      {"beta", fmt::format("{}", p.beta)},
      {"knn", fmt::format("{}", p.neighbours)},
      {"contextual", fmt::format("{}", p.contextual)},
      {"max_window", fmt::format("{}", p.max_window)},
      {"plain_mean", p.plain_mean ? "true" : "false"},
      {"rounding", p.rounding == Rounding::exact ? "exact" : "parity"},
      {"order", p.order == TokenOrder::spatial ? "spatial" : "static-first"},
      {"causal", options.causal ? "true" : "false"},
  };
  if (p.budget)
    settings["budget"] = fmt::format("{}", *p.budget);
  else
    settings["retain"] = fmt::format("{}", p.retain);
  if (options.causal) {
    settings["latency"] = fmt::format("{}", options.latency);
    settings["credit_frames"] = fmt::format("{}", options.credit_frames.value_or(options.latency));
  }
  return settings;
}

std::string settings_hash(const std::map<std::string, std::string>& settings) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  const auto add = [&hash](std::string_view text) {
    for (const char c : text) {
      hash ^= static_cast<unsigned char>(c);
      hash *= 0x100000001b3u;
    }
  };
  for (const auto& [key, value] : settings) {
    add(key);
    add("=");
    add(value);
    add("\n");
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace sluice::apps
