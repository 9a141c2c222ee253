#include "apps/loop/framed_file.h"

#include <system_error>

#include "apps/loop/tick_log_format.h"
#include "kernels/error.h"

namespace sluice::apps {

FramedFile::FramedFile(const std::filesystem::path& path)
    : path_(path), file_(path, std::ios::binary) {
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  if (error || !file_)
    throw input_error(path.string(), error ? error.message() : "cannot be read",
                      "a file of a tick log");
  // No length is believed before it was checked against the file's own.
  tick_log::Length length;
  for (std::uint64_t at = 0; at < size;) {
    const std::uint64_t left = size - at;
    file_.seekg(static_cast<std::streamoff>(at));
    has_unfinished_end_ = left < length.size() ||
                          !file_.read(reinterpret_cast<char*>(length.data()), std::ssize(length)) ||
                          tick_log::from_length(length) > left - length.size();
    if (has_unfinished_end_) break;
    records_.push_back({at + length.size(), tick_log::from_length(length)});
    at = records_.back().begin + records_.back().length;
  }
  file_.clear();
}

std::string FramedFile::where(std::int64_t number) const {
  return concat(path_.string(), ", record ", number);
}

void FramedFile::read(std::int64_t number, std::vector<std::byte>& bytes) {
  if (number < 0 || number >= size())
    throw input_error(where(number), "is not there", concat("one of its ", size(), " records"));
  const Place& place = records_[static_cast<std::size_t>(number)];
  bytes.resize(place.length);
  file_.seekg(static_cast<std::streamoff>(place.begin));
  if (!file_.read(reinterpret_cast<char*>(bytes.data()),
                  static_cast<std::streamsize>(place.length))) {
    file_.clear();
    throw system_error(where(number), "cannot be read");
  }
}

}  // namespace sluice::apps
