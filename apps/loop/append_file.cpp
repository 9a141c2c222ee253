#include "apps/loop/append_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "kernels/error.h"

namespace sluice::apps {

AppendFile::AppendFile(const std::filesystem::path& path) {
  do {
    descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  } while (descriptor_ < 0 && errno == EINTR);
  if (descriptor_ >= 0) return;
  const std::string what = "cannot be created: " + std::generic_category().message(errno);
  if (errno == ENOSPC || errno == EDQUOT) throw system_error(path.string(), what);
  throw input_error(path.string(), what, "a folder that can be written to");
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_) {}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  return *this;
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

int AppendFile::append(std::span<const std::byte> head, std::span<const std::byte> body) noexcept {
  int failure = write_all(head);
  if (failure == 0) failure = write_all(body);
  if (failure == 0) {
    size_ += static_cast<std::int64_t>(head.size() + body.size());
  } else if (::ftruncate(descriptor_, size_) == 0) {
    ::lseek(descriptor_, size_, SEEK_SET);
  }
  return failure;
}

int AppendFile::write_all(std::span<const std::byte> bytes) noexcept {
  constexpr std::size_t largest_write = std::size_t{1} << 30;  // Linux takes no more than 2 GiB
  while (!bytes.empty()) {
    const ssize_t written =
        ::write(descriptor_, bytes.data(), std::min(bytes.size(), largest_write));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace sluice::apps
