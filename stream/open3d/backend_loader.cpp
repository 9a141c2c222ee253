#include "stream/open3d/backend_loader.h"

#include <dlfcn.h>
#include <link.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "kernels/error.h"

namespace sluice::stream {
namespace {

constexpr std::string_view where = "Open3D";

#if defined(SLUICE_OPEN3D_MODULE)

namespace fs = std::filesystem;

/// Of the program, or of the shared library, that this code is part of. ($ORIGIN would be that of
/// whoever intercepts dlopen(), as sanitizers do.)
fs::path own_folder() {
  Dl_info info{};
  link_map* object = nullptr;
  const auto* here = reinterpret_cast<const void*>(&own_folder);
  if (::dladdr1(here, &info, reinterpret_cast<void**>(&object), RTLD_DL_LINKMAP) == 0) return {};
  const bool in_program = object->l_name == nullptr || *object->l_name == '\0';
  std::error_code error;
  return fs::canonical(in_program ? "/proc/self/exe" : object->l_name, error).parent_path();
}

/// Beside us, where the project was installed to, and where the dynamic loader looks for everything
/// else.
std::vector<std::string> places() {
  std::vector<std::string> all{SLUICE_OPEN3D_INSTALLED_FOLDER "/" SLUICE_OPEN3D_MODULE,
                               SLUICE_OPEN3D_MODULE};
  const fs::path folder = own_folder();
  if (!folder.empty())  // a relative path would mean the working directory
    all.insert(all.begin(), folder / SLUICE_OPEN3D_RELATIVE_FOLDER / SLUICE_OPEN3D_MODULE);
  return all;
}

void* load_module() {
  std::string problem;
  for (const std::string& place : places()) {
    if (void* module = ::dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL)) return module;
    const char* message = ::dlerror();
    const std::string text = message != nullptr ? message : "unknown error";
    // A module that is not there says less than one whose libraries are missing.
    const bool absent = text.starts_with(place);
    if (problem.empty() || !absent) problem = text;
    if (!absent) break;
  }
  throw system_error(where, concat("its module can't be loaded (", problem, ")"),
                     "the module where the project was installed or built, and the package "
                     "libopen3d-dev");
}

const Open3dBackend& load() {
  void* module = load_module();
  const auto function =
      reinterpret_cast<Open3dBackendFunction*>(::dlsym(module, open3d_backend_symbol));
  const Open3dBackend* backend = function != nullptr ? function() : nullptr;
  if (backend == nullptr || std::string_view(backend->version) != SLUICE_VERSION)
    throw system_error(
        where,
        concat("the module belongs to version ", backend != nullptr ? backend->version : "unknown"),
        "version " SLUICE_VERSION ": install the project as a whole");
  return *backend;
}

#else

const Open3dBackend& load() {
  throw system_error(where, "this build can't estimate poses, because Open3D was not found",
                     "a build with it: install the package libopen3d-dev, then configure and build "
                     "the project again");
}

#endif

}  // namespace

const Open3dBackend& open3d_backend() {
  static const Open3dBackend& backend = load();
  return backend;
}

bool built_with_open3d() noexcept {
#if defined(SLUICE_OPEN3D_MODULE)
  return true;
#else
  return false;
#endif
}

}  // namespace sluice::stream
