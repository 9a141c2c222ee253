// Numbers in small text files, as data sets have them.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::stream {

/// A whole file. Throws sluice::Error (kind input), naming it, if it is missing, no regular file,
/// unreadable or larger than `most_bytes`.
[[nodiscard]] std::string read_text_file(const std::filesystem::path& path, std::size_t most_bytes);

/// What lies between white space.
[[nodiscard]] std::vector<std::string_view> split_words(std::string_view text);

/// "1.5", "+7.0352107e-001", "nan", "-inf"; "-1.#IND" and its like, which old Windows programs
/// write, are NaN. Nothing for what is no number.
[[nodiscard]] std::optional<double> parse_number(std::string_view word);

}  // namespace sluice::stream
