"""Stages inside the decoder: HoliTom's inner merge and AdaToken-3D's gates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import nn

from ..errors import InputError
from ..in_model import inner_merge, stage_gate
from ..schedules import (
    GateSchedule,
    GateStage,
    LayerCounts,
    LayerPercents,
    StagedRatios,
)
from .last_row import check_layer


class InnerStage(ABC):
    """What happens to each visual span in front of one layer, once per prefill."""

    layer: int
    """Counted from 0."""
    looks_at: int
    """The layer whose attention decides."""

    @abstractmethod
    def count(self, first: int, now: int) -> int:
        """Tokens to keep of a span that entered the decoder with `first` and still has `now`."""

    @abstractmethod
    def apply(
        self, hidden: torch.Tensor, attention: torch.Tensor, keep: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What is left of a span [n,D], and rows [keep] that it was; `attention` is [heads,n]."""


class MergeStage(InnerStage):
    """HoliTom (arXiv 2505.21334): the rest is merged into the most similar of the kept tokens."""

    def __init__(self, layer: int, retain: float) -> None:
        self.layer = layer
        self.looks_at = layer - 1
        self._retain = retain

    def count(self, first: int, now: int) -> int:
        return round(now * self._retain)

    def apply(
        self, hidden: torch.Tensor, attention: torch.Tensor, keep: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        merged = inner_merge(hidden, attention, (0, len(hidden)), keep)
        return merged.hidden, merged.keep


class DropStage(InnerStage):
    """AdaToken-3D (arXiv 2505.12782): the rest is dropped. Tokens keep their position ids."""

    def __init__(self, layer: int, schedule: GateSchedule) -> None:
        self.layer = layer
        self.looks_at = layer
        self._schedule = schedule

    def count(self, first: int, now: int) -> int:
        return min(now, self._schedule.counts(first)[self.layer])

    def apply(
        self, hidden: torch.Tensor, attention: torch.Tensor, keep: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        rows = stage_gate(attention, (0, len(hidden)), keep).keep
        return hidden[rows], rows


def inner_stages(
    decoder_layers: nn.ModuleList,
    inner_retain: float | None,
    inner_layer: int | None,
    stages: GateSchedule | str | Sequence[tuple[int, float]] | None,
) -> dict[int, InnerStage]:
    """By layer, ascending. Raises InputError naming the argument."""
    layers = len(decoder_layers)
    found: list[InnerStage] = []
    if (inner_retain is None) != (inner_layer is None):
        raise InputError("inner_retain, inner_layer: one is None; expected both or none of them")
    if inner_retain is not None and inner_layer is not None:
        if not 0 < inner_retain <= 1:
            raise InputError(f"inner_retain: is {inner_retain}; expected a share in (0, 1]")
        if not 1 <= inner_layer < layers:
            raise InputError(f"inner_layer: is {inner_layer}; expected 1 to {layers - 1}")
        found.append(MergeStage(inner_layer, inner_retain))
    if stages is not None:
        schedule = _schedule(stages, layers)
        found += [DropStage(layer, schedule) for layer in _gated_layers(schedule)]
    if found:
        check_layer(decoder_layers[0])
    by_layer = {stage.layer: stage for stage in sorted(found, key=lambda stage: stage.layer)}
    if len(by_layer) != len(found):
        raise InputError(
            f"inner_layer: is {inner_layer}; expected a layer without a gate of stages"
        )
    return by_layer


def _schedule(
    stages: GateSchedule | str | Sequence[tuple[int, float]], layers: int
) -> GateSchedule:
    if isinstance(stages, str):
        return GateSchedule.preset(stages, layers)
    if not isinstance(stages, GateSchedule):
        try:
            plan = StagedRatios(tuple(GateStage(*stage) for stage in stages))
        except TypeError:
            raise InputError(
                f"stages: is {stages!r}; expected a GateSchedule, the name of a preset, or pairs "
                "of layer and ratio"
            ) from None
        return GateSchedule("stages", layers, plan)
    if stages.layers != layers:
        raise InputError(f"stages: is for {stages.layers} layers; expected {layers}")
    return stages


def _gated_layers(schedule: GateSchedule) -> list[int]:
    plan = schedule.plan
    if isinstance(plan, StagedRatios):
        return [stage.layer for stage in plan.stages if stage.layer < schedule.layers]
    if isinstance(plan, LayerPercents):
        values, full = plan.percent, 100.0
    else:
        assert isinstance(plan, LayerCounts)
        values, full = plan.counts, plan.spatial_tokens
    pairs = zip((full, *values), values, strict=False)
    return [layer for layer, (a, b) in enumerate(pairs) if a != b]
