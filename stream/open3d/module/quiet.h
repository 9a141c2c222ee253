// Keeps Open3D from printing, from throwing into our code, and from using several threads.
#pragma once

#include <exception>
#include <string>

namespace sluice::stream::module {

/// While it lives, OpenMP uses the calling thread only. Open3D's sums over pixels and points depend
/// on the number of threads, and with several of them on chance. It asks for all cores, whatever
/// omp_set_num_threads() says; but where no level of parallelism is allowed, it gets one thread.
class OneThread {
 public:
  OneThread() noexcept;
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int levels_before_;
};

/// Open3D prints nothing from now on. Errors are exceptions besides.
void silence();

/// Calls body(), and returns what went wrong, if anything.
template <typename Body>
std::string quietly(Body&& body) noexcept {
  try {
    silence();
    const OneThread one_thread;
    body();
    return {};
  } catch (const std::exception& error) {
    try {
      return error.what();
    } catch (...) {
      return {};  // no memory even for the message; callers see that nothing was found
    }
  } catch (...) {
    return "unknown error";
  }
}

}  // namespace sluice::stream::module
