#include "apps/commands/reduce_stage_gate.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstring>
#include <vector>

#include "apps/attention_sample.h"
#include "apps/commands/exit_code.h"
#include "apps/output_folder.h"
#include "apps/schedule_file.h"
#include "kernels/error.h"
#include "spatial3d/stage_gate.h"
#include "stream/json.h"
#include "stream/tensor_access.h"

namespace sluice::apps {
namespace {

using kernels::DType;
using kernels::Tensor;
using kernels::TensorView;
using spatial3d::GateStep;
using spatial3d::PositionMode;

struct Span {
  std::int64_t start = 0, count = 0;
};

Span parse_span(const std::string& text) {
  Span span;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, span.start);
  bool good = first.ec == std::errc() && first.ptr != end && *first.ptr == ',';
  if (good) {
    const auto second = std::from_chars(first.ptr + 1, end, span.count);
    good = second.ec == std::errc() && second.ptr == end && span.start >= 0 && span.count >= 0;
  }
  if (!good)
    throw input_error("--span", concat("is ", stream::in_quotes(text)),
                      "Start,count of the spatial tokens, like 37,1659");
  return span;
}

Span span_of(const StageGateOptions& options, const stream::SafetensorsView& file) {
  if (!options.span.empty()) return parse_span(options.span);
  const auto stated = file.metadata().find("layout");
  if (stated == file.metadata().end())
    throw input_error(file.where(), "does not say where its spatial tokens are",
                      "--span start,count, or metadata \"layout\"");
  const auto layout = parse_layout(stated->second, file.where() + ", metadata layout");
  return {layout.system, layout.spatial};
}

/// The step that the schedule takes at this stage. Only the first one sees all spatial tokens: for
/// the others someone must say how many there were.
GateStep scheduled_step(const StageGateOptions& options, const Span& span) {
  const auto schedule = open_schedule(options.schedule);
  const auto* counts = std::get_if<spatial3d::LayerCounts>(&schedule.plan);
  std::optional<std::int64_t> spatial_tokens = options.spatial_tokens;
  if (!spatial_tokens && counts != nullptr) spatial_tokens = counts->spatial_tokens;
  if (!spatial_tokens && options.stage == 1) spatial_tokens = span.count;
  if (!spatial_tokens)
    throw input_error("--stage", concat(options.stage),
                      "--spatial-tokens with it: schedules count from before the first stage");
  const auto steps = gate_steps(schedule, *spatial_tokens);
  if (options.stage < 1 || options.stage > std::ssize(steps))
    throw input_error("--stage", concat(options.stage),
                      concat("1 to ", steps.size(), ", the stages of ", options.schedule, " for ",
                             *spatial_tokens, " spatial tokens"));
  const GateStep& step = steps[static_cast<std::size_t>(options.stage - 1)];
  if (step.n_in != span.count)
    throw input_error("--span", concat(span.count, " spatial tokens"),
                      concat(step.n_in, ", as stage ", options.stage, " of ", options.schedule,
                             " takes of ", *spatial_tokens));
  return step;
}

std::vector<double> mean_attention(const stream::SafetensorsView& file) {
  const bool one_row = file.view("attention").rank() == 1;
  const TensorView stored = one_row ? stream::require_floats(file, "attention", {-1})
                                    : stream::require_floats(file, "attention", {-1, -1});
  std::vector<float> attention(static_cast<std::size_t>(stored.shape().element_count()));
  stream::convert_to_f32(stored, attention);
  std::vector<double> mean;
  const std::int64_t heads = one_row ? 1 : stored.size(0);
  if (heads < 1)
    throw input_error(stream::tensor_place(file, "attention"), "has no heads", "one or more");
  spatial3d::head_mean(attention, heads, mean);
  return mean;
}

PositionMode mode_of(const std::string& name) {
  if (name == "compacted") return PositionMode::compacted;
  return name == "renumbered" ? PositionMode::renumbered : PositionMode::original;
}

/// What the file will hold, by index into the n tokens.
struct Output {
  std::vector<std::int64_t> keep;       ///< as listed
  std::vector<std::int64_t> rows;       ///< the same, as indices into the sequence
  std::vector<std::int64_t> positions;  ///< of those rows
};

Output listed(const StageGateOptions& options, const Span& span,
              const spatial3d::StageDecision& decision) {
  if (options.list == "sequence") return {decision.keep, decision.keep, decision.position_ids};
  Output output{decision.keep_in_span, {}, {}};
  for (std::size_t i = 0; i < output.keep.size(); ++i) {
    const auto at = static_cast<std::size_t>(span.start) + i;
    output.rows.push_back(decision.keep[at]);
    output.positions.push_back(decision.position_ids[at]);
  }
  return output;
}

Tensor gathered(const TensorView& hidden, const std::vector<std::int64_t>& rows) {
  Tensor features(hidden.dtype(), {std::ssize(rows), hidden.size(1)});
  const std::size_t width = static_cast<std::size_t>(hidden.size(1)) * item_size(hidden.dtype());
  auto* out = static_cast<std::byte*>(features.data());
  for (std::size_t i = 0; i < rows.size() && width > 0; ++i)
    std::memcpy(out + i * width, hidden.row(rows[i]), width);
  return features;
}

}  // namespace

