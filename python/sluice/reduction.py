"""HoliTom's outer stage (arXiv 2505.21334) on one clip."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from . import _engine
from .cuda import cuda_device, framework_on_cuda, reduce_on_cuda
from .errors import InputError
from .tensors import Array, as_input, as_optional, framework_of, to_numpy
from .tokens import Tokens, tokens_from


@dataclass(frozen=True)
class HolitomParameters:
    """The knobs of HoliTom's outer stage, with the published defaults.

    Raises InputError naming the field that is out of range.
    """

    retain: float = 0.10
    """Share of all tokens to keep, in (0, 1]."""
    tau: float = 0.80
    """A position is redundant if its cosine to the frame before is above this; in [-1, 1]."""
    budget: int | None = None
    """Tokens to keep, instead of `retain`."""
    beta: float = 0.6
    """Weight of a cluster's centre against its members, in [0, 1]."""
    plain_mean: bool = False
    """Merge clusters to their mean, without `beta` (the published NO_BETA)."""
    knn: int = 7
    """Neighbours in density-peak clustering, at least 1."""
    contextual: float = 0.0
    """Share of a frame's dynamic tokens that are cluster centres, in [0, 1]."""
    max_window: int = 1024
    """Longest segment in frames, at least 1."""
    rounding: Literal["exact", "parity"] = "exact"
    """`exact`: the total is exactly the budget. `parity`: the published rounding, which may
    overshoot."""
    order: Literal["static-first", "spatial"] = "static-first"
    """`static-first` as the published code; `spatial`: a segment's first frame by position."""

    def __post_init__(self) -> None:
        _engine.check_holitom(self)


class Segment(NamedTuple):
    """Frames `first` to `last`, inclusive, that were merged together."""

    first: int
    last: int
    forced: bool = False
    """Cut by a stream's latency bound before the optimum was certain."""


@dataclass(frozen=True, eq=False)
class Reduction:
    """What one clip became."""

    tokens: Tokens
    """Exactly `kept` of them; `pts` are frame numbers."""
    segments: tuple[Segment, ...]
    assignment: Array
    """[F,S] int32: row in `tokens` that each input token went to, or a DropReason below 0."""
    available: int
    """Tokens that were left after merging static positions over time."""
    kept: int
    non_finite: int
    """Input tokens with NaN or infinity: kept only when nothing else was left."""

    @property
    def features(self) -> Array:
        """[kept,D] in the type and framework of the input, and where that lies."""
        return self.tokens.features


def reduce(
    features: Array,
    attention: Array | None = None,
    retain: float = 0.10,
    tau: float = 0.80,
    budget: int | None = None,
    *,
    beta: float = 0.6,
    plain_mean: bool = False,
    knn: int = 7,
    contextual: float = 0.0,
    max_window: int = 1024,
    rounding: Literal["exact", "parity"] = "exact",
    order: Literal["static-first", "spatial"] = "static-first",
    grid: tuple[int, int] | None = None,
) -> Reduction:
    """Reduces a clip to exactly `min(round(retain * F * S), available)` tokens, or to `budget`.

    Positions that stay the same over a segment of frames are merged and clustered; of the others,
    those with the most attention are kept unchanged.

    Args:
        features: [F,S,D] float32, float16 or bfloat16 (bfloat16: PyTorch only): F frames of S
            tokens of width D, each at least 1. Read in place, never written.
        attention: [F,S] of any float type (others than float32 are converted first): attention that
            each token received in the encoder. None: a saliency computed from the features ranks
            the tokens. In host memory, or on the device of the features.
        grid: rows and columns of a frame's tokens; None: the squarest factorisation of S.

    Features on a CUDA device are reduced there if the package was built with CUDA, and the kept
    ones stay there; neither is copied. What the caller's current stream still does with the input comes
    first, and nothing is left to be done when the call returns. `tokens` has the same bits as from
    the CPU, in NumPy arrays but for the features.

    The other arguments are those of HolitomParameters. The same input gives the same output, bit
    for bit, for every number of threads. An interrupt (Ctrl-C) ends the call within a tenth of a
    second or so, however long the clip; on CUDA it waits until the call is done.

    Raises InputError naming the argument, and EngineError for a device that can't be used.
    """
    parameters = HolitomParameters(
        retain, tau, budget, beta, plain_mean, knn, contextual, max_window, rounding, order
    )
    return reduce_with(features, attention, parameters, grid)


def reduce_with(
    features: Array,
    attention: Array | None,
    parameters: HolitomParameters,
    grid: tuple[int, int] | None = None,
) -> Reduction:
    """As `reduce`, with parameters that were made before."""
    if cuda_device(features) is None:
        wrap = wrap_features = framework_of(features)
        result = _engine.reduce(
            as_input(features, "features"), as_optional(attention, "attention"), parameters
        )
    else:
        result = reduce_on_cuda(features, attention, parameters)
        wrap, wrap_features = to_numpy, framework_on_cuda(features)
    tokens = tokens_from(result["columns"], result["source"], wrap, wrap_features)
    assignment = wrap(result["assignment"])
    if grid is not None:
        _place(tokens, grid, int(assignment.shape[1]))
    return Reduction(
        tokens,
        tuple(Segment(*segment) for segment in result["segments"]),
        assignment,
        result["available"],
        len(tokens),
        result["non_finite"],
    )


def _place(tokens: Tokens, grid: tuple[int, int], positions: int) -> None:
    try:
        rows, columns = (int(extent) for extent in grid)
    except (TypeError, ValueError):
        raise InputError(f"grid: is {grid!r}; expected rows and columns") from None
    if rows < 1 or columns < 1 or rows * columns != positions:
        raise InputError(f"grid: is {rows} x {columns}; expected {positions} positions")
    tokens.source = replace(tokens.source, grid=(rows, columns))
