"""Fewer tokens from a layer of a language model on: HoliTom's inner merge, AdaToken-3D's gate.

Both look at one row of attention: what the last prompt token looked at in the layer before. They
decide on the tokens of one contiguous span, and leave all others alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from . import _engine
from .errors import InputError
from .tensors import Array, as_indices, as_input, as_optional, framework_of


@dataclass(frozen=True, eq=False)
class InnerMerge:
    """L tokens of which the visual span shrank from n to `keep` tokens."""

    hidden: Array
    """[L',D] in the type and framework of the input."""
    keep: Array
    """[L'] int64: rows of the input, ascending. Tokens keep their position ids."""
    keep_in_span: Array
    """[keep] int64: the visual ones among them, counted from the span's start."""
    assignment: Array
    """[n] int32: row of `hidden` that each visual token went to, or a DropReason below 0."""
    weight: Array
    """[keep] int64: tokens that each kept visual token stands for."""


def inner_merge(
    hidden: Array,
    attention: Array | None,
    span: tuple[int, int],
    keep: int,
    *,
    running: bool = False,
) -> InnerMerge:
    """Keeps `keep` visual tokens, and merges each of the others into the most similar of them.

    HoliTom's merge inside the language model (arXiv 2505.21334), for one sequence, once, during
    prefill. The published setting keeps `round(n * 0.5)` in front of layer 18.

    Args:
        hidden: [L,D] float32, float16 or bfloat16: the residual stream that enters the layer,
            before its norm.
        attention: [heads,L] or [L] of any float type: last row of the layer before. None: how far
            a hidden state stands out from the others of the span decides.
        span: start and number n of the visual tokens.
        keep: visual tokens to keep, 0 to n.
        running: merge one by one, each arrival weighing one half, as the published code does;
            otherwise a group becomes its mean.

    Ties go to the lowest index. Tokens with NaN or infinity rank last and are merged with nothing.
    Raises InputError naming the argument.
    """
    wrap = framework_of(hidden)
    states = as_input(hidden, "hidden")
    start, count, keep = _within(span, keep, states, 0, "hidden")
    result = _engine.inner_merge(
        states,
        as_optional(attention, "attention"),
        start,
        count,
        keep,
        bool(running),
    )
    return InnerMerge(**{name: wrap(value) for name, value in result.items()})


@dataclass(frozen=True, eq=False)
class StageDecision:
    """Which of L tokens go on to the layers from this stage on."""

    keep: Array
    """[L'] int64: rows, ascending."""
    keep_in_span: Array
    """[keep] int64: the spatial ones among them, counted from the span's start."""
    position_ids: Array
    """[L'] int64."""
    decode_shift: int
    """How much smaller the ids of later tokens must be in these layers; 0 unless renumbered."""


def stage_gate(
    attention: Array,
    span: tuple[int, int],
    keep: int,
    *,
    positions: Literal["original", "compacted", "renumbered"] = "original",
    position_ids: Array | None = None,
) -> StageDecision:
    """Keeps the `keep` spatial tokens that the last prompt token looks at most.

    One stage of the gate that AdaToken-3D (arXiv 2505.12782) puts into a language model. Schedules
    say how many tokens each stage keeps: see `GateSchedule`.

    Args:
        attention: [heads,L] or [L] of any float type: last row of attention over all L tokens.
        span: start and number n of the spatial tokens.
        keep: spatial tokens to keep, 0 to n.
        positions: `original`: all keep their ids, with gaps. `compacted`: the kept tokens take the
            first ids of their span. `renumbered`: 0, 1, 2 … without a gap, as published; see
            `decode_shift`.
        position_ids: [L] int64 or int32, strictly increasing; None: 0, 1, 2 …

    Ties go to the lowest index; NaN ranks last. Raises InputError naming the argument.
    """
    wrap = framework_of(attention)
    row = as_input(attention, "attention")
    start, count, keep = _within(span, keep, row, -1, "attention")
    result = _engine.stage_gate(
        row,
        start,
        count,
        keep,
        positions,
        as_indices(position_ids, "position_ids"),
    )
    shift = result.pop("decode_shift")
    return StageDecision(
        **{name: wrap(value) for name, value in result.items()}, decode_shift=shift
    )


def count_of(value: int, name: str) -> int:
    """A whole number, of Python or NumPy."""
    try:
        return value.__index__()
    except AttributeError:
        raise InputError(f"{name}: is {value!r}; expected a whole number") from None


def _within(
    span: tuple[int, int], keep: int, tensor: Array, axis: int, name: str
) -> tuple[int, int, int]:
    """Start, length and what is to be kept of a span that lies within an axis of `tensor`."""
    try:
        start, count = span
    except (TypeError, ValueError):
        raise InputError(f"span: is {span!r}; expected its start and number of tokens") from None
    start, count, keep = count_of(start, "span"), count_of(count, "span"), count_of(keep, "keep")
    if len(tensor.shape) == 0:
        raise InputError(f"{name}: is a single number; expected a tensor")
    total = int(tensor.shape[axis])
    if start < 0 or count < 0 or start + count > total:
        raise InputError(
            f"span: {count} tokens from {start} on; expected a span within the {total} of {name}"
        )
    if not 0 <= keep <= count:
        raise InputError(f"keep: is {keep}; expected 0 to {count}, as many as the span has")
    return start, count, keep
