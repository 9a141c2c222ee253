#include "apps/loop/loop_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <system_error>

#include "apps/loop/config_reader.h"
#include "apps/loop/loop_config_checks.h"
#include "apps/loop/loop_config_keys.h"
#include "apps/loop/loop_preset.h"
#include "kernels/error.h"

namespace sluice::apps {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string>& known_keys() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const LoopKey& key : loop_keys()) all.push_back(key.path);
    return all;
  }();
  return names;
}

const TomlEntry* find(const TomlTable& table, std::string_view key) {
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const auto& entry) { return entry.key == key; });
  return found == table.end() ? nullptr : &*found;
}

/// The tables of [[input]], each with its line.
std::vector<const TomlValue*> input_values(const TomlTable& document, const ConfigTable& root) {
  const TomlEntry* entry = find(document, "input");
  if (entry == nullptr) return {};
  const std::string place = fmt::format("{}:{}: input", root.file, entry->line);
  const auto* list = std::get_if<TomlArray>(&entry->value.value);
  const auto refuse = [&] {
    return input_error(place, shown(entry->value),
                       "[[input]] in double brackets: there may be several");
  };
  if (list == nullptr) throw refuse();
  std::vector<const TomlValue*> tables;
  for (const TomlValue& value : *list) {
    if (!std::holds_alternative<TomlTable>(value.value)) throw refuse();
    tables.push_back(&value);
  }
  return tables;
}

/// Reads [input.memory] or [input.voxels], if it is there.
template <typename Part>
void read_part(const TomlTable& input, const char* name, const ConfigKeys<Part>& keys,
               const Part& defaults, const ConfigTable& owner, ConfigTable& table,
               std::optional<Part>& part) {
  const TomlEntry* entry = find(input, name);
  if (entry == nullptr) return;
  table = {owner.file, owner.name + '.' + name, entry->line, {}};
  const std::string place = fmt::format("{}:{}: {}", table.file, entry->line, table.name);
  part = defaults;
  read_table(detail::as_table(entry->value, place, table.name), keys, {}, known_keys(), table,
             *part);
}

LoopInputConfig read_input(const TomlValue& value, LoopInputConfig input, const std::string& file,
                           InputTables& tables) {
  static const std::string parts[] = {"memory", "voxels"};
  const auto& entries = std::get<TomlTable>(value.value);
  tables.input = {file, "input", value.line, {}};
  read_table(entries, input_keys(), parts, known_keys(), tables.input, input);
  read_part(entries, "memory", memory_keys(), LoopMemoryConfig{}, tables.input, tables.memory,
            input.memory);
  read_part(entries, "voxels", voxel_keys(), default_voxels(), tables.input, tables.voxels,
            input.voxels);
  return input;
}

/// The root's keys over the preset that they name; returns what inputs begin with.
LoopInputConfig read_root(const TomlTable& document, std::size_t inputs, ConfigTable& table,
                          LoopConfig& config) {
  static const std::string others[] = {"input"};
  LoopConfig named;
  read_table(document, root_keys(), others, known_keys(), table, named);
  config.preset = named.preset;
  config.prune_ratio = named.prune_ratio;
  LoopInputConfig input =
      apply_preset(config, inputs, table.place_of_first({"preset", "prune_ratio"}));
  read_table(document, root_keys(), others, known_keys(), table, config);
  return input;
}

/// "v4l2:/dev/video0" and "rtsp://…", but not a folder's "a:b".
bool has_scheme(const std::string& text) {
  const std::size_t colon = text.find(':');
  return colon != std::string::npos && colon >= 2 &&
         std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '+' || c == '-' || c == '.';
         });
}

void resolve_paths(LoopConfig& config, const fs::path& folder) {
  const auto resolve = [&](fs::path& path) {
    if (!path.empty()) path = (folder / path).lexically_normal();
  };
  for (LoopInputConfig& input : config.inputs) {
    std::string& source = input.input.input;
    if (!source.empty() && !has_scheme(source))
      source = (folder / source).lexically_normal().string();
    if (input.voxels && input.voxels->spatial.features)
      input.voxels->spatial.features =
          (folder / *input.voxels->spatial.features).lexically_normal().string();
  }
  resolve(config.curve_files.secret_key);
  resolve(config.curve_files.clients);
  resolve(config.log);
}

void read_curve_files(LoopConfig& config, const ConfigTable& table) {
  if (config.curve_files.secret_key.empty()) return;
  const auto at = [&](const char* key, auto read) {
    try {
      return read();
    } catch (const Error& error) {
      throw Error(error.kind(), table.place(key), error.what());
    }
  };
  config.link.curve.emplace();
  config.link.curve->keys = at("link.curve.secret_key", [&] {
    return stream::read_curve_keys(config.curve_files.secret_key);
  });
  if (!config.curve_files.clients.empty())
    config.link.curve->clients = at(
        "link.curve.clients", [&] { return stream::read_public_keys(config.curve_files.clients); });
}

template <typename Owner>
void describe_keys(std::map<std::string, std::string>& settings, const std::string& table,
                   const ConfigKeys<Owner>& keys, const Owner& owner) {
  for (const ConfigKey<Owner>& key : keys)
    if (key.decides == Decides::yes) settings[table + key.name] = key.show(owner).value_or("none");
}

}  // namespace

std::string read_loop_config_text(const fs::path& file) {
  constexpr std::uintmax_t largest = std::uintmax_t{1} << 20;
  const std::string name = file.string();
  constexpr auto expected = "a config file, see docs/loop.md";
  std::error_code error;
  if (fs::is_directory(file, error)) throw input_error(name, "is a folder", expected);
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw input_error(name, "cannot be opened", expected);
  std::string text(largest + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) throw system_error(name, "cannot be read");
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > largest) throw input_error(name, "is larger than 1 MiB", expected);
  return text;
}

LoopConfig read_loop_config(const fs::path& file) {
  return parse_loop_config(read_loop_config_text(file), file.string(),
                           fs::absolute(file).parent_path());
}

LoopConfig parse_loop_config(std::string_view text, std::string_view where, const fs::path& folder,
                             CurveKeyFiles keys) {
  const TomlTable document = parse_toml(text, where);
  LoopTables tables;
  tables.root.file = where;
  const auto inputs = input_values(document, tables.root);
  LoopConfig config;
  const LoopInputConfig begin_with = read_root(document, inputs.size(), tables.root, config);
  for (const TomlValue* input : inputs) {
    InputTables& at = tables.inputs.emplace_back();
    config.inputs.push_back(read_input(*input, begin_with, tables.root.file, at));
  }
  resolve_paths(config, folder);
  for (LoopInputConfig& input : config.inputs) apply_preset_grid(config, input);
  check_loop_config(config, tables);
  if (keys == CurveKeyFiles::read) read_curve_files(config, tables.root);
  return config;
}

std::map<std::string, std::string> LoopConfig::describe() const {
  std::map<std::string, std::string> settings;
  describe_keys(settings, "", root_keys(), *this);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::string table = fmt::format("input[{}].", i);
    describe_keys(settings, table, input_keys(), inputs[i]);
    if (inputs[i].memory)
      describe_keys(settings, table + "memory.", memory_keys(), *inputs[i].memory);
    if (inputs[i].voxels)
      describe_keys(settings, table + "voxels.", voxel_keys(), *inputs[i].voxels);
  }
  return settings;
}

}  // namespace sluice::apps
