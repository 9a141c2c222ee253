"""The table of a result, as markdown and as plain text."""

from __future__ import annotations

from .result import BenchResult, BenchRow, Spread
from .verdicts import TIME_ONLY, verdicts

_HEADER = [
    "tokens chosen by",
    "retain",
    "encoded",
    "kept",
    "vision",
    "reduction",
    "prefill",
    "decode",
    "total (quartiles)",
    "of unpruned",
    "first token",
    "KV cache",
]


def markdown(result: BenchResult) -> str:
    header = _header(result)
    lines = [_line(header), "|" + "---|" * len(header)]
    lines += [_line(_cells(result, row)) for row in result.rows]
    lines += ["", _caption(result), ""]
    lines += [f"- {verdict}" for verdict in verdicts(result)]
    return "\n".join(lines)


def text(result: BenchResult) -> str:
    cells = [_header(result), *(_cells(result, row) for row in result.rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [_caption(result), ""]
    lines += ["  ".join(_aligned(row, widths)).rstrip() for row in cells]
    return "\n".join([*lines, "", *verdicts(result), TIME_ONLY])


def _header(result: BenchResult) -> list[str]:
    return [*_HEADER, "peak memory"] if _knows_peak(result) else _HEADER


def _cells(result: BenchResult, row: BenchRow) -> list[str]:
    whole = result.unpruned.total.median
    cells = [
        row.method,
        f"{row.retain:g}",
        str(row.encoded_tokens),
        str(row.visual_tokens),
        _ms(row.vision.median),
        _ms(row.reduction.median),
        _ms(row.prefill.median),
        _ms(row.decode.median),
        _with_quartiles(row.total),
        f"{100 * row.total.median / whole:.0f} %",
        _ms(row.first_token.median),
        _mib(row.kv_bytes),
    ]
    return [*cells, _mib(row.peak_bytes or 0)] if _knows_peak(result) else cells


def _knows_peak(result: BenchResult) -> bool:
    return result.unpruned.peak_bytes is not None


def _caption(result: BenchResult) -> str:
    count = len(result.unpruned.runs)
    runs = "one run of each" if count == 1 else f"medians of {count} interleaved runs"
    return (
        f"{result.model}; {result.frames} frames of {result.positions} tokens, "
        f"{result.text_tokens} of text; {result.new_tokens} new tokens. Milliseconds: {runs}. "
        f"{result.machine}"
    )


def _with_quartiles(times: Spread) -> str:
    return f"{_ms(times.median)} ({_ms(times.lower)} to {_ms(times.upper)})"


def _ms(seconds: float) -> str:
    ms = seconds * 1e3
    return f"{ms:.0f}" if ms >= 100 else f"{ms:.1f}"


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _aligned(cells: list[str], widths: list[int]) -> list[str]:
    """Names on the left, numbers on the right."""
    first, *rest = zip(cells, widths, strict=True)
    return [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
