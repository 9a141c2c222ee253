#include "apps/attention_sample.h"

#include <array>
#include <charconv>

#include "kernels/error.h"
#include "stream/json.h"
#include "stream/tensor_access.h"

namespace sluice::apps {
namespace {

using kernels::TensorView;
using spatial3d::TokenLayout;

constexpr std::int64_t most_tokens = 1 << 24;

TokenLayout layout_of(const stream::SafetensorsView& file,
                      const std::optional<TokenLayout>& given) {
  if (given) return *given;
  const auto stated = file.metadata().find("layout");
  if (stated == file.metadata().end())
    throw input_error(file.where(), "does not say where its spatial tokens are",
                      "metadata \"layout\", or --layout system,spatial,text");
  return parse_layout(stated->second, file.where() + ", metadata layout");
}

/// The maps [L,n,n] or [L,heads,n,n], with n as the layout has it.
TensorView maps_of(const stream::SafetensorsView& file, std::string_view name,
                   const TokenLayout& layout) {
  const TensorView maps = file.view(name);
  const std::int64_t n = layout.total();
  if (maps.rank() == 4 && name == "attention")
    (void)stream::require_floats(file, name, {-1, -1, n, n});
  else
    (void)stream::require_floats(file, name, {-1, n, n});
  if (maps.empty() || maps.size(0) < 2)
    throw input_error(stream::tensor_place(file, name),
                      concat("has shape ", maps.shape().to_string()),
                      "at least two layers, and one of everything else");
  return maps;
}

}  // namespace

TokenLayout parse_layout(std::string_view text, std::string_view where) {
  std::array<std::int64_t, 3> counts{};
  const char* next = text.data();
  const char* const end = text.data() + text.size();
  bool good = true;
  for (std::size_t i = 0; i < counts.size() && good; ++i) {
    const auto [stop, error] = std::from_chars(next, end, counts[i]);
    const bool last = i + 1 == counts.size();
    good = error == std::errc() && counts[i] >= 0 && counts[i] <= most_tokens &&
           (last ? stop == end : stop != end && *stop == ',');
    next = stop + (good && !last ? 1 : 0);
  }
  if (!good)
    throw input_error(where, concat("is ", stream::in_quotes(text)),
                      "system,spatial,text as three token counts, like 37,1659,24");
  return {counts[0], counts[1], counts[2]};
}

AttentionSample measure_sample(
    kernels::Resources& resources, const std::filesystem::path& path,
    const std::optional<TokenLayout>& layout, const spatial3d::FlowOptions& options,
    const std::atomic<bool>& stop,
    const std::function<void(std::int64_t done, std::int64_t layers)>& measured) {
  const stream::SafetensorsFile mapped(path);
  const stream::SafetensorsView& file = mapped.contents();
  const bool averaged = !file.contains("attention") && file.contains("blocks");
  const std::string name = averaged ? "blocks" : "attention";
  const TokenLayout stated = layout_of(file, layout);
  const TensorView maps = maps_of(file, name, stated);
  const std::int64_t layers = maps.size(0);

  AttentionSample sample;
  const std::int64_t tokens_each = averaged ? options.pool : 1;
  sample.layout = {stated.system * tokens_each, stated.spatial * tokens_each,
                   stated.text * tokens_each};
  spatial3d::FlowOptions flow_options = options;
  if (averaged) flow_options.pool = 1;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    if (stop) {
      sample.complete = false;
      break;
    }
    try {
      sample.flow.push_back(layer_flow(resources, maps[layer], stated, flow_options));
    } catch (const Error& error) {
      throw input_error(concat(stream::tensor_place(file, name), ", layer ", layer), error.what());
    }
    measured(layer + 1, layers);
  }
  return sample;
}

}  // namespace sluice::apps
