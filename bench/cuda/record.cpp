#include "bench/cuda/record.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <ostream>
#include <string_view>

namespace sluice::bench {
namespace {

void write_times(std::ostream& out, std::string_view name, const Times& times) {
  if (times.count() == 0) return;
  out << ",\"" << name << "\":{\"repeats\":" << times.count() << ",\"min\":" << times.percentile(0)
      << ",\"p50\":" << times.percentile(0.5) << ",\"p99\":" << times.percentile(0.99)
      << ",\"p99.9\":" << times.percentile(0.999) << ",\"max\":" << times.percentile(1) << '}';
}

}  // namespace

double Times::percentile(double share) const {
  std::vector<double> sorted = milliseconds_;
  std::sort(sorted.begin(), sorted.end());
  const auto rank = std::ceil(share * static_cast<double>(sorted.size()));
  return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return result + '"';
}

void write_json(std::ostream& out, const Record& record) {
  out << "{\"what\":" << quoted(record.what) << ",\"dtype\":\"" << kernels::name(record.dtype)
      << "\",\"shape\":[";
  for (std::size_t axis = 0; axis < record.shape.size(); ++axis)
    out << (axis == 0 ? "" : ",") << record.shape[axis];
  out << "],\"features_checksum\":" << record.checksum << ",\"bytes\":" << record.bytes
      << ",\"f64_operations\":" << record.f64_operations << ",\"kept\":" << record.kept
      << ",\"same_as_cpu\":" << (record.same_as_cpu ? "true" : "false");
  write_times(out, "wall_ms", record.wall);
  write_times(out, "device_ms", record.device);
  out << '}';
}

}  // namespace sluice::bench
