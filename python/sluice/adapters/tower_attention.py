"""Attention received in a CLIP or SigLIP tower, on LLaVA's way from patches to tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..errors import InputError
from .encoder_attention import EncoderAttention, received_attention

Pooling = Callable[[torch.Tensor], torch.Tensor]
"""[N,patches,D] to [N,S,D]."""


class TowerAttention(EncoderAttention):
    """All frames of a call go through the tower as one batch, then through the projector."""

    def __init__(
        self, inner: nn.Module, patches: int, pool: Pooling, pool_after_projector: bool
    ) -> None:
        """Raises InputError for a tower that computes attention in another way.

        Args:
            inner: the model with `vision_tower` and `multi_modal_projector`.
            patches: of a frame. What the tower has more than these (the class token) is in front.
        """
        super().__init__()
        self._attention = _attention_in_use(inner)
        self._projector = inner.multi_modal_projector
        self._patches = patches
        self._pool = pool
        self._pool_after_projector = pool_after_projector

    def install(self) -> list[Any]:
        return [
            self._attention.q_proj.register_forward_hook(self._note_queries),
            self._attention.k_proj.register_forward_hook(self._rank_patches),
            self._projector.register_forward_hook(self._rank_tokens),
            self,
        ]

    def _note_queries(self, layer: nn.Module, args: tuple, queries: torch.Tensor) -> None:
        self._seen.noted = queries.detach()

    def _rank_patches(self, layer: nn.Module, args: tuple, keys: torch.Tensor) -> None:
        """Of [N,T,D] each."""
        queries, self._seen.noted = self._seen.noted, None
        heads, scaling = self._attention.num_heads, self._attention.scale
        received = [
            received_attention(_heads(q, heads), _heads(k, heads), scaling)
            for q, k in zip(queries, keys.detach(), strict=True)
        ]
        self._seen.attention = torch.stack(received)[:, -self._patches :]

    def _rank_tokens(self, projector: nn.Module, args: tuple, output: torch.Tensor) -> None:
        attention, self._seen.attention = self._seen.attention, None
        if attention is None:  # Features of some other origin.
            return
        attention = self._pool(attention[..., None])[..., 0]
        features = self._pool(output.detach()) if self._pool_after_projector else output
        if features.shape[1] == attention.shape[1]:  # Not so for images that are not pooled.
            self._add(features, attention)


def _heads(states: torch.Tensor, heads: int) -> torch.Tensor:
    return states.unflatten(-1, (heads, -1)).transpose(0, 1)


def _attention_in_use(inner: nn.Module) -> Any:
    """The attention of the last layer whose output becomes features."""
    tower = inner.vision_tower
    layers = getattr(getattr(tower, "vision_model", tower), "encoder", tower).layers
    chosen = inner.config.vision_feature_layer
    # Hidden state 0 is what enters the first layer.
    states = [
        state % (len(layers) + 1) for state in ([chosen] if isinstance(chosen, int) else chosen)
    ]
    attention = getattr(layers[max(states) - 1], "self_attn", None) if max(states) > 0 else None
    if not all(hasattr(attention, name) for name in ("q_proj", "k_proj", "num_heads", "scale")):
        raise InputError(
            f"attention: is 'encoder', and hidden state {chosen} of a {type(tower).__name__} is in "
            "use; expected the output of a layer of CLIP or SigLIP"
        )
    return attention
