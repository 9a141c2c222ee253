// A file that appears complete or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace sluice::stream {

/// Writes to a temporary file in the same folder and renames it at the end. Without `commit`, or
/// when anything fails (disk full, size limit), the temporary file is removed and `path` stays as
/// it was.
///
/// Errors: kind input if `path` cannot be created (no such folder, not permitted, not a regular
/// file), kind system if writing fails.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  /// Without flushing, a power cut may leave it empty: for files that can be made again, and of
  /// which there are too many to wait for the disk each time.
  enum class Flush : bool { no, yes };
  /// Flushes to the disk and gives the file its name. Nothing may be written afterwards.
  void commit(Flush flush = Flush::yes);

 private:
  std::filesystem::path path_;       // where it will be; symbolic links are followed
  std::filesystem::path temporary_;  // empty once renamed
  int descriptor_ = -1;
};

}  // namespace sluice::stream
