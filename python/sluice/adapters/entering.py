"""What enters a model's decoder, found without running the decoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..pruning import Pruning


@dataclass(frozen=True, eq=False)
class Entering:
    """One row of a prompt, without padding."""

    embeds: torch.Tensor
    """[L,D]."""
    visuals: tuple[slice, ...]
    """Where the videos lie in it, and the images if they are pruned, newlines included."""
    axes: int
    """Of the position ids: 1, or time, height and width."""


class _Stop(Exception):
    """Leaves the model in front of the decoder's layers."""


def entering(pruning: Pruning, inputs: Mapping[str, Any]) -> list[Entering]:
    """Per row of the prompt.

    Args:
        pruning: of a model, not entered.
        inputs: for the model's `forward`, without a cache.
    """
    rows: list[Entering] = []
    pruning._claim()
    try:
        hooks = pruning._watch()

        def stop(decoder: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
            rows.extend(_rows(hooks.call, kwargs))
            raise _Stop

        handle = pruning._adapter.decoder.register_forward_pre_hook(stop, with_kwargs=True)
        pruning._handles.append(handle)
        with torch.no_grad():
            pruning._model(**inputs)
    except _Stop:
        pass
    finally:
        pruning.__exit__(None, None, None)
    return rows


def _rows(call: Any, kwargs: dict[str, Any]) -> list[Entering]:
    embeds, mask = kwargs["inputs_embeds"], kwargs.get("attention_mask")
    ids = kwargs.get("position_ids")
    axes = len(ids) if ids is not None and ids.ndim == 3 else 1
    counts = torch.ones_like(embeds[..., 0]) if mask is None else mask
    counts = counts.to(embeds.device) != 0
    rows = []
    for row, (states, valid) in enumerate(zip(embeds, counts, strict=True)):
        before = (valid.cumsum(0) - valid.long()).tolist() + [int(valid.sum())]
        stretches = [] if call is None else [s for s in call.stretches if s.row == row]
        visuals = tuple(slice(before[s.start], before[s.stop]) for s in stretches)
        rows.append(Entering(states[valid], visuals, axes))
    return rows
