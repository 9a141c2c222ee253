"""Processors for the tiny models: called as real ones are, and giving what real ones give."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from tiny_models import Clip, Family

PATCH, MERGE, PAIR, SIDE = 4, 2, 2, 48


class TinyProcessor:
    """Each letter is a token. Qwen's takes frames of any size, the others scale to 48 x 48."""

    video_token = "<video>"
    chat_template = None

    def __init__(self, family: Family) -> None:
        self._family = family
        self.video_processor = SimpleNamespace()
        if family.mrope:
            self.video_processor = SimpleNamespace(
                patch_size=PATCH, merge_size=MERGE, temporal_patch_size=PAIR
            )
        self.calls: list[dict[str, Any]] = []

    def __call__(
        self, text: list[str], videos: list[np.ndarray], return_tensors: str, **options: Any
    ) -> dict[str, Any]:
        self.calls.append({"text": text, "frames": videos[0], "tensors": return_tensors, **options})
        pixels = torch.from_numpy(videos[0]).movedim(-1, 1).float() / 128 - 1
        clip = self._patches(pixels) if self._family.mrope else self._square(pixels)
        before, after = text[0].split(self.video_token)
        return self._family.prompt(len(before), clip, len(after))

    def _square(self, pixels: torch.Tensor) -> Clip:
        pixels = torch.nn.functional.interpolate(pixels, (SIDE, SIDE), mode="area")
        return Clip(len(pixels), self._family.positions, self._family.newlines, pixels[None])

    def _patches(self, pixels: torch.Tensor) -> Clip:
        """[T,3,H,W]; the last frame twice if T is odd."""
        if len(pixels) % PAIR:
            pixels = torch.cat([pixels, pixels[-1:]])
        frames, rows, columns = len(pixels) // PAIR, *(side // PATCH for side in pixels.shape[2:])
        split = pixels.reshape(
            frames, PAIR, 3, rows // MERGE, MERGE, PATCH, columns // MERGE, MERGE, PATCH
        )
        patches = split.permute(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(frames * rows * columns, -1)
        grid = torch.tensor([[frames, rows, columns]])
        return Clip(frames, rows * columns // MERGE**2, 0, patches, grid)


def moving_frames(frames: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    """[T,H,W,3] uint8: still but for one quarter, and a cut in the middle."""
    random = np.random.default_rng(seed)
    scenes = random.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    video = scenes[(np.arange(frames) >= frames // 2).astype(int)]
    quarter = (frames, height // 2, width // 2, 3)
    video[:, : height // 2, : width // 2] = random.integers(0, 256, quarter, dtype=np.uint8)
    return video
