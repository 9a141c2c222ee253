// Records in a file, each behind its length: read one by one, by number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace sluice::apps {

class FramedFile {
 public:
  FramedFile() = default;  ///< none: without records
  /// Finds the records that are complete. Throws sluice::Error if the file can't be read.
  explicit FramedFile(const std::filesystem::path& path);

  [[nodiscard]] std::int64_t size() const noexcept {
    return static_cast<std::int64_t>(records_.size());
  }
  /// True if bytes follow that are no complete record: whoever wrote them was ended.
  [[nodiscard]] bool has_unfinished_end() const noexcept { return has_unfinished_end_; }
  /// "feedback.bin, record 3", with its folder.
  [[nodiscard]] std::string where(std::int64_t number) const;
  /// Throws sluice::Error if there is no such record, or it can't be read.
  void read(std::int64_t number, std::vector<std::byte>& bytes);

 private:
  struct Place {
    std::uint64_t begin, length;
  };

  std::filesystem::path path_;
  std::ifstream file_;
  std::vector<Place> records_;
  bool has_unfinished_end_ = false;
};

}  // namespace sluice::apps
