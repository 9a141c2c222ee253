#include "apps/spatial_replay.h"

#include <fmt/format.h>

#include <exception>
#include <system_error>

#include "apps/commands/exit_code.h"
#include "apps/interrupt.h"
#include "apps/open_spatial_input.h"
#include "apps/output_folder.h"
#include "apps/progress.h"
#include "apps/report/spatial_report.h"
#include "apps/report/spatial_statistics.h"
#include "apps/report/spatial_summary.h"
#include "apps/report/units.h"
#include "apps/spatial_pictures.h"
#include "apps/spatial_run.h"
#include "apps/terminal_notes.h"
#include "apps/token_ply.h"
#include "kernels/error.h"

namespace sluice::apps {
namespace {

namespace fs = std::filesystem;

SpatialRunSettings settings_of(const SpatialReplayOptions& options, int threads) {
  SpatialRunSettings settings;
  settings.input = options.input.input;
  settings.engine = options.spatial.resolve();
  settings.voxel_size_m = options.spatial.voxel_size_m();
  settings.settings = options.spatial.describe();
  if (options.input.grid) settings.settings["grid"] = *options.input.grid;
  if (options.input.size) settings.settings["size"] = *options.input.size;
  settings.threads = threads;
  return settings;
}

void print_summary(const stream::SpatialTrace& trace, const fs::path& output) {
  const report::SpatialCounts counts = report::count(trace);
  fmt::print(
      "{} frames, {} {} -> {} placed -> {} voxels -> {} kept ({} of the voxels)\n"
      "{} of the placed were near-duplicates; turnover {} a frame; poses: {} given, {} estimated"
      "{}\nWrote {}\n",
      counts.frames, counts.patches, trace.source.grid_rows > 0 ? "patches" : "elements",
      counts.placed, counts.voxels, counts.kept,
      report::percent_text(static_cast<double>(counts.kept), static_cast<double>(counts.voxels)),
      report::percent_text(static_cast<double>(counts.near_duplicates()),
                           static_cast<double>(counts.placed)),
      report::percent_text(counts.mean_turnover, 1), counts.poses_given, counts.poses_estimated,
      (counts.poses_assumed > 0 ? fmt::format(", {} assumed", counts.poses_assumed) : "") +
          (counts.poses_missing > 0 ? fmt::format(", {} missing", counts.poses_missing) : ""),
      output.string());
  if (trace.skipped_input > 0)
    fmt::print(stderr, "sluice: {} damaged or incomplete frames were skipped\n",
               trace.skipped_input);
}

/// Throws if not a single token could be made, with the reason that is behind most of it.
void require_tokens(const stream::SpatialTrace& trace, const std::string& input) {
  const report::SpatialCounts counts = report::count(trace);
  if (counts.placed > 0) return;
  throw input_error(input,
                    counts.poses_missing == counts.frames
                        ? std::string("none of its frames has a pose")
                        : concat("none of its ", counts.patches, " patches or points has a place"),
                    "poses, and depths between 5 cm and 20 m in the unit of --depth-scale");
}

/// Clouds that are read as a folder or by a pattern must not be joined by the tokens.ply that is
/// written: the next run would read it.
void refuse_folder_of_clouds(const OpenSpatialInput& input, const std::string& name,
                             const fs::path& output) {
  if (input.kind != SpatialKind::clouds) return;
  const fs::path folder = fs::is_directory(name) ? fs::path(name) : fs::path(name).parent_path();
  std::error_code error;
  if (fs::equivalent(folder.empty() ? fs::path(".") : folder, output, error))
    throw input_error("--output", concat(output.string(), " is the folder of the clouds"),
                      "another one: tokens.ply would be read as a cloud next time");
}

/// Removes what an earlier run left and this one did not write: it would mislead.
void remove_stale(const fs::path& file, bool written) {
  if (!written) fs::remove(file);
}

}  // namespace

int replay_spatial(const SpatialReplayOptions& options, int threads) {
  SpatialRunSettings settings = settings_of(options, threads);
  const OpenSpatialInput input =
      open_spatial_input(options.input, options.frame_rate, options.spatial, stop_requested());
  settings.notes = input.notes;
  for (const char* name : {"tokens.safetensors", "tokens.ply", "overlay.mp4"})
    refuse_to_overwrite(options.input.input, options.output / name);
  refuse_folder_of_clouds(input, options.input.input, options.output);
  make_output_folder(options.output);  // not before all else is known to make sense

  const bool has_pictures = static_cast<bool>(input.picture);
  const bool has_overlay = has_pictures && !options.no_overlay;
  const fs::path overlay = options.output / "overlay.mp4";
  remove_stale(overlay, false);
  const std::int64_t frames = input.source->frame_count().value_or(0);
  SpatialPictures pictures(has_overlay ? std::optional(overlay) : std::nullopt,
                           has_pictures && !options.no_report, frames);
  SpatialRun run;
  {
    Progress progress("Reading frames", input.source->frame_count());
    run = run_spatial(*input.source, settings, stop_requested(),
                      [&](const auto& frame, const auto& update, const auto& reducer) {
                        progress.update(frame.index + 1);
                        if (has_pictures)
                          pictures.add(input.picture(), frame, update, reducer,
                                       settings.voxel_size_m);
                      });
  }
  // The overlay last of the files: a full disk shall not cost the tokens.
  stream::write_token_file(options.output / "tokens.safetensors", run.tokens);
  run.tokens.features = {};
  write_token_ply(run.trace, options.output / "tokens.ply");
  report::write_spatial_summary(run.trace, options.output / "summary.json");
  pictures.finish();
  if (!options.no_report)
    report::write_spatial_report(run.trace, pictures.moments(), options.output / "report.html");
  remove_stale(options.output / "report.html", !options.no_report);

  print_summary(run.trace, options.output);
  print_notes(run.trace.notes);
  if (run.error) std::rethrow_exception(run.error);
  if (!stop_requested()) {
    require_tokens(run.trace, options.input.input);
    return exit_ok;
  }
  fmt::print(stderr, "sluice: stopped early; what was written is valid but not all there is\n");
  return exit_interrupted;
}

}  // namespace sluice::apps
