"""The methods: ours, and the simple ones beside it. All keep exactly as many tokens as told.

Each is a function of a clip and a count. None sees the queries or the frames they come from.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import sluice

from . import settings
from .measures import Kept, unit_rows


@dataclass(frozen=True)
class Tokens:
    """A clip, as a method gets it."""

    features: np.ndarray
    """[F,S,D] f32"""
    attention: np.ndarray
    """[F,S] f32"""

    @property
    def frames(self) -> int:
        return self.features.shape[0]

    @property
    def positions(self) -> int:
        return self.features.shape[1]

    @property
    def flat(self) -> np.ndarray:
        return self.features.reshape(-1, self.features.shape[2])


Method = Callable[[Tokens, int], Kept]


def ours(clip: Tokens, budget: int) -> Kept:
    return _kept(
        clip, sluice.reduce(clip.features, clip.attention, tau=settings.TAU, budget=budget)
    )


def ours_without_attention(clip: Tokens, budget: int) -> Kept:
    return _kept(clip, sluice.reduce(clip.features, None, tau=settings.TAU, budget=budget))


def ours_contextual(clip: Tokens, budget: int) -> Kept:
    reduced = sluice.reduce(
        clip.features,
        clip.attention,
        tau=settings.TAU,
        budget=budget,
        contextual=settings.CONTEXTUAL,
    )
    return _kept(clip, reduced)


def ours_parity(clip: Tokens, retain: float) -> Kept:
    """With the published rounding: its own count, not exactly the budget."""
    reduced = sluice.reduce(clip.features, clip.attention, retain, settings.TAU, rounding="parity")
    return _kept(clip, reduced)


def uniform_frames(clip: Tokens, budget: int) -> Kept:
    """Whole frames, evenly spread, the last of them on a coarser grid, so that counts are exact."""
    count = -(-budget // clip.positions)
    frames = np.round((np.arange(count) + 0.5) * clip.frames / count - 0.5).astype(int)
    order = even_positions(clip.positions)
    left = budget - (count - 1) * clip.positions
    whole = (frames[:-1, None] * clip.positions + np.arange(clip.positions)).ravel()
    return select(clip, np.concatenate([whole, frames[-1] * clip.positions + order[:left]]))


def uniform_grid(clip: Tokens, budget: int) -> Kept:
    """The same evenly spread positions of every frame; counts of frames differ by one at most."""
    ends = np.round(np.arange(clip.frames + 1) * budget / clip.frames).astype(int)
    order = even_positions(clip.positions)
    chosen = [f * clip.positions + order[:n] for f, n in enumerate(np.diff(ends))]
    return select(clip, np.concatenate(chosen))


def random_tokens(seed: int) -> Method:
    def choose(clip: Tokens, budget: int) -> Kept:
        rng = np.random.default_rng(seed)
        return select(clip, rng.choice(len(clip.flat), budget, replace=False))

    return choose


def adjacent_dropping(clip: Tokens, budget: int) -> Kept:
    """Drops what is most like the same place in the frame before; the first frame is new."""
    rows = unit_rows(clip.features)
    like_before = np.full((clip.frames, clip.positions), -2.0)
    like_before[1:] = (rows[1:] * rows[:-1]).sum(2)
    return select(clip, np.argsort(like_before.ravel(), kind="stable")[:budget])


def most_attended(clip: Tokens, budget: int) -> Kept:
    """The most attention in every frame, as image pruners do; counts differ by one at most."""
    ends = np.round(np.arange(clip.frames + 1) * budget / clip.frames).astype(int)
    order = np.argsort(-clip.attention, axis=1, kind="stable")
    chosen = [f * clip.positions + order[f, :n] for f, n in enumerate(np.diff(ends))]
    return select(clip, np.concatenate(chosen))


def select(clip: Tokens, chosen: np.ndarray) -> Kept:
    """These input tokens, as they are."""
    chosen = np.sort(chosen)
    assignment = np.full(len(clip.flat), -1)
    assignment[chosen] = np.arange(len(chosen))
    frame = chosen // clip.positions
    return Kept(clip.flat[chosen], chosen, assignment, frame, frame)


def even_positions(positions: int) -> np.ndarray:
    """All positions of a square grid, in an order of which every beginning is evenly spread: each
    is the farthest from those before it, the first the one in the middle (ties: the lowest)."""
    side = int(positions**0.5)
    places = np.stack(np.divmod(np.arange(positions), side), 1).astype(float)
    order = [side // 2 * side + side // 2]
    distance = np.full(positions, np.inf)
    for _ in range(positions - 1):
        step = ((places - places[order[-1]]) ** 2).sum(1)
        distance = np.minimum(distance, step)
        distance[order] = -1
        order.append(int(distance.argmax()))
    return np.asarray(order)


def _kept(clip: Tokens, reduced: sluice.Reduction) -> Kept:
    tokens = reduced.tokens
    place = tokens.frame.astype(int) * clip.positions + tokens.position
    return Kept(
        tokens.features,
        np.where(tokens.weight == 1, place, -1),
        reduced.assignment.ravel(),
        tokens.frame,
        tokens.frame_last,
    )


# With exactly the budget, by name; random tokens are listed once per seed. A method is added here.
METHODS: dict[str, Method] = {
    "ours": ours,
    "ours, no attention": ours_without_attention,
    "ours, contextual": ours_contextual,
    "uniform frames": uniform_frames,
    "uniform grid": uniform_grid,
    **{f"random {seed}": random_tokens(seed) for seed in settings.RANDOM_SEEDS},
    "adjacent dropping": adjacent_dropping,
    "most attended": most_attended,
}
