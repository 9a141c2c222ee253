// Files: reading by mapping, writing through AtomicFile.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "kernels/error.h"
#include "stream/safetensors.h"

namespace sluice::stream {
namespace {

struct Descriptor {
  int value = -1;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) {
  const std::string where = path.string();
  // O_NONBLOCK: opening a named pipe must fail below instead of waiting here.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat status {};
  if (file.value < 0 || ::fstat(file.value, &status) != 0)
    throw input_error(where, "cannot be opened: " + std::generic_category().message(errno),
                      "a safetensors file");
  if (!S_ISREG(status.st_mode))
    throw input_error(where, "is not a regular file", "a safetensors file");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > 0) {
    void* mapping = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.value, 0);
    if (mapping == MAP_FAILED)
      throw system_error(where, "cannot be mapped: " + std::generic_category().message(errno));
    mapping_ = mapping;
    size_ = size;
  }
  try {
    view_ = SafetensorsView::parse({static_cast<const std::byte*>(mapping_), size_}, where);
  } catch (...) {  // the destructor does not run for a constructor that throws
    if (mapping_ != nullptr) ::munmap(mapping_, size_);
    throw;
  }
}

SafetensorsFile::SafetensorsFile(SafetensorsFile&& other) noexcept {
  *this = std::move(other);
}

SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&& other) noexcept {
  // Swapping leaves the old mapping to `other`'s destructor.
  std::swap(mapping_, other.mapping_);
  std::swap(size_, other.size_);
  std::swap(view_, other.view_);
  return *this;
}

SafetensorsFile::~SafetensorsFile() {
  if (mapping_ != nullptr) ::munmap(mapping_, size_);
}

}  // namespace sluice::stream
