#include "apps/loop/loop_config_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "apps/loop/listen_address.h"
#include "kernels/error.h"
#include "stream/grid.h"
#include "stream/io/endpoint.h"
#include "stream/json.h"

namespace sluice::apps {
namespace {

/// Runs a check that knows nothing of files, and says where its error comes from.
template <typename Check>
void checked_at(const std::string& place, Check check) {
  try {
    check();
  } catch (const Error& error) {
    throw input_error(place, error.what());
  }
}

bool has_fixed_budget(const policy::BudgetOptions& budget) {
  return budget.controller == "fixed";
}

void check_budget(const LoopConfig& config, const ConfigTable& table) {
  const policy::BudgetOptions& budget = config.engine.budget;
  if (!has_fixed_budget(budget) && budget.least > budget.tokens)
    throw input_error(table.place_of_first({"budget.least", "budget.tokens"}),
                      fmt::format("{} tokens", budget.least),
                      fmt::format("at most budget.tokens, {}", budget.tokens));
  if (budget.controller != "deadline") return;
  if (!(config.deadline_ms > 0))
    throw input_error(table.place("budget.controller"), "\"deadline\" without a deadline",
                      "a deadline_ms above 0");
  if (budget.first && (*budget.first < budget.least || *budget.first > budget.tokens))
    throw input_error(
        table.place("budget.first"), fmt::format("{} tokens", *budget.first),
        fmt::format("budget.least, {}, to budget.tokens, {}", budget.least, budget.tokens));
  const policy::LatencyModelOptions& latency = budget.latency;
  if (latency.least > latency.window)
    throw input_error(table.place_of_first({"budget.latency.least", "budget.latency.window"}),
                      fmt::format("{} answers", latency.least),
                      fmt::format("at most budget.latency.window, {}", latency.window));
  if (latency.outlier_memory < latency.window)
    throw input_error(
        table.place_of_first({"budget.latency.outlier_memory", "budget.latency.window"}),
        fmt::format("{} answers", latency.outlier_memory),
        fmt::format("at least budget.latency.window, {}", latency.window));
}

void check_endpoint(const std::string& endpoint, const std::string& place, bool allow_remote) {
  stream::Endpoint parsed;
  checked_at(place, [&] { parsed = stream::parse_endpoint(endpoint); });
  if (parsed.transport == stream::Transport::inproc)
    throw input_error(place, endpoint + ", which no other process can reach",
                      "tcp://HOST:PORT or ipc://PATH");
  if (!allow_remote && !stream::is_local(parsed))
    throw input_error(place, endpoint + " would listen to other machines",
                      "a loopback address, or link.allow_remote = true, best with link.curve");
}

void check_link(const LoopConfig& config, const ConfigTable& table) {
  const stream::ControlLinkOptions& link = config.link;
  check_endpoint(link.packets, table.place("link.packets"), link.allow_remote);
  check_endpoint(link.feedback, table.place("link.feedback"), link.allow_remote);
  const std::string& port = stream::parse_endpoint(link.packets).port;
  if (link.packets == link.feedback && port != "0" && port != "*")
    throw input_error(table.place_of_first({"link.feedback", "link.packets"}),
                      link.feedback + " for packets and feedback", "two addresses");
  if (link.heartbeat_timeout <= link.heartbeat)
    throw input_error(table.place_of_first({"link.heartbeat_timeout_ms", "link.heartbeat_ms"}),
                      fmt::format("{} ms", link.heartbeat_timeout.count()),
                      fmt::format("more than link.heartbeat_ms, {}", link.heartbeat.count()));
  if (config.curve_files.secret_key.empty() && !config.curve_files.clients.empty())
    throw input_error(table.place("link.curve.clients"), "clients' keys without a key of its own",
                      "link.curve.secret_key");
}

/// One source of the engine, and where it is configured.
struct SourceEntry {
  const policy::TickSourceOptions* source;
  const ConfigTable* table;
  std::string id;
  std::optional<std::int64_t> offered;  ///< at most
};

std::vector<SourceEntry> sources_of(const LoopConfig& config, const LoopTables& tables) {
  std::vector<SourceEntry> sources;
  for (std::size_t i = 0; i < config.inputs.size(); ++i) {
    const LoopInputConfig& input = config.inputs[i];
    const InputTables& at = tables.inputs[i];
    const std::string& id = input.source.id;
    sources.push_back({&input.source, &at.input, id, std::nullopt});
    if (input.memory)
      sources.push_back(
          {&input.memory->source, &at.memory, id + ".memory", input.memory->memory.tokens});
    if (input.voxels)
      sources.push_back(
          {&input.voxels->source, &at.voxels, id + ".voxels", input.voxels->spatial.budget});
  }
  return sources;
}

void check_limits(const SourceEntry& entry, policy::FixedShape fixed_shape) {
  const policy::TickSourceOptions& source = *entry.source;
  const auto at_most = [&](std::optional<std::int64_t> limit, const char* what) {
    if (limit && source.floor > *limit)
      throw input_error(entry.table->place_of_first({"floor", what}),
                        fmt::format("a floor of {} tokens", source.floor),
                        fmt::format("at most {}, {}", what, *limit));
  };
  at_most(source.cap, "cap");
  at_most(entry.offered, "tokens");
  if (fixed_shape != policy::FixedShape::off) at_most(source.shape, "shape");
}

void check_sources(const LoopConfig& config, const LoopTables& tables) {
  std::map<std::string, std::int64_t> lines;
  const policy::BudgetOptions& budget = config.engine.budget;
  const std::int64_t least = has_fixed_budget(budget) ? budget.tokens : budget.least;
  std::int64_t floors = 0;
  for (const SourceEntry& entry : sources_of(config, tables)) {
    const auto [first, is_new] = lines.try_emplace(entry.id, entry.table->line);
    if (!is_new)
      throw input_error(
          entry.table->place("id"),
          fmt::format("\"{}\" is the name of another source, in line {}", entry.id, first->second),
          "a name for every [[input]]");
    check_limits(entry, config.engine.fixed_shape);
    floors += std::min(entry.source->floor, entry.source->cap.value_or(entry.source->floor));
    if (floors > least)
      throw input_error(
          entry.table->place("floor"),
          fmt::format("the floors up to here add up to {} tokens", floors),
          fmt::format("at most {}, {}", has_fixed_budget(budget) ? "budget.tokens" : "budget.least",
                      least));
  }
}

void check_grid(const LoopInputConfig& input, const ConfigTable& table) {
  constexpr std::int64_t most = 65'536;  // tokens of a source
  if (!input.input.grid) return;
  const std::string place = table.place("grid");
  const stream::Grid grid = stream::parse_grid(*input.input.grid, place);
  const std::int64_t tokens = std::int64_t{grid.rows} * grid.cols;
  if (tokens > most)
    throw input_error(place, fmt::format("{} tokens per frame", tokens),
                      fmt::format("at most {}", most));
}

void check_input(const LoopInputConfig& input, const InputTables& tables) {
  checked_at(tables.input.place("id"),
             [&] { stream::check_source_id(input.source.id, "[[input]]"); });
  if (input.input.input.empty())
    throw input_error(tables.input.place("source"), "is empty", "a file, folder, URL or endpoint");
  check_grid(input, tables.input);
  if (kind_of(input.input.input) == InputKind::spatial)
    for (const char* key : {"fps", "image_rate"})
      if (tables.input.lines.contains(key))
        throw input_error(tables.input.place(key), "given for a 3-D recording",
                          "a video, pictures or features");
  if (!input.voxels) return;
  const SpatialOptions& voxels = input.voxels->spatial;
  const double shares = voxels.coverage + voxels.refresh + voxels.unseen;
  if (shares > 1)
    throw input_error(tables.voxels.place_of_first({"coverage", "refresh", "unseen"}),
                      fmt::format("coverage, refresh and unseen add up to {}", shares),
                      "at most 1");
}

}  // namespace

void check_loop_config(const LoopConfig& config, const LoopTables& tables) {
  if (config.engine.stream.empty())
    throw input_error(tables.root.place("stream"), "is empty", "a name");
  if (config.inputs.empty())
    throw input_error(tables.root.place("input"), "is missing", "at least one [[input]]");
  for (std::size_t i = 0; i < config.inputs.size(); ++i)
    check_input(config.inputs[i], tables.inputs[i]);
  check_budget(config, tables.root);
  check_sources(config, tables);
  check_link(config, tables.root);
  if (!config.metrics.empty())
    checked_at(tables.root.place("metrics.listen"),
               [&] { (void)parse_listen_address(config.metrics); });
}

}  // namespace sluice::apps
