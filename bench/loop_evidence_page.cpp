#include "bench/loop_evidence_page.h"

#include <cstdio>
#include <functional>
#include <ostream>

#include "apps/sample/confidence.h"

namespace sluice::bench {
namespace {

using sample::ControlResult;
using sample::Estimate;
using sample::SimulatedAttentionOptions;

/// What is reported of a result.
struct Quantity {
  const char* name;
  std::function<bool(const ControlResult&)> is_there;
  std::function<double(const ControlResult&)> value;
  bool more_is_better = true;
};

Quantity recall(const char* name, sample::Sought sought) {
  const auto index = static_cast<std::size_t>(sought);
  return {name, [index](const ControlResult& result) { return result.recall[index].ticks > 0; },
          [index](const ControlResult& result) { return result.recall[index].mean(); }};
}

std::vector<Quantity> quantities() {
  return {
      recall("target", sample::Sought::target),
      recall("gripper", sample::Sought::gripper),
      recall("new objects", sample::Sought::newcomer),
      {"ticks to its first token", [](const ControlResult& result) { return result.newcomers > 0; },
       [](const ControlResult& result) {
         return static_cast<double>(result.first_token_ticks) /
                static_cast<double>(result.newcomers);
       },
       false}};
}

/// A method's values and ours, and ours minus the method's: seeds in which the quantity is there.
struct Comparison {
  Estimate value, ahead;
};

Comparison compare(const EvidenceSetting& setting, std::size_t budget, std::size_t method,
                   const Quantity& quantity) {
  std::vector<double> values, ahead;
  for (const SeedResults& seed : setting.by_seed) {
    const ControlResult &theirs = seed[budget][method], &ours = seed[budget][0];
    if (!quantity.is_there(theirs)) continue;
    const double difference = quantity.value(ours) - quantity.value(theirs);
    values.push_back(quantity.value(theirs));
    ahead.push_back(quantity.more_is_better ? difference : -difference);
  }
  return {sample::estimate(values), sample::estimate(ahead)};
}

std::string number(const char* format, double value) {
  char text[32];
  (void)std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string cell(const Comparison& comparison, bool is_ours) {
  std::string text =
      number("%.3f", comparison.value.mean) + " ± " + number("%.3f", comparison.value.margin);
  if (is_ours) return text;
  const std::string ahead =
      number("%+.3f", comparison.ahead.mean) + " ± " + number("%.3f", comparison.ahead.margin);
  const bool loses = comparison.ahead.high() < 0;
  return text + " (" + (loses ? "**" : "") + ahead + (loses ? "**" : "") + ")";
}

void write_table(std::ostream& page, const EvidenceSetting& setting, std::size_t budget) {
  const auto columns = quantities();
  const std::int64_t tokens = evidence_budgets[budget];
  page << "\n**" << tokens << " of 256 tokens ("
       << number("%g", 100.0 * static_cast<double>(tokens) / 256) << " %)**\n\n|  |";
  for (const Quantity& column : columns) page << ' ' << column.name << " |";
  page << "\n|---|";
  for (std::size_t i = 0; i < columns.size(); ++i) page << "---|";
  page << '\n';
  for (std::size_t method = 0; method < setting.methods.size(); ++method) {
    page << "| " << setting.methods[method].name << " |";
    for (const Quantity& column : columns)
      page << ' ' << cell(compare(setting, budget, method, column), method == 0) << " |";
    page << '\n';
  }
}

/// Every case in which ours is behind, certainly or not.
void write_losses(std::ostream& page, const EvidenceSetting& setting) {
  std::string certain, open;
  for (std::size_t budget = 0; budget < evidence_budgets.size(); ++budget)
    for (std::size_t method = 1; method < setting.methods.size(); ++method)
      for (const Quantity& quantity : quantities()) {
        const Estimate ahead = compare(setting, budget, method, quantity).ahead;
        if (ahead.mean >= 0) continue;
        std::string& list = ahead.high() < 0 ? certain : open;
        list += (list.empty() ? "" : "; ") + std::string(quantity.name) + " against " +
                setting.methods[method].name + " at " + std::to_string(evidence_budgets[budget]) +
                " tokens (" + number("%+.3f", ahead.mean) + ")";
      }
  page << "\nOurs loses: " << (certain.empty() ? "nowhere" : certain) << ".\n";
  if (!open.empty()) page << "Behind, but within the interval: " << open << ".\n";
}

const char* introduction(const EvidenceSetting& setting) {
  const std::string title = setting.title;
  if (title == main_setting)
    return "The model is fed by the selection, and its attention comes back late. This is what the "
           "tick engine is for.";
  if (title == worse_setting)
    return "Noise, lag, blind spots, clutter, sinks and losses twice as bad, feedback two to five "
           "ticks late.";
  if (title == silent_setting)
    return "The model never answers. *Published* and *semantic only* then choose by what stands "
           "out "
           "in the picture, as *features alone* does; ours looks for what has changed as well.";
  if (title == orbit_setting)
    return "The shot `orbit`: the camera goes round the table, and nothing is grasped. Everything "
           "changes, so that change says nothing, and attention lies where things were. *New "
           "objects* is the ball, which lies there from the first tick: it is not new, just not "
           "asked for.";
  if (title == prefill_setting)
    return "As VLA-Pruner and FastV were published, and not how the tick engine is used: the "
           "selection sits behind the model's first layers, which see all 256 tokens, and gets "
           "their "
           "attention on this very tick. The action history stays what it is.";
  return "Ours, with one piece left out in turn. A negative difference means that it would be "
         "better "
         "without it here.";
}

/// Ours beside the published selection, in the setting that is promised.
void write_summary(std::ostream& page, const EvidenceSetting& setting) {
  page << "**In short** (" << setting.title << ", recall in %, " << setting.methods[0].name << " / "
       << setting.methods[1].name << "):";
  const auto percent = [&](std::size_t budget, std::size_t method, const Quantity& quantity) {
    return number("%.0f", 100 * compare(setting, budget, method, quantity).value.mean);
  };
  for (std::size_t budget = 0; budget < evidence_budgets.size(); ++budget) {
    page << (budget > 0 ? "; " : " ") << evidence_budgets[budget] << " tokens:";
    for (const Quantity& quantity : quantities())
      if (quantity.more_is_better)
        page << ' ' << quantity.name << ' ' << percent(budget, 0, quantity) << " / "
             << percent(budget, 1, quantity);
  }
  page << ".\nWhere ours loses is said under each table.\n\n";
}

void write_what_is_simulated(std::ostream& page, const SimulatedAttentionOptions& options) {
  const auto weights = [](const sample::RoleAttention& role) {
    return "target " + number("%g", role.target) + ", tray " + number("%g", role.goal) +
           ", gripper " + number("%g", role.gripper) + ", new object " +
           number("%g", role.newcomer) + ", other objects " + number("%g", role.distractor);
  };
  page
      << "## What is simulated\n\n"
         "**The attention is simulated. No model runs, and no model was measured.** What a model "
         "would look at is told\nfrom the sample's known masks, with faults that real attention "
         "has. So these tables say whether a selection\ncopes with attention of this kind, not how "
         "well any robot grasps.\n\n"
         "- **Pictures**: the project's own rendered sample at 320×240, ten ticks a second, 16×16 "
         "patches, the project's own\n  patch descriptors ([tokenizer](../../docs/tokenizer.md)). "
         "The shots `grasp` (the gripper carries the target to the\n  tray while a ball rolls in) "
         "and `close-up` (the gripper lifts a cover, under which something appears) are an\n  "
         "episode each, with fixed cameras.\n"
      << "- **Attention per patch**: the share that each object covers of it, times a weight. "
         "Semantic: "
      << weights(options.semantic) << ".\n  Action: " << weights(options.action)
      << ".\n- **Only tokens that were sent get attention**, and what they get adds up to 1 on "
         "either level.\n"
      << "- **Noise**: every value × exp(" << number("%g", options.noise)
      << " · normal). **Clutter**: every patch has " << number("%g", options.clutter)
      << " × exp(normal). **Sinks**: " << options.sinks << " patches\n  get "
      << number("%g", options.sink) << " whatever they show.\n"
      << "- **Lag**: attention lies where things were " << options.lag
      << " ticks ago. A new object gets attention " << options.reaction
      << " ticks after its first token was\n  sent, and none before.\n"
      << "- **Blind spots**: in every tick, with chance " << number("%g", options.blind)
      << ", an object falls out of attention for " << options.blind_least << " to "
      << options.blind_most << " ticks.\n"
      << "- **Feedback** arrives " << options.late_least << " to " << options.late_most
      << " ticks late; " << number("%g", 100 * options.lost) << " % of it never does.\n\n"
      << "The constants are assumptions. They stand in `apps/sample/simulated_attention.h`, were "
         "written down before any\nmethod was tried, and were not changed after. Random draws "
         "depend on seed, tick, patch and object alone: all\nmethods meet the same noise.\n\n";
}

void write_what_is_measured(std::ostream& page, std::uint64_t first, std::uint64_t last) {
  page
      << "## What is measured\n\n"
         "**Recall**: the share of an object's patches that are in the packet, averaged over the "
         "ticks in which it is in view. Its\npatches are those that it covers to at least 25 %, or "
         "the one that shows most of it. *New objects* counts the first\n"
      << sample::newcomer_ticks
      << " ticks after it comes into view. *Ticks to its first token*: 0 is at once, "
      << sample::newcomer_ticks
      << " is not in time.\n\n"
         "Mean ± half of the 95 % confidence interval over seeds (Student's t). In brackets, **how "
         "far ours is ahead** (also of\ntime: positive is better), from paired differences by "
         "seed. "
         "Bold where ours is certainly behind. Developed on seeds 1\nto 20; these are seeds "
      << first << " to " << last
      << ".\n\n"
         "- *ours*: the tick engine with all its defaults. *published*: VLA-Pruner's selection as "
         "in "
         "its code: tokens that were\n  not sent count as zeros, the oldest tick weighs most, "
         "nothing "
         "is refreshed, the last prefill alone is the semantic\n  score. But it stays within the "
         "budget while it warms up, as all do here; as published, it sends everything then.\n"
         "- *semantic only*: the highest semantic scores, as FastV, with our history and no "
         "refresh. "
         "*features alone*: what\n  stands out in the picture, without feedback. *uniform*, "
         "*random*, "
         "*downsampling* (nearest neighbours of a coarser\n  grid) look at nothing.\n"
         "- All send exactly the same number of tokens in every tick.\n\n";
}

}  // namespace

void write_evidence_page(std::ostream& page, std::uint64_t first_seed, std::uint64_t last_seed,
                         const std::vector<EvidenceSetting>& settings) {
  page << "# Does the selection keep what matters? Recall under simulated attention\n\n"
          "**Command**: `loop_evidence "
       << first_seed << ' ' << last_seed
       << "` (from `bench/`, built with `-DSLUICE_BENCH=ON`); it writes this page. Nothing in it "
          "is a "
          "time of a machine.\n\n";
  write_summary(page, settings.front());
  write_what_is_simulated(page, settings.front().attention);
  write_what_is_measured(page, first_seed, last_seed);
  for (const EvidenceSetting& setting : settings) {
    page << "## " << setting.title << "\n\n" << introduction(setting) << '\n';
    for (std::size_t budget = 0; budget < evidence_budgets.size(); ++budget)
      write_table(page, setting, budget);
    if (setting.title != std::string(pieces_setting)) write_losses(page, setting);
    page << '\n';
  }
}

}  // namespace sluice::bench
