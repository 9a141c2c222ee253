// sluice sample: renders the project's own synthetic recording.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "apps/commands/command.h"
#include "apps/commands/exit_code.h"
#include "apps/interrupt.h"
#include "apps/progress.h"
#include "apps/sample/write_sample.h"
#include "stream/grid.h"

namespace sluice::apps {
namespace {

struct SampleArguments {
  std::filesystem::path output;
  std::string grid = "14,14";
  sample::WriteOptions write;
};

int run(SampleArguments arguments, int threads) {
  const auto grid = stream::parse_grid(arguments.grid, "--grid");
  arguments.write.grid_rows = grid.rows;
  arguments.write.grid_cols = grid.cols;
  arguments.write.scene.threads = threads;
  sample::WrittenSample written;
  {
    Progress progress("Rendering frames");
    written = sample::write_sample(
        arguments.output, arguments.write,
        [&progress](std::int64_t done, std::int64_t) { progress.update(done); }, &stop_requested());
  }
  fmt::print("{}: {} video frames, {} with depth, {} pairs with truth (synthetic, seed {})\n",
             arguments.output.string(), written.video_frames, written.rgbd_frames,
             written.truth_pairs, arguments.write.seed);
  return written.stopped ? exit_interrupted : exit_ok;
}

}  // namespace

void add_sample(CLI::App& app, const GlobalOptions& globals, Action& action) {
  auto options = std::make_shared<SampleArguments>();
  auto* command =
      app.add_subcommand("sample", "Render the synthetic sample: video, depth, poses, truth");
  command->add_option("-o,--output", options->output, "Folder to write to")->required();
  command->add_option("--seed", options->write.seed, "Varies scene, textures, cameras and timing")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--seconds", options->write.scene.seconds, "Length of the video")
      ->capture_default_str();
  command->add_option("--fps", options->write.scene.fps, "Frames per second of the video")
      ->capture_default_str();
  command->add_option("--width", options->write.scene.width, "Pixels")->capture_default_str();
  command->add_option("--height", options->write.scene.height, "Pixels")->capture_default_str();
  command->add_option("--crf", options->write.crf, "x264 quality, lower is better")
      ->capture_default_str();
  command
      ->add_option("--rgbd-fps", options->write.rgbd_fps, "Depth images, poses, masks per second")
      ->capture_default_str();
  command
      ->add_option("--truth-fps", options->write.truth_fps, "Frames per second that truth compares")
      ->capture_default_str();
  command->add_option("--grid", options->grid, "Rows,columns of the truth")->capture_default_str();
  command->footer("Example:\n  sluice sample -o sample --seed 7");
  command->callback([options, &globals, &action] {
    action = [options, &globals] { return run(*options, globals.threads); };
  });
}

}  // namespace sluice::apps
