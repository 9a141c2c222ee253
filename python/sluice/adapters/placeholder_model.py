"""Models whose prompts hold a placeholder token for each visual token: all of transformers'."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from .adapter import Adapter, Noted
from .visual_spans import VisualSpan, runs


class PlaceholderModel(Adapter):
    """`model.model` fills the placeholders in and calls `model.model.language_model`."""

    def __init__(self, model: nn.Module) -> None:
        self.inner: nn.Module = model.model
        self.decoder = model.model.language_model
        self.config: Any = model.config

    def watch(self, noted: Noted) -> list[RemovableHandle]:
        def note(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
            noted.inputs = {**kwargs, "input_ids": args[0]} if args else kwargs

        return [self.inner.register_forward_pre_hook(note, with_kwargs=True)]

    def spans(
        self, inputs: dict[str, Any], embeds: torch.Tensor, ids: torch.Tensor, images: bool
    ) -> list[VisualSpan]:
        found: list[VisualSpan] = []
        if _given(inputs, "pixel_values_videos", "video"):
            mask = self._placeholders(inputs, self.config.video_token_id)
            for run in runs(mask):
                found += self.videos(*run, inputs=inputs, ids=ids)
        if images and _given(inputs, "pixel_values", "image"):
            mask = self._placeholders(inputs, self.config.image_token_id)
            found += [self.image(*run, embeds=embeds) for run in runs(mask)]
        return sorted(found, key=lambda span: (span.row, span.start))

    @abstractmethod
    def videos(
        self, row: int, start: int, stop: int, *, inputs: dict[str, Any], ids: torch.Tensor
    ) -> Iterator[VisualSpan]:
        """The videos in a run of video tokens."""

    @abstractmethod
    def image(self, row: int, start: int, stop: int, *, embeds: torch.Tensor) -> VisualSpan:
        """A run of image tokens as one frame."""

    def _placeholders(self, inputs: dict[str, Any], token: int) -> torch.Tensor:
        """[B,L] bool."""
        if (ids := inputs.get("input_ids")) is not None:
            return ids == token
        embeds = inputs["inputs_embeds"]
        placeholder = self.inner.get_input_embeddings()(torch.tensor(token, device=embeds.device))
        return (embeds == placeholder).all(-1)


def encoded(inputs: dict[str, Any], modality: str) -> Any:
    """The features that `generate()` made before the prefill, or None."""
    output = (inputs.get("mm_encoder_outputs") or {}).get(modality)
    return None if output is None else output.pooler_output


def _given(inputs: dict[str, Any], pixels: str, modality: str) -> bool:
    return inputs.get(pixels) is not None or encoded(inputs, modality) is not None
