"""Position ids of what is left of a prompt.

Ids come as [A,B,L]: one axis for most models; time, height and width for multimodal rotary
positions, with an axis of text positions in front where `generate()` makes them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .visual_spans import VisualSpan


def given_ids(position_ids: torch.Tensor | None, seen: int, embeds: torch.Tensor) -> torch.Tensor:
    """[A,B,L]: the ids that the unpruned model would use for `embeds` [B,L,D]."""
    batch, length = embeds.shape[:2]
    if position_ids is None:
        position_ids = torch.arange(seen, seen + length)[None]
    if position_ids.ndim == 2:
        position_ids = position_ids[None]
    return position_ids[..., -length:].to(embeds.device).expand(-1, batch, -1)


def compacted(
    ids: torch.Tensor, gone: torch.Tensor, spans: Sequence[VisualSpan], shift: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids without the gaps of tokens that went, and the shift [B] of tokens that come later.

    One axis: what stays is numbered without a gap. Three axes: in each span, times, rows and
    columns that have no token left are skipped; what follows moves down by as much as the larger of
    height and width shrank, as these say where the text after a video begins.

    Args:
        ids: [A,B,L], of the call's tokens before pruning.
        gone: [B,L] bool: tokens that went; padding has not.
        shift: [B], of this call's first token.
    """
    if ids.shape[0] == 1:
        lower = gone.cumsum(1) + shift[:, None]
        return ids - lower, lower[:, -1]
    ids, shift = ids.clone(), shift.clone()
    for row in range(ids.shape[1]):
        of_row = [span for span in spans if span.row == row]
        shift[row] = _close_gaps(ids[-3:, row], ~gone[row], of_row, int(shift[row]))
    return ids, shift


def _close_gaps(
    ids: torch.Tensor, stays: torch.Tensor, spans: Sequence[VisualSpan], shift: int
) -> int:
    """On `ids` [3,L], in place; the new shift."""
    lower = torch.full((ids.shape[-1],), shift, device=ids.device)
    for span in spans:
        inside = slice(span.start, span.stop)
        extent = int((ids[1:, inside] - ids[1:, span.start, None]).max()) + 1
        left = [axis[stays[inside]].unique() for axis in ids[:, inside]]
        for axis, values in zip(ids[:, inside], left, strict=True):
            axis.copy_(axis[0] + torch.searchsorted(values, axis.contiguous()))
        lower[span.stop :] += extent - max(len(values) for values in left[1:])
    ids -= lower
    return int(lower[-1])
