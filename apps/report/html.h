// Building blocks of a self-contained HTML page: escaping, embedded data, the page around a body.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "stream/io/image.h"

namespace sluice::report {

/// Text for element contents and quoted attributes. Control characters and bytes that are not UTF-8
/// become U+FFFD.
[[nodiscard]] std::string escape(std::string_view text);

/// "Sluice · replay", the input's name without its folders, and below it the whole input.
[[nodiscard]] std::string page_heading(std::string_view kind, std::string_view input);

[[nodiscard]] std::string base64(std::span<const std::uint8_t> bytes);
/// "data:image/jpeg;base64,…"
[[nodiscard]] std::string jpeg_uri(const stream::Image& image, int quality);
[[nodiscard]] std::string png_uri(const stream::Image& image);

/// A whole document with style and script inside. `title` is escaped here, `body` is HTML.
[[nodiscard]] std::string page(std::string_view title, std::string_view body);

/// Writes `text` so that the file appears complete or not at all. Throws sluice::Error.
void write_text(const std::filesystem::path& path, std::string_view text);

}  // namespace sluice::report
