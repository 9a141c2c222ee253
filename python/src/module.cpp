// sluice._engine: the engine for Python. What people use is the package around it.
#include "kernels/resources.h"
#include "python/src/bindings.h"
#include "python/src/errors.h"
#include "python/src/interrupt.h"
#include "python/src/resource_pool.h"

NB_MODULE(_engine, module) {
  namespace nb = nanobind;
  using namespace sluice::python;  // NOLINT: this is all the file does

  module.attr("__version__") = SLUICE_VERSION;
  bind_errors(module);
  bind_interrupt();
  module.def("set_threads", &set_threads, nb::arg("threads"),
             "Threads of every call and object from now on; 0: one per core.");
  module.def("threads", &threads, "As set; 0: one per core.");
  bind_reduce(module);
#if defined(SLUICE_WITH_CUDA)
  bind_cuda_reduce(module);
#endif
  bind_inner_merge(module);
  bind_stage_gate(module);
  bind_selection(module);
  bind_voxel_pool(module);
  bind_calibration(module);
  bind_video_reducer(module);
  bind_token_memory(module);
  bind_packet(module);
  bind_tick_engine(module);
}
