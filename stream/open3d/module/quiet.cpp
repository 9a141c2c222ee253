#include "stream/open3d/module/quiet.h"

#include <open3d/utility/Logging.h>

#include <mutex>

// Of OpenMP. Its header comes with one compiler's implementation; Open3D may use another's.
extern "C" {
int omp_get_max_active_levels();
void omp_set_max_active_levels(int levels);
}

namespace sluice::stream::module {

OneThread::OneThread() noexcept : levels_before_(omp_get_max_active_levels()) {
  omp_set_max_active_levels(0);
}

OneThread::~OneThread() {
  omp_set_max_active_levels(levels_before_);
}

void silence() {
  static std::once_flag once;
  std::call_once(once, [] {
    auto& logger = open3d::utility::Logger::GetInstance();
    logger.SetVerbosityLevel(open3d::utility::VerbosityLevel::Error);
    logger.SetPrintFunction([](const std::string&) {});
  });
}

}  // namespace sluice::stream::module
