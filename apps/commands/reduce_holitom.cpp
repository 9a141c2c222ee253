#include "apps/commands/reduce_holitom.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "apps/aligned_tensor.h"
#include "apps/commands/exit_code.h"
#include "apps/output_folder.h"
#include "apps/terminal_notes.h"
#include "kernels/backend.h"
#include "kernels/error.h"
#include "stream/grid.h"
#include "stream/tensor_access.h"
#include "stream/token_file.h"
#include "temporal/reduce_on_backend.h"

namespace sluice::apps {
namespace {

using kernels::DType;
using kernels::Tensor;
using kernels::TensorView;

Tensor attention_of(const stream::SafetensorsView& file, const TensorView& features) {
  Tensor attention;
  if (!file.contains("attention")) return attention;
  const TensorView stored =
      stream::require_floats(file, "attention", {features.size(0), features.size(1)});
  attention.reshape(DType::f32, stored.shape());
  stream::convert_to_f32(stored, attention.as<float>());
  return attention;
}

stream::Grid grid_of(const HolitomOptions& options, const stream::SafetensorsView& file,
                     std::int64_t positions) {
  const auto stated = file.metadata().find("grid");
  const bool in_file = stated != file.metadata().end();
  if (options.grid.empty() && !in_file)
    return stream::squarest_grid(static_cast<std::int32_t>(positions));
  const std::string where = options.grid.empty() ? file.where() + ", metadata grid" : "--grid";
  const auto grid = stream::parse_grid(options.grid.empty() ? stated->second : options.grid, where);
  if (std::int64_t{grid.rows} * grid.cols != positions)
    throw input_error(where, concat(grid.rows, " x ", grid.cols, " positions"),
                      concat(positions, ", as the features have"));
  return grid;
}

stream::TokenFile token_file(temporal::Reduction&& result, const stream::Grid& grid) {
  stream::TokenFile file;
  file.source = result.tokens.source;
  file.source.grid_rows = grid.rows;
  file.source.grid_cols = grid.cols;
  file.features = std::move(result.tokens.features);
  file.frame = std::move(result.tokens.frame);
  file.frame_last = std::move(result.tokens.frame_last);
  file.position = std::move(result.tokens.position);
  file.weight = std::move(result.tokens.weight);
  file.kind = std::move(result.tokens.kind);
  for (const auto& segment : result.segments) {
    file.segments.push_back(static_cast<std::int32_t>(segment.first));
    file.segments.push_back(static_cast<std::int32_t>(segment.last));
  }
  file.assignment = std::move(result.assignment);
  file.frames = result.frames;
  file.positions = result.positions;
  return file;
}

}  // namespace

void add_holitom_options(CLI::App& command, HolitomOptions& options) {
  command.add_option("--grid", options.grid,
                     "Rows,columns of a frame's tokens [from the file, or the squarest]");
  command
      .add_option("--backend", options.backend,
                  "What computes: auto is CUDA where it can be used, or else the CPU "
                  "[auto; or what SLUICE_BACKEND says]")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
  add_reduction_options(command, options.reduction, ReductionScope::clip);
}

int run_holitom(const std::filesystem::path& input, const std::filesystem::path& output,
                const HolitomOptions& options, int threads) {
  const auto engine = options.reduction.resolve(0.8);
  const auto backend = kernels::requested_backend(options.backend);
  refuse_to_overwrite(input, output);
  const stream::SafetensorsFile mapped(input);
  const stream::SafetensorsView& file = mapped.contents();
  (void)stream::require_features(file, "features", {-1, -1, -1});
  Tensor copy;
  const TensorView features = aligned(file, "features", copy);
  const Tensor attention = attention_of(file, features);
  if (features.empty())
    throw input_error(input.string(), concat("features have shape ", features.shape().to_string()),
                      "[frames, positions, width] with at least one of each");
  const stream::Grid grid = grid_of(options, file, features.size(1));

  kernels::Resources resources(threads);
  auto [result, used] = temporal::reduce_on_backend(
      backend, resources, features, attention.defined() ? attention.view() : TensorView(),
      engine.reduction);
  // Most machines have no GPU: only who wrote "auto" is told why it was not used.
  if (!options.backend.empty() && !used.reason.empty())
    print_notes({concat("computed on the CPU: ", used.reason)});
  const std::int64_t seen = result.frames * result.positions;
  const std::int64_t available = result.available;
  const std::int64_t non_finite = result.non_finite;
  stream::TokenFile tokens = token_file(std::move(result), grid);
  tokens.metadata = describe(engine);
  tokens.metadata["settings_hash"] = settings_hash(tokens.metadata);
  tokens.metadata["seen"] = fmt::format("{}", seen);
  tokens.metadata["available"] = fmt::format("{}", available);
  tokens.metadata["kept"] = fmt::format("{}", tokens.frame.size());
  tokens.metadata["non_finite"] = fmt::format("{}", non_finite);
  stream::write_token_file(output, tokens);
  fmt::print("{} tokens -> {} after merging -> {} kept in {} segments: {}\n", seen, available,
             tokens.frame.size(), tokens.segments.size() / 2, output.string());
  return exit_ok;
}

}  // namespace sluice::apps
