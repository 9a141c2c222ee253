#include "apps/report/html.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "apps/report/page_assets.h"
#include "stream/atomic_file.h"
#include "stream/io/image_writer.h"

namespace sluice::report {
namespace {

/// Length of the valid UTF-8 sequence at the start of `text`, or 0.
std::size_t sequence_length(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates and code points above U+10FFFF show in the second byte.
  const unsigned char second = byte(1);
  const bool wrong = (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
                     (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F);
  return wrong ? 0 : length;
}

bool is_control(char character) noexcept {
  const auto byte = static_cast<unsigned char>(character);
  return (byte < 0x20 && character != '\n' && character != '\t') || byte == 0x7F;
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    switch (text.front()) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default:
        if (length == 0 || is_control(text.front())) {
          out += "\uFFFD";
        } else {
          out += text.substr(0, length);
        }
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string page_heading(std::string_view kind, std::string_view input) {
  const std::filesystem::path path(input);
  const std::string name = (path.has_filename() ? path : path.parent_path()).filename().string();
  std::string out = "<span class=\"eyebrow\">Sluice · ";
  out.append(escape(kind)).append("</span>\n<h1>");
  out.append(name.empty() ? "Unnamed input" : escape(name)).append("</h1>\n");
  if (name != input) out.append("<p class=\"path\">").append(escape(input)).append("</p>\n");
  return out;
}

std::string base64(std::span<const std::uint8_t> bytes) {
  static constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < count ? bytes[i + j] : std::uint32_t{0});
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out += j <= count ? alphabet[group >> (18 - 6 * j) & 63] : '=';
    }
  }
  return out;
}

std::string jpeg_uri(const stream::Image& image, int quality) {
  return "data:image/jpeg;base64," + base64(stream::encode_jpeg(image, quality));
}

std::string png_uri(const stream::Image& image) {
  return "data:image/png;base64," + base64(stream::encode_png(image));
}

std::string page(std::string_view title, std::string_view body) {
  std::string out;
  out.append("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n")
      .append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n")
      .append("<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>")
      .append(escape(title))
      .append("</title>\n<style>\n")
      .append(page_style)
      .append("</style>\n</head>\n<body>\n")
      .append(body)
      .append("<script>\n")
      .append(page_script)
      .append("</script>\n</body>\n</html>\n");
  return out;
}

void write_text(const std::filesystem::path& path, std::string_view text) {
  stream::AtomicFile file(path);
  file.write(std::as_bytes(std::span(text.data(), text.size())));
  file.commit();
}

}  // namespace sluice::report
