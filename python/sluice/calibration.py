"""Attention maps of a model become the schedule of its gate (AdaToken-3D, arXiv 2505.12782)."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from . import _engine
from .errors import InputError
from .schedules import GateSchedule, _plan
from .tensors import Array, as_input


class TokenLayout(NamedTuple):
    """How many tokens are before the spatial ones, how many these are, and how many follow."""

    system: int
    spatial: int
    text: int


class LayerFlow(NamedTuple):
    """What flows through one layer, in percent of one token's attention."""

    intra: float
    """From spatial blocks to later spatial blocks."""
    inter: float
    """0.7 * from system to spatial blocks + 0.3 * from spatial to text blocks."""


@dataclass(frozen=True)
class Calibration:
    """A schedule, and what it was made from."""

    schedule: GateSchedule | None
    """None if every layer contributes the same: there is nothing to fit, take a preset."""
    samples: int
    flow: tuple[LayerFlow, ...]
    """Mean over samples, per layer."""
    memory: tuple[float, ...]
    """M, from the second layer on: what came before + 0.73 * intra."""
    contribution: tuple[float, ...]
    """c = 0.4 * intra + 0.3 * inter + 0.3 * M, from the second layer on, brought to 0 … 1."""
    rate: float | None
    """B of the fitted decay f(x) = D + (100 - D) * exp(-B * (x - 1))."""
    error: float | None
    """Sum of squares over values and gradients, in percent."""
    explained: float | None
    """Share of the contribution's variation that the curve accounts for: 1 is a perfect fit, 0 no
    better than a constant. Look at it."""
    at_limit: bool
    """The search ended at its border: the best curve is a step."""


def calibrate(
    samples: Iterable[Sequence[Array] | Array],
    layout: TokenLayout | tuple[int, int, int],
    *,
    pool: int = 10,
    borders: Literal["segments", "parity"] = "segments",
    stages: Sequence[int] | None = None,
) -> Calibration:
    """Measures how much the spatial tokens contribute per layer, and fits a schedule to it.

    Args:
        samples: one after the other, so that a generator needs memory for one: each has a map per
            layer, [n,n], [heads,n,n] or [1,heads,n,n], of any float type; rows are queries. What a
            model returns as `attentions` is such a sample.
        layout: of every sample, in tokens: system + spatial + text = n.
        pool: tokens per side of an attention block.
        borders: `segments`: no block straddles a border of the layout; `parity`: as published.
        stages: layers in front of which the gate works; None: every layer.

    An interrupt (Ctrl-C) takes effect within a layer. Raises InputError naming what can't be used.
    """
    try:
        system, spatial, text = (int(count) for count in layout)
    except (TypeError, ValueError):
        raise InputError(f"layout: is {layout!r}; expected system, spatial, text") from None
    flows = [
        [
            _engine.measure_layer(_map(layer), system, spatial, text, pool, borders)
            for layer in sample
        ]
        for sample in samples
    ]
    if not flows:
        raise InputError("samples: is empty; expected at least one")
    if len({len(sample) for sample in flows}) > 1:
        raise InputError("samples: differ in their number of layers; expected those of one model")
    mean = tuple(_mean(layer) for layer in zip(*flows))
    fit = _engine.fit_schedule(mean)
    rate, error, explained, at_limit = fit["fit"] or (None, None, None, False)
    return Calibration(
        _schedule(rate, len(mean), stages),
        len(flows),
        mean,
        fit["memory"],
        fit["normalised"],
        rate,
        error,
        explained,
        at_limit,
    )


def _map(layer: Array) -> Array:
    attention = as_input(layer, "samples")
    shape: Sequence[int] = getattr(attention, "shape", ())
    return attention[0] if len(shape) == 4 and shape[0] == 1 else attention


def _mean(flows: Sequence[tuple[float, float]]) -> LayerFlow:
    # Not sum(), whose rounding depends on Python's version.
    intra = functools.reduce(operator.add, (flow[0] for flow in flows))
    inter = functools.reduce(operator.add, (flow[1] for flow in flows))
    return LayerFlow(intra / len(flows), inter / len(flows))


def _schedule(rate: float | None, layers: int, stages: Sequence[int] | None) -> GateSchedule | None:
    if rate is None:
        return None
    plan = _plan(_engine.fitted_plan(rate, layers, stages))
    return GateSchedule(
        "calibrated",
        layers,
        plan,
        "f(x) = D + (100 - D) exp(-B (x - 1)) from 100 % at the first layer to 10 % at the last, "
        "fitted to attention maps",
    )
