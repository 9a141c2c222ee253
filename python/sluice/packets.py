"""Packets and feedback: what flows between an engine and a model, as safetensors blobs.

The format is specified in docs/packet.md: `safetensors.numpy.load(blob)` reads it, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from . import _engine
from .tensors import Array, as_optional, framework_named
from .tokens import Tokens, tokens_from
from .totals import Totals


@dataclass(eq=False)
class Packet:
    """What leaves in one tick or one video segment."""

    batches: dict[str, Tokens] = field(default_factory=dict)
    """Tokens by source id, in order."""
    stream: str = "sluice"
    sequence: int = 0
    """0, 1, 2 … per stream; a gap means a dropped packet."""
    tick: int | None = None
    """Control loops only."""
    episode: int | None = None
    segment_first: int | None = None
    """Video only: first and last frame index."""
    segment_last: int | None = None
    forced_cut: bool = False
    """Video: the latency bound ended this segment."""
    end_of_stream: bool = False
    """The last packet; may hold no tokens."""
    retain: float = 1.0
    """Share of the tokens that may be kept."""
    budget: int = 0
    """Tokens that were allowed in this packet."""
    available: int = 0
    """Tokens there were to choose from."""
    kept: int = 0
    """Tokens in this packet; held rows and padding are none."""
    totals: Totals = Totals()
    settings_hash: str = ""
    """Of everything that decides what is kept."""
    sent_unix_ns: int | None = None
    """Wall clock, live packets only."""


@dataclass(eq=False)
class SourceFeedback:
    """Attention that one source's tokens received, in the order in which they were sent."""

    semantic_attention: Array | None = None
    """[n] of any float type, from the prefill."""
    action_attention: Array | None = None
    """[n] of any float type, from the action tokens."""

    def __post_init__(self) -> None:
        self.semantic_attention = as_optional(self.semantic_attention, "semantic_attention")
        self.action_attention = as_optional(self.action_attention, "action_attention")


@dataclass(eq=False)
class Feedback:
    """What the model tells back about a packet, so that the next tick is chosen better."""

    stream: str
    episode: int
    tick: int
    sources: dict[str, SourceFeedback] = field(default_factory=dict)
    action: Array | None = None
    """[H,A]: H future steps of A numbers."""
    model_latency_ms: float | None = None
    """From receiving the packet to having the action."""

    def __post_init__(self) -> None:
        self.action = as_optional(self.action, "action")


def feedback_on(
    packet: Packet,
    sources: dict[str, SourceFeedback],
    action: Array | None = None,
    model_latency_ms: float | None = None,
) -> Feedback:
    """Feedback that names the packet's stream, episode and tick."""
    return Feedback(
        packet.stream, packet.episode or 0, packet.tick or 0, sources, action, model_latency_ms
    )


def encode(message: Packet | Feedback) -> bytes:
    """One safetensors blob. The same contents give the same bytes.

    Features are written from where they lie; nothing is held afterwards.

    Raises InputError naming the field of a message that contradicts itself.
    """
    if isinstance(message, Feedback):
        return _engine.encode_feedback(message)
    return _engine.encode_packet(message)


def decode(
    blob: bytes | bytearray | memoryview,
    framework: Literal["numpy", "torch"] = "numpy",
    where: str = "message",
) -> Packet | Feedback:
    """The packet or feedback in a blob. NumPy has no bfloat16: such packets need `torch`.

    The message has memory of its own: the blob may be used again. Nothing in the blob is believed
    before it was checked. Raises InputError, naming `where` and the
    key or tensor, for anything that is not a valid message of a known version.
    """
    wrap = framework_named(framework)
    if _engine.message_kind(blob, where) == "feedback":
        return feedback_from(_engine.decode_feedback(blob, where), framework)
    return packet_from(_engine.decode_packet(blob, where), wrap)


def packet_from(fields: dict[str, Any], wrap: Any) -> Packet:
    """The engine's fields as a packet."""
    batches = fields.pop("batches")
    totals = Totals(**fields.pop("totals"))
    return Packet(
        {source["id"]: tokens_from(columns, source, wrap) for source, columns in batches},
        totals=totals,
        **fields,
    )


def feedback_from(fields: dict[str, Any], framework: str) -> Feedback:
    """The engine's fields as feedback."""
    wrap = framework_named(framework)

    def wrapped(tensor: Any) -> Array | None:
        return None if tensor is None else wrap(tensor)

    sources = {
        name: SourceFeedback(wrapped(semantic), wrapped(action))
        for name, semantic, action in fields.pop("sources")
    }
    action = wrapped(fields.pop("action"))
    return Feedback(sources=sources, action=action, **fields)


class PacketCheck:
    """What a receiver can verify about a stream's packets, from what they carry alone."""

    def __init__(self) -> None:
        self._check = _engine.PacketCheck()

    def check(self, packet: Packet) -> list[str]:
        """The violations found in this packet, in words; empty if there are none."""
        return self._check.check(packet)

    @property
    def missing(self) -> int:
        """Packets missing between those that came."""
        return self._check.missing()
