"""What the pruning has to know of a model."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch.utils.hooks import RemovableHandle

from ..errors import InputError
from .encoder_attention import EncoderAttention
from .visual_spans import VisualSpan


class Noted(threading.local):
    """What was seen of the call that runs on this thread, before it reaches the decoder."""

    inputs: dict[str, Any] | None = None

    def take(self) -> dict[str, Any] | None:
        inputs, self.inputs = self.inputs, None
        return inputs


class Adapter(ABC):
    """One family of models, for one model. Nothing of the model is changed: only hooks are used."""

    decoder: Any
    """The stack of layers that gets `inputs_embeds`; it has `layers`."""

    @abstractmethod
    def watch(self, noted: Noted) -> list[RemovableHandle]:
        """Hooks that note what `spans` needs."""

    @abstractmethod
    def spans(
        self, inputs: dict[str, Any], embeds: torch.Tensor, ids: torch.Tensor, images: bool
    ) -> list[VisualSpan]:
        """The videos of a call, and its images if asked for; by row, then by column.

        Args:
            inputs: what was noted.
            embeds: [B,L,D], what the decoder gets.
            ids: [A,B,L], its position ids.
        """

    def encoder_attention(self, images: bool) -> EncoderAttention:
        """Ranks videos, and images if asked for, by the attention they received in the encoder.

        Raises InputError where that is not known.
        """
        raise InputError(
            "attention: is 'encoder' for a model whose vision tower is not known; expected a "
            "function of the features, or None"
        )
