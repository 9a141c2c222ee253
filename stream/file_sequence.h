// Recordings that are many files: which ones, and in what order.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::stream {

/// Orders names as people do: runs of digits compare as numbers ("2.png" before "10.png").
[[nodiscard]] bool natural_less(std::string_view a, std::string_view b);

/// By natural_less() of the whole path.
void sort_naturally(std::vector<std::filesystem::path>& files);

/// The regular files in `folder`, in no particular order; none if it can't be read.
[[nodiscard]] std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder);

/// The regular files that fit a glob ("shots/*.jpg"), in no particular order.
[[nodiscard]] std::vector<std::filesystem::path> files_matching(const std::string& pattern);

/// Throws sluice::Error if `files`, those of `folder`, are more than one series ("a-1.png a-2.png
/// b-1.png b-2.png"): mixing colour and depth images would go unnoticed otherwise. `expected` says
/// what would be right.
void require_one_series(const std::filesystem::path& folder,
                        const std::vector<std::filesystem::path>& files, std::string_view expected);

}  // namespace sluice::stream
