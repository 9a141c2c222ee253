"""What is measured of a reduction. Plain NumPy, no knowledge of who made it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Kept:
    """What a method made of a clip of F frames with S tokens each, N = F * S of width D.

    An input token's index is frame * S + position."""

    features: np.ndarray
    """[K,D]"""
    unchanged: np.ndarray
    """[K] input token that a row is a copy of; -1 for a merged row"""
    assignment: np.ndarray
    """[N] row that an input token is in, alone or merged; -1: in none"""
    first: np.ndarray
    """[K] first frame that a row stands for"""
    last: np.ndarray
    """[K] last frame that a row stands for"""

    def __len__(self) -> int:
        return len(self.features)

    @property
    def weight(self) -> np.ndarray:
        """[K] input tokens in every row"""
        return np.bincount(self.assignment[self.assignment >= 0], minlength=len(self))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1; zero rows stay zero."""
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.where(length > 0, length, 1)


def spread_of(attention: np.ndarray) -> float:
    """Mean perplexity over the rows as a share of their length: 1 is flat, 1 / length one-hot."""
    entropy = -(attention * np.log(np.maximum(attention, 1e-30))).sum(-1)
    return float(np.exp(entropy).mean() / attention.shape[-1])


def sharpness(logits: np.ndarray, spread: float) -> float:
    """The factor on the logits that gives their softmax this spread, by bisection."""
    logits = logits - logits.max(-1, keepdims=True)
    low, high = -20.0, 20.0  # log2 of the factor
    for _ in range(40):
        middle = (low + high) / 2
        if spread_of(softmax(logits * 2.0**middle)) > spread:
            low = middle
        else:
            high = middle
    return 2.0**high


def mass_kept(attention: np.ndarray, kept: Kept) -> tuple[float, float]:
    """Share of attention [...,N] on tokens that are still there: unchanged, and merged as well."""
    total = attention.sum(-1)
    alone = attention[..., kept.unchanged[kept.unchanged >= 0]].sum(-1) / total
    merged = attention[..., kept.assignment >= 0].sum(-1) / total
    return float(np.mean(alone)), float(np.mean(merged))


def attention_output(
    queries: np.ndarray, tokens: np.ndarray, scale: float, weight: np.ndarray | None = None
) -> np.ndarray:
    """[Q,D]: tokens are keys and values. A token of weight w counts as w equal ones: its logits get
    log w."""
    logits = queries @ tokens.T * scale
    if weight is not None:
        logits = logits + np.log(np.maximum(weight, 1e-30))
    return softmax(logits) @ tokens


def relative_error(outputs: np.ndarray, reference: np.ndarray) -> float:
    """Mean over queries of |output - reference| / |reference|."""
    error = np.linalg.norm(outputs - reference, axis=-1)
    return float(np.mean(error / np.linalg.norm(reference, axis=-1)))


@dataclass(frozen=True)
class Coverage:
    """How similar what is not there any more is to what is left."""

    mean: float
    """of the cosine between a token that was not kept unchanged and the nearest kept row"""
    worst: float
    """mean of the same over the worst share of these tokens"""
    nearest: np.ndarray
    """[K] input tokens that have a row as their nearest"""


def coverage(features: np.ndarray, kept: Kept, worst_share: float) -> Coverage:
    """features [N,D]"""
    similar = unit_rows(features) @ unit_rows(kept.features).T
    nearest = similar.argmax(1)
    best = similar[np.arange(len(features)), nearest]
    unchanged = kept.unchanged[kept.unchanged >= 0]
    nearest[unchanged] = np.flatnonzero(kept.unchanged >= 0)
    counts = np.bincount(nearest, minlength=len(kept))
    dropped = np.sort(np.delete(best, unchanged))
    if len(dropped) == 0:
        return Coverage(1.0, 1.0, counts)
    worst = dropped[: max(1, round(worst_share * len(dropped)))]
    return Coverage(float(dropped.mean()), float(worst.mean()), counts)


def longest_gap(kept: Kept, frames: int) -> int:
    """Most frames in a row for which no kept row stands."""
    present = np.zeros(frames + 1, int)
    np.add.at(present, kept.first, 1)
    np.add.at(present, kept.last + 1, -1)
    gap = longest = 0
    for covered in np.cumsum(present)[:frames]:
        gap = 0 if covered else gap + 1
        longest = max(longest, gap)
    return longest
