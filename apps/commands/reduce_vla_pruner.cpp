#include "apps/commands/reduce_vla_pruner.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "apps/aligned_tensor.h"
#include "apps/commands/exit_code.h"
#include "apps/option_checks.h"
#include "apps/output_folder.h"
#include "apps/reduction_options.h"
#include "kernels/error.h"
#include "kernels/row_operations.h"
#include "policy/decay.h"
#include "policy/dual_level.h"
#include "stream/tensor_access.h"

namespace sluice::apps {
namespace {

using kernels::DType;
using kernels::Tensor;
using kernels::TensorView;

std::vector<float> floats_of(const TensorView& stored) {
  std::vector<float> values(static_cast<std::size_t>(stored.shape().element_count()));
  stream::convert_to_f32(stored, values);
  return values;
}

std::int64_t required_keep(const VlaPrunerOptions& options) {
  if (!options.keep) throw input_error("--method vla-pruner", "no count", "--keep");
  if (*options.keep < 1)
    throw input_error("--keep", concat("is ", *options.keep), "1 or more with --method vla-pruner");
  return *options.keep;
}

/// Attention is a share: what is negative or not finite is none, and would outweigh what is.
void check_history(const std::string& where, const std::vector<float>& history, std::int64_t n) {
  const auto bad = std::find_if(history.begin(), history.end(),
                                [](float value) { return !std::isfinite(value) || value < 0; });
  if (bad == history.end()) return;
  const std::int64_t at = bad - history.begin();
  throw input_error(where, concat("holds ", *bad, " for token ", at % n, " in row ", at / n),
                    "finite attention, 0 or more");
}

/// What recent actions looked at.
struct ActionLevel {
  std::vector<float> scores;  ///< [N], or empty without a history
  std::int64_t rows = 0;      ///< of the history that count
};

ActionLevel action_level(const stream::SafetensorsView& file, std::int64_t n,
                         const VlaPrunerOptions& options) {
  if (!file.contains("history")) return {};
  const std::vector<float> history = floats_of(stream::require_floats(file, "history", {-1, n}));
  check_history(stream::tensor_place(file, "history"), history, n);
  ActionLevel action;
  action.rows = std::min(file.view("history").size(0), options.window);
  if (action.rows == 0) return action;
  const std::vector<double> weights = policy::decay_weights(action.rows, options.decay);
  for (std::int64_t token = 0; token < n; ++token) {
    double sum = 0;
    for (std::int64_t row = 0; row < action.rows; ++row)
      sum += weights[static_cast<std::size_t>(row)] *
             static_cast<double>(history[static_cast<std::size_t>(row * n + token)]);
    action.scores.push_back(static_cast<float>(sum));
  }
  return action;
}

Tensor gathered(const TensorView& embeddings, const std::vector<std::int32_t>& rows) {
  Tensor features(embeddings.dtype(), {std::ssize(rows), embeddings.size(1)});
  const std::size_t width =
      static_cast<std::size_t>(embeddings.size(1)) * item_size(embeddings.dtype());
  auto* out = static_cast<std::byte*>(features.data());
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::memcpy(out + i * width, embeddings.row(rows[i]), width);
  return features;
}

stream::Metadata settings_of(const VlaPrunerOptions& options) {
  return {{"method", "vla-pruner"},
          {"keep", fmt::format("{}", *options.keep)},
          {"window", fmt::format("{}", options.window)},
          {"decay", fmt::format("{}", options.decay)}};
}

}  // namespace

void add_vla_pruner_options(CLI::App& command, VlaPrunerOptions& options) {
  command.add_option("--window", options.window, "Rows of the history that count, newest first")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      .add_option("--decay", options.decay,
                  "What a row counts, against the one after it: above 0, up to 1")
      ->check(above_zero)
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
}

int run_vla_pruner(const std::filesystem::path& input, const std::filesystem::path& output,
                   const VlaPrunerOptions& options, int threads) {
  const std::int64_t keep = required_keep(options);
  refuse_to_overwrite(input, output);
  const stream::SafetensorsFile mapped(input);
  const stream::SafetensorsView& file = mapped.contents();
  (void)stream::require_features(file, "embeddings", {-1, -1});
  Tensor copy;
  const TensorView embeddings = aligned(file, "embeddings", copy);
  if (embeddings.empty())
    throw input_error(stream::tensor_place(file, "embeddings"),
                      concat("has shape ", embeddings.shape().to_string()),
                      "[tokens, width] with at least one of each");
  const std::int64_t n = embeddings.size(0);
  const auto semantic = floats_of(stream::require_floats(file, "semantic", {n}));
  const ActionLevel action = action_level(file, n, options);

  kernels::Resources resources(threads);
  std::vector<std::uint8_t> finite(static_cast<std::size_t>(n));
  kernels::mark_finite(resources, embeddings, finite);
  policy::DualLevelWorkspace workspace;
  std::vector<std::int32_t> rows;
  policy::select_dual_level(resources, embeddings, semantic, action.scores, finite, keep, workspace,
                            rows);

  const std::vector<std::int64_t> kept(rows.begin(), rows.end());
  const Tensor features = gathered(embeddings, rows);
  const std::vector<stream::NamedTensor> tensors{
      {"keep", TensorView(kept.data(), DType::i64, {std::ssize(kept)})},
      {"features", features.view()}};
  stream::Metadata metadata = settings_of(options);
  metadata["settings_hash"] = settings_hash(metadata);
  metadata["seen"] = fmt::format("{}", n);
  metadata["kept"] = fmt::format("{}", kept.size());
  metadata["non_finite"] = fmt::format("{}", std::count(finite.begin(), finite.end(), 0));
  metadata["history_rows"] = fmt::format("{}", action.rows);
  stream::write_safetensors(output, tensors, metadata);
  fmt::print("{} of {} tokens kept, {} rows of history: {}\n", kept.size(), n, action.rows,
             output.string());
  return exit_ok;
}

}  // namespace sluice::apps
