"""What was measured: per way of choosing tokens, the stages of every run."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple


class Spread(NamedTuple):
    """Of repeated measurements. Quartiles, as one disturbed run must not decide."""

    median: float
    lower: float
    upper: float


def spread(values: Sequence[float]) -> Spread:
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, lower, upper)


@dataclass(frozen=True)
class StageTimes:
    """One run of `generate()`, in seconds."""

    vision: float
    """From the call until the language model's inputs exist: vision tower, projector, text
    embeddings, and what `generate()` prepares."""
    reduction: float
    """From then on until it is settled what enters the decoder, and these rows are in place."""
    prefill: float
    """The decoder on the prompt, and the logits of the first new token."""
    decode: float
    """All that follows."""
    tokens: tuple[float, ...]
    """From the call until each new token was known."""

    @property
    def total(self) -> float:
        return self.vision + self.reduction + self.prefill + self.decode


@dataclass(frozen=True)
class BenchRow:
    """One way of choosing tokens at one budget."""

    method: str
    """`unpruned`, `sluice`, or the name of a baseline."""
    retain: float
    """As asked for."""
    encoded_tokens: int
    """Tokens of the video that the vision tower made."""
    visual_tokens: int
    """Tokens of the video that entered the decoder."""
    prompt_tokens: int
    """The same with text and newlines."""
    kv_bytes: int
    """Keys and values in the cache once the last token was generated."""
    peak_bytes: int | None
    """Most device memory at one time, weights included; None where it is not known (CPU)."""
    runs: tuple[StageTimes, ...]
    """Run i of each row belongs to the same round as run i of the others."""

    @property
    def vision(self) -> Spread:
        return spread([run.vision for run in self.runs])

    @property
    def reduction(self) -> Spread:
        return spread([run.reduction for run in self.runs])

    @property
    def prefill(self) -> Spread:
        return spread([run.prefill for run in self.runs])

    @property
    def decode(self) -> Spread:
        return spread([run.decode for run in self.runs])

    @property
    def first_token(self) -> Spread:
        return self.until_token(1)

    @property
    def total(self) -> Spread:
        return spread([run.total for run in self.runs])

    def until_token(self, token: int) -> Spread:
        """Seconds from the call until the new token `token`, counted from 1, was known."""
        return spread([run.tokens[token - 1] for run in self.runs])

    def saves(self, other: BenchRow, token: int = 0) -> Spread:
        """Seconds less than `other` until a new token (0: the last), round by round."""
        pairs = zip(self.runs, other.runs, strict=True)
        return spread([theirs.tokens[token - 1] - ours.tokens[token - 1] for ours, theirs in pairs])


@dataclass(frozen=True)
class BenchResult:
    """What `sluice.bench` measured. `print()` shows the table, and where pruning doesn't pay."""

    model: str
    """Its class."""
    machine: str
    """What it ran on, and with which threads, data type and attention."""
    frames: int
    """Frames as the language model gets them: a pair of the video's frames each for Qwen."""
    positions: int
    """Tokens per frame."""
    text_tokens: int
    """Of the prompt: text and newlines, which always stay."""
    new_tokens: int
    rows: tuple[BenchRow, ...]

    @property
    def unpruned(self) -> BenchRow:
        return self.rows[0]

    @property
    def pruned(self) -> tuple[BenchRow, ...]:
        """Ours."""
        return tuple(row for row in self.rows if row.method == "sluice")

    def baselines(self, retain: float) -> tuple[BenchRow, ...]:
        """At the same token count as ours of this budget."""
        others = ("unpruned", "sluice")
        return tuple(r for r in self.rows if r.retain == retain and r.method not in others)

    def verdicts(self) -> list[str]:
        """Per budget: whether pruning takes less time than not pruning, and from where on."""
        from .verdicts import verdicts

        return verdicts(self)

    def to_markdown(self) -> str:
        """The table, times in milliseconds, and the verdicts below it."""
        from .tables import markdown

        return markdown(self)

    def __str__(self) -> str:
        from .tables import text

        return text(self)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def to_json(self) -> str:
        """All that was measured; times in seconds."""
        return json.dumps(self.to_dict())

    @staticmethod
    def from_json(text: str) -> BenchResult:
        values = json.loads(text)
        rows = tuple(_row(row) for row in values.pop("rows"))
        return BenchResult(**values, rows=rows)


def _row(values: dict[str, Any]) -> BenchRow:
    runs = tuple(
        StageTimes(**{**run, "tokens": tuple(run["tokens"])}) for run in values.pop("runs")
    )
    return BenchRow(**values, runs=runs)
