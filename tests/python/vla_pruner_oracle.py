"""One step of VLA-Pruner's selection, in plain NumPy and double precision: what
`sluice reduce --method vla-pruner` is held against. Written from the definitions (arXiv
2511.16449), slow and simple on purpose.

Single precision appears where the method is defined in it: the scores that are ranked.
"""

import numpy as np


class Margin:
    """How far the closest decision was from going the other way."""

    def __init__(self):
        self.least = np.inf

    def saw(self, best, other):
        """Equal values are no close call: the lowest index takes it."""
        if best != other:
            self.least = min(self.least, float(best - other))


def action_scores(history, window, decay):
    """history [w,N], newest first → [N]; None where there is nothing to go by."""
    rows = [] if history is None else list(np.asarray(history, np.float64)[:window])
    if not any(row.any() for row in rows):
        return None
    weights = [decay**i for i in range(1, len(rows) + 1)]
    total = sum(weight * row for weight, row in zip(weights, rows)) / sum(weights)
    return total.astype(np.float32)


def top(scores, keep, margin):
    """The `keep` best: NaN last, ties to the lowest index."""
    scores = np.where(np.isnan(scores), -np.inf, np.asarray(scores, np.float64))
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    if 0 < keep < len(order):
        margin.saw(scores[order[keep - 1]], scores[order[keep]])
    return set(order[:keep])


def distances(rows):
    """1 − cos, with cos = 0 where a row is zero. Every pair is the same sum in the same order, so
    that equal rows have equal distances."""
    n = len(rows)
    dots = np.array([[float((a * b).sum()) for b in rows] for a in rows])
    found = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            norms = np.sqrt(dots[i, i] * dots[j, j])
            found[i, j] = 1 - dots[i, j] / norms if norms > 0 else 1
    return found


def max_min(rows, keep, margin):
    """`keep` rows that are far from each other, as a list of indices in the order chosen."""
    n = len(rows)
    between = distances(rows)
    chosen = []
    while len(chosen) < keep:
        # The first: whose second-smallest distance, its own being the smallest, is largest.
        nearest = [
            min(between[i, j] for j in (chosen or range(n)) if j != i) if i not in chosen else None
            for i in range(n)
        ]
        left = sorted((i for i in range(n) if i not in chosen), key=lambda i: (-nearest[i], i))
        if len(left) > 1:
            margin.saw(nearest[left[0]], nearest[left[1]])
        chosen.append(left[0])
    return chosen


def select(embeddings, semantic, history, keep, window=3, decay=0.8):
    """embeddings [N,D], semantic [N], history [w,N] or None → kept rows, ascending; the margin;
    whether the diversity filter had anything to do."""
    rows = np.asarray(embeddings, np.float64)
    margin = Margin()
    if keep >= len(rows):
        return list(range(len(rows))), margin.least, False
    candidates = top(np.asarray(semantic, np.float32), keep, margin)
    action = action_scores(history, window, decay)
    if action is not None:
        candidates |= top(action, keep, margin)
    candidates = sorted(candidates)
    if len(candidates) <= keep:
        return candidates, margin.least, False
    chosen = max_min(rows[candidates], keep, margin)
    return sorted(candidates[i] for i in chosen), margin.least, True
