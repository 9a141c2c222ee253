"""At most so many tokens, however long the video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from . import _engine
from .errors import InputError
from .tensors import Array, Wrap, framework_of, to_numpy
from .tokens import Tokens, tokens_from
from .video import VideoSegment


@dataclass(frozen=True)
class MemoryChapter:
    """A stretch of time: one segment, or neighbouring ones that share their tokens."""

    first_frame: int
    last_frame: int
    first_pts: float
    """Seconds, as last_pts."""
    last_pts: float
    tokens: int
    """That it has now."""
    arrived: int
    """That came in."""
    segments: int
    """That came in; those without tokens count."""
    recent: bool
    """Of the newest ones, which are held as they came."""

    @property
    def frames(self) -> int:
        return self.last_frame - self.first_frame + 1


@dataclass(frozen=True)
class MemoryCounts:
    """What a memory has taken in and done."""

    frames: int
    arrived: int
    """Tokens."""
    segments: int
    compactions: int
    oversized: int
    """Segments that were too large to stay as they came even while they were the newest."""


class TokenMemory:
    """Holds at most `budget` tokens: as it fills, older segments are merged further.

        reducer = sluice.VideoReducer(retain=1.0, latency=16)  # lags by at most 16 frames
        memory = sluice.TokenMemory(8192)
        for features in encoder:                               # [S,D], for hours
            reducer.push(features)
            for segment in reducer.take():
                memory.add(segment)
            ask(memory.tokens)                                 # at any moment
        reducer.finish()                                       # what still waits
        for segment in reducer.take():
            memory.add(segment)

    After every `add`: at most `budget` tokens; every frame lies in a chapter, and every chapter has
    a token; the newest segments, as many as arrived with `recent` of the budget, are bit for bit as
    they came; the tokens' weights add up to those of all that came; the same segments give the same
    tokens. Used by one thread at a time; an interrupt (Ctrl-C) leaves it as it was.

    Args:
        budget: tokens held at most; at least 1.
        recent: share of the budget for the newest segments, 0 to 1.

    Raises InputError naming the argument; EngineError if two threads use the object at once.
    """

    def __init__(self, budget: int = 8192, recent: float = 0.25) -> None:
        self.budget = budget
        self.recent = recent
        self._engine = _engine.TokenMemory(budget, recent)
        self._wrap: Wrap = to_numpy

    def add(
        self,
        segment: VideoSegment | Tokens,
        first_frame: int | None = None,
        pts: Sequence[float] | Array | None = None,
    ) -> None:
        """Takes in a segment that is done (copied), right behind the one before.

        Args:
            segment: as a VideoReducer gives it; or its tokens, which need keys, frames, times and
                weights, and are all of one source, width and type.
            first_frame: with tokens: the segment's; None: the one that follows.
            pts: with tokens: [frames] seconds, one per frame of the segment.
        """
        if isinstance(segment, VideoSegment):
            if first_frame is not None or pts is not None:
                raise InputError("first_frame, pts: are the segment's own; expected None")
            tokens, first_frame, pts = segment.tokens, segment.segment.first, segment.pts
        elif isinstance(segment, Tokens):
            tokens = segment
            if pts is None:
                raise InputError("pts: is None; expected the time of each of the segment's frames")
        else:
            raise InputError(
                f"segment: is a {type(segment).__name__}; expected a VideoSegment or Tokens"
            )
        if first_frame is None:
            first_frame = self._next_frame()
        self._engine.add(tokens, first_frame, _times(pts))
        self._wrap = framework_of(tokens.features)

    @property
    def tokens(self) -> Tokens:
        """All that is remembered, oldest first: a copy, in the framework of what came in.

        Within a chapter as they came or, once any were merged, by first frame, then position. A
        merged token is the mean of its members by weight, spans their frames and times, and has the
        key, position, kind and reason of its heaviest member; its score is the best of theirs.
        """
        columns, source = self._engine.tokens()
        return tokens_from(columns, source, self._wrap)

    @property
    def chapters(self) -> tuple[MemoryChapter, ...]:
        """Oldest first; they cover every frame, one after the other."""
        return tuple(MemoryChapter(*fields) for fields in self._engine.chapters())

    @property
    def counts(self) -> MemoryCounts:
        return MemoryCounts(*self._engine.counts())

    def clear(self) -> None:
        """As it was when it was made: what comes next may be another video."""
        self._engine.clear()
        self._wrap = to_numpy

    def __len__(self) -> int:
        """Tokens held now."""
        return sum(chapter.tokens for chapter in self.chapters)

    def _next_frame(self) -> int:
        chapters = self.chapters
        return chapters[-1].last_frame + 1 if chapters else 0


def _times(pts: Sequence[float] | Array) -> np.ndarray:
    try:
        return np.ascontiguousarray(np.asarray(pts, np.float64))
    except (TypeError, ValueError):
        raise InputError(f"pts: is {pts!r}; expected seconds") from None
