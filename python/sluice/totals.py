"""Counters of a stream."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Totals:
    """Since the start of the stream, for checking the budget.

    kept + unspent = round(retain * seen), with `seen` counting tokens of finished segments only.
    """

    frames: int = 0
    """Frames in finished segments."""
    seen: int = 0
    """Their tokens before any reduction."""
    available: int = 0
    """Their tokens after merging static positions."""
    kept: int = 0
    """Tokens sent or dropped as late."""
    unspent: int = 0
    """Budget earned and not spent."""
    packets: int = 0
    """Packets made, sent or not."""
    dropped_packets: int = 0
    """Packets the sender dropped because the receiver was slow."""
    dropped_tokens: int = 0
    """Tokens in those packets."""
    forced_cuts: int = 0
    """Segments cut early by the latency bound."""
    non_finite: int = 0
    """Input tokens with NaN or infinity."""
    skipped_input: int = 0
    """Damaged inputs that were skipped."""
