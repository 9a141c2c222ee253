// How a tick log lies on the disk; docs/tick_log.md describes it for everybody else. Private to
// writer and reader.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "apps/loop/tick_log.h"

namespace sluice::apps::tick_log {

/// "major.minor": readers accept any minor of a major they know, and ignore keys they don't.
inline constexpr std::string_view version = "1.0";

inline constexpr const char* header_file = "log.json";
inline constexpr const char* config_file = "loop.toml";
inline constexpr const char* ticks_file = "ticks.jsonl";
inline constexpr const char* feedback_file = "feedback.bin";
inline constexpr const char* arrivals_file = "feedback.jsonl";
/// "input-0.bin": the frames of a live input.
[[nodiscard]] std::string frames_file(std::size_t input);

/// log.json.
struct Header {
  std::string config_folder;        ///< what paths in the config are relative to; absolute
  std::vector<std::string> inputs;  ///< as the config names them, paths absolute
};
[[nodiscard]] std::string to_text(const Header& header);
/// Throws sluice::Error, naming `where`, for what is no header of a version we know.
[[nodiscard]] Header parse_header(std::string_view text, std::string_view where);

/// What queues could not take, since the log began.
struct Dropped {
  std::int64_t ticks = 0, messages = 0;
};

/// A line of ticks.jsonl, with its end of line. Every double is written so that it reads back
/// exactly.
[[nodiscard]] std::string to_line(const TickRecord& record, const Dropped& dropped);
/// The last line of a log that was closed.
[[nodiscard]] std::string end_line(const Dropped& dropped);
struct TickLine {
  bool is_end = false;
  TickRecord record;
  Dropped dropped;
};
/// Throws sluice::Error, naming `where`.
void parse_line(std::string_view text, std::string_view where, TickLine& line);

/// A line of feedback.jsonl, with its end of line.
[[nodiscard]] std::string to_line(std::int64_t number, const FeedbackArrival& arrival);
/// Throws sluice::Error, naming `where`.
[[nodiscard]] FeedbackArrival parse_arrival(std::string_view text, std::string_view where);

/// What stands before each blob in a .bin file: its length, u64 little-endian.
using Length = std::array<std::byte, 8>;
[[nodiscard]] Length to_length(std::size_t bytes) noexcept;
[[nodiscard]] std::uint64_t from_length(const Length& length) noexcept;

}  // namespace sluice::apps::tick_log
