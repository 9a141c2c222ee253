#include "stream/io/onnx/runtime_library.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <vector>

#include "kernels/error.h"

namespace sluice::stream::onnx {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view file_name = "libonnxruntime.so";
constexpr std::string_view how_to_get_one =
    "ONNX Runtime's shared library: `pip install onnxruntime` brings one; name the folder "
    "onnxruntime/capi of that package, or the file libonnxruntime.so… in it, with "
    "--encoder-runtime or in SLUICE_ONNXRUNTIME";

/// The library in `folder`: the first file by name that begins as the library's does.
std::string library_in(const fs::path& folder) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.compare(0, file_name.size(), file_name) == 0) found.push_back(entry->path().string());
  }
  if (found.empty())
    throw input_error(folder.string(), concat("this folder has no ", file_name), how_to_get_one);
  return *std::min_element(found.begin(), found.end());
}

/// Null if there is none; `reason` then says why.
void* open_file(const std::string& path, std::string& reason) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* message = dlerror();
    reason = message != nullptr ? message : "can't be opened";
  }
  return library;
}

void* open_named(std::string& path, const std::string& where) {
  std::error_code error;
  if (fs::is_directory(path, error)) path = library_in(path);
  // Without a slash the loader would look elsewhere than where the user sees the file.
  if (path.find('/') == std::string::npos) path.insert(0, "./");
  std::string reason;
  void* library = open_file(path, reason);
  if (library == nullptr) throw input_error(where, reason, how_to_get_one);
  return library;
}

void* open_any(std::string& path) {
  std::string reason;
  for (const char* name : {"libonnxruntime.so.1", "libonnxruntime.so"}) {
    path = name;
    if (void* library = open_file(path, reason)) return library;
  }
  throw input_error("--encoder", "ONNX Runtime was not found on this machine", how_to_get_one);
}

}  // namespace

RuntimeLibrary open_runtime_library(const std::string& path) {
  std::string opened = path;
  void* library = nullptr;
  const char* variable = std::getenv(library_variable);
  if (!path.empty()) {
    library = open_named(opened, "--encoder-runtime");
  } else if (variable != nullptr && *variable != '\0') {
    opened = variable;
    library = open_named(opened, library_variable);
  } else {
    library = open_any(opened);
  }
  const auto get_base = reinterpret_cast<GetApiBase>(dlsym(library, entry_point));
  const ApiBase* base = get_base != nullptr ? get_base() : nullptr;
  if (base == nullptr)
    throw input_error(opened, concat("this library has no ", entry_point), how_to_get_one);
  const void* table = base->get_api(api_version);
  if (table == nullptr)
    throw input_error(opened, concat("this is ONNX Runtime ", base->get_version()),
                      concat(oldest_release, " or newer"));
  return {opened, base->get_version(), Api(table)};
}

}  // namespace sluice::stream::onnx
