#include "policy/source_shares.h"

#include <algorithm>
#include <cmath>

#include "kernels/error.h"

namespace sluice::policy {
namespace {

__extension__ using Wide = __int128;  // products of tokens and weights

constexpr int weight_bits = 30;

std::int64_t limit(const SourceClaim& claim) {
  const auto rows = std::max<std::int64_t>(claim.rows, 0);
  return claim.cap < 0 ? rows : std::min(rows, claim.cap);
}

/// What it must get, at most its limit but for pinned tokens.
std::int64_t least(const SourceClaim& claim) {
  return std::max({std::min(claim.floor, limit(claim)), claim.pinned, std::int64_t{0}});
}

double usable(double information) {
  return std::isfinite(information) ? std::max(information, 0.0) : 0.0;
}

/// Information as whole numbers below 2^weight_bits, of the sources that have room. A power of two
/// scales them, so that whole numbers stay exact and equal stays equal; what is small, but there,
/// stays there.
void weigh_information(std::span<const SourceClaim> claims, ShareWorkspace& workspace) {
  double greatest = 0;
  for (std::size_t i = 0; i < claims.size(); ++i)
    if (workspace.room[i] > 0) greatest = std::max(greatest, usable(claims[i].information));
  int exponent = 0;
  std::frexp(greatest, &exponent);
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const double information = workspace.room[i] > 0 ? usable(claims[i].information) : 0.0;
    const double scaled = std::rint(std::ldexp(information, weight_bits - exponent));
    workspace.weight[i] =
        information > 0 ? std::max<std::int64_t>(static_cast<std::int64_t>(scaled), 1) : 0;
  }
}

/// Gives source i so many, which it has room for.
void give(ShareWorkspace& workspace, std::span<std::int64_t> shares, std::size_t i,
          std::int64_t tokens) {
  shares[i] += tokens;
  workspace.room[i] -= tokens;
}

/// Fills the sources whose share in proportion is no less than their room, until there are none.
/// Filling one leaves more for the others, so one that is full stays full. Full sources lose their
/// weight. Returns what is left of `left`.
std::int64_t fill_full_sources(std::int64_t left, ShareWorkspace& workspace,
                               std::span<std::int64_t> shares) {
  auto& [weight, room, remainder] = workspace;
  for (bool changed = true; changed;) {
    changed = false;
    Wide sum = 0;
    for (const auto value : weight) sum += value;
    const Wide to_share = left;
    for (std::size_t i = 0; i < shares.size(); ++i) {
      if (weight[i] == 0 || to_share * weight[i] < room[i] * sum) continue;
      left -= room[i];
      give(workspace, shares, i, room[i]);
      weight[i] = 0;
      changed = true;
    }
  }
  return left;
}

/// Whole tokens by largest remainder among sources that all have room for their share.
void share_by_remainder(std::int64_t left, ShareWorkspace& workspace,
                        std::span<std::int64_t> shares) {
  auto& [weight, room, remainder] = workspace;
  Wide sum = 0;
  for (const auto value : weight) sum += value;
  const Wide to_share = left;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const Wide product = to_share * weight[i];
    const auto whole = static_cast<std::int64_t>(product / sum);
    remainder[i] = static_cast<std::int64_t>(product % sum);
    give(workspace, shares, i, whole);
    left -= whole;
  }
  for (; left > 0; --left) {  // fewer than there are remainders above 0
    const auto largest = std::max_element(remainder.begin(), remainder.end());  // the first of them
    give(workspace, shares, static_cast<std::size_t>(largest - remainder.begin()), 1);
    *largest = -1;
  }
}

/// Shares `left` among the sources that have weight, in proportion. Returns what they can't take.
std::int64_t share_by_weight(std::int64_t left, ShareWorkspace& workspace,
                             std::span<std::int64_t> shares) {
  left = fill_full_sources(left, workspace, shares);
  const bool any_open = std::any_of(workspace.weight.begin(), workspace.weight.end(),
                                    [](std::int64_t weight) { return weight > 0; });
  if (!any_open) return left;
  share_by_remainder(left, workspace, shares);
  return 0;
}

}  // namespace

void ShareWorkspace::reserve(std::size_t sources) {
  for (auto* list : {&weight, &room, &remainder}) list->reserve(sources);
}

bool share_budget(std::int64_t budget, std::span<const SourceClaim> claims,
                  ShareWorkspace& workspace, std::span<std::int64_t> shares) {
  if (shares.size() != claims.size())
    throw input_error("budget", concat(shares.size(), " shares"),
                      concat(claims.size(), ", one per source"));
  std::fill(shares.begin(), shares.end(), 0);
  for (auto* list : {&workspace.weight, &workspace.room, &workspace.remainder})
    list->resize(claims.size());

  std::int64_t left = std::max<std::int64_t>(budget, 0);
  std::int64_t room = 0;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const auto needed = least(claims[i]);
    workspace.room[i] = limit(claims[i]) - needed;
    if (workspace.room[i] < 0 || needed > left) return false;
    left -= needed;
    room += workspace.room[i];
  }
  for (std::size_t i = 0; i < claims.size(); ++i) shares[i] = least(claims[i]);

  left = std::min(left, room);
  weigh_information(claims, workspace);
  left = share_by_weight(left, workspace, shares);
  workspace.weight = workspace.room;
  (void)share_by_weight(left, workspace, shares);
  return true;
}

}  // namespace sluice::policy
