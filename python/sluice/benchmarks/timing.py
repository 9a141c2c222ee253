"""Where the time of one `generate()` goes, taken by hooks around those of the pruning."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from .result import StageTimes


@dataclass(frozen=True)
class Run:
    """One call of `generate()`."""

    times: StageTimes
    prompt_tokens: int
    """That entered the decoder."""
    kv_bytes: int
    peak_bytes: int | None


class Device:
    """What a model runs on; on several devices, all of them."""

    def __init__(self, model: nn.Module) -> None:
        self._devices = sorted({p.device for p in model.parameters()}, key=str)

    def __str__(self) -> str:
        return " and ".join(_name(device) for device in self._devices)

    def now(self) -> float:
        """Seconds, once all that was asked of the devices is done."""
        for device in self._devices:
            if device.type not in ("cpu", "meta"):
                getattr(torch, device.type).synchronize(device)
        return time.perf_counter()

    def forget_peak(self) -> None:
        for device in self._of_cuda():
            torch.cuda.reset_peak_memory_stats(device)

    def peak_bytes(self) -> int | None:
        """Since `forget_peak`; None where PyTorch doesn't count."""
        counted = self._of_cuda()
        return sum(map(torch.cuda.max_memory_allocated, counted)) if counted else None

    def _of_cuda(self) -> list[torch.device]:
        return [device for device in self._devices if device.type == "cuda"]


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()


@dataclass(eq=False)
class _Marks:
    """Times of one run."""

    called: float = 0.0
    encoded: float | None = None
    reduced: float | None = None
    prefilled: float | None = None
    tokens: list[float] = field(default_factory=list)
    prompt_tokens: int = 0


def timed(
    model: nn.Module,
    decoder: nn.Module,
    pruning: AbstractContextManager[Any],
    inputs: dict[str, Any],
    options: dict[str, Any],
    device: Device,
) -> Run:
    """Runs `generate()` once inside `pruning`.

    Hooks run in the order in which they were registered: the pruning's, on the decoder, lie between
    two of ours.
    """
    marks = _Marks()

    def before_pruning(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        if marks.encoded is None:
            marks.encoded = device.now()

    def after_pruning(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        if marks.reduced is None:
            marks.reduced = device.now()
            marks.prompt_tokens = _length(args, kwargs)

    def before_step(module: nn.Module, args: tuple) -> None:
        if marks.prefilled is not None:  # The step before this one gave a token.
            marks.tokens.append(device.now())

    def after_step(module: nn.Module, args: tuple, output: Any) -> None:
        if marks.prefilled is None:
            marks.prefilled = device.now()

    device.forget_peak()
    with ExitStack() as stack:
        stack.callback(decoder.register_forward_pre_hook(before_pruning, with_kwargs=True).remove)
        stack.callback(model.register_forward_pre_hook(before_step).remove)
        stack.enter_context(pruning)
        stack.callback(decoder.register_forward_pre_hook(after_pruning, with_kwargs=True).remove)
        stack.callback(model.register_forward_hook(after_step).remove)
        marks.called = device.now()
        output = model.generate(**inputs, **options)
        marks.tokens.append(device.now())
    cache = output.past_key_values
    return Run(_stages(marks), marks.prompt_tokens, kv_bytes(cache), device.peak_bytes())


def kv_bytes(cache: Any) -> int:
    """Of all keys and values that a cache holds."""
    states = [state for layer in cache.layers for state in (layer.keys, layer.values)]
    return sum(state.numel() * state.element_size() for state in states)


def _stages(marks: _Marks) -> StageTimes:
    assert marks.encoded is not None and marks.reduced is not None and marks.prefilled is not None
    return StageTimes(
        vision=marks.encoded - marks.called,
        reduction=marks.reduced - marks.encoded,
        prefill=marks.prefilled - marks.reduced,
        decode=marks.tokens[-1] - marks.prefilled,
        tokens=tuple(token - marks.called for token in marks.tokens),
    )


def _length(args: tuple, kwargs: dict[str, Any]) -> int:
    """Tokens a row that a decoder is called with."""
    embeds = kwargs.get("inputs_embeds")
    ids = args[0] if args else kwargs.get("input_ids")
    return int((ids if embeds is None else embeds).shape[1])
