"""One row of attention: what the last token of a prompt looks at in one layer.

Computed from the layer's own projections, as no fast attention kernel gives its weights away. One
projection of the keys in one layer, during prefill only.
"""

from __future__ import annotations

import torch
from torch import nn

from ..errors import InputError


def check_layer(layer: nn.Module) -> None:
    """Raises InputError for a layer whose attention is computed in another way."""
    attention = getattr(layer, "self_attn", None)
    needed = all(hasattr(attention, name) for name in ("q_proj", "k_proj", "head_dim", "scaling"))
    if not needed or hasattr(attention, "q_norm") or not hasattr(layer, "input_layernorm"):
        raise InputError(
            f"inner_layer, stages: the model has layers of {type(layer).__name__}; expected the "
            "attention of Llama or Qwen2"
        )


def last_row_attention(
    layer: nn.Module,
    hidden: torch.Tensor,
    embeddings: tuple[torch.Tensor, torch.Tensor],
    past_keys: torch.Tensor | None,
    mask: torch.Tensor,
) -> torch.Tensor:
    """[B,heads,L] float32, of L new tokens: softmax over these and the cached ones.

    Args:
        layer: a decoder layer with `input_layernorm` and `self_attn` as in Llama.
        hidden: [B,L,D], what enters the layer.
        embeddings: cosines and sines [B,L,head_dim] of the rotary positions.
        past_keys: [B,key_heads,P,head_dim], rotated.
        mask: [B,P+L] bool: False is padding.
    """
    attention = layer.self_attn
    states = layer.input_layernorm(hidden)
    query = _heads(attention.q_proj(states[:, -1:]), attention.head_dim)
    keys = _heads(attention.k_proj(states), attention.head_dim)
    cosines, sines = (values[:, None] for values in embeddings)
    query = _rotated(query, cosines[:, :, -1:], sines[:, :, -1:])
    keys = _rotated(keys, cosines, sines)
    if past_keys is not None:
        keys = torch.cat([past_keys.to(keys), keys], dim=2)
    keys = keys.repeat_interleave(query.shape[1] // keys.shape[1], dim=1)
    scores = (query.float() @ keys.float().mT)[:, :, 0] * attention.scaling
    scores = scores.masked_fill(~mask[:, None], float("-inf"))
    return scores.softmax(-1)[..., -hidden.shape[1] :]


def _heads(projected: torch.Tensor, size: int) -> torch.Tensor:
    return projected.unflatten(-1, (-1, size)).transpose(1, 2)


def _rotated(states: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    first, second = states.chunk(2, dim=-1)
    return states * cosines + torch.cat([-second, first], dim=-1) * sines
