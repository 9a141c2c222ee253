// A file that only grows, record by record: what was appended stays valid whatever happens next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace sluice::apps {

class AppendFile {
 public:
  AppendFile() = default;  ///< none: nothing may be appended
  /// Makes it, empty. Throws sluice::Error if it can't be made: kind input, system for a full disk.
  explicit AppendFile(const std::filesystem::path& path);
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  ~AppendFile();

  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
  /// Both parts as one record. Returns 0, or the errno of what failed: the file then ends with the
  /// record before, as far as the disk lets it.
  [[nodiscard]] int append(std::span<const std::byte> head,
                           std::span<const std::byte> body = {}) noexcept;

 private:
  [[nodiscard]] int write_all(std::span<const std::byte> bytes) noexcept;

  int descriptor_ = -1;
  std::int64_t size_ = 0;  ///< of the records that are complete
};

}  // namespace sluice::apps
