#include "apps/loop/tick_log_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "kernels/error.h"

namespace sluice::apps {

namespace tick_log {
namespace {

using Json = nlohmann::ordered_json;
using policy::FeedbackFate;
using policy::TickStatus;

/// JSON has no infinity and no NaN; everything else its shortest form gives back exactly.
Json number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

double to_double(const Json& value) {
  if (!value.is_string()) return value.get<double>();
  const auto& text = value.get_ref<const std::string&>();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (text == "inf") return infinity;
  if (text == "-inf") return -infinity;
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  throw input_error("a number", "is the text " + text);
}

/// The value that `name_of` gives this name.
template <typename Enum>
Enum named(const Json& value, std::size_t count) {
  const auto& name = value.get_ref<const std::string&>();
  for (std::size_t i = 0; i < count; ++i)
    if (name == name_of(static_cast<Enum>(i))) return static_cast<Enum>(i);
  throw input_error("a name", name + " is unknown");
}

std::uint64_t from_hex(const std::string& text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value, 16);
  if (error != std::errc() || stopped != end || text.size() != 16)
    throw input_error("a hash", "is " + text, "16 hexadecimal digits");
  return value;
}

Json dropped_json(const Dropped& dropped) {
  return {{"ticks", dropped.ticks}, {"feedback", dropped.messages}};
}

/// Everything that JSON or its contents can be wrong about, as one kind of error.
template <typename Parse>
auto checked(std::string_view where, std::string_view expected, Parse&& parse) {
  try {
    return parse();
  } catch (const std::exception& error) {
    throw input_error(where, concat("is damaged: ", error.what()), expected);
  }
}

constexpr TickStatus last_status = TickStatus::failed;

}  // namespace

std::string frames_file(std::size_t input) {
  return fmt::format("input-{}.bin", input);
}

std::string to_text(const Header& header) {
  const Json json = {{"format", "sluice tick log"},
                     {"version", version},
                     {"config_folder", header.config_folder},
                     {"inputs", header.inputs}};
  // File names need not be UTF-8; JSON must be.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Header parse_header(std::string_view text, std::string_view where) {
  const std::string known(version.substr(0, version.find('.') + 1));
  return checked(where, "the header of a tick log of version " + known + "x", [&] {
    const Json json = Json::parse(text);
    if (json.at("format") != "sluice tick log") throw input_error("format", "is another one");
    const auto found = json.at("version").get<std::string>();
    if (found.rfind(known, 0) != 0) throw input_error("version", "is " + found);
    return Header{json.at("config_folder").get<std::string>(),
                  json.at("inputs").get<std::vector<std::string>>()};
  });
}

std::string to_line(const TickRecord& record, const Dropped& dropped) {
  Json json = {{"tick", record.tick},
               {"episode", record.episode},
               {"clock_s", number(record.clock_s)},
               {"deadline_ms", number(record.deadline_ms)},
               {"frames", record.frames},
               {"feedback", {record.feedback_first, record.feedback_count}},
               {"status", name_of(record.status)},
               {"sequence", record.sequence},
               {"budget", record.budget},
               {"available", record.available},
               {"kept", record.kept},
               {"kept_by_source", record.kept_by_source},
               {"decision", fmt::format("{:016x}", record.decision_hash)},
               {"late_ms", number(record.late_ms)},
               {"step_ms", number(record.step_ms)},
               {"encode_ms", number(record.encode_ms)}};
  if (dropped.ticks + dropped.messages > 0) json["dropped"] = dropped_json(dropped);
  return json.dump() + "\n";
}

std::string end_line(const Dropped& dropped) {
  return Json{{"end", true}, {"dropped", dropped_json(dropped)}}.dump() + "\n";
}

void parse_line(std::string_view text, std::string_view where, TickLine& line) {
  checked(where, "a line as sluice loop writes it", [&] {
    const Json json = Json::parse(text);
    line.is_end = json.contains("end");
    line.dropped = {};
    if (json.contains("dropped"))
      line.dropped = {json["dropped"].at("ticks"), json["dropped"].at("feedback")};
    if (line.is_end) return;
    TickRecord& record = line.record;
    record.tick = json.at("tick");
    record.episode = json.at("episode");
    record.clock_s = to_double(json.at("clock_s"));
    record.deadline_ms = to_double(json.at("deadline_ms"));
    record.frames = json.at("frames").get<std::vector<std::int64_t>>();
    record.feedback_first = json.at("feedback").at(0);
    record.feedback_count = json.at("feedback").at(1);
    if (record.feedback_first < 0 || record.feedback_count < 0)
      throw input_error("feedback", "has negative numbers");
    record.status = named<TickStatus>(json.at("status"), static_cast<std::size_t>(last_status) + 1);
    record.sequence = json.at("sequence");
    record.budget = json.at("budget");
    record.available = json.at("available");
    record.kept = json.at("kept");
    record.kept_by_source = json.at("kept_by_source").get<std::vector<std::int64_t>>();
    record.decision_hash = from_hex(json.at("decision").get<std::string>());
    record.late_ms = to_double(json.at("late_ms"));
    record.step_ms = to_double(json.at("step_ms"));
    record.encode_ms = to_double(json.at("encode_ms"));
  });
}

std::string to_line(std::int64_t number_in_log, const FeedbackArrival& arrival) {
  return Json{{"number", number_in_log},
              {"fate", name_of(arrival.fate)},
              {"arrival_s", number(arrival.clock_s)}}
             .dump() +
         "\n";
}

FeedbackArrival parse_arrival(std::string_view text, std::string_view where) {
  return checked(where, "a line as sluice loop writes it", [&] {
    const Json json = Json::parse(text);
    return FeedbackArrival{named<FeedbackFate>(json.at("fate"), policy::feedback_fates),
                           to_double(json.at("arrival_s"))};
  });
}

Length to_length(std::size_t bytes) noexcept {
  Length length;
  auto rest = static_cast<std::uint64_t>(bytes);
  for (std::byte& byte : length) {
    byte = static_cast<std::byte>(rest & 0xff);
    rest >>= 8;
  }
  return length;
}

std::uint64_t from_length(const Length& length) noexcept {
  std::uint64_t bytes = 0;
  for (std::size_t i = length.size(); i-- > 0;)
    bytes = (bytes << 8) | std::to_integer<std::uint64_t>(length[i]);
  return bytes;
}

}  // namespace tick_log
}  // namespace sluice::apps
