// What a token memory of fixed size guarantees (docs/token_memory.md), however long the video.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <utility>

#include "temporal/token_memory.h"
#include "tests/support/memory_segments.h"
#include "tests/support/ward_oracle.h"

namespace sluice {
namespace {

using kernels::DType;
using temporal::MemoryChapter;
using temporal::TokenMemory;
using temporal::TokenMemoryOptions;
using test::MemorySegment;

/// A stream and the memory it goes to.
struct Case {
  TokenMemoryOptions memory;
  test::MemoryStreamOptions stream;
  std::vector<MemorySegment> segments;
};

Case random_case(test::Random& random) {
  Case made;
  made.memory.budget = random.integer(1, random.chance(0.5) ? 30 : 200);
  made.memory.recent = random.chance(0.1) ? 1.0 : random.chance(0.1) ? 0.0 : random.uniform();
  made.stream.width = random.integer(1, 6);
  made.stream.dtype = random.chance(0.6)   ? DType::f32
                      : random.chance(0.5) ? DType::f16
                                           : DType::bf16;
  made.stream.broken = random.chance(0.3) ? random.uniform() * 0.4 : 0.0;
  made.stream.twin = random.chance(0.3) ? 0.3 : 0.0;
  test::MemoryStream stream(random, made.stream);
  const std::int64_t count = random.integer(1, 30);
  const std::int64_t most = random.integer(1, 30);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t tokens = random.chance(0.15)   ? 0
                                : random.chance(0.03) ? made.memory.budget + random.integer(0, 99)
                                                      : random.integer(1, most);
    made.segments.push_back(stream.next(random.integer(1, 8), tokens));
  }
  return made;
}

const std::byte* bytes_of(const stream::TokenBatch& batch, std::int64_t row) {
  return batch.features.view().row(row);
}

/// Rows first … of `held` are those of `came`, in every column.
void expect_rows(const stream::TokenBatch& held, std::int64_t first,
                 const stream::TokenBatch& came) {
  if (came.size() == 0) return;
  ASSERT_EQ(0, std::memcmp(bytes_of(held, first), bytes_of(came, 0), came.features.byte_size()));
  const auto expect_column = [&](const auto& has, const auto& had) {
    ASSERT_TRUE(std::equal(had.begin(), had.end(), has.begin() + first));
  };
  expect_column(held.key, came.key);
  expect_column(held.frame, came.frame);
  expect_column(held.frame_last, came.frame_last);
  expect_column(held.pts, came.pts);
  expect_column(held.pts_last, came.pts_last);
  expect_column(held.position, came.position);
  expect_column(held.weight, came.weight);
  expect_column(held.score, came.score);
  expect_column(held.kind, came.kind);
  expect_column(held.reason, came.reason);
}

void expect_tiled(const TokenMemory& memory, std::span<const MemorySegment> added) {
  std::int64_t next = 0, arrived = 0, segments = 0;
  for (const MemoryChapter& chapter : memory.chapters()) {
    ASSERT_EQ(chapter.first_frame, next);
    ASSERT_GE(chapter.last_frame, chapter.first_frame);
    ASSERT_EQ(chapter.first_pts, 0.5 * static_cast<double>(chapter.first_frame));
    ASSERT_EQ(chapter.last_pts, 0.5 * static_cast<double>(chapter.last_frame));
    next = chapter.last_frame + 1;
    // Its counts are those of the segments that lie within it.
    std::int64_t came = 0, count = 0;
    for (const MemorySegment& segment : added)
      if (segment.first_frame >= chapter.first_frame && segment.first_frame <= chapter.last_frame)
        came += segment.tokens.size(), ++count;
    ASSERT_EQ(chapter.arrived, came);
    ASSERT_EQ(chapter.segments, count);
    ASSERT_EQ(chapter.tokens > 0, came > 0) << "every chapter with tokens is represented";
    arrived += came;
    segments += count;
  }
  ASSERT_EQ(next, added.back().first_frame + std::ssize(added.back().pts));
  ASSERT_EQ(arrived, memory.arrived());
  ASSERT_EQ(segments, std::ssize(added));
}

void expect_recent_as_it_came(TokenMemory& memory, std::span<const MemorySegment> added) {
  const stream::TokenBatch& tokens = memory.tokens();
  std::int64_t row = tokens.size(), came = 0;
  const auto chapters = memory.chapters();
  bool is_recent = true;
  for (std::size_t c = chapters.size(); c-- > 0;) {
    const MemoryChapter& chapter = chapters[c];
    row -= chapter.tokens;
    ASSERT_LE(chapter.recent, is_recent) << "the recent ones are the newest";
    is_recent = chapter.recent;
    if (!is_recent) continue;
    came += chapter.arrived;
    std::int64_t next = row;
    for (const MemorySegment& segment : added)
      if (segment.first_frame >= chapter.first_frame && segment.first_frame <= chapter.last_frame) {
        ASSERT_NO_FATAL_FAILURE(expect_rows(tokens, next, segment.tokens));
        next += segment.tokens.size();
      }
    ASSERT_EQ(next, row + chapter.tokens);
  }
  ASSERT_EQ(row, 0);
  ASSERT_LE(came, memory.budget());
}

void expect_within_chapters(TokenMemory& memory) {
  const stream::TokenBatch& tokens = memory.tokens();
  std::size_t row = 0;
  for (const MemoryChapter& chapter : memory.chapters())
    for (const std::size_t end = row + static_cast<std::size_t>(chapter.tokens); row < end; ++row) {
      ASSERT_GE(tokens.frame[row], chapter.first_frame);
      ASSERT_LE(tokens.frame[row], tokens.frame_last[row]);
      ASSERT_LE(tokens.frame_last[row], chapter.last_frame);
      ASSERT_EQ(tokens.pts[row], 0.5 * tokens.frame[row]);
      ASSERT_EQ(tokens.pts_last[row], 0.5 * tokens.frame_last[row]);
    }
}

TEST(TokenMemoryPromise, BudgetTimeDetailAndWeightHoldAfterEverySegment) {
  test::Random random(701);
  kernels::Resources resources(2);
  std::int64_t compactions = 0, recent = 0;
  for (std::int64_t round = 0; round < test::cases(40000); ++round) {
    SCOPED_TRACE(round);
    const Case made = random_case(random);
    TokenMemory memory(resources, made.memory);
    std::int64_t weight = 0;
    for (std::size_t s = 0; s < made.segments.size(); ++s) {
      const MemorySegment& segment = made.segments[s];
      segment.add_to(memory);
      const stream::TokenBatch& tokens = memory.tokens();
      ASSERT_NO_THROW(stream::validate(tokens, "test"));
      ASSERT_LE(tokens.size(), made.memory.budget);
      ASSERT_LE(std::ssize(memory.chapters()), std::max<std::int64_t>(1, tokens.size()));
      weight = std::accumulate(segment.tokens.weight.begin(), segment.tokens.weight.end(), weight);
      ASSERT_EQ(std::accumulate(tokens.weight.begin(), tokens.weight.end(), std::int64_t{0}),
                weight);
      const auto added = std::span(made.segments).first(s + 1);
      ASSERT_NO_FATAL_FAILURE(expect_tiled(memory, added));
      ASSERT_NO_FATAL_FAILURE(expect_recent_as_it_came(memory, added));
      ASSERT_NO_FATAL_FAILURE(expect_within_chapters(memory));
      recent += memory.chapters().back().recent;
    }
    compactions += memory.counts().compactions;
  }
  EXPECT_GT(compactions, 0);
  EXPECT_GT(recent, 0);
}

/// Everything a memory shows, one byte behind the other.
std::vector<std::byte> bytes_of(TokenMemory& memory) {
  std::vector<std::byte> bytes;
  const auto append = [&](const void* data, std::size_t size) {
    const auto* first = static_cast<const std::byte*>(data);
    bytes.insert(bytes.end(), first, first + size);
  };
  const stream::TokenBatch& tokens = memory.tokens();
  append(tokens.features.data(), tokens.features.byte_size());
  stream::for_each_column(tokens, [&](const char*, const auto& values, int) {
    append(values.data(), values.size() * sizeof(values[0]));
  });
  for (const MemoryChapter& chapter : memory.chapters()) {
    append(&chapter.first_frame, sizeof chapter.first_frame);
    append(&chapter.tokens, sizeof chapter.tokens);
  }
  return bytes;
}

TEST(TokenMemoryPromise, TheSameBytesOnReplayForAnyThreadsAndInstructionSet) {
  test::Random random(702);
  for (std::int64_t round = 0; round < test::cases(1000); ++round) {
    Case made = random_case(random);
    if (round % 10 == 0) {  // chapters that are merged in pieces
      test::MemoryStream stream(random, made.stream = {.width = 40, .twin = 0.1});
      made.segments.clear();
      for (const std::int64_t tokens : {1300, 700, 30})
        made.segments.push_back(stream.next(6, tokens));
    }
    std::vector<std::vector<std::byte>> reference;
    const auto expect_same = [&](int threads, kernels::InstructionSet set) {
      kernels::Resources resources(threads, set);
      TokenMemory memory(resources, made.memory);
      for (std::size_t s = 0; s < made.segments.size(); ++s) {
        made.segments[s].add_to(memory);
        if (reference.size() == s) reference.push_back(bytes_of(memory));
        ASSERT_EQ(bytes_of(memory), reference[s])
            << threads << " threads, " << name(set) << ", round " << round << ", segment " << s;
      }
    };
    for (const int threads : {1, 2, 4, 1})
      ASSERT_NO_FATAL_FAILURE(expect_same(threads, kernels::default_instruction_set()));
    for (const auto set : kernels::available_instruction_sets())
      ASSERT_NO_FATAL_FAILURE(expect_same(2, set));
  }
}

TEST(TokenMemoryPromise, AQuestionInBetweenChangesNothing) {
  test::Random random(703);
  kernels::Resources resources(1);
  for (std::int64_t round = 0; round < test::cases(400); ++round) {
    const Case made = random_case(random);
    TokenMemory asked(resources, made.memory), left_alone(resources, made.memory);
    for (const MemorySegment& segment : made.segments) {
      segment.add_to(asked);
      segment.add_to(left_alone);
      (void)asked.tokens();
    }
    ASSERT_EQ(bytes_of(asked), bytes_of(left_alone)) << "round " << round;
  }
}

/// What a chapter must become, from the tokens that it was made of.
class ChapterOracle {
 public:
  ChapterOracle(std::span<const stream::TokenBatch* const> parts,
                const std::map<std::int64_t, std::int64_t>& weight_of_key)
      : weight_of_key_(weight_of_key) {
    for (const stream::TokenBatch* part : parts)
      for (std::int64_t i = 0; i < part->size(); ++i) take(*part, i);
  }

