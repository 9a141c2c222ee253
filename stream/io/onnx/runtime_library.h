// ONNX Runtime's shared library, found and opened at run time. Private.
#pragma once

#include <string>

#include "stream/io/onnx/ort_api.h"

namespace sluice::stream::onnx {

/// The environment variable that names the library where nothing else does.
inline constexpr const char* library_variable = "SLUICE_ONNXRUNTIME";

struct RuntimeLibrary {
  std::string path;     ///< as it was opened
  std::string version;  ///< "1.20.0"
  Api api;
};

/// Opens the library that `path` names, else that of the environment variable SLUICE_ONNXRUNTIME,
/// else libonnxruntime.so.1 or libonnxruntime.so where the loader looks. `path` and the variable
/// name the file, or a folder that has it: `capi` of the Python package, for one. The library stays
/// open until the process ends. Throws sluice::Error (kind input), saying how to get one, if there
/// is none, it is no ONNX Runtime, or it is older than oldest_release.
[[nodiscard]] RuntimeLibrary open_runtime_library(const std::string& path);

}  // namespace sluice::stream::onnx
