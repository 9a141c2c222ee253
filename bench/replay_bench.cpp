// `replay` without its overlay beside its floor: decoding and scaling alone, turn by turn over the
// same file.
//
//   replay_bench VIDEO [--rounds 7]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/patch_descriptor.h"
#include "stream/io/video_reader.h"
#include "stream/io/video_token_source.h"
#include "temporal/video_reducer.h"

namespace sluice::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Frames per second of decoding and scaling to what the tokenizer works on.
double decode(const std::string& video) {
  const auto start = Clock::now();
  stream::VideoReader reader(video, {.width = 384, .height = 384});
  stream::VideoFrame frame;
  std::int64_t frames = 0;
  while (reader.next(frame)) ++frames;
  return static_cast<double>(frames) / seconds_since(start);
}

/// Frames per second of everything: decoding, scaling, tokens, segments, merging, selection.
double engine(const std::string& video) {
  const auto start = Clock::now();
  stream::VideoTokenSource source(video);
  kernels::Resources resources;
  temporal::VideoReducerOptions options;
  options.reduction.tau = kernels::patch_descriptor_default_tau;
  temporal::VideoReducer reducer(resources, source.source(), options);
  stream::FeatureFrame frame;
  while (source.next(frame)) reducer.push(frame);
  reducer.finish();
  temporal::ReducedSegment segment;
  while (reducer.next(segment)) {
  }
  return static_cast<double>(reducer.frames()) / seconds_since(start);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  using namespace sluice::bench;  // NOLINT: this is the program's own file
  if (argc < 2) {
    std::fprintf(stderr, "usage: replay_bench VIDEO [--rounds 7]\n");
    return 2;
  }
  const int rounds = argc > 3 ? std::max(1, std::atoi(argv[3])) : 7;
  (void)decode(argv[1]);  // warm up: file cache, threads, memory
  std::vector<double> floors, ours, ratios;
  for (int round = 0; round < rounds; ++round) {
    floors.push_back(decode(argv[1]));
    ours.push_back(engine(argv[1]));
    ratios.push_back(ours.back() / floors.back());
  }
  std::printf("| frames per second | median | min | max |\n|---|---|---|---|\n");
  const auto row = [](const char* name, const std::vector<double>& values, int digits) {
    std::printf("| %s | %.*f | %.*f | %.*f |\n", name, digits, median(values), digits,
                *std::min_element(values.begin(), values.end()), digits,
                *std::max_element(values.begin(), values.end()));
  };
  row("decoding and scaling alone", floors, 0);
  row("the whole engine", ours, 0);
  row("ratio, round by round", ratios, 2);
  return 0;
}