  /// Tokens with NaN or infinity go with the finite one before, or else behind.
  void absorb() {
    std::vector<Token> finite, waiting;
    for (Token& token : tokens_) {
      if (is_finite(token))
        finite.push_back(std::move(token));
      else if (finite.empty())
        waiting.push_back(std::move(token));
      else
        account(finite.back(), token);
    }
    if (finite.empty()) {
      finite.push_back(waiting.front());
      waiting.erase(waiting.begin());
    }
    for (const Token& token : waiting) account(finite.front(), token);
    tokens_ = std::move(finite);
  }

  void merge(std::size_t count) {
    std::vector<double> rows;
    std::vector<std::int64_t> weights;
    for (const Token& token : tokens_) {
      rows.insert(rows.end(), token.features.begin(), token.features.end());
      weights.push_back(token.weight);
    }
    std::vector<Token> merged;
    for (const auto& cluster :
         test::ward_oracle<double>(rows, tokens_.front().features.size(), weights, count)) {
      Token token = tokens_[cluster.members.front()];
      for (std::size_t i = 1; i < cluster.members.size(); ++i) {
        const Token& member = tokens_[cluster.members[i]];
        account(token, member);
        // Keys number the tokens: of two that weigh the same, the lower one arrived earlier.
        const std::int64_t one = weight_of_key_.at(token.key),
                           other = weight_of_key_.at(member.key);
        if (other > one || (other == one && member.key < token.key)) {
          token.key = member.key;
          token.position = member.position;
        }
      }
      token.features = cluster.mean;
      merged.push_back(token);
    }
    std::stable_sort(merged.begin(), merged.end(), [](const Token& a, const Token& b) {
      return std::pair(a.frame, a.position) < std::pair(b.frame, b.position);
    });
    tokens_ = std::move(merged);
  }

