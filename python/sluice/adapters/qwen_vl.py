"""Qwen2-VL and Qwen2.5-VL: frames of any size, with a time, height and width as position."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from ..errors import InputError
from .block_attention import BlockAttention
from .placeholder_model import PlaceholderModel
from .visual_spans import VisualSpan, span_of


class QwenVl(PlaceholderModel):
    """Each video is a run of its own, between the tokens that open and close it."""

    def videos(
        self, row: int, start: int, stop: int, *, inputs: dict[str, Any], ids: torch.Tensor
    ) -> Iterator[VisualSpan]:
        positions = _frame_size(ids[:, row, start:stop])
        if (stop - start) % positions != 0:
            raise InputError(
                f"input_ids: has {stop - start} video tokens in a row; expected whole frames of "
                f"{positions} (prefill_chunk_size must be None)"
            )
        yield span_of("video", row, start, stop, positions)

    def image(self, row: int, start: int, stop: int, *, embeds: torch.Tensor) -> VisualSpan:
        return span_of("image", row, start, stop, stop - start)

    def encoder_attention(self, images: bool) -> BlockAttention:
        return BlockAttention(self.inner.visual)


def _frame_size(ids: torch.Tensor) -> int:
    """Tokens per frame, off the rows and columns among the positions [A,n] of a video.

    The grids that the processor made don't reach the decoder: `generate()` takes them out once the
    video is encoded, and repeats videos, but not grids, for beams.
    """
    if ids.shape[0] < 3:
        raise InputError(
            "position_ids: have one axis where a video lies; expected time, height and width "
            "(pass video_grid_thw and mm_token_type_ids)"
        )
    height, width = (int(axis.max() - axis.min()) + 1 for axis in ids[-2:])
    return height * width
