"""Says in words where pruning pays, and where it does not."""

from __future__ import annotations

from .result import BenchResult, BenchRow

TIME_ONLY = "Time only: what an answer is worth at a budget, these numbers don't say."


def verdicts(result: BenchResult) -> list[str]:
    """One sentence or two per budget of ours."""
    return [_verdict(result, row) for row in result.pruned]


def pays(row: BenchRow, other: BenchRow, token: int = 0) -> bool | None:
    """Whether `row` takes less time until a new token; None where the rounds don't agree."""
    saved = row.saves(other, token)
    if saved.lower > 0:
        return True
    return False if saved.upper < 0 else None


def _verdict(result: BenchResult, row: BenchRow) -> str:
    whole = result.unpruned
    words = [f"retain {row.retain:g}: {_range(result, row)}", _balance(result, row)]
    faster = [b for b in result.baselines(row.retain) if pays(b, row)]
    if faster:
        named = ", ".join(f"{b.method} ({_ms(b.total.median)}{_encodes(b, whole)})" for b in faster)
        words.append(f"Faster with as many tokens: {named}.")
    return " ".join(words)


def _range(result: BenchResult, row: BenchRow) -> str:
    """For which numbers of new tokens it pays."""
    outcome = [pays(row, result.unpruned, k + 1) for k in range(result.new_tokens)]
    if all(outcome):
        return "pays, from the first new token on."
    if outcome[-1]:
        sure = max(k for k, paid in enumerate(outcome) if not paid) + 2
        if False in outcome:
            return f"pays only from {sure} new tokens on."
        return f"pays; up to {_tokens(sure - 1)} it is too close to call."
    end = "DOES NOT PAY" if outcome[-1] is False else "too close to call"
    at = f"at {result.unpruned.prompt_tokens} prompt tokens and {result.new_tokens} new ones"
    until = next(k for k, paid in enumerate(outcome) if not paid)
    return f"pays up to {_tokens(until)}; {end} {at}." if until else f"{end} {at}."


def _tokens(count: int) -> str:
    return "the first new token" if count == 1 else f"{count} new tokens"


def _balance(result: BenchResult, row: BenchRow) -> str:
    """What it costs and what it saves, of the medians."""
    whole = result.unpruned
    return (
        f"{_ms(row.total.median)} instead of {_ms(whole.total.median)}: reduction costs "
        f"{_ms(row.reduction.median)}, prefill {_change(whole.prefill.median, row.prefill.median)}"
        f", decoding {_change(whole.decode.median, row.decode.median)}."
    )


def _change(before: float, after: float) -> str:
    return f"{'saves' if after <= before else 'loses'} {_ms(abs(before - after))}"


def _encodes(row: BenchRow, whole: BenchRow) -> str:
    if row.encoded_tokens == whole.encoded_tokens:
        return ""
    return f", encodes {row.encoded_tokens} of {whole.encoded_tokens} tokens"


def _ms(seconds: float) -> str:
    ms = seconds * 1e3
    return f"{ms:.0f} ms" if ms >= 100 else f"{ms:.1f} ms"
