// What the module consists of: one function per file.
#pragma once

#include <nanobind/nanobind.h>

namespace sluice::python {

void bind_calibration(nanobind::module_& module);
void bind_cuda_reduce(nanobind::module_& module);  // built where a CUDA compiler was found
void bind_inner_merge(nanobind::module_& module);
void bind_packet(nanobind::module_& module);
void bind_reduce(nanobind::module_& module);
void bind_selection(nanobind::module_& module);
void bind_stage_gate(nanobind::module_& module);
void bind_tick_engine(nanobind::module_& module);
void bind_token_memory(nanobind::module_& module);
void bind_video_reducer(nanobind::module_& module);
void bind_voxel_pool(nanobind::module_& module);

}  // namespace sluice::python
