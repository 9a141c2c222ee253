#include "apps/schedule_file.h"

#include <algorithm>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "kernels/error.h"
#include "spatial3d/schedule_presets.h"
#include "stream/json.h"

namespace sluice::apps {
namespace {

using Json = nlohmann::ordered_json;
using namespace spatial3d;  // NOLINT: this file is about nothing else

constexpr std::string_view format_name = "sluice gate schedule";
constexpr std::int64_t format_version = 1;
constexpr std::string_view plan_keys = "one of stages, percent, counts";
constexpr std::uintmax_t most_bytes = 64U << 20U;

// --- reading
// --------------------------------------------------------------------------------------

/// Parses `text`; a key that is there twice is an error, because which one counts is anybody's
/// guess.
Json parse_strictly(std::string_view text, std::string_view where) {
  std::vector<std::set<std::string>> keys;
  std::string repeated;
  const auto watch = [&](int /*depth*/, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second)
      repeated = value.get<std::string>();
    return true;
  };
  Json json;
  try {
    json = Json::parse(text, watch);
  } catch (const Json::parse_error& error) {
    throw input_error(where, concat("is not JSON: byte ", error.byte), "a gate schedule");
  } catch (const Json::exception& error) {
    throw input_error(where, concat("is not JSON: ", error.what()), "a gate schedule");
  }
  if (!repeated.empty())
    throw input_error(where, concat("key ", stream::in_quotes(repeated), " is there twice"),
                      "every key once");
  return json;
}

/// A JSON object and what errors call it.
struct Object {
  const Json& json;
  std::string where;

  [[nodiscard]] std::string place(std::string_view key) const {
    return concat(where, ", key ", stream::in_quotes(key));
  }
  [[nodiscard]] const Json& at(std::string_view key) const {
    const auto found = json.find(std::string(key));
    if (found == json.end()) throw input_error(place(key), "is missing", "a gate schedule has it");
    return *found;
  }
  [[nodiscard]] bool has(std::string_view key) const { return json.contains(std::string(key)); }
};

Object object_of(const Json& json, std::string where,
                 std::initializer_list<std::string_view> keys) {
  if (!json.is_object())
    throw input_error(where, concat("is ", json.type_name()), "an object in braces");
  Object object{json, std::move(where)};
  for (const auto& [key, value] : json.items())
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
      std::string known;
      for (const auto name : keys) known.append(known.empty() ? "" : ", ").append(name);
      throw input_error(object.place(key), "is unknown", known);
    }
  return object;
}

std::int64_t integer_of(const Json& json, const std::string& place) {
  const bool fits = json.is_number_integer() &&
                    (!json.is_number_unsigned() || json.get<std::uint64_t>() <= INT64_MAX);
  if (!fits) throw input_error(place, concat("is ", json.dump()), "an integer");
  return json.get<std::int64_t>();
}

double number_of(const Json& json, const std::string& place) {
  if (!json.is_number()) throw input_error(place, concat("is ", json.type_name()), "a number");
  return json.get<double>();
}

std::string text_of(const Object& object, std::string_view key) {
  const Json& json = object.at(key);
  if (!json.is_string())
    throw input_error(object.place(key), concat("is ", json.type_name()), "a string");
  return json.get<std::string>();
}

const Json& array_of(const Object& object, std::string_view key) {
  const Json& json = object.at(key);
  if (!json.is_array())
    throw input_error(object.place(key), concat("is ", json.type_name()), "an array");
  return json;
}

template <typename Number>
std::vector<Number> numbers_of(const Object& object, std::string_view key,
                               Number (*convert)(const Json&, const std::string&)) {
  std::vector<Number> numbers;
  for (const Json& json : array_of(object, key))
    numbers.push_back(convert(json, concat(object.place(key), ", item ", numbers.size())));
  return numbers;
}

StagedRatios stages_of(const Object& object) {
  StagedRatios plan;
  for (const Json& json : array_of(object, "stages")) {
    const Object stage =
        object_of(json, concat(object.place("stages"), ", stage ", plan.stages.size() + 1),
                  {"layer", "ratio"});
    plan.stages.push_back({integer_of(stage.at("layer"), stage.place("layer")),
                           number_of(stage.at("ratio"), stage.place("ratio"))});
  }
  return plan;
}

LayerPercents percents_of(const Object& object) {
  const std::string rounding = text_of(object, "rounding");
  if (rounding != "down" && rounding != "nearest")
    throw input_error(object.place("rounding"), concat("is ", stream::in_quotes(rounding)),
                      "\"down\" or \"nearest\"");
  return {numbers_of(object, "percent", &number_of),
          rounding == "down" ? CountRounding::down : CountRounding::nearest};
}

LayerCounts counts_of(const Object& object) {
  return {integer_of(object.at("spatial_tokens"), object.place("spatial_tokens")),
          numbers_of(object, "counts", &integer_of)};
}

