#include <memory>
#include <optional>
#include <utility>

#include "python/src/bindings.h"
#include "python/src/exclusive.h"
#include "python/src/fields.h"
#include "python/src/holitom_options.h"
#include "python/src/packet_fields.h"
#include "python/src/resource_pool.h"
#include "python/src/tensor_argument.h"
#include "python/src/tensor_result.h"
#include "python/src/token_columns.h"
#include "temporal/video_reducer.h"

namespace sluice::python {
namespace {

namespace nb = nanobind;
using temporal::ReducedSegment;

temporal::VideoReducerOptions options_from(nb::handle object) {
  temporal::VideoReducerOptions options;
  options.reduction = holitom_parameters(object.attr("reduction"));
  options.causal = field<bool>(object, "causal");
  options.latency = field<std::int64_t>(object, "latency");
  options.credit_frames = optional_field<std::int64_t>(object, "credit_frames");
  if (options.credit_frames && *options.credit_frames < 1)
    throw input_error("credit_frames", concat(*options.credit_frames), "at least 1 frame");
  return options;
}

nb::dict segment_fields(ReducedSegment&& segment) {
  const std::int64_t frames = segment.segment.frames();
  const std::int64_t positions = frames > 0 ? std::ssize(segment.assignment) / frames : 0;
  nb::dict fields;
  fields["segment"] =
      nb::make_tuple(segment.segment.first, segment.segment.last, segment.segment.forced);
  fields["source"] = source_fields(segment.tokens.source);
  fields["columns"] = columns_of(std::move(segment.tokens));
  fields["assignment"] = tensor_result(std::move(segment.assignment), {frames, positions});
  fields["similarity"] = tensor_result(std::move(segment.similarity), {frames, positions});
  fields["redundant"] = tensor_result(std::move(segment.redundant), {frames, positions});
  fields["pts"] = tensor_result(std::move(segment.pts));
  fields["budget"] = segment.budget;
  fields["static_positions"] = segment.static_positions;
  fields["static_kept"] = segment.static_kept;
  fields["dynamic_available"] = segment.dynamic_available;
  fields["dynamic_kept"] = segment.dynamic_kept;
  fields["totals"] = totals_fields(segment.totals);
  return fields;
}

/// A frame that was refused is not held on to.
struct LetGo {
  kernels::Tensor& features;
  ~LetGo() {
    if (features.is_borrowed()) features = {};
  }
};

/// A VideoReducer with threads of its own.
class Reducer {
 public:
  Reducer(nb::handle source, nb::handle options)
      : state_(std::make_unique<State>(source_from(source), options_from(options))) {}
  ~Reducer() {
    if (!guard_.is_at_home()) (void)state_.release();
  }

  /// features [F,S,D], attention [F,S] or None, pts [F] or None: frame numbers. Frames go in one by
  /// one, and Python's signals are looked at in between. Without `copy` the features are borrowed.
  void push(nb::handle features_, nb::handle attention_, nb::handle pts_, bool copy) {
    const Exclusive::Use use(guard_);
    const TensorArgument features(features_, "features");
    const TensorArgument attention(attention_, "attention");
    const TensorArgument pts(pts_, "pts");
    features.require_shape({-1, -1, -1}, "[frames, positions, width]");
    const std::int64_t frames = features.view().size(0);
    const std::int64_t positions = features.view().size(1);
    if (frames < 1) throw input_error("features", "has no frames", "at least one");
    std::vector<float> scores;
    std::vector<double> times;
    if (attention.given()) {
      attention.require_shape({frames, positions}, "[frames, positions]");
      scores = attention.floats();
    }
    if (pts.given()) {
      pts.require_shape({frames}, "[frames]");
      times = pts.doubles();
    }
    const std::shared_ptr<const void> owner = copy ? nullptr : features.owner();
    const LetGo let_go{state_->frame.features};
    for (std::int64_t f = 0; f < frames; ++f) {
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
      const nb::gil_scoped_release release;
      auto& frame = state_->frame;
      frame.index = state_->reducer.frames();
      frame.pts =
          times.empty() ? static_cast<double>(frame.index) : times[static_cast<std::size_t>(f)];
      if (copy)
        frame.features.copy_from(features.view()[f]);
      else
        frame.features = kernels::Tensor::borrow(features.view()[f], owner);
      if (!scores.empty())
        frame.attention.copy_from(
            {scores.data() + f * positions, kernels::DType::f32, kernels::Shape{positions}});
      state_->reducer.push(frame);
    }
  }

  void finish() {
    const Exclusive::Use use(guard_);
    const nb::gil_scoped_release release;
    state_->reducer.finish();
  }

  nb::object next() {
    const Exclusive::Use use(guard_);
    ReducedSegment segment;
    bool is_there = false;
    {
      const nb::gil_scoped_release release;
      is_there = state_->reducer.next(segment);
    }
    if (!is_there) return nb::none();
    return segment_fields(std::move(segment));
  }

  [[nodiscard]] std::int64_t frames() {
    const Exclusive::Use use(guard_);
    return state_->reducer.frames();
  }
  [[nodiscard]] nb::dict totals() {
    const Exclusive::Use use(guard_);
    return totals_fields(state_->reducer.totals());
  }

 private:
  struct State {
    State(const stream::Source& source, const temporal::VideoReducerOptions& options)
        : resources(threads()), reducer(resources, source, options) {}

    kernels::Resources resources;
    temporal::VideoReducer reducer;
    stream::FeatureFrame frame;
  };

  Exclusive guard_{"video reducer"};
  std::unique_ptr<State> state_;
};

}  // namespace

void bind_video_reducer(nb::module_& module) {
  nb::class_<Reducer>(module, "VideoReducer", "See sluice.VideoReducer.")
      .def(nb::init<nb::handle, nb::handle>(), nb::arg("source").none(), nb::arg("options").none())
      .def("push", &Reducer::push, nb::arg("features").none(), nb::arg("attention").none(),
           nb::arg("pts").none(), nb::arg("copy"))
      .def("finish", &Reducer::finish)
      .def("next", &Reducer::next, nb::sig("def next(self) -> dict | None"),
           "A segment's fields, or None.")
      .def("frames", &Reducer::frames)
      .def("totals", &Reducer::totals);
}

}  // namespace sluice::python
