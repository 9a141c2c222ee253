"""Where the tokens of a video or image lie in a prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch


@dataclass(frozen=True, eq=False)
class VisualSpan:
    """One video, or one image, in one row of a batch. Columns count the tokens of one call."""

    kind: Literal["video", "image"]
    row: int
    start: int
    stop: int
    """The span is columns start to stop - 1, tokens that are no pixels (newlines) included."""
    frames: int
    positions: int
    columns: torch.Tensor
    """[frames * positions] int64: column of each token that shows pixels, frame by frame."""


def runs(mask: torch.Tensor) -> Iterator[tuple[int, int, int]]:
    """Row, start and stop of each run of True in `mask` [B,L], in reading order."""
    edges = torch.diff(mask.to(torch.int8), dim=1, prepend=mask.new_zeros(mask.shape[0], 1))
    starts = edges.eq(1).nonzero().tolist()
    for row, start in starts:
        ends = (~mask[row, start:]).nonzero()
        yield row, start, start + int(ends[0]) if len(ends) else mask.shape[1]


def span_of(
    kind: Literal["video", "image"],
    row: int,
    start: int,
    stop: int,
    positions: int,
    newline: torch.Tensor | None = None,
) -> VisualSpan:
    """A span whose tokens are frames of `positions` tokens, but for the `newline` columns.

    Args:
        newline: [stop - start] bool: True where a column is no pixels' token.
    """
    columns = torch.arange(start, stop)
    if newline is not None:
        columns = columns[~newline.cpu()]
    return VisualSpan(kind, row, start, stop, len(columns) // positions, positions, columns)
