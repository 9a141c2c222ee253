// Ten hours at one frame per second through VideoReducer: time per frame, and memory that must stay
// flat. Frames are made on the fly (synthetic: still positions, restless positions, scene cuts).
//
//   endless_stream [--frames 36000] [--threads 0]
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "temporal/video_reducer.h"

namespace sluice::bench {
namespace {

constexpr std::int64_t positions = 196;
constexpr std::int64_t width = 1152;

std::uint64_t mix(std::uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdu;
  x ^= x >> 33;
  return x * 0xc4ceb9fe1a85ec53u;
}

/// A table of noise that frames are cut out of: making fresh numbers would cost more than reducing.
class FrameMaker {
 public:
  FrameMaker() : noise_(1 << 20) {
    for (std::size_t i = 0; i < noise_.size(); ++i)
      noise_[i] = static_cast<float>(static_cast<std::int64_t>(mix(i) >> 40)) * 0x1p-23f - 1.0f;
  }

  void make(std::int64_t index, stream::FeatureFrame& frame) const {
    // A cut every 40 to 300 frames; one scene in four is a fixed camera on a still scene.
    const std::int64_t scene = index / (40 + 65 * (index / 5000 % 5));
    const bool fixed = scene % 4 == 0;
    frame.index = index;
    frame.pts = static_cast<double>(index);
    frame.features.reshape(kernels::DType::f32, {positions, width});
    float* row = frame.features.as<float>().data();
    for (std::int64_t p = 0; p < positions; ++p, row += width) {
      const std::uint64_t place = mix(static_cast<std::uint64_t>(scene * positions + p));
      const bool still = fixed || place % 10 < 6;
      const float* base = at(still ? place : mix(place + static_cast<std::uint64_t>(index)));
      const float* jitter = at(mix(place ^ static_cast<std::uint64_t>(index)));
      for (std::int64_t d = 0; d < width; ++d) row[d] = base[d] + 0.1f * jitter[d];
    }
  }

 private:
  [[nodiscard]] const float* at(std::uint64_t hash) const {
    return noise_.data() + hash % (noise_.size() - static_cast<std::size_t>(width));
  }
  std::vector<float> noise_;
};

double resident_mib() {
  std::ifstream file("/proc/self/statm");
  std::int64_t total = 0, resident = 0;
  file >> total >> resident;
  return static_cast<double>(resident * ::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

double peak_mib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

int run(std::int64_t frames, int threads) {
  using Clock = std::chrono::steady_clock;
  const FrameMaker maker;
  kernels::Resources resources(threads);
  temporal::VideoReducerOptions options;
  options.causal = true;
  temporal::VideoReducer reducer(resources, {}, options);
  stream::FeatureFrame frame;
  temporal::ReducedSegment segment;
  std::vector<double> milliseconds;
  std::int64_t segments = 0;
  std::printf("| frames | resident MiB | segments |\n|---|---|---|\n");
  const auto take = [&] {
    while (reducer.next(segment)) ++segments;
  };
  for (std::int64_t f = 0; f < frames; ++f) {
    maker.make(f, frame);
    const auto start = Clock::now();
    reducer.push(frame);
    take();
    milliseconds.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    if ((f + 1) % (frames / 10) == 0)
      std::printf("| %lld | %.0f | %lld |\n", static_cast<long long>(f + 1), resident_mib(),
                  static_cast<long long>(segments));
  }
  reducer.finish();
  take();
  std::sort(milliseconds.begin(), milliseconds.end());
  const auto quantile = [&](double q) {
    return milliseconds[static_cast<std::size_t>(q * static_cast<double>(milliseconds.size() - 1))];
  };
  const auto& totals = reducer.totals();
  std::printf(
      "\n%lld frames of %lld x %lld f32, %d threads: %lld of %lld tokens kept in %lld segments, "
      "%lld forced cuts\n"
      "Per frame, merging included: p50 %.2f ms, p99 %.2f, p99.9 %.2f, max %.2f\n"
      "Peak memory %.0f MiB\n",
      static_cast<long long>(totals.frames), static_cast<long long>(positions),
      static_cast<long long>(width), resources.threads(), static_cast<long long>(totals.kept),
      static_cast<long long>(totals.seen), static_cast<long long>(segments),
      static_cast<long long>(totals.forced_cuts), quantile(0.5), quantile(0.99), quantile(0.999),
      milliseconds.back(), peak_mib());
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  std::int64_t frames = 36'000;
  int threads = 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--frames") == 0) frames = std::max(10ll, std::atoll(argv[i + 1]));
    if (std::strcmp(argv[i], "--threads") == 0) threads = std::atoi(argv[i + 1]);
  }
  return sluice::bench::run(frames, threads);
}
