#include "stream/atomic_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <ctime>
#include <string>
#include <system_error>
#include <utility>

#include "kernels/error.h"

namespace sluice::stream {
namespace {

/// A write over RLIMIT_FSIZE raises SIGXFSZ, which kills the process by default. While one of these
/// lives, the thread gets EFBIG instead.
class FileSizeSignalBlocked {
 public:
  FileSizeSignalBlocked() {
    sigemptyset(&signal_);
    sigaddset(&signal_, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &signal_, &previous_);
  }
  ~FileSizeSignalBlocked() {
    if (sigismember(&previous_, SIGXFSZ) == 1) return;
    const timespec no_wait{};
    while (sigtimedwait(&signal_, nullptr, &no_wait) == SIGXFSZ) {
    }
    pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
  }
  FileSizeSignalBlocked(const FileSizeSignalBlocked&) = delete;
  FileSizeSignalBlocked& operator=(const FileSizeSignalBlocked&) = delete;

 private:
  sigset_t signal_{};
  sigset_t previous_{};
};

/// Follows symbolic links, so that the rename replaces the file and not the link.
std::filesystem::path resolved(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return path;
  // Renaming over a device such as /dev/null would replace the device.
  if (!std::filesystem::is_regular_file(status))
    throw input_error(path.string(), "exists and is not a regular file", "a file name");
  const auto target = std::filesystem::canonical(path, error);
  return error ? path : target;
}

std::filesystem::path temporary_beside(const std::filesystem::path& path) {
  static std::atomic<unsigned> counter{0};
  return path.parent_path() / concat(".sluice-", ::getpid(), "-", counter.fetch_add(1), ".tmp");
}

}  // namespace

AtomicFile::AtomicFile(const std::filesystem::path& path) : path_(resolved(path)) {
  if (!path_.has_filename())
    throw input_error("'" + path.string() + "'", "names no file", "a file name");
  do {  // a name may be left over from a killed process of the same id
    temporary_ = temporary_beside(path_);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (descriptor_ < 0 && (errno == EEXIST || errno == EINTR));
  if (descriptor_ >= 0) return;
  const int error_number = errno;
  const std::string what = "cannot be created: " + std::generic_category().message(error_number);
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case EACCES:
    case EPERM:
    case EROFS:
    case ENAMETOOLONG:
      throw input_error(path.string(), what, "a file in a folder that can be written to");
    default: throw system_error(path.string(), what);
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  constexpr std::size_t largest_write = std::size_t{1} << 30;  // Linux takes no more than 2 GiB
  const FileSizeSignalBlocked blocked;
  while (!bytes.empty()) {
    const ssize_t written =
        ::write(descriptor_, bytes.data(), std::min(bytes.size(), largest_write));
    if (written < 0) {
      if (errno == EINTR) continue;
      throw system_error(path_.string(),
                         "cannot be written: " + std::generic_category().message(errno));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void AtomicFile::commit(Flush flush) {
  const auto fail = [this](int error_number) {
    throw system_error(path_.string(),
                       "cannot be written: " + std::generic_category().message(error_number));
  };
  // Some file systems don't know fsync; that is no reason to lose the file.
  if (flush == Flush::yes && ::fsync(descriptor_) != 0 && errno != EINVAL && errno != ENOTSUP)
    fail(errno);
  const int descriptor = std::exchange(descriptor_, -1);
  if (::close(descriptor) != 0 && errno != EINTR) fail(errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail(errno);
  temporary_.clear();
  if (flush == Flush::no) return;
  // The new name outlives a power cut only once its folder is on the disk, too. Best effort.
  const auto folder = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
  const int folder_descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_descriptor >= 0) {
    ::fsync(folder_descriptor);
    ::close(folder_descriptor);
  }
}

}  // namespace sluice::stream
