#include "stream/io/rgbd_loader.h"

#include <utility>

#include "kernels/error.h"

namespace sluice::stream {
namespace {

template <typename Value>
std::future<Value> ready(Value value) {
  std::promise<Value> promise;
  promise.set_value(std::move(value));
  return promise.get_future();
}

}  // namespace

RgbdLoader::RgbdLoader(const RgbdIndex& index, const std::atomic<bool>* stop)
    : index_(index), caller_stop_(stop) {
  LoadReport first = load_ahead();
  if (!first.loaded && stopped())
    throw system_error(index.folder.string(), "stopped before its first frame was read");
  if (!first.loaded)
    throw input_error(index.folder.string(),
                      concat("none of its ", index.frames.size(),
                             " frames can be read. The first: ", first.problems.front()));
  pending_ = ready(std::move(first));
}

RgbdLoader::~RgbdLoader() {
  cancelled_ = true;
}

LoadReport RgbdLoader::next(LoadedRgbd& loaded) {
  LoadReport report = pending_.get();
  if (report.loaded) {
    std::swap(loaded, ahead_);
    // Where no thread can be started, the frame is read when it is asked for.
    pending_ =
        std::async(std::launch::async | std::launch::deferred, [this] { return load_ahead(); });
  }
  return report;
}

LoadReport RgbdLoader::load_ahead() {
  LoadReport report;
  while (next_frame_ < index_.frames.size() && !stopped()) {
    const std::size_t frame = next_frame_++;
    if (!read_files(frame, report)) continue;
    if (!registration_) {
      registration_.emplace(index_, PictureSize{ahead_.colour.width, ahead_.colour.height},
                            PictureSize{raw_.width, raw_.height});
      report.problems.insert(report.problems.end(), registration_->doubts().begin(),
                             registration_->doubts().end());
    }
    registration_->apply(metres_, ahead_.depth, ahead_.intrinsics);
    ahead_.frame = frame;
    report.loaded = true;
    break;
  }
  return report;
}

bool RgbdLoader::read_files(std::size_t frame, LoadReport& report) {
  const RgbdFiles& files = index_.frames[frame];
  try {
    reader_.read(files.colour, ahead_.colour);
    reader_.read(files.depth, raw_);
  } catch (const Error& error) {
    if (error.kind() == Error::Kind::system) throw;
    ++report.unusable;
    report.problems.push_back(concat("frame skipped: ", error.what()));
    return false;
  }
  if (raw_.bits == 8) report.problems.emplace_back("depth images of 8 bits, where 16 are usual");
  metres_.reshape(kernels::DType::f32, {raw_.height, raw_.width});
  decode_depth(raw_.values, index_.encoding, metres_.as<float>());
  return true;
}

bool RgbdLoader::stopped() const noexcept {
  return cancelled_ || (caller_stop_ != nullptr && caller_stop_->load());
}

}  // namespace sluice::stream
