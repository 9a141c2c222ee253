"""What `sluice.bench` says of given times: spreads, and where pruning pays."""

import pytest
from sluice.benchmarks.result import BenchResult, BenchRow, StageTimes, spread
from sluice.benchmarks.verdicts import verdicts

TOKENS = 4


def run(vision, reduction, prefill, step):
    first = vision + reduction + prefill + step
    tokens = tuple(first + step * k for k in range(TOKENS))
    return StageTimes(vision, reduction, prefill, TOKENS * step, tokens)


def row(method, retain, *runs, encoded=100):
    kept = round(100 * retain)
    return BenchRow(method, retain, encoded, kept, kept + 10, 1000 * kept, None, runs)


def result(*rows):
    return BenchResult("Model", "CPU.", 10, 10, 10, TOKENS, rows)


WHOLE = row("unpruned", 1.0, *[run(1.0, 0.0, 4.0, 0.2)] * 3)


def verdict(ours, *others):
    (words,) = verdicts(result(WHOLE, ours, *others))
    return words


def test_spread_is_median_and_quartiles():
    assert spread([5.0, 1.0, 2.0, 4.0, 3.0]) == (3.0, 2.0, 4.0)
    assert spread([2.0]) == (2.0, 2.0, 2.0)


def test_pays_from_the_first_token_on():
    words = verdict(row("sluice", 0.1, *[run(1.0, 0.1, 1.0, 0.1)] * 3))
    assert words.startswith("retain 0.1: pays, from the first new token on. 2500 ms instead of")
    assert "reduction costs 100 ms, prefill saves 3000 ms, decoding saves 400 ms." in words


def test_pays_only_from_a_token_on():
    """The first token comes 150 ms later, the second 50 ms; each step saves 100 ms."""
    words = verdict(row("sluice", 0.1, *[run(1.0, 0.25, 4.0, 0.1)] * 3))
    assert words.startswith("retain 0.1: pays only from 3 new tokens on.")


def test_does_not_pay():
    words = verdict(row("sluice", 0.1, *[run(1.0, 2.0, 3.0, 0.2)] * 3))
    assert words.startswith("retain 0.1: DOES NOT PAY at 110 prompt tokens and 4 new ones.")
    assert "reduction costs 2000 ms, prefill saves 1000 ms, decoding saves 0.0 ms." in words


def test_pays_up_to_a_token():
    """Each step of decoding is slower, as on a model so small that hooks are what counts."""
    words = verdict(row("sluice", 0.1, *[run(1.0, 0.0, 3.75, 0.3)] * 3))
    assert "pays up to 2 new tokens; DOES NOT PAY at 110 prompt tokens and 4 new ones." in words
    assert "decoding loses 400 ms" in words


def test_rounds_that_do_not_agree_are_too_close_to_call():
    times = [run(1.0, 0.0, 3.0, 0.2), run(1.0, 0.0, 4.0, 0.2), run(1.0, 0.0, 5.0, 0.2)]
    assert "too close to call at 110 prompt tokens" in verdict(row("sluice", 0.1, *times))


def test_a_first_token_too_close_to_call():
    times = [run(1.0, 0.11, 4.0, 0.1), run(1.0, 0.09, 4.0, 0.1), run(1.0, 0.1, 4.0, 0.1)]
    words = verdict(row("sluice", 0.1, *times))
    assert "pays; up to the first new token it is too close to call." in words


def test_rounds_are_compared_with_themselves():
    """A machine that slows down in the middle doesn't hide what is faster in each round."""
    whole = row("unpruned", 1.0, *[run(s, 0.0, 4 * s, 0.2 * s) for s in (1, 3, 9)])
    ours = row("sluice", 0.1, *[run(s, 0.0, 3 * s, 0.2 * s) for s in (1, 3, 9)])
    assert ours.saves(whole).lower > 0
    assert ours.total.upper > whole.total.lower


def test_faster_baselines_are_named():
    ours = row("sluice", 0.1, *[run(1.0, 0.1, 1.0, 0.1)] * 3)
    fewer = row("uniform frames", 0.1, *[run(0.1, 0.0, 1.0, 0.1)] * 3, encoded=10)
    slower = row("downsampling", 0.1, *[run(2.0, 0.0, 1.0, 0.1)] * 3)
    words = verdict(ours, fewer, slower)
    assert words.endswith(
        "Faster with as many tokens: uniform frames (1500 ms, encodes 10 of 100 tokens)."
    )


@pytest.mark.parametrize("form", [str, BenchResult.to_markdown])
def test_the_table_has_each_row_and_the_verdicts(form):
    ours = row("sluice", 0.1, *[run(1.0, 0.1, 1.0, 0.1)] * 3)
    measured = result(WHOLE, ours)
    text = form(measured)
    for words in ["unpruned", "sluice", "100 %", "5800", "2500", *measured.verdicts()]:
        assert words in text
    assert "peak memory" not in text


def test_peak_memory_is_shown_where_it_is_known():
    rows = [BenchRow("unpruned", 1.0, 9, 9, 9, 9, 5 * 2**20, WHOLE.runs)]
    assert "5.0 MiB" in str(result(*rows)) and "peak memory" in str(result(*rows))


def test_json_and_back():
    measured = result(WHOLE, row("sluice", 0.1, *WHOLE.runs))
    assert BenchResult.from_json(measured.to_json()) == measured
