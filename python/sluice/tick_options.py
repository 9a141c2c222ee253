"""What a TickEngine is told once. All of it can be pickled and compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class TickSource:
    """One camera, encoder or map of a control loop."""

    id: str = "camera"
    """Letters, digits and `_.-`; unique."""
    grid: tuple[int, int] | None = None
    """Rows and columns of its tokens; tokens without positions then lie on it row by row."""
    floor: int = 0
    """Tokens it gets at least."""
    cap: int | None = None
    """Tokens it gets at most."""
    information: float = 1.0
    """Factor on its claim to the budget."""
    shape: int | None = None
    """With a fixed shape: rows that its batch always has; None: `cap`, else `max_rows`."""
    max_rows: int = 1024
    """Tokens it offers at most; memory is reserved for them."""
    max_width: int = 4096
    """Their width at most."""


@dataclass(frozen=True)
class AttentionHistoryOptions:
    """What the model looked at in the last ticks."""

    window: int = 3
    """Ticks that count."""
    decay: float = 0.8
    """Weight decay**i of the i-th newest."""
    absent_decay: float = 0.8
    """What a token carries on, per tick in which it was not sent: it gave no evidence, which is not
    the same as zero. 0: as published, locks tokens out."""
    reversed: bool = False
    """As in the published base code, the oldest weighs most. For comparison only."""
    forget_after: int = 64
    """Ticks without a token after which what it carries is forgotten."""


@dataclass(frozen=True)
class NoveltyOptions:
    """What has changed since the model was last shown it counts, attended or not."""

    on: bool = True
    threshold: float = 0.2
    """A token is novel if it changed by this much more than the source's median token, in 1 - cos:
    where everything changes, nothing is novel."""
    carries_attention: bool = True
    """What moves takes attention along: a novel token inherits what its neighbours had."""


@dataclass(frozen=True)
class LatencyModelOptions:
    """How the time that the model takes is learned."""

    window: int = 64
    """Newest observations that count, 2 to 256."""
    least: int = 8
    """Observations before it predicts anything."""
    quantile: float = 0.95
    """Share of ticks that a prediction is to cover."""
    least_spread: float = 0.1
    """Token counts closer than this, relative to the larger, say nothing about the slope."""
    outlier_memory: int = 512
    """Observations over which the share of stray outliers is measured."""
    reach: float = 0.25
    """How far beyond the largest count in the window it predicts, relative to that count."""


@dataclass(frozen=True)
class BudgetOptions:
    """How many tokens a tick may send."""

    controller: Literal["fixed", "deadline", "motion"] | str = "fixed"
    """`fixed`: `tokens`. `deadline`: as many as the model can take in time, which is learned from
    its feedback. `motion`: fewer the faster it moves."""
    tokens: int = 256
    """fixed: the budget; others: the most."""
    least: int = 16
    """Others: the least."""
    latency: LatencyModelOptions = LatencyModelOptions()
    first: int | None = None
    """deadline: while nothing has been learned yet; None: `least`, so that no tick is late."""
    explore_every: int = 8
    """deadline: every so many ticks it sends fewer tokens than it could, to learn; 0: never."""
    explore_share: float = 0.2
    """deadline: how many fewer, as a share."""
    fast: float = 1.0
    """motion: speed (norm of the action's change per second) at which `least` is enough."""
    smoothing: float = 0.3
    """motion: weight of the newest speed in its running mean."""


@dataclass(frozen=True)
class TickOptions:
    """Everything that decides what a TickEngine keeps."""

    sources: tuple[TickSource, ...] = (TickSource(),)
    budget: BudgetOptions = BudgetOptions()
    selector: str = "vla-pruner"
    """`vla-pruner`, `vla-pruner-published`, `semantic`, `uniform`, `random` or `downsample`."""
    stream: str = "sluice"
    seed: int = 0
    """Of the selector `random`."""
    action_history: AttentionHistoryOptions = AttentionHistoryOptions()
    semantic_history: AttentionHistoryOptions = AttentionHistoryOptions()
    refresh_share: float = 0.10
    """Of each source's tokens, on average over the ticks, for what was not sent lately."""
    novelty: NoveltyOptions = NoveltyOptions()
    stale_after: int = 8
    """Ticks after which feedback is not applied any more."""
    published_warm_up: bool = False
    """Everything is sent until the action history is full, as published."""
    fixed_shape: Literal["off", "pad", "hold"] = "off"
    """For servers that need the same number of tokens every time. `pad`: what is missing is zeros,
    marked in `valid`. `hold`: it is what was sent last, marked in `held`."""
