"""Which runs a benchmark consists of, and in what order they take turns."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import transformers

from .._engine import threads
from ..adapters import adapter_for
from ..adapters.prompt_pruning import SpanRule
from ..adapters.projector_model import ProjectorModel
from ..errors import InputError
from ..pruning import prune
from .baselines import AdjacentFrames, EvenTokens, Pooled, Seen, chosen_by, grid_of
from .prompts import Prompts, evenly, frames_of
from .result import BenchResult, BenchRow
from .timing import Device, Run, timed

UNIFORM, DOWNSAMPLING, ADJACENT = BASELINES = ("uniform frames", "downsampling", "adjacent frames")


@dataclass(eq=False)
class Way:
    """To choose tokens, at one budget."""

    method: str
    retain: float
    inputs: dict[str, Any]
    choosing: Callable[[], AbstractContextManager[Any]]
    encoded_tokens: int
    runs: list[Run] = field(default_factory=list)


class Plan:
    """The arguments of `sluice.bench`, checked."""

    def __init__(
        self,
        model: Any,
        processor: Any,
        video: Any,
        prompt: str,
        retain: Sequence[float],
        new_tokens: int,
        baselines: Sequence[str],
        options: dict[str, Any],
    ) -> None:
        self._model = model
        self._adapter = adapter_for(model)
        if isinstance(self._adapter, ProjectorModel):
            raise InputError(f"model: is a {type(model).__name__}; expected one that takes videos")
        self._retains = _shares(retain)
        self._new_tokens = _count("new_tokens", new_tokens, 1)
        self._baselines = _names(baselines)
        self._options = _checked(model, self._retains, options)
        self._prompts = Prompts(model, processor, prompt)
        self._frames = frames_of(video, processor)
        self._device = Device(model)

    def run(self, repeats: int, warmup: int) -> BenchResult:
        repeats, warmup = _count("repeats", repeats, 1), _count("warmup", warmup, 0)
        inputs = self._prompts.inputs(self._frames)
        frames, positions, given = self._look(inputs)
        text = given - frames * positions
        ways = [Way("unpruned", 1.0, inputs, self._unpruned, frames * positions)]
        for share in self._retains:
            ways += self._at(share, inputs, text)
        for round in range(-warmup, repeats):
            turn = round % len(ways)
            for way in ways[turn:] + ways[:turn]:
                run = self._measure(way, self._new_tokens)
                if round >= 0:
                    way.runs.append(run)
        rows = tuple(_row(way, text) for way in ways)
        return BenchResult(
            type(self._model).__name__,
            self._machine(),
            frames,
            positions,
            text,
            self._new_tokens,
            rows,
        )

    def _look(self, inputs: dict[str, Any]) -> tuple[int, int, int]:
        """Frames, tokens per frame, and tokens of the whole prompt."""
        self._seen = seen = Seen()
        run = self._measure(Way("", 1.0, inputs, lambda: self._by(seen), 0), 1)
        if len(seen.spans) != 1:
            raise InputError(
                f"prompt: has {len(seen.spans)} videos for the model; expected one video in one row"
            )
        return seen.spans[0].frames, seen.spans[0].positions, run.prompt_tokens

    def _at(self, share: float, inputs: dict[str, Any], text: int) -> list[Way]:
        """Ours, and the baselines with as many tokens."""
        span = self._seen.spans[0]
        encoded = span.frames * span.positions

        def pruned() -> AbstractContextManager[Any]:
            return prune(self._model, share, **self._options)

        ours = Way("sluice", share, inputs, pruned, encoded)
        count = self._measure(ours, 1).prompt_tokens - text
        if count < 1:
            raise InputError(
                f"retain: {share:g} keeps none of the {encoded} tokens of this video; expected at "
                "least one"
            )
        ways = [ours]
        if UNIFORM in self._baselines:
            ways.append(self._uniform(share, count))
        if DOWNSAMPLING in self._baselines:
            ways.append(self._downsampled(share, count, inputs))
        if ADJACENT in self._baselines:
            ways.append(self._way(ADJACENT, share, inputs, AdjacentFrames(count), encoded))
        return ways

    def _uniform(self, share: float, count: int) -> Way:
        span = self._seen.spans[0]
        frames = math.ceil(count / span.positions)
        taken = min(frames * self._prompts.frames_per_grid, len(self._frames))
        inputs = self._prompts.inputs(evenly(self._frames, taken))
        return self._way(UNIFORM, share, inputs, EvenTokens(count), frames * span.positions)

    def _downsampled(self, share: float, count: int, inputs: dict[str, Any]) -> Way:
        span = self._seen.spans[0]
        rows, columns = grid_of(span, inputs, self._model.config)
        if self._prompts.token_side is not None:
            per_frame = math.ceil(count / span.frames)
            rows = math.ceil(rows * math.sqrt(per_frame / span.positions))
            columns = math.ceil(per_frame / rows)
            inputs = self._prompts.resized(self._frames, rows, columns)
        rule = Pooled(count, span.frames, (rows, columns), self._model.device)
        return self._way(DOWNSAMPLING, share, inputs, rule, span.frames * rows * columns)

    def _way(
        self, method: str, share: float, inputs: dict[str, Any], rule: SpanRule, encoded: int
    ) -> Way:
        return Way(method, share, inputs, lambda: self._by(rule), encoded)

    def _unpruned(self) -> AbstractContextManager[Any]:
        return prune(self._model, 1.0)

    @contextmanager
    def _by(self, rule: SpanRule) -> Any:
        positions = self._options.get("positions", "original")
        with ExitStack() as stack:
            stack.enter_context(self._unpruned())  # Not while somebody else prunes this model.
            stack.enter_context(chosen_by(rule, self._model, self._adapter, positions))
            yield

    def _measure(self, way: Way, new_tokens: int) -> Run:
        options = {
            "do_sample": False,
            "num_beams": 1,
            "use_cache": True,
            "min_new_tokens": new_tokens,
            "max_new_tokens": new_tokens,
            "return_dict_in_generate": True,
        }
        gc.collect()
        decoder = self._adapter.decoder
        run = timed(self._model, decoder, way.choosing(), way.inputs, options, self._device)
        if len(run.times.tokens) != new_tokens:
            raise InputError(
                f"model: generated in {len(run.times.tokens)} steps; expected {new_tokens}, one "
                "per new token (see its generation_config)"
            )
        return run

    def _machine(self) -> str:
        attention = getattr(self._model.config, "_attn_implementation", "unknown")
        dtype = str(self._model.dtype).removeprefix("torch.")
        return (
            f"{self._device}, {dtype}, {attention} attention, PyTorch {torch.__version__} with "
            f"{torch.get_num_threads()} threads, transformers {transformers.__version__}, engine "
            f"with {threads() or 'one per core'}."
        )


def _row(way: Way, text: int) -> BenchRow:
    last = way.runs[-1]
    peaks = [run.peak_bytes for run in way.runs if run.peak_bytes is not None]
    return BenchRow(
        way.method,
        way.retain,
        way.encoded_tokens,
        last.prompt_tokens - text,
        last.prompt_tokens,
        last.kv_bytes,
        max(peaks, default=None),
        tuple(run.times for run in way.runs),
    )


def _shares(retain: Sequence[float]) -> list[float]:
    """Below 1, descending."""
    try:
        shares = [float(share) for share in retain]
    except (TypeError, ValueError):
        raise InputError(f"retain: is {retain!r}; expected a list of shares in (0, 1]") from None
    for share in shares:
        if not 0 < share <= 1:
            raise InputError(f"retain: has {share}; expected shares in (0, 1]")
    return sorted({share for share in shares if share < 1}, reverse=True)


def _count(name: str, value: int, least: int) -> int:
    if not isinstance(value, int) or value < least:
        raise InputError(f"{name}: is {value!r}; expected a whole number, at least {least}")
    return value


def _names(baselines: Sequence[str]) -> Sequence[str]:
    unknown = [baselines] if isinstance(baselines, str) else set(baselines) - set(BASELINES)
    if unknown:
        raise InputError(f"baselines: has {sorted(unknown)}; expected some of {list(BASELINES)}")
    return baselines


def _checked(model: Any, shares: Sequence[float], options: dict[str, Any]) -> dict[str, Any]:
    if "budget" in options:
        raise InputError("budget: is given; expected shares of each video, in retain")
    for share in shares:
        prune(model, share, **options)
    return options
