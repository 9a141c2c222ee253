"""Frames in, reduced segments out: HoliTom's outer stage for recordings and endless streams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from . import _engine
from .errors import InputError
from .reduction import HolitomParameters, Segment
from .tensors import Array, Wrap, as_input, as_optional, framework_of
from .tokens import Source, Tokens, tokens_from
from .totals import Totals


@dataclass(frozen=True)
class VideoOptions:
    """What a VideoReducer does."""

    reduction: HolitomParameters = field(default_factory=HolitomParameters)
    causal: bool = True
    """True: a stream; segments leave as soon as they are certain, and the budget is earned frame by
    frame. False: a recording; nothing leaves before `finish`, and the budget is shared over
    everything."""
    latency: int = 128
    """Streams: a segment leaves at the latest when this many frames wait. Lower: sooner and with
    less memory; higher: fewer forced cuts."""
    credit_frames: int | None = None
    """Streams: the most budget that can be saved up, in frames' worth; None: `latency`."""


@dataclass(frozen=True, eq=False)
class VideoSegment:
    """A segment that is done."""

    segment: Segment
    tokens: Tokens
    """Exactly as many as were granted; frames and times are those of the stream."""
    assignment: Array
    """[frames,S] int32: row in `tokens`, or a DropReason below 0."""
    similarity: Array
    """[frames,S] float32: cosine to the frame before; NaN where it is not defined."""
    redundant: Array
    """[frames,S] uint8: 1 if redundant to the frame before."""
    pts: Array
    """[frames] float64: seconds."""
    budget: int
    """Tokens that were allowed."""
    static_positions: int
    """Positions that are redundant throughout the segment."""
    static_kept: int
    dynamic_available: int
    """Over all frames."""
    dynamic_kept: int
    totals: Totals
    """Since the start, this segment included."""

    @property
    def features(self) -> Array:
        """[n,D] in the type and framework of the input."""
        return self.tokens.features

    @property
    def available(self) -> int:
        return self.static_positions + self.dynamic_available


class VideoReducer:
    """Takes frames, gives segments. Used by one thread at a time.

        reducer = sluice.VideoReducer(retain=0.10)
        for features in encoder:              # [S,D]
            reducer.push(features)
            for segment in reducer.take():
                model.see(segment.tokens)
        reducer.finish()
        for segment in reducer.take(): ...

    A stream (`causal`) holds at most `latency` frames however long it lasts; a recording holds all
    of them until its segments are taken.

    Args:
        retain, tau: as in `reduce`; with `causal=False` also `budget` through `options`.
        latency: streams: frames that may wait before a segment is cut off.
        causal: False for a recording whose budget is shared over everything.
        credit_frames: streams: the most budget that can be saved up, in frames' worth.
        grid: rows and columns of a frame's tokens; None: the squarest factorisation of S.
        source: id, grid, image size and camera, for the tokens' origin; instead of `grid`.
        options: VideoOptions, instead of all the others.
        parameters: more of HolitomParameters: `beta`, `knn`, `rounding` and so on.

    Raises InputError naming the argument; EngineError if two threads use the object at once.
    """

    def __init__(
        self,
        *,
        retain: float = 0.10,
        tau: float = 0.80,
        latency: int = 128,
        causal: bool = True,
        credit_frames: int | None = None,
        grid: tuple[int, int] | None = None,
        source: Source | None = None,
        options: VideoOptions | None = None,
        **parameters: float | int | bool | Literal["exact", "parity", "static-first", "spatial"],
    ) -> None:
        if options is None:
            reduction = _parameters(retain, tau, parameters)
            options = VideoOptions(reduction, causal, latency, credit_frames)
        if source is None:
            source = Source()
        if grid is not None:
            source = replace(source, grid=grid)
        self.options = options
        self._engine = _engine.VideoReducer(source, options)
        self._wrap: Wrap | None = None

    def push(
        self,
        features: Array,
        attention: Array | None = None,
        pts: float | Sequence[float] | Array | None = None,
        *,
        copy: bool = True,
    ) -> None:
        """Takes the next frame, or several.

        Frames wait for their segment, so they are copied by default: a loop may fill one buffer
        again and again. With `copy=False` they are read where they lie, without a copy. The reducer
        then holds them until their segment has left (the newest frame until the next one comes, or
        the end of the stream), and their memory must not be written until then: what was compared
        before and what is merged later would not be the same. That is for encoders that return
        new memory every time.

        Args:
            features: [S,D] or [F,S,D] float32, float16 or bfloat16, of the shape and type of the
                first frame.
            attention: [S] or [F,S] of any float type; None: a saliency from the features.
            pts: seconds, one number or [F]; None: frame numbers.
            copy: False: borrow the features, as above. Attention and times are always copied.

        An interrupt (Ctrl-C) takes effect between frames: `frames` says how many are in.
        """
        features = as_input(features, "features")
        wrap = framework_of(features)
        several = _rank(features) == 3
        attention = as_optional(attention, "attention")
        if not several:
            features = _one_frame(features, "features", 2)
            if attention is not None:
                attention = _one_frame(attention, "attention", 1)
        self._engine.push(features, attention, _times(pts), bool(copy))
        self._wrap = self._wrap or wrap

    def finish(self) -> None:
        """No more frames: everything that waits becomes certain. `push` raises from now on."""
        self._engine.finish()

    def take(self) -> Iterator[VideoSegment]:
        """The segments that are certain and were not taken yet, in order."""
        while (fields := self._engine.next()) is not None:
            yield self._segment(fields)

    @property
    def frames(self) -> int:
        """Frames pushed so far."""
        return self._engine.frames()

    @property
    def totals(self) -> Totals:
        """Over the segments taken so far."""
        return Totals(**self._engine.totals())

    def _segment(self, fields: dict) -> VideoSegment:
        wrap = self._wrap
        assert wrap is not None, "a segment without a frame"
        tensors = ("assignment", "similarity", "redundant", "pts")
        return VideoSegment(
            segment=Segment(*fields.pop("segment")),
            tokens=tokens_from(fields.pop("columns"), fields.pop("source"), wrap),
            totals=Totals(**fields.pop("totals")),
            **{name: wrap(fields.pop(name)) for name in tensors},
            **fields,
        )


def _parameters(retain: float, tau: float, others: dict) -> HolitomParameters:
    try:
        return HolitomParameters(retain=retain, tau=tau, **others)
    except TypeError as error:
        raise InputError(f"{error}; expected a parameter of HolitomParameters") from None


def _rank(tensor: Array) -> int:
    shape = getattr(tensor, "shape", None)
    if shape is None:
        raise InputError("features: has no shape; expected [positions, width]")
    return len(shape)


def _one_frame(tensor: Array, name: str, rank: int) -> Array:
    """[…] as [1, …]."""
    if len(tensor.shape) != rank:
        raise InputError(f"{name}: has shape {list(tensor.shape)}; expected {rank} dimensions")
    return tensor[None]


def _times(pts: float | Sequence[float] | Array | None) -> np.ndarray | None:
    if pts is None:
        return None
    try:
        times = np.atleast_1d(np.asarray(pts, np.float64))
    except (TypeError, ValueError):
        raise InputError(f"pts: is {pts!r}; expected seconds") from None
    if not np.isfinite(times).all():
        raise InputError("pts: is not finite; expected seconds")
    return np.ascontiguousarray(times)
