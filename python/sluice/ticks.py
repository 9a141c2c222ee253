"""The control loop's engine: the newest tokens in, a packet within a hard budget out.

VLA-Pruner (arXiv 2511.16449), made causal and exact.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from . import _engine
from .errors import InputError
from .packets import Feedback, Packet, packet_from
from .tensors import Array, as_indices, as_input, as_optional, framework_of
from .tick_options import BudgetOptions, TickOptions, TickSource
from .tokens import Source

Status = Literal["ok", "no_tokens", "bad_input", "over_budget", "old_tick", "failed"]


@dataclass(eq=False)
class TickTokens:
    """One source's newest tokens. N tokens of width D."""

    features: Array
    """[N,D] float32, float16 or bfloat16."""
    key: Array | Sequence[int] | None = None
    """[N] integers: stable identity over ticks; None: positions, or else row numbers."""
    position: Array | Sequence[int] | None = None
    """[N] integers: row-major index into the source's grid."""
    semantic: Array | None = None
    """[N] of any float type: relevance to the instruction; None: feedback, or else features."""
    pinned: Array | Sequence[int] | None = None
    """Rows that must be sent, ascending."""
    xyz: Array | None = None
    """[N,3]: place in the world, metres."""
    frame: Array | None = None
    pts: Array | None = None
    """[N] seconds."""
    weight: Array | None = None
    """[N] integers: number of input tokens that each stands for."""
    kind: Array | None = None
    """[N] uint8: TokenKind."""
    source: Source = field(default_factory=Source)
    """The engine sets id, grid and width."""

    def __post_init__(self) -> None:
        self.semantic = as_optional(self.semantic, "semantic")
        self.pinned = as_indices(self.pinned, "pinned")

    def columns(self) -> dict[str, Any]:
        """What is known, by name, as the engine reads it."""
        names = ("features", "key", "position", "xyz", "frame", "pts", "weight", "kind")
        known = ((name, getattr(self, name)) for name in names)
        return {name: as_indices(value, name) for name, value in known if value is not None}


class Tick(NamedTuple):
    """What a step came to."""

    status: Status
    """`ok`; `no_tokens`: no source had any, the packet is empty and valid; otherwise there is no
    packet, and `problem` says why."""
    packet: Packet | None
    problem: str


class TickEngine:
    """Decides, tick by tick, which tokens a robot's model sees. Used by one thread at a time.

        engine = sluice.TickEngine(sources=["wrist", "front"], budget=128)
        status, packet, problem = engine.step({"wrist": wrist, "front": front}, deadline=0.05)
        ...
        engine.feedback(sluice.feedback_on(packet, {...}, action, model_latency_ms))

    Args:
        sources: ids, or TickSource with their limits.
        budget: tokens per tick, or BudgetOptions.
        controller: of the budget: `fixed`, `deadline` or `motion`.
        selector: how tokens are chosen; see TickOptions.
        options: TickOptions, instead of all the others.
        others: more of TickOptions: `refresh_share`, `stale_after`, `fixed_shape` and so on.

    Raises InputError naming the option; EngineError if two threads use the object at once.
    """

    def __init__(
        self,
        sources: Iterable[str | TickSource] = ("camera",),
        budget: int | BudgetOptions = 256,
        *,
        controller: str | None = None,
        selector: str = "vla-pruner",
        options: TickOptions | None = None,
        **others: Any,
    ) -> None:
        if options is None:
            options = _options(sources, budget, controller, selector, others)
        self.options = options
        self.settings_hash = hashlib.blake2b(repr(options).encode(), digest_size=8).hexdigest()
        self._engine = _engine.TickEngine(options)
        self._next_tick = 0

    def step(
        self,
        inputs: Mapping[str, Array | TickTokens | None],
        tick: int | None = None,
        deadline: float | None = None,
        clock: float | None = None,
    ) -> Tick:
        """Exactly min(budget, available) tokens, available = sum of min(cap, rows).

        Args:
            inputs: tokens by source id: features [N,D], or TickTokens. A source that is missing or
                None offers nothing in this tick. Features are read where they lie, and not held
                when the call is over: the memory may be used again. The packet has a copy of what
                was kept, the engine of what it was shown. Other columns are copied.
            tick: number that grows within an episode; None: the next.
            deadline: seconds that the model has, for the controller; None: none.
            clock: seconds of the loop's own clock, for motion; None: ticks are a second apart.

        What is wrong with the values inside an input is a status, as an error must not end a loop.
        Raises InputError only for arguments that are no tensors of the right type and shape.
        """
        number = self._next_tick if tick is None else tick
        tokens = self._tokens(inputs)
        wrap = framework_of(*(entry.features for entry in tokens if entry is not None))
        status, fields = self._engine.step(
            tokens, number, number if clock is None else clock, deadline or 0.0
        )
        if fields is None:
            return Tick(status, None, self._engine.problem())
        self._next_tick = number + 1
        packet = packet_from(fields, wrap)
        packet.settings_hash = self.settings_hash
        return Tick(status, packet, "")

    def feedback(self, feedback: Feedback) -> str:
        """Applies what the model tells back about a packet, and says what became of it: `applied`,
        `stale`, `duplicate`, `other_episode`, `unknown_tick`, `future`, `malformed` or
        `other_stream`. Only the first changes anything."""
        return self._engine.feedback(feedback)

    def reset(self, episode: int) -> None:
        """A new episode: what was looked at and sent is forgotten, and ticks begin again. What was
        learned about the model's latency stays."""
        self._engine.reset(episode)
        self._next_tick = 0

    @property
    def feedback_counts(self) -> dict[str, int]:
        """By what became of it, and `unanswered`: packets forgotten without an answer."""
        return self._engine.feedback_counts()

    def _tokens(self, inputs: Mapping[str, Any]) -> list[TickTokens | None]:
        if not isinstance(inputs, Mapping):
            raise InputError(f"inputs: is a {type(inputs).__name__}; expected tokens by source id")
        ids = [source.id for source in self.options.sources]
        unknown = set(inputs) - set(ids)
        if unknown:
            raise InputError(f"inputs: sources {sorted(unknown)}; expected some of {ids}")
        return [_of_source(source, inputs.get(source.id)) for source in self.options.sources]


def _of_source(source: TickSource, tokens: Any) -> TickTokens | None:
    if tokens is None:
        return None
    if not isinstance(tokens, TickTokens):
        tokens = TickTokens(tokens)
    features = as_input(tokens.features, f"features of {source.id}")
    grid = source.grid or tokens.source.grid
    position = tokens.position
    if position is None and grid != (0, 0) and len(features.shape) == 2:
        if features.shape[0] == grid[0] * grid[1]:
            position = np.arange(features.shape[0], dtype=np.int32)
    placed = replace(tokens.source, id=source.id, grid=grid)
    return replace(tokens, features=features, position=position, source=placed)


def _options(
    sources: Iterable[str | TickSource],
    budget: int | BudgetOptions,
    controller: str | None,
    selector: str,
    others: dict[str, Any],
) -> TickOptions:
    if isinstance(sources, (str, TickSource)):
        sources = (sources,)
    listed = tuple(
        source if isinstance(source, TickSource) else TickSource(source) for source in sources
    )
    if not isinstance(budget, BudgetOptions):
        budget = BudgetOptions(tokens=budget, least=min(BudgetOptions.least, budget))
    if controller is not None:
        budget = replace(budget, controller=controller)
    try:
        return TickOptions(listed, budget, selector, **others)
    except TypeError as error:
        raise InputError(f"{error}; expected an option of TickOptions") from None
