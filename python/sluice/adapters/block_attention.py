"""Attention received in the vision blocks of Qwen2-VL and Qwen2.5-VL."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..errors import InputError
from .encoder_attention import EncoderAttention, received_attention


class BlockAttention(EncoderAttention):
    """All frames of a call are one sequence of patches; each looks at itself only.

    Patches that make up one token are neighbours. Where some blocks look at windows only, tokens
    are sorted by window while they are in the blocks; the last block that sees whole frames ranks.
    """

    def __init__(self, visual: nn.Module) -> None:
        """Raises InputError if no block sees whole frames."""
        super().__init__()
        self._visual: Any = visual
        whole = getattr(visual, "fullatt_block_indexes", range(len(visual.blocks)))
        whole = [index for index in whole if index < len(visual.blocks)]
        if not whole:
            raise InputError(
                "attention: is 'encoder', but all vision blocks look at windows only; expected one "
                "that looks at whole frames"
            )
        self._attention: Any = visual.blocks[max(whole)].attn

    def install(self) -> list[Any]:
        return [
            self._attention.register_forward_pre_hook(self._note, with_kwargs=True),
            self._attention.qkv.register_forward_hook(self._rank_patches),
            self._visual.register_forward_hook(self._rank_tokens, with_kwargs=True),
            self,
        ]

    def _note(self, attention: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        self._seen.noted = kwargs["cu_seqlens"], kwargs["position_embeddings"]

    def _rank_patches(self, layer: nn.Module, args: tuple, output: torch.Tensor) -> None:
        """Of [patches,3*D]: queries, keys and values."""
        (borders, (cosines, sines)), self._seen.noted = self._seen.noted, None
        states = output.detach().unflatten(-1, (3, self._attention.num_heads, -1))
        queries, keys = (_rotated(states[:, part], cosines, sines) for part in (0, 1))
        lengths = borders.diff().tolist()
        frames = zip(queries.split(lengths, dim=1), keys.split(lengths, dim=1), strict=True)
        scaling = self._attention.scaling
        self._seen.attention = torch.cat([received_attention(q, k, scaling) for q, k in frames])

    def _rank_tokens(self, visual: nn.Module, args: tuple, kwargs: dict, output: Any) -> None:
        received, self._seen.attention = self._seen.attention, None
        grids = kwargs["grid_thw"] if "grid_thw" in kwargs else args[1]
        side = self._visual.spatial_merge_size
        attention = received.unflatten(0, (-1, side * side)).mean(1)
        first = 0
        for frames, rows, columns in grids.tolist():
            positions = (rows // side) * (columns // side)
            inside = slice(first, first := first + frames * positions)
            features = output.pooler_output[inside].unflatten(0, (frames, positions))
            order = self._order(rows // side, columns // side).to(attention.device)
            placed = torch.empty(frames, positions, device=attention.device)
            placed[:, order] = attention[inside].view(frames, positions)
            self._add(features, placed)

    def _order(self, rows: int, columns: int) -> torch.Tensor:
        """[rows*columns] int64: which token of a frame is where in the blocks."""
        positions = torch.arange(rows * columns)
        if not hasattr(self._visual, "window_size"):
            return positions
        patches_per_token = self._visual.patch_size * self._visual.spatial_merge_size
        side = self._visual.window_size // patches_per_token
        window = positions // columns // side * columns + positions % columns // side
        return window.argsort(stable=True)


def _rotated(states: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    """[heads,T,head_dim] of states [T,heads,head_dim], rounded to their type as the model does."""
    values = states.float()
    first, second = values.chunk(2, dim=-1)
    turned = torch.cat([-second, first], dim=-1)
    rotated = values * cosines[:, None].float() + turned * sines[:, None].float()
    return rotated.to(states.dtype).transpose(0, 1)