void add_stage_gate_options(CLI::App& command, StageGateOptions& options) {
  command.add_option("--span", options.span,
                     "Start,count of the spatial tokens [from the file's layout]");
  auto* keep = command.add_option("--keep", options.keep, "Spatial tokens to keep")
                   ->check(CLI::NonNegativeNumber);
  command
      .add_option("--schedule", options.schedule,
                  "A preset, or a file of sluice calibrate, instead of --keep")
      ->excludes(keep);
  command.add_option("--stage", options.stage, "Which of its stages, from 1")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      .add_option("--spatial-tokens", options.spatial_tokens,
                  "How many there were before the first stage [the span]")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--positions", options.positions, "Position ids of what is kept")
      ->check(CLI::IsMember({"original", "compacted", "renumbered"}))
      ->capture_default_str();
  command
      .add_option("--list", options.list,
                  "List all tokens left, or the spatial ones within their span")
      ->check(CLI::IsMember({"sequence", "span"}))
      ->capture_default_str();
}

int run_stage_gate(const std::filesystem::path& input, const std::filesystem::path& output,
                   const StageGateOptions& options) {
  if (!options.keep && options.schedule.empty())
    throw input_error("--method stage-gate", "no count", "--keep, or --schedule with --stage");
  refuse_to_overwrite(input, output);
  const stream::SafetensorsFile mapped(input);
  const stream::SafetensorsView& file = mapped.contents();
  const std::vector<double> attention = mean_attention(file);
  const Span span = span_of(options, file);
  const GateStep step =
      options.keep ? GateStep{0, span.count, *options.keep} : scheduled_step(options, span);
  const auto n = std::ssize(attention);
  std::vector<std::int64_t> ids;
  if (file.contains("position_ids"))
    ids = stream::to_vector<std::int64_t>(
        stream::require_tensor(file, "position_ids", DType::i64, {n}));

  spatial3d::StageDecision decision;
  gate_stage({.attention = attention,
              .span_start = span.start,
              .n_in = step.n_in,
              .n_out = step.n_out,
              .positions = mode_of(options.positions),
              .position_ids = ids},
             decision);
  const Output result = listed(options, span, decision);

  const kernels::Shape shape{std::ssize(result.keep)};
  std::vector<stream::NamedTensor> tensors{
      {"keep", TensorView(result.keep.data(), DType::i64, shape)},
      {"positions", TensorView(result.positions.data(), DType::i64, shape)}};
  Tensor features;
  if (file.contains("hidden")) {
    features = gathered(stream::require_features(file, "hidden", {n, -1}), result.rows);
    tensors.push_back({"features", features.view()});
  }
  stream::Metadata metadata{{"method", "stage-gate"},
                            {"span", fmt::format("{},{}", span.start, step.n_out)},
                            {"n_in", fmt::format("{}", step.n_in)},
                            {"n_out", fmt::format("{}", step.n_out)},
                            {"list", options.list},
                            {"positions", options.positions},
                            {"decode_shift", fmt::format("{}", decision.decode_shift)}};
  if (!options.schedule.empty()) {
    metadata["layer"] = fmt::format("{}", step.layer);
    metadata["stage"] = fmt::format("{}", options.stage);
  }
  stream::write_safetensors(output, tensors, metadata);
  fmt::print("{} of {} spatial tokens kept, {} of {} in all: {}\n", step.n_out, step.n_in,
             decision.keep.size(), n, output.string());
  return exit_ok;
}

}  // namespace sluice::apps
