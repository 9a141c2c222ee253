#include <memory>
#include <utility>

#include "python/src/bindings.h"
#include "python/src/exclusive.h"
#include "python/src/fields.h"
#include "python/src/interrupt.h"
#include "python/src/resource_pool.h"
#include "python/src/tensor_argument.h"
#include "python/src/token_columns.h"
#include "temporal/token_memory.h"

namespace sluice::python {
namespace {

namespace nb = nanobind;
using stream::TokenBatch;

/// A TokenMemory with threads of its own. An interrupt (Ctrl-C) ends add(), which then has done
/// nothing.
class Memory {
 public:
  Memory(nb::handle budget, nb::handle recent) {
    temporal::TokenMemoryOptions options;
    options.budget = value_of<std::int64_t>(budget, "budget");
    options.recent = value_of<double>(recent, "recent");
    state_ = std::make_unique<State>(options);
  }
  ~Memory() {
    if (!guard_.is_at_home()) (void)state_.release();
  }

  /// `tokens`: an object with the fields of sluice.Tokens; pts [frames].
  void add(nb::handle tokens, nb::handle first_frame_, nb::handle pts_) {
    const Exclusive::Use use(guard_);
    TokenBatch segment;
    const TensorArgument features =
        read_columns(nb::cast<nb::dict>(tokens.attr("columns")()), tokens.attr("source"), segment);
    segment.features = features.borrowed();
    const auto first_frame = value_of<std::int64_t>(first_frame_, "first_frame");
    const TensorArgument pts(pts_, "pts");
    pts.require_shape({-1}, "[frames]");
    const std::vector<double> times = pts.doubles();
    const nb::gil_scoped_release release;
    state_->memory.add(segment, first_frame, times);
  }

  /// A copy, which stays as it is whatever comes next.
  [[nodiscard]] nb::tuple tokens() {
    const Exclusive::Use use(guard_);
    TokenBatch tokens;
    {
      const nb::gil_scoped_release release;
      stream::copy_tokens(state_->memory.tokens(), tokens);
      if (!tokens.features.defined()) tokens.features.reshape(kernels::DType::f32, {0, 0});
    }
    nb::dict source = source_fields(tokens.source);
    return nb::make_tuple(columns_of(std::move(tokens)), std::move(source));
  }

  [[nodiscard]] nb::list chapters() {
    const Exclusive::Use use(guard_);
    nb::list chapters;
    for (const temporal::MemoryChapter& chapter : state_->memory.chapters())
      chapters.append(nb::make_tuple(chapter.first_frame, chapter.last_frame, chapter.first_pts,
                                     chapter.last_pts, chapter.tokens, chapter.arrived,
                                     chapter.segments, chapter.recent));
    return chapters;
  }

  [[nodiscard]] nb::tuple counts() {
    const Exclusive::Use use(guard_);
    const temporal::MemoryCounts& counts = state_->memory.counts();
    return nb::make_tuple(state_->memory.frames(), state_->memory.arrived(), counts.segments,
                          counts.compactions, counts.oversized);
  }

  void clear() {
    const Exclusive::Use use(guard_);
    state_->memory.clear();
  }

 private:
  struct State {
    explicit State(const temporal::TokenMemoryOptions& options)
        : resources(threads()), memory(resources, options) {
      resources.pool().set_poll(&check_signals);
    }

    kernels::Resources resources;
    temporal::TokenMemory memory;
  };

  Exclusive guard_{"token memory"};
  std::unique_ptr<State> state_;
};

}  // namespace

void bind_token_memory(nb::module_& module) {
  nb::class_<Memory>(module, "TokenMemory", "See sluice.TokenMemory.")
      .def(nb::init<nb::handle, nb::handle>(), nb::arg("budget").none(), nb::arg("recent").none())
      .def("add", &Memory::add, nb::arg("tokens").none(), nb::arg("first_frame").none(),
           nb::arg("pts").none())
      .def("tokens", &Memory::tokens, nb::sig("def tokens(self) -> tuple[dict, dict]"),
           "Columns, and the source's fields.")
      .def("chapters", &Memory::chapters, nb::sig("def chapters(self) -> list[tuple]"),
           "The fields of sluice.MemoryChapter.")
      .def("counts", &Memory::counts, nb::sig("def counts(self) -> tuple[int, int, int, int, int]"),
           "The fields of sluice.MemoryCounts.")
      .def("clear", &Memory::clear);
}

}  // namespace sluice::python
