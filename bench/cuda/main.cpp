// Measures the CUDA code beside its floors, all in one run, and writes a file of JSON. scripts/gpu
// makes a page of it.
#include <charconv>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "bench/cuda/benchmarks.h"
#include "kernels/cuda/probe.h"
#include "kernels/error.h"

namespace sluice::bench {
namespace {

constexpr std::string_view usage =
    "usage: cuda_bench OUTPUT.json [--seconds S] [--small]\n"
    "  --seconds S  at most so long for each measurement (default 3)\n"
    "  --small      tiny clips and few repetitions, to try the program\n";

struct Options {
  std::string output;
  Effort effort;
  bool small = false;
};

/// False where the arguments make no sense.
bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--small") {
      options.small = true;
    } else if (argument == "--seconds" && i + 1 < argc) {
      const std::string_view value = argv[++i];
      const auto read =
          std::from_chars(value.data(), value.data() + value.size(), options.effort.seconds);
      if (read.ec != std::errc() || read.ptr != value.data() + value.size()) return false;
      if (!(options.effort.seconds > 0)) return false;
    } else if (!argument.starts_with("-") && options.output.empty()) {
      options.output = argument;
    } else {
      return false;
    }
  }
  return !options.output.empty();
}

void write(std::ostream& out, const DeviceFacts& facts, double copy, const ArithmeticRates& rates,
           const std::vector<Record>& records) {
  out.precision(9);
  out << "{\"device\":{\"name\":" << quoted(facts.name) << ",\"capability\":\"" << facts.major
      << '.' << facts.minor << "\",\"multiprocessors\":" << facts.multiprocessors
      << ",\"memory_bytes\":" << facts.memory_bytes << ",\"l2_bytes\":" << facts.l2_bytes
      << ",\"driver\":" << facts.driver << ",\"runtime\":" << facts.runtime
      << "},\n\"floor\":{\"copy_bytes_per_s\":" << copy << ",\"f32_per_s\":" << rates.f32
      << ",\"f64_per_s\":" << rates.f64 << "},\n\"records\":[";
  for (std::size_t i = 0; i < records.size(); ++i) {
    out << (i == 0 ? "\n" : ",\n");
    write_json(out, records[i]);
  }
  out << "\n]}\n";
}

std::vector<VideoShape> clips(bool small) {
  if (small) return {{8, 20, 64}, {12, 33, 40}};
  return {{32, 196, 3584}, {64, 169, 3584}, {1024, 196, 3584}};
}

int run(const Options& options) {
  const std::string problem = kernels::cuda::what_hinders();
  if (!problem.empty()) {
    std::cerr << "cuda_bench: no usable GPU: " << problem << '\n';
    return 1;
  }
  std::ofstream out(options.output);
  if (!out) {
    std::cerr << "cuda_bench: can't write " << options.output << '\n';
    return 1;
  }
  kernels::Resources host;
  kernels::cuda::StreamResources device;
  const DeviceFacts facts = device_facts(device.device());
  const double copy = copy_bytes_per_second(device);
  const ArithmeticRates rates = arithmetic_rates(device);
  std::cout << facts.name << ": copies " << copy / 1e9 << " GB/s, f32 " << rates.f32 / 1e12
            << " TFLOP/s, f64 " << rates.f64 / 1e12 << " TFLOP/s\n";

  CacheFlush flush(device);
  Context context{host, device, flush, options.effort};
  std::vector<Record> records;
  for (const auto& shape : clips(options.small)) run_clip(context, shape, records);
  run_selection(context, records);
  run_voxels(context, records);
  write(out, facts, copy, rates, records);
  bool all_same = true;
  for (const auto& record : records) all_same = all_same && record.same_as_cpu;
  if (!all_same) std::cerr << "cuda_bench: some results are not the CPU's: see same_as_cpu\n";
  return out.flush() && all_same ? 0 : 1;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  sluice::bench::Options options;
  if (!sluice::bench::parse(argc, argv, options)) {
    std::cerr << sluice::bench::usage;
    return 2;
  }
  if (options.small) options.effort = {20, options.effort.seconds};
  try {
    return sluice::bench::run(options);
  } catch (const std::exception& error) {
    std::cerr << "cuda_bench: " << error.what() << '\n';
    return 1;
  }
}
