"""LLaVA-OneVision and LLaVA-NeXT-Video: square frames, pooled; newlines between what is packed."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from ..errors import InputError
from .placeholder_model import PlaceholderModel, encoded
from .tower_attention import TowerAttention
from .visual_spans import VisualSpan, span_of


class Llava(PlaceholderModel):
    """All videos of a call have the same number of frames, as they come as one tensor."""

    newlines_per_video: int
    pools_after_projector: bool

    @abstractmethod
    def positions(self) -> int:
        """Tokens of a video frame."""

    @abstractmethod
    def pool(self, patches: torch.Tensor) -> torch.Tensor:
        """[N,S,D], as features are pooled, of [N,patches,D]."""

    def videos(
        self, row: int, start: int, stop: int, *, inputs: dict[str, Any], ids: torch.Tensor
    ) -> Iterator[VisualSpan]:
        positions = self.positions()
        length = self._video_length(inputs, positions)
        if (stop - start) % length != 0 or (length - self.newlines_per_video) % positions != 0:
            raise InputError(
                f"input_ids: has {stop - start} video tokens in a row; expected whole videos of "
                f"{length} tokens ({positions} per frame; prefill_chunk_size must be None)"
            )
        for first in range(start, stop, length):
            newline = torch.arange(length) >= length - self.newlines_per_video
            yield span_of("video", row, first, first + length, positions, newline)

    def image(self, row: int, start: int, stop: int, *, embeds: torch.Tensor) -> VisualSpan:
        newline = self.inner.image_newline.to(embeds)
        is_newline = (embeds[row, start:stop] == newline).all(-1)
        positions = stop - start - int(is_newline.sum())
        return span_of("image", row, start, stop, positions, is_newline)

    def encoder_attention(self, images: bool) -> TowerAttention:
        if images:
            raise InputError(
                "attention: is 'encoder', which ranks no images of LLaVA, whose tiles are packed; "
                "expected images=False"
            )
        return TowerAttention(self.inner, self.side() ** 2, self.pool, self.pools_after_projector)

    def side(self) -> int:
        """Patches in a row of the vision tower's output."""
        vision = self.config.vision_config
        return vision.image_size // vision.patch_size

    def _video_length(self, inputs: dict[str, Any], positions: int) -> int:
        if (features := encoded(inputs, "video")) is not None:
            return len(features[0])
        return inputs["pixel_values_videos"].shape[1] * positions + self.newlines_per_video


class LlavaOnevision(Llava):
    """Bilinear pooling by two; one newline after each video."""

    newlines_per_video = 1
    pools_after_projector = True

    def positions(self) -> int:
        return math.ceil(self.side() / 2) ** 2

    def pool(self, patches: torch.Tensor) -> torch.Tensor:
        return self.inner.apply_pooling(patches)


class LlavaNextVideo(Llava):
    """Pooling by a stride that the configuration says; no newlines in videos."""

    newlines_per_video = 0
    pools_after_projector = False

    def positions(self) -> int:
        return (self.side() // self.config.spatial_pool_stride) ** 2

    def pool(self, patches: torch.Tensor) -> torch.Tensor:
        """A learned pooling is for features alone: the mean takes its place."""
        maps = patches.transpose(1, 2).unflatten(2, (self.side(), -1))
        pool, stride = self.inner.vision_resampler.pool, self.config.spatial_pool_stride
        learned = isinstance(pool, nn.Conv2d)
        pooled = nn.functional.avg_pool2d(maps, stride) if learned else pool(maps)
        return pooled.flatten(2).transpose(1, 2)