  void expect(const stream::TokenBatch& batch, std::int64_t first, std::int64_t count) const {
    ASSERT_EQ(std::ssize(tokens_), count);
    for (std::int64_t i = 0; i < count; ++i) {
      const Token& token = tokens_[static_cast<std::size_t>(i)];
      const auto row = static_cast<std::size_t>(first + i);
      ASSERT_EQ(batch.key[row], token.key);
      ASSERT_EQ(batch.weight[row], token.weight);
      ASSERT_EQ(batch.frame[row], token.frame);
      ASSERT_EQ(batch.frame_last[row], token.frame_last);
      ASSERT_EQ(batch.position[row], token.position);
      ASSERT_EQ(batch.score[row], token.score);
      const auto width = static_cast<std::int64_t>(token.features.size());
      const float* features = batch.features.as<float>().data() + (first + i) * width;
      for (std::int64_t d = 0; d < width; ++d)
        if (is_finite(token))
          ASSERT_NEAR(features[d], token.features[static_cast<std::size_t>(d)], 1e-5);
        else
          ASSERT_EQ(std::isnan(features[d]),
                    std::isnan(token.features[static_cast<std::size_t>(d)]));
    }
  }

  [[nodiscard]] std::size_t size() const { return tokens_.size(); }

 private:
  struct Token {
    std::vector<double> features;
    std::int64_t key, weight;
    std::int32_t frame, frame_last, position;
    float score;
  };

