// FFmpeg's error codes as exceptions. Private: included by .cpp files only.
#pragma once

#include <string_view>

#include "kernels/error.h"
#include "stream/io/libav/handles.h"

namespace sluice::stream::libav {

/// Returns `result`, or throws sluice::Error (kind system) if it is an error code.
inline int check(int result, std::string_view where, std::string_view action) {
  if (result < 0) throw system_error(where, concat(action, " failed: ", error_text(result)));
  return result;
}

/// Returns `handle`, or throws sluice::Error (kind system) if it is null.
template <typename Handle>
[[nodiscard]] Handle require(Handle handle, std::string_view where, std::string_view action) {
  if (!handle) throw system_error(where, concat(action, " failed: out of memory"));
  return handle;
}

}  // namespace sluice::stream::libav
