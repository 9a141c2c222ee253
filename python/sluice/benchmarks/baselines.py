"""Other ways to have fewer tokens: rules that take the engine's place in the adapters' hooks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ..adapters.adapter import Adapter
from ..adapters.decoder_hooks import DecoderHooks, Positions, Settings
from ..adapters.prompt_pruning import PrunedSpan, SpanRule
from ..adapters.visual_spans import VisualSpan


@contextmanager
def chosen_by(
    rule: SpanRule, model: nn.Module, adapter: Adapter, positions: Positions
) -> Iterator[None]:
    """Prompts are pruned by `rule`, in the same hooks as by the engine."""
    settings = Settings(lambda: rule, positions, images=False, stages={})
    handles = DecoderHooks(adapter, settings, lambda call: None).install(model)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class Seen:
    """Keeps all, and notes where the videos are."""

    def __init__(self) -> None:
        self.spans: list[VisualSpan] = []

    def __call__(self, embeds: torch.Tensor, span: VisualSpan) -> PrunedSpan:
        self.spans.append(span)
        columns = span.columns.to(embeds.device)
        return PrunedSpan(span, span.columns, embeds[span.row, columns], None)


class Baseline(ABC):
    """Keeps exactly `count` tokens of a video. On the model's device, as a server would do it."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __call__(self, embeds: torch.Tensor, span: VisualSpan) -> PrunedSpan:
        columns = span.columns.to(embeds.device)
        features = embeds[span.row, columns].unflatten(0, (span.frames, span.positions))
        tokens, chosen = self.choose(features)
        return PrunedSpan(span, columns[tokens], chosen, None)

    @abstractmethod
    def choose(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Of features [F,S,D]: tokens [count] int64, ascending, and what is in them [count,D]."""


class EvenTokens(Baseline):
    """Tokens at equal distances: what is over when whole frames, evenly sampled, are too many."""

    def choose(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        flat = features.flatten(0, 1)
        steps = torch.arange(self._count, device=flat.device)
        tokens = (2 * steps + 1) * len(flat) // (2 * self._count)
        return tokens, flat[tokens]


class AdjacentFrames(Baseline):
    """Drops what is most similar to the same position in the frame before.

    Efficient Video Sampling (arXiv 2510.14624), the flag that inference servers offer. These keep
    the first frame whole even if the budget is less; here the count holds.
    """

    def choose(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        similarity = nn.functional.cosine_similarity(features[1:], features[:-1], dim=-1)
        first = similarity.new_full((1, features.shape[1]), -torch.inf)
        order = torch.cat([first, similarity]).flatten().argsort(stable=True)
        tokens = order[: self._count].sort().values
        return tokens, features.flatten(0, 1)[tokens]


class Pooled(Baseline):
    """Means over blocks of each frame, as a lower resolution behind the encoder.

    Every frame has its share of the count, and every token is in one block.
    """

    def __init__(
        self, count: int, frames: int, grid: tuple[int, int], device: torch.device
    ) -> None:
        super().__init__(count)
        blocks, self._centres = (t.to(device) for t in _blocks(frames, *grid, count))
        self._used = (blocks >= 0).nonzero().flatten()
        self._blocks = blocks[self._used]
        self._sizes = self._blocks.bincount()[:, None]

    def choose(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        used = features.flatten(0, 1)[self._used]
        sums = used.new_zeros((self._count, used.shape[1]), dtype=torch.float32)
        sums.index_add_(0, self._blocks, used.float())
        return self._centres, (sums / self._sizes).to(used.dtype)


def _blocks(frames: int, rows: int, columns: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Each token's block [F*S] int64 (-1 in a frame without a share), and each block's centre."""
    blocks = torch.full((frames, rows, columns), -1)
    centres: list[int] = []
    for frame in range(frames):
        share = (frame + 1) * count // frames - frame * count // frames
        for top, bottom, left, right in _split(rows, columns, share):
            blocks[frame, top:bottom, left:right] = len(centres)
            row, column = (top + bottom - 1) // 2, (left + right - 1) // 2
            centres.append((frame * rows + row) * columns + column)
    by_column, order = torch.tensor(centres).sort()
    renumbered = torch.empty_like(order)
    renumbered[order] = torch.arange(count)
    flat = blocks.flatten()
    return torch.where(flat >= 0, renumbered[flat.clamp(min=0)], flat), by_column


def _split(rows: int, columns: int, count: int) -> Iterator[tuple[int, int, int, int]]:
    """`count` blocks, about square, that cover a frame: top, bottom, left and right of each."""
    if count == 0:
        return
    bands = round((count * rows / columns) ** 0.5)
    bands = min(rows, count, max(bands, -(-count // columns)))
    for band in range(bands):
        top, bottom = band * rows // bands, (band + 1) * rows // bands
        across = (band + 1) * count // bands - band * count // bands
        for block in range(across):
            yield top, bottom, block * columns // across, (block + 1) * columns // across


def grid_of(span: VisualSpan, inputs: dict[str, Any], config: Any) -> tuple[int, int]:
    """Rows and columns of a frame's tokens: as the inputs say, or a square."""
    if (grids := inputs.get("video_grid_thw")) is not None:
        merge = config.vision_config.spatial_merge_size
        _, rows, columns = grids[0].tolist()
        return rows // merge, columns // merge
    side = round(span.positions**0.5)
    return side, side
