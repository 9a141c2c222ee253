#include "policy/attention_history.h"

#include <algorithm>
#include <cmath>

#include "kernels/error.h"
#include "kernels/touched_memory.h"

namespace sluice::policy {
namespace {

constexpr const char* where = "attention history";
constexpr std::int64_t most_ticks = 65'536;  // memory is reserved for them

void check(const AttentionHistoryOptions& options) {
  if (options.window < 1 || options.window > most_ticks)
    throw input_error(where, concat("window ", options.window), concat("1 to ", most_ticks));
  if (!(options.decay > 0 && options.decay <= 1))
    throw input_error(where, concat("decay ", options.decay), "0 < decay ≤ 1");
  if (!(options.absent_decay >= 0 && options.absent_decay <= 1))
    throw input_error(where, concat("absent_decay ", options.absent_decay), "0 to 1");
  if (options.forget_after < 1 || options.forget_after > most_ticks)
    throw input_error(where, concat("forget_after ", options.forget_after),
                      concat("1 to ", most_ticks));
}

void check(std::span<const std::int64_t> keys, std::span<const float> attention) {
  if (keys.size() != attention.size())
    throw input_error(where, concat(attention.size(), " attention values"),
                      concat(keys.size(), ", one per key"));
  for (const float value : attention)
    if (!(value >= 0 && std::isfinite(value)))
      throw input_error(where, concat("attention ", value), "finite and not negative");
}

}  // namespace

AttentionHistory::AttentionHistory(const AttentionHistoryOptions& options) : options_(options) {
  check(options);
  window_.resize(static_cast<std::size_t>(options.window) + 1);
}

void AttentionHistory::reserve(std::int64_t n) {
  const auto keys = static_cast<std::size_t>(std::max<std::int64_t>(n, 0));
  for (auto& tick : window_) kernels::reserve_touched(tick.sent, keys);
  // Every tick brings at most n new keys; they are carried for forget_after ticks.
  const std::size_t carried = keys * static_cast<std::size_t>(options_.forget_after);
  const std::size_t known = carried + keys * window_.size();
  for (auto* list : {&carried_, &known_, &scratch_})  // all three change places
    kernels::reserve_touched(*list, known);
}

bool AttentionHistory::push(std::int64_t tick, std::span<const std::int64_t> keys,
                            std::span<const float> attention) {
  check(keys, attention);
  const auto begin = window_.begin();
  const auto end = begin + ticks_in_window_;
  const auto place = std::lower_bound(begin, end, tick, [](const Tick& other, std::int64_t number) {
    return other.number < number;
  });
  if (place != end && place->number == tick) return false;
  if (place == begin && ticks_in_window_ == options_.window) return false;

  std::vector<Attention>& sent = end->sent;
  end->number = tick;
  sent.clear();
  for (std::size_t i = 0; i < keys.size(); ++i)
    sent.push_back({keys[i], static_cast<double>(attention[i])});
  std::sort(sent.begin(), sent.end(), [](const Attention& a, const Attention& b) {
    return a.key < b.key || (a.key == b.key && a.value > b.value);
  });
  const auto same_key = [](const Attention& a, const Attention& b) { return a.key == b.key; };
  sent.erase(std::unique(sent.begin(), sent.end(), same_key), sent.end());
  std::rotate(place, end, end + 1);
  if (ticks_in_window_ == options_.window)
    drop_oldest();
  else
    ++ticks_in_window_;
  update_scores();
  return true;
}

bool AttentionHistory::scores(std::span<const std::int64_t> keys, std::span<float> scores) const {
  if (keys.size() != scores.size())
    throw input_error(where, concat(scores.size(), " scores"),
                      concat(keys.size(), ", one per key"));
  bool any = false;
  auto from = known_.begin();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    // Of ascending keys, each is usually the next one that is known.
    if (i > 0 && keys[i] < keys[i - 1]) from = known_.begin();
    if (from != known_.end() && from->key < keys[i]) ++from;
    if (from != known_.end() && from->key < keys[i])
      from = std::lower_bound(from, known_.end(), keys[i],
                              [](const Known& known, std::int64_t key) { return known.key < key; });
    const bool is_known = from != known_.end() && from->key == keys[i];
    scores[i] = is_known ? static_cast<float>(from->score) : 0.0F;
    any = any || scores[i] > 0;
  }
  return any;
}

void AttentionHistory::clear() noexcept {
  ticks_in_window_ = 0;
  mean_of_sent_ = 0;
  carried_.clear();
  known_.clear();
}

double AttentionHistory::mean_of(const std::vector<Attention>& sent) noexcept {
  double sum = 0;
  for (const Attention& token : sent) sum += token.value;
  return sum / static_cast<double>(sent.size());
}

/// Of the tick that is the age-th newest, 1 = newest; not normalised.
double AttentionHistory::weight(std::int64_t age) const noexcept {
  const std::int64_t power = options_.reversed ? ticks_in_window_ + 1 - age : age;
  double weight = 1;
  for (std::int64_t i = 0; i < power; ++i) weight *= options_.decay;
  return weight;
}

/// What is known after `tick`, from what was known before it: both ascend by key.
void AttentionHistory::follow(const std::vector<Known>& before, const Tick& tick, double weight,
                              std::vector<Known>& after) const {
  after.clear();
  const auto remember = [&](std::int64_t key, double value, double score, std::int64_t absent) {
    after.push_back({key, value, score + weight * value, absent});
  };
  auto old = before.begin();
  const auto carry_until = [&](auto&& is_reached) {
    for (; old != before.end() && !is_reached(old->key); ++old)
      remember(old->key, old->value * options_.absent_decay, old->score, old->absent_ticks + 1);
  };
  for (const Attention& sent : tick.sent) {
    carry_until([&](std::int64_t key) { return key >= sent.key; });
    const bool is_known = old != before.end() && old->key == sent.key;
    remember(sent.key, sent.value, is_known ? old->score : 0.0, 0);
    if (is_known) ++old;
  }
  carry_until([](std::int64_t) { return false; });
}

/// Moves the oldest of window + 1 ticks into what is carried.
void AttentionHistory::drop_oldest() {
  follow(carried_, window_.front(), 0.0, scratch_);
  std::erase_if(scratch_, [this](const Known& known) {
    return known.value * options_.absent_decay == 0 || known.absent_ticks >= options_.forget_after;
  });
  carried_.swap(scratch_);
  std::rotate(window_.begin(), window_.begin() + 1, window_.end());
}

void AttentionHistory::update_scores() {
  known_ = carried_;
  double sum = 0, sum_of_sent = 0, weighted_means = 0;
  for (std::int64_t i = 0; i < ticks_in_window_; ++i) {
    const double of_tick = weight(ticks_in_window_ - i);
    const Tick& tick = window_[static_cast<std::size_t>(i)];
    follow(known_, tick, of_tick, scratch_);
    known_.swap(scratch_);
    sum += of_tick;
    if (tick.sent.empty()) continue;
    sum_of_sent += of_tick;
    weighted_means += of_tick * mean_of(tick.sent);
  }
  for (Known& known : known_) known.score /= sum;
  mean_of_sent_ = sum_of_sent > 0 ? weighted_means / sum_of_sent : 0;
}

}  // namespace sluice::policy
