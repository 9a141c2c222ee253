"""The attention that a video's tokens received in the vision tower.

HoliTom (arXiv 2505.21334) ranks tokens by the softmax map of the last layer in use: its mean over
heads, then over queries, pooled as the features are. No fast attention kernel gives its maps away,
so it is computed from the queries and keys of that one layer, a few rows at a time.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import torch

from ..errors import InputError

_WEIGHTS_AT_ONCE = 1 << 24
"""Attention weights that are in memory at once: 64 MiB, twice that with their scores."""


def received_attention(queries: torch.Tensor, keys: torch.Tensor, scaling: float) -> torch.Tensor:
    """[T] float32, of one sequence: what each token got of the others' attention. Sums to 1.

    Args:
        queries, keys: [heads,T,head_dim], rotated if the layer does that.
    """
    heads, tokens = queries.shape[:2]
    keys = keys.float().mT
    received = torch.zeros(tokens, device=queries.device)
    for rows in queries.split(max(1, _WEIGHTS_AT_ONCE // (heads * tokens)), dim=1):
        received += (rows.float() * scaling @ keys).softmax(-1).sum((0, 1))
    return received / (heads * tokens)


@dataclass(frozen=True, eq=False)
class RankedFrames:
    """Frames of one size that went through the vision tower together."""

    features: torch.Tensor
    """[N,S,D], as the language model gets them."""
    attention: torch.Tensor
    """[N,S] float32."""


@dataclass(eq=False)
class Seen(threading.local):
    """What the vision tower made on this thread for the prompt to come."""

    frames: list[RankedFrames] = field(default_factory=list)
    used: bool = False
    noted: Any = None
    """Of the layer that runs: what its attention is computed from."""
    attention: Any = None
    """Of the run that is under way: what each patch received."""


class EncoderAttention(ABC):
    """Called with the features [F,S,D] of a video: the attention [F,S] that they received.

    Videos are found again by the bits of their features. Their way to the decoder differs: within a
    forward, before a prefill by `generate()`, repeated for beams, or by the caller's own hands.
    """

    def __init__(self) -> None:
        self._seen = Seen()

    @abstractmethod
    def install(self) -> list[Any]:
        """Hooks on the vision tower; each has `remove`, and so has what ends the list: this."""

    def remove(self) -> None:
        self._seen = Seen()

    def prompt_done(self) -> None:
        """Its frames may go, also those of images, which nobody asks for."""
        self._seen.used = True

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        self._seen.used = True
        frames = len(features)
        for ranked in self._seen.frames:
            if ranked.features.shape[1:] != features.shape[1:]:
                continue
            for first in range(0, len(ranked.features) - frames + 1, frames):
                inside = slice(first, first + frames)
                if _same_bits(ranked.features[inside].to(features), features):
                    return ranked.attention[inside]
        raise InputError(
            "attention: is 'encoder', but the vision tower did not make these "
            f"{frames} x {features.shape[1]} tokens; expected pixels in the prompt, or features "
            "that were made inside the block and on this thread"
        )

    def _add(self, features: torch.Tensor, attention: torch.Tensor) -> None:
        """What a prompt has used goes once the tower runs for another."""
        if self._seen.used:
            self._seen.frames.clear()
            self._seen.used = False
        self._seen.frames.append(RankedFrames(features.detach(), attention))


def _same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    """As `torch.equal`, but NaN is itself."""
    return torch.equal(a.contiguous().view(torch.uint8), b.contiguous().view(torch.uint8))