void require_format(const Object& object) {
  const std::string format = text_of(object, "format");
  if (format != format_name)
    throw input_error(object.place("format"), concat("is ", stream::in_quotes(format)),
                      stream::in_quotes(format_name));
  const std::int64_t version = integer_of(object.at("version"), object.place("version"));
  if (version != format_version)
    throw input_error(object.place("version"), concat("is ", version), concat(format_version));
}

/// Keys that say nothing without their plan.
void require_plan_of(const Object& object, std::string_view key, std::string_view plan) {
  if (object.has(key) && !object.has(plan))
    throw input_error(object.place(key), "stands without its plan", concat("beside ", plan));
}

std::string read_text(const std::filesystem::path& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) throw input_error(path.string(), error.message(), "a gate schedule or a preset");
  if (size > most_bytes)
    throw input_error(path.string(), concat(size, " bytes"), concat("at most ", most_bytes));
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) throw input_error(path.string(), "can't be read", "a gate schedule");
  return text;
}

// --- writing
// --------------------------------------------------------------------------------------

/// An object's members on lines of their own, anything else on one line: lists stay readable.
std::string pretty(const Json& json, std::size_t depth = 0) {
  if (!json.is_object()) return json.dump();
  std::string out = "{";
  for (const auto& [key, value] : json.items())
    out += (out.size() > 1 ? ",\n" : "\n") + std::string(2 * depth + 2, ' ') + Json(key).dump() +
           ": " + pretty(value, depth + 1);
  return out + "\n" + std::string(2 * depth, ' ') + "}";
}

void put_plan(Json& json, const StagedRatios& plan) {
  json["stages"] = Json::array();
  for (const GateStage& stage : plan.stages)
    json["stages"].push_back({{"layer", stage.layer}, {"ratio", stage.ratio}});
}

void put_plan(Json& json, const LayerPercents& plan) {
  json["percent"] = plan.percent;
  json["rounding"] = plan.rounding == CountRounding::down ? "down" : "nearest";
}

void put_plan(Json& json, const LayerCounts& plan) {
  json["spatial_tokens"] = plan.spatial_tokens;
  json["counts"] = plan.counts;
}

Json calibration_json(const ScheduleDetails& details) {
  Json json;
  json["samples"] = details.samples;
  json["layout"] = {details.layout.system, details.layout.spatial, details.layout.text};
  json["intra"] = Json::array();
  json["inter"] = Json::array();
  for (const LayerFlow& flow : details.flow) {
    json["intra"].push_back(flow.intra);
    json["inter"].push_back(flow.inter);
  }
  json["memory"] = details.contribution.memory;
  json["contribution"] = details.contribution.raw;
  json["contribution_normalised"] = details.contribution.normalised;
  if (details.fit)
    json["fit"] = {{"rate", details.fit->rate},
                   {"error", details.fit->error},
                   {"explained", details.fit->explained},
                   {"at_limit", details.fit->at_limit}};
  return json;
}

}  // namespace

GateSchedule parse_schedule(std::string_view text, std::string_view where) {
  const Json json = parse_strictly(text, where);
  const Object object = object_of(json, std::string(where),
                                  {"format", "version", "name", "description", "layers", "stages",
                                   "percent", "rounding", "spatial_tokens", "counts", "details"});
  require_format(object);
  const int plans =
      int{object.has("stages")} + int{object.has("percent")} + int{object.has("counts")};
  if (plans != 1)
    throw input_error(where, plans == 0 ? "has no plan" : "has more than one plan", plan_keys);
  require_plan_of(object, "rounding", "percent");
  require_plan_of(object, "spatial_tokens", "counts");

  GateSchedule schedule{.name = text_of(object, "name"),
                        .description = text_of(object, "description"),
                        .layers = integer_of(object.at("layers"), object.place("layers")),
                        .plan = {}};
  if (object.has("stages")) schedule.plan = stages_of(object);
  if (object.has("percent")) schedule.plan = percents_of(object);
  if (object.has("counts")) schedule.plan = counts_of(object);
  validate(schedule, where);
  return schedule;
}

GateSchedule open_schedule(const std::string& preset_or_file) {
  for (const SchedulePreset& preset : schedule_presets())
    if (preset.name == preset_or_file) return preset_schedule(preset.name);
  return parse_schedule(read_text(preset_or_file), preset_or_file);
}

std::string schedule_json(const GateSchedule& schedule, const ScheduleDetails& details) {
  Json json;
  json["format"] = format_name;
  json["version"] = format_version;
  json["name"] = schedule.name;
  json["description"] = schedule.description;
  json["layers"] = schedule.layers;
  std::visit([&](const auto& plan) { put_plan(json, plan); }, schedule.plan);
  Json& out = json["details"];
  out["spatial_tokens"] = details.spatial_tokens;
  out["other_tokens"] = details.model.other_tokens;
  out["hidden_size"] = details.model.hidden_size;
  out["intermediate_size"] = details.model.intermediate_size;
  out["counts"] = details.counts;
  out["flops_left"] = details.flops_left;
  if (details.samples > 0) out["calibration"] = calibration_json(details);
  return pretty(json) + "\n";
}

}  // namespace sluice::apps
