"""How many spatial tokens each layer of a language model sees (AdaToken-3D, arXiv 2505.12782)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NamedTuple

from . import _engine
from .errors import InputError

_FORMAT = "sluice gate schedule"
_VERSION = 1


class GateStage(NamedTuple):
    """After `layer` layers have run, int(S * ratio) of the S original spatial tokens go on."""

    layer: int
    ratio: float


class GateStep(NamedTuple):
    """In front of `layer`, counted from 0, the gate turns n_in spatial tokens into n_out."""

    layer: int
    n_in: int
    n_out: int


@dataclass(frozen=True)
class StagedRatios:
    """Few stages, for any S: layers strictly increase, ratios in (0, 1] never do."""

    stages: tuple[GateStage, ...]


@dataclass(frozen=True)
class LayerPercents:
    """A share of S for every layer: percentages that never increase."""

    percent: tuple[float, ...]
    rounding: Literal["down", "nearest"] = "down"


@dataclass(frozen=True)
class LayerCounts:
    """A count for every layer, for one S only; never increasing."""

    counts: tuple[int, ...]
    spatial_tokens: int


@dataclass(frozen=True)
class ModelSize:
    """What the cost of a language model depends on. Defaults: LLaVA-3D-7B."""

    hidden_size: int = 4096
    intermediate_size: int = 11008
    """Of the gated feed-forward network."""
    other_tokens: int = 61
    """System and prompt, never dropped."""


@dataclass(frozen=True)
class GateSchedule:
    """Raises InputError naming the stage or layer that breaks a rule of its plan."""

    name: str
    layers: int
    """Of the model."""
    plan: StagedRatios | LayerPercents | LayerCounts
    description: str = ""

    def __post_init__(self) -> None:
        _engine.check_schedule(self)

    def counts(self, spatial_tokens: int) -> tuple[int, ...]:
        """[layers] spatial tokens that each layer sees, of `spatial_tokens` before the first."""
        return _engine.layer_counts(self, spatial_tokens)

    def steps(self, spatial_tokens: int) -> tuple[GateStep, ...]:
        """Each time that the gate works, in order of layers: what `stage_gate` is told."""
        return tuple(GateStep(*step) for step in _engine.gate_steps(self, spatial_tokens))

    def flops_left(self, spatial_tokens: int, model: ModelSize = ModelSize()) -> float:
        """Share of the prefill's multiply-adds that remains."""
        return _engine.flops_left(self, spatial_tokens, model)

    def to_json(self) -> str:
        """As `sluice calibrate` writes it."""
        fields: dict[str, Any] = {
            "format": _FORMAT,
            "version": _VERSION,
            "name": self.name,
            "description": self.description,
            "layers": self.layers,
        }
        if isinstance(self.plan, StagedRatios):
            fields["stages"] = [{"layer": s.layer, "ratio": s.ratio} for s in self.plan.stages]
        elif isinstance(self.plan, LayerPercents):
            fields |= {"percent": list(self.plan.percent), "rounding": self.plan.rounding}
        else:
            fields |= {
                "counts": list(self.plan.counts),
                "spatial_tokens": self.plan.spatial_tokens,
            }
        return json.dumps(fields, indent=2) + "\n"

    @staticmethod
    def from_json(text: str, where: str = "gate schedule") -> GateSchedule:
        """Raises InputError, naming `where` and the key, for what is missing, unknown or wrong."""
        try:
            fields = json.loads(text, object_pairs_hook=lambda pairs: _unique(pairs, where))
        except json.JSONDecodeError as error:
            raise InputError(f"{where}: is not JSON: {error}; expected a gate schedule") from None
        if not isinstance(fields, dict):
            raise InputError(f"{where}: is no object; expected a gate schedule")
        fields.pop("details", None)  # for people
        if (fields.pop("format", None), fields.pop("version", None)) != (_FORMAT, _VERSION):
            raise InputError(f"{where}: has another format; expected {_FORMAT!r}, {_VERSION}")
        try:
            return GateSchedule(
                name=fields.pop("name"),
                description=fields.pop("description"),
                layers=fields.pop("layers"),
                plan=_plan_of(fields, where),
            )
        except KeyError as error:
            raise InputError(f"{where}: has no key {error}; expected a gate schedule") from None
        except InputError as error:
            raise InputError(f"{where}: {error}") from None

    @staticmethod
    def load(path: str | PathLike[str]) -> GateSchedule:
        """Reads a file of `sluice calibrate`."""
        return GateSchedule.from_json(Path(path).read_text("utf-8"), str(path))

    @staticmethod
    def preset(name: str, layers: int = 32) -> GateSchedule:
        """One of `schedule_presets()`, for a model of so many layers."""
        plan = _plan(_engine.preset_plan(name, layers))
        return GateSchedule(name, layers, plan, schedule_presets()[name])


def schedule_presets() -> dict[str, str]:
    """The schedules in AdaToken-3D's code by name, and where each comes from."""
    return dict(_engine.schedule_presets())


def _plan(fields: tuple) -> StagedRatios | LayerPercents | LayerCounts:
    kind, *values = fields
    if kind == "stages":
        return StagedRatios(tuple(GateStage(*stage) for stage in values[0]))
    return LayerPercents(*values) if kind == "percent" else LayerCounts(*values)


def _plan_of(fields: dict, where: str) -> StagedRatios | LayerPercents | LayerCounts:
    keys = set(fields)
    if keys == {"stages"}:
        return StagedRatios(tuple(_stage(stage, where) for stage in fields["stages"]))
    if keys == {"percent", "rounding"}:
        return LayerPercents(tuple(fields["percent"]), fields["rounding"])
    if keys == {"counts", "spatial_tokens"}:
        return LayerCounts(tuple(fields["counts"]), fields["spatial_tokens"])
    raise InputError(
        f"has the keys {', '.join(sorted(keys)) or 'of no plan'}; "
        "expected one plan: stages, percent and rounding, or counts and spatial_tokens"
    )


def _stage(stage: Any, where: str) -> GateStage:
    if not isinstance(stage, dict) or set(stage) != {"layer", "ratio"}:
        raise InputError(f"stage {stage!r}; expected layer and ratio")
    return GateStage(**stage)


def _unique(pairs: list[tuple[str, Any]], where: str) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise InputError(f"{where}: has a key twice; expected every key once")
    return fields