  static bool is_finite(const Token& token) {
    return std::all_of(token.features.begin(), token.features.end(),
                       [](double value) { return std::isfinite(value); });
  }

  static void account(Token& token, const Token& other) {
    token.weight += other.weight;
    token.frame = std::min(token.frame, other.frame);
    token.frame_last = std::max(token.frame_last, other.frame_last);
    token.score = std::max(token.score, other.score);
  }

  void take(const stream::TokenBatch& batch, std::int64_t row) {
    const auto i = static_cast<std::size_t>(row);
    const std::int64_t width = batch.features.size(1);
    const float* features = batch.features.as<float>().data() + row * width;
    tokens_.push_back({{features, features + width},
                       batch.key[i],
                       batch.weight[i],
                       batch.frame[i],
                       batch.frame_last[i],
                       batch.position[i],
                       batch.score[i]});
  }

  const std::map<std::int64_t, std::int64_t>& weight_of_key_;
  std::vector<Token> tokens_;
};

/// Rows first … first + count.
stream::TokenBatch part_of(const stream::TokenBatch& batch, std::int64_t first,
                           std::int64_t count) {
  stream::TokenBatch part;
  copy_tokens(batch, part);
  const std::int64_t width = batch.features.size(1);
  part.features.copy_from({bytes_of(batch, first), DType::f32, kernels::Shape{count, width}});
  const auto cut = [&](auto& column) { column.erase(column.begin(), column.begin() + first); };
  cut(part.key), cut(part.weight), cut(part.frame), cut(part.frame_last), cut(part.position);
  cut(part.score);
  return part;
}

TEST(TokenMemoryPromise, MergingIsWardsStepByStep) {
  test::Random random(704);
  kernels::Resources resources(2);
  std::int64_t merged = 0;
  for (std::int64_t round = 0; round < test::cases(4000); ++round) {
    SCOPED_TRACE(round);
    Case made = random_case(random);
    test::MemoryStream stream(
        random, {.width = made.stream.width, .broken = made.stream.broken});  // no twins: no ties
    TokenMemory memory(resources, made.memory);
    std::map<std::int64_t, std::int64_t> weight_of_key;
    for (const MemorySegment& like : made.segments) {
      const MemorySegment segment = stream.next(std::ssize(like.pts), like.tokens.size());
      for (std::size_t i = 0; i < segment.tokens.key.size(); ++i)
        weight_of_key[segment.tokens.key[i]] = segment.tokens.weight[i];
      stream::TokenBatch before;
      copy_tokens(memory.tokens(), before);
      const std::vector<MemoryChapter> chapters(memory.chapters().begin(), memory.chapters().end());
      segment.add_to(memory);
      const stream::TokenBatch& after = memory.tokens();
      std::int64_t first = 0;
      for (const MemoryChapter& chapter : memory.chapters()) {
        std::vector<stream::TokenBatch> parts;
        std::int64_t row = 0;
        for (const MemoryChapter& old : chapters) {
          if (old.tokens > 0 && old.first_frame >= chapter.first_frame &&
              old.last_frame <= chapter.last_frame)
            parts.push_back(part_of(before, row, old.tokens));
          row += old.tokens;
        }
        std::vector<const stream::TokenBatch*> all;
        for (const stream::TokenBatch& part : parts) all.push_back(&part);
        if (segment.tokens.size() > 0 && segment.first_frame >= chapter.first_frame &&
            segment.first_frame <= chapter.last_frame)
          all.push_back(&segment.tokens);
        ChapterOracle oracle(all, weight_of_key);
        const auto count = static_cast<std::size_t>(chapter.tokens);
        if (count < oracle.size()) {
          oracle.absorb();
          oracle.merge(count);
          ++merged;
        }
        ASSERT_NO_FATAL_FAILURE(oracle.expect(after, first, chapter.tokens));
        first += chapter.tokens;
      }
    }
  }
  EXPECT_GT(merged, 0);
}

TEST(TokenMemoryPromise, OlderChaptersShareByTheirFrames) {
  // Segments of all lengths but equal in tokens per frame; in the end a token of each older chapter
  // stands for about as many frames as one of any other.
  test::Random random(705);
  kernels::Resources resources(2);
  test::MemoryStream stream(random, {});
  TokenMemory memory(resources, {.budget = 800, .recent = 0.25});
  for (int s = 0; s < 600; ++s) {
    const std::int64_t frames = random.integer(1, 12);
    stream.next(frames, 2 * frames).add_to(memory);
  }
  std::vector<double> frames_per_token;
  for (const MemoryChapter& chapter : memory.chapters())
    if (chapter.tokens < chapter.arrived)
      frames_per_token.push_back(static_cast<double>(chapter.frames()) /
                                 static_cast<double>(chapter.tokens));
  // The newest of them was next to the recent part, and has what that left over.
  frames_per_token.pop_back();
  ASSERT_GT(frames_per_token.size(), 20u);
  const auto [least, most] = std::minmax_element(frames_per_token.begin(), frames_per_token.end());
  EXPECT_LT(*most / *least, 1.5) << *least << " to " << *most << " frames per token";
}

TEST(TokenMemoryPromise, NothingGrowsWithTheVideo) {
  test::Random random(706);
  kernels::Resources resources(2);
  test::MemoryStream stream(random, {});
  TokenMemory memory(resources, {.budget = 256, .recent = 0.25});
  std::size_t chapters = 0;
  const int segments = static_cast<int>(test::cases(100000, 10));
  for (int s = 0; s < segments; ++s) {
    stream.next(random.integer(1, 20), random.integer(0, 12)).add_to(memory);
    chapters = std::max(chapters, memory.chapters().size());
  }
  EXPECT_LE(memory.tokens().size(), 256);
  EXPECT_GT(memory.frames(), 10 * segments / 2);
  // Of eight tokens each the older ones, and what may be recent.
  EXPECT_LE(chapters, 240u / 8 + 64);
}

}  // namespace
}  // namespace sluice
