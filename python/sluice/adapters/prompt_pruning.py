"""HoliTom's outer stage on a prompt: which rows of embeddings stay, and what is in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from ..reduction import HolitomParameters, Reduction, reduce_with
from .visual_spans import VisualSpan

Order = Literal["spatial", "static-first"]
Attention = Callable[[torch.Tensor], torch.Tensor | None]

_ENGINE_TYPES = (torch.float32, torch.float16, torch.bfloat16)


@dataclass(frozen=True, eq=False)
class PrunedSpan:
    """A video or image of a prompt, and what became of it."""

    span: VisualSpan
    slots: torch.Tensor
    """[kept] int64: the columns that the kept tokens take, ascending."""
    features: torch.Tensor
    """[kept,D]: what goes to each slot."""
    reduction: Reduction | None
    """None where another rule than the engine's chose."""


SpanRule = Callable[[torch.Tensor, VisualSpan], PrunedSpan]
"""Given embeddings [B,L,D] and a span of them, says what becomes of it."""


class SpanReducer:
    """Reduces spans one after the other; equal neighbours (beams, one video asked twice) once."""

    def __init__(
        self, parameters: HolitomParameters, order: Order, attention: Attention | None
    ) -> None:
        self._parameters = parameters
        self._order = order
        self._attention = attention
        self._last: tuple[torch.Tensor, Reduction] | None = None

    def __call__(self, embeds: torch.Tensor, span: VisualSpan) -> PrunedSpan:
        """The span's part of `embeds` [B,L,D], reduced on the CPU."""
        features = embeds[span.row, span.columns.to(embeds.device)].detach()
        reduction = self._reduce(features.unflatten(0, (span.frames, span.positions)))
        tokens = reduction.tokens
        assert tokens.frame is not None and tokens.position is not None, "of a clip"
        columns = span.columns[tokens.frame.long() * span.positions + tokens.position.long()]
        slots, by_column = columns.sort()
        rows = by_column if self._order == "spatial" else torch.arange(len(slots))
        return PrunedSpan(span, slots, reduction.features[rows], reduction)

    def _reduce(self, features: torch.Tensor) -> Reduction:
        if self._last is not None and torch.equal(self._last[0], features):
            return self._last[1]
        attention = None if self._attention is None else self._attention(features)
        if attention is not None:
            attention = attention.detach().float().cpu()
        given = features if features.dtype in _ENGINE_TYPES else features.float()
        reduction = reduce_with(given.cpu(), attention, self._parameters)
        self._last = (features, reduction)
        return reduction


def prune_spans(
    embeds: torch.Tensor,
    spans: Sequence[VisualSpan],
    reducer: SpanRule | None,
) -> tuple[torch.Tensor, torch.Tensor, list[PrunedSpan]]:
    """Embeddings [B,L,D] with the kept tokens in their slots; which columns went, [B,L] bool.

    Without a reducer all stay.
    """
    gone = torch.zeros(embeds.shape[:2], dtype=torch.bool, device=embeds.device)
    pruned = [] if reducer is None else [reducer(embeds, span) for span in spans]
    embeds = embeds.clone() if pruned else embeds
    for result in pruned:
        row, slots = result.span.row, result.slots.to(embeds.device)
        gone[row, result.span.columns.to(embeds.device)] = True
        gone[row, slots] = False
        embeds[row, slots] = result.features.to(embeds)
    return embeds, gone, pruned


def kept_columns(gone: torch.Tensor, mask: torch.Tensor | None) -> list[torch.Tensor]:
    """Per row, the columns that stay; padding in front of a row goes.

    Args:
        mask: [B,L], of the call's tokens: 0 is padding.
    """
    stays = ~gone
    if mask is not None:
        stays &= mask.bool().cumsum(1) > 0
    return [row.nonzero().flatten() for row in stays]


def packed(columns: Sequence[torch.Tensor], padding: int) -> torch.Tensor:
    """[B,L'] int64: rows of different length, with `padding` on the left of the shorter ones."""
    width = max(len(row) for row in columns)
    result = torch.full((len(columns), width), padding, device=columns[0].device)
    for row, kept in enumerate(columns):
        result[row, width - len(kept) :] = kept
    return result


def take(values: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """Of `values` [B,L,...] what is in `columns` [B,L']; zero where a column is negative."""
    rows = torch.arange(len(columns), device=columns.device)[:, None]
    taken = values[rows, columns.clamp(min=0)]
    padding = columns < 0
    return taken.masked_fill(padding.view(*padding.shape, *[1] * (taken.ndim - 2)), 0)
