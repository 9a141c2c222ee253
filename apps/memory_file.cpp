#include "apps/memory_file.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/error.h"
#include "kernels/tensor.h"
#include "stream/message.h"
#include "stream/source_metadata.h"

namespace sluice::apps {
namespace {

/// In `sluice.requires`: a token file that does not say where every input token went.
constexpr std::string_view memory_feature = "memory";

/// Chapters as columns, which tensors are.
struct ChapterColumns {
  std::vector<std::int64_t> frames;                     // [c,2] first and last
  std::vector<double> pts;                              // [c,2] of those
  std::vector<std::int64_t> tokens, arrived, segments;  // [c]
  std::vector<std::uint8_t> recent;                     // [c]
};

ChapterColumns columns_of(std::span<const temporal::MemoryChapter> chapters) {
  ChapterColumns columns;
  for (const temporal::MemoryChapter& chapter : chapters) {
    columns.frames.insert(columns.frames.end(), {chapter.first_frame, chapter.last_frame});
    columns.pts.insert(columns.pts.end(), {chapter.first_pts, chapter.last_pts});
    columns.tokens.push_back(chapter.tokens);
    columns.arrived.push_back(chapter.arrived);
    columns.segments.push_back(chapter.segments);
    columns.recent.push_back(chapter.recent ? 1 : 0);
  }
  return columns;
}

/// Columns that tokens of a picture may lack. All others are in the file even if it has no token.
bool is_optional(std::string_view column) {
  return column == "position" || column == "xyz" || column == "valid" || column == "held";
}

/// [n] or, with more numbers per row, [n,k].
template <typename T>
stream::NamedTensor named(std::string name, const std::vector<T>& values, std::int64_t rows,
                          std::int64_t per_row) {
  const kernels::Shape shape = per_row == 1 ? kernels::Shape{rows} : kernels::Shape{rows, per_row};
  return {std::move(name), {values.data(), kernels::DTypeOf<T>::value, shape}};
}

void require_all_in_chapters(const std::filesystem::path& path, std::int64_t tokens,
                             const std::vector<std::int64_t>& by_chapter) {
  std::int64_t sum = 0;
  for (const std::int64_t count : by_chapter) sum += count;
  if (sum != tokens)
    throw input_error(path.string(), concat("chapters of ", sum, " tokens"), concat(tokens));
}

}  // namespace

void write_memory_file(const std::filesystem::path& path, const stream::TokenBatch& tokens,
                       std::span<const temporal::MemoryChapter> chapters,
                       stream::Metadata metadata) {
  stream::validate(tokens, path.string());
  const ChapterColumns columns = columns_of(chapters);
  require_all_in_chapters(path, tokens.size(), columns.tokens);

  std::vector<stream::NamedTensor> tensors;
  tensors.push_back({"features", tokens.features.view()});
  stream::for_each_column(tokens, [&](const char* name, const auto& values, int per_token) {
    if (!values.empty() || !is_optional(name))
      tensors.push_back(named(name, values, tokens.size(), per_token));
  });
  const auto rows = static_cast<std::int64_t>(chapters.size());
  tensors.push_back(named("chapter_frames", columns.frames, rows, 2));
  tensors.push_back(named("chapter_pts", columns.pts, rows, 2));
  tensors.push_back(named("chapter_tokens", columns.tokens, rows, 1));
  tensors.push_back(named("chapter_arrived", columns.arrived, rows, 1));
  tensors.push_back(named("chapter_segments", columns.segments, rows, 1));
  tensors.push_back(named("chapter_recent", columns.recent, rows, 1));

  stream::put_message_header(metadata, stream::message_kind::tokens);
  stream::put_required(metadata, memory_feature);
  metadata["source"] = tokens.source.id;
  stream::put_source(metadata, tokens.source, "");
  stream::write_safetensors(path, tensors, metadata);
}

}  // namespace sluice::apps
