// The options that decide what is kept, the same for every command that reduces.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "temporal/video_reducer.h"

namespace CLI {
class App;
}

namespace sluice::apps {

struct ReductionOptions {
  temporal::HolitomParameters holitom;
  /// Unset: the input's own default (descriptors of the built-in tokenizer need another threshold
  /// than encoder features).
  std::optional<double> tau;
  std::string rounding = "exact";
  std::string order = "static-first";
  bool causal = false;
  std::int64_t latency = temporal::VideoReducerOptions{}.latency;
  std::optional<std::int64_t> credit_frames;

  /// The engine's options, `tau` falling back to `default_tau`. Throws sluice::Error naming the
  /// option that is out of range.
  [[nodiscard]] temporal::VideoReducerOptions resolve(double default_tau) const;
};

enum class ReductionScope { clip, recording, stream };

/// Adds the options that make sense in `scope`.
void add_reduction_options(CLI::App& command, ReductionOptions& options, ReductionScope scope);

/// Every setting as text, under its option's name.
[[nodiscard]] std::map<std::string, std::string> describe(
    const temporal::VideoReducerOptions& options);

/// 16 hexadecimal digits that change with any of the settings (FNV-1a of "name=value" lines).
[[nodiscard]] std::string settings_hash(const std::map<std::string, std::string>& settings);

}  // namespace sluice::apps
