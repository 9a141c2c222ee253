"""A video's frames, and a model's inputs made of them by its own processor."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from ..errors import InputError


class Prompts:
    """Prompts of one text about videos of any frames, for one model."""

    def __init__(self, model: Any, processor: Callable[..., Any], prompt: str) -> None:
        if not callable(processor):
            raise InputError(
                f"processor: is a {type(processor).__name__}; expected the model's own, which is "
                "called with text and videos"
            )
        if not isinstance(prompt, str):
            raise InputError(f"prompt: is a {type(prompt).__name__}; expected text")
        self._model = model
        self._processor = processor
        self._text = _text(processor, prompt)
        video_processor = getattr(processor, "video_processor", None)
        self.frames_per_grid = int(getattr(video_processor, "temporal_patch_size", None) or 1)
        """Video frames that the encoder makes one frame of."""
        merge = getattr(video_processor, "merge_size", None)
        self.token_side = int(video_processor.patch_size * merge) if merge else None
        """Pixels along a token's side, if the encoder takes frames of any size; else None."""

    def inputs(self, frames: np.ndarray, **options: Any) -> dict[str, Any]:
        """For `generate()`, on the model's device.

        Args:
            frames: [T,H,W,3] uint8.
            options: for the processor's call.
        """
        made = self._processor(
            text=[self._text],
            videos=[frames],
            return_tensors="pt",
            do_sample_frames=False,
            **options,
        )
        return {name: self._placed(name, value) for name, value in made.items()}

    def resized(self, frames: np.ndarray, rows: int, columns: int) -> dict[str, Any]:
        """Inputs of frames that the encoder makes `rows` x `columns` tokens of."""
        assert self.token_side is not None
        size = (rows * self.token_side, columns * self.token_side)
        pixels = torch.from_numpy(frames).movedim(-1, 1).float()
        smaller = nn.functional.interpolate(pixels, size, mode="bilinear", antialias=True)
        frames = smaller.round().clamp(0, 255).byte().movedim(1, -1).numpy()
        return self.inputs(frames, do_resize=False)

    def _placed(self, name: str, value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        value = value.to(self._model.device)
        return value.to(self._model.dtype) if name.startswith("pixel_values") else value


def frames_of(video: Any, processor: Any) -> np.ndarray:
    """[T,H,W,3] uint8: of an array, a tensor, a list of images, or a path."""
    if isinstance(video, (str, os.PathLike)):
        video = _read(os.fspath(video), processor)
    if isinstance(video, torch.Tensor):
        video = video.detach().cpu().numpy()
    elif isinstance(video, Sequence):
        video = _stacked(video)
    if not isinstance(video, np.ndarray):
        raise InputError(
            f"video: is a {type(video).__name__}; expected frames [T,H,W,3] uint8, a list of "
            "images, or a path"
        )
    if video.ndim != 4 or video.shape[-1] != 3 or 0 in video.shape or video.dtype != np.uint8:
        raise InputError(
            f"video: has shape {list(video.shape)} and type {video.dtype}; expected [T,H,W,3] uint8"
        )
    return np.ascontiguousarray(video)


def evenly(frames: np.ndarray, count: int) -> np.ndarray:
    """`count` of the frames, from the middles of as many equal parts."""
    total = len(frames)
    return frames[(2 * np.arange(count) + 1) * total // (2 * count)]


def _read(path: str, processor: Any) -> np.ndarray | torch.Tensor:
    """The frames that the processor samples of a file."""
    reader = getattr(processor, "video_processor", None)
    if not hasattr(reader, "fetch_videos"):
        raise InputError(
            f"video: is the path {path!r}, which this {type(processor).__name__} can't read; "
            "expected frames [T,H,W,3] uint8"
        )
    if not os.path.exists(path):
        raise InputError(f"video: there is no file {path!r}")
    sample = reader.sample_frames if getattr(reader, "do_sample_frames", False) else None
    frames, _ = reader.fetch_videos(path, sample_indices_fn=sample)
    if isinstance(frames, torch.Tensor) and frames.ndim == 4 and frames.shape[1] == 3:
        frames = frames.movedim(1, -1)
    return frames


def _stacked(images: Sequence[Any]) -> np.ndarray:
    arrays = [np.asarray(image) for image in images]
    if len({array.shape for array in arrays}) != 1:
        shapes = sorted({str(list(array.shape)) for array in arrays})
        raise InputError(
            f"video: has images of shape {', '.join(shapes) or 'none'}; expected one shape"
        )
    return np.stack(arrays)


def _text(processor: Any, prompt: str) -> str:
    """The prompt with a place for the video: as the model's chat has it, or in front."""
    token = getattr(processor, "video_token", "<video>")
    if token in prompt:
        return prompt
    if getattr(processor, "chat_template", None) is None:
        return f"{token}\n{prompt}"
    content = [{"type": "video"}, {"type": "text", "text": prompt}]
    chat = [{"role": "user", "content": content}]
    template = functools.partial(processor.apply_chat_template, tokenize=False)
    return template(chat, add_generation_prompt=True)
