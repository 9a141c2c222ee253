"""Tokens with their origin: where they came from, what they stand for, why they were kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

from .tensors import Array, Wrap, as_indices


class TokenKind(IntEnum):
    """What a token is."""

    STATIC = 0
    DYNAMIC = 1
    SPATIAL = 2
    MEMORY = 3
    PINNED = 4


class KeepReason(IntEnum):
    """Why a token was kept."""

    MERGED = 0
    ATTENTION = 1
    SALIENCY = 2
    CONTEXTUAL = 3
    EVERYTHING = 4
    DIVERSITY = 5
    REFRESH = 6
    PINNED = 7
    NOVELTY = 8
    VISIBILITY = 9
    SURFACE = 10
    COVERAGE = 11
    SAMPLED = 12


class DropReason(IntEnum):
    """Why an input token is in no output row: the negative values of an assignment."""

    NOT_SELECTED = -1
    NO_CENTRE = -2
    NON_FINITE = -3
    LATE = -4
    NO_DEPTH = -5
    OUTSIDE = -6
    SEEN_THROUGH = -7
    EVICTED = -8
    OVER_CAP = -9


@dataclass(frozen=True)
class Source:
    """One camera, encoder or map, with what models need to place its tokens."""

    id: str = "camera"
    """Letters, digits and `_.-`; unique within a packet."""
    grid: tuple[int, int] = (0, 0)
    """Rows and columns; (0, 0) for tokens without a grid (voxels)."""
    image_size: tuple[int, int] = (0, 0)
    """Width and height of the original frame in pixels; (0, 0) if unknown."""
    feature_width: int = 0
    """D; taken from the features where those are given."""
    intrinsics: tuple[float, float, float, float] | None = None
    """fx, fy, cx, cy of a pinhole camera, in pixels of the image the features come from."""
    pose: tuple[float, ...] | None = None
    """Camera to world, 4 by 4 row by row, metres."""


@dataclass(eq=False)
class Tokens:
    """N tokens of one source, in the order in which a model is to see them.

    All tensors belong to the framework of the input (or the one asked for), and share the engine's
    memory; but where the features are on a CUDA device, all others are NumPy arrays. What is not
    known is None.
    """

    source: Source
    features: Array
    """[N,D] float32, float16 or bfloat16."""
    key: Array | None = None
    """[N] int64: stable identity: row-major position, or quantised voxel."""
    frame: Array | None = None
    """[N] int32: first frame that the token stands for."""
    frame_last: Array | None = None
    """[N] int32: last frame that the token stands for."""
    pts: Array | None = None
    """[N] float64: time of `frame`, seconds."""
    pts_last: Array | None = None
    """[N] float64: time of `frame_last`, seconds."""
    position: Array | None = None
    """[N] int32: row-major index into the grid."""
    xyz: Array | None = None
    """[N,3] float32: place in the world, metres."""
    weight: Array | None = None
    """[N] int64: number of input tokens that the token stands for."""
    score: Array | None = None
    """[N] float32: what it was ranked by; larger is better."""
    kind: Array | None = None
    """[N] uint8: TokenKind."""
    reason: Array | None = None
    """[N] uint8: KeepReason."""
    valid: Array | None = None
    """[N] uint8, fixed shapes only: 0 is padding, to be masked."""
    held: Array | None = None
    """[N] uint8, fixed shapes only: 1 is not of this tick, but the last value sent of its key."""

    def __len__(self) -> int:
        return int(self.features.shape[0])

    def columns(self) -> dict[str, Any]:
        """What is known, by name, as the engine reads it."""
        known = ((name, getattr(self, name)) for name in COLUMNS)
        return {name: as_indices(value, name) for name, value in known if value is not None}


COLUMNS = tuple(column.name for column in fields(Tokens) if column.name != "source")


def tokens_from(
    columns: Mapping[str, Any],
    source: Mapping[str, Any],
    wrap: Wrap,
    wrap_features: Wrap | None = None,
) -> Tokens:
    """The engine's columns as tensors of one framework; the features of another if one is given."""
    wraps = {"features": wrap_features or wrap}
    return Tokens(
        Source(**source),
        **{name: wraps.get(name, wrap)(column) for name, column in columns.items()},
    )
