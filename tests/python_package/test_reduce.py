"""sluice.reduce against the NumPy oracle of HoliTom's outer stage."""

import holitom_oracle
import numpy as np
import pytest
from check_reduce import random_case
from samples import as_numpy, clip, needs_torch, torch

import sluice

TOLERANCE = {"float32": 1e-5, "float16": 2e-3, "bfloat16": 1.6e-2}


def reduce_case(case, features, attention):
    p = case.parameters
    return sluice.reduce(
        features,
        attention,
        retain=p.retain,
        tau=p.tau,
        beta=p.beta,
        knn=p.knn,
        contextual=p.contextual,
        max_window=p.max_window,
        rounding="parity" if p.parity else "exact",
    )


def require_equal(result, expected, tolerance):
    tokens = result.tokens
    for name in ("frame", "frame_last", "position", "weight", "kind"):
        np.testing.assert_array_equal(as_numpy(getattr(tokens, name)), getattr(expected, name))
    np.testing.assert_array_equal(as_numpy(result.assignment), expected.assignment)
    assert [s[:2] for s in result.segments] == [tuple(s) for s in expected.segments.tolist()]
    assert result.available == expected.available
    assert result.kept == len(tokens) == len(expected.frame)
    np.testing.assert_allclose(
        as_numpy(tokens.features), expected.features, rtol=tolerance, atol=tolerance
    )


# The oracle ranks by attention only.
SEEDS = [seed for seed in range(70) if random_case(seed).attention is not None]


@pytest.mark.parametrize("seed", SEEDS)
def test_equals_the_oracle(seed):
    case = random_case(seed)
    features = case.features.astype(np.float32 if case.dtype == "F32" else np.float16)
    with np.errstate(over="ignore"):
        expected = holitom_oracle.reduce(features, case.attention, case.parameters)
    result = reduce_case(case, features, case.attention)
    require_equal(result, expected, TOLERANCE[features.dtype.name])
    assert result.non_finite == np.count_nonzero(~np.isfinite(features).all(axis=2))


@needs_torch
@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16"])
def test_torch_tensors_keep_their_type(name):
    features, attention = clip(3)
    tensor = torch.from_numpy(features).to(getattr(torch, name)).requires_grad_()
    result = sluice.reduce(tensor, torch.from_numpy(attention).bfloat16(), retain=0.3)
    assert result.features.dtype == tensor.dtype and not result.features.requires_grad
    assert isinstance(result.assignment, torch.Tensor)
    rounded = as_numpy(torch.from_numpy(attention).bfloat16())
    expected = holitom_oracle.reduce(
        as_numpy(tensor), rounded, holitom_oracle.Parameters(retain=0.3)
    )
    require_equal(result, expected, TOLERANCE[name])


@pytest.mark.parametrize("retain", [0.001, 0.1, 0.25, 0.5, 0.999, 1.0])
def test_the_budget_is_exact(retain):
    features, attention = clip(4, frames=11, positions=17)
    for scores in (attention, None):
        result = sluice.reduce(features, scores, retain=retain)
        assert result.kept == min(round(retain * 11 * 17), result.available)


@pytest.mark.parametrize("budget", [0, 1, 7, 50, 10_000])
def test_a_budget_in_tokens_is_exact(budget):
    features, attention = clip(5)
    result = sluice.reduce(features, attention, budget=budget)
    assert result.kept == min(budget, result.available) == len(result.tokens)


def test_every_token_is_accounted_for():
    features, attention = clip(6)
    result = sluice.reduce(features, attention, retain=0.2)
    rows, counts = np.unique(result.assignment[result.assignment >= 0], return_counts=True)
    np.testing.assert_array_equal(rows, np.arange(result.kept))
    np.testing.assert_array_equal(counts, result.tokens.weight)
    dropped = result.assignment[result.assignment < 0]
    assert set(dropped.tolist()) <= {sluice.DropReason.NOT_SELECTED, sluice.DropReason.NO_CENTRE}


def test_the_same_bits_every_time_and_for_every_number_of_threads():
    features, attention = clip(7, frames=16, positions=49, width=64)

    def bits(scores):
        result = sluice.reduce(features.astype(np.float16), scores, retain=0.15)
        return result.features.tobytes(), result.assignment.tobytes()

    try:
        for scores in (attention, None):
            seen = set()
            for threads in (1, 2, 3, 0):
                sluice.set_threads(threads)
                seen |= {bits(scores) for _ in range(3)}
            assert len(seen) == 1
    finally:
        sluice.set_threads(0)


def test_strided_input_is_read_as_it_looks(framework):
    features, attention = clip(8, frames=6, positions=24)
    sliced = sluice.reduce(framework(features)[::2, ::2], framework(attention)[::2, ::2])
    whole = sluice.reduce(features[::2, ::2].copy(), attention[::2, ::2].copy())
    np.testing.assert_array_equal(as_numpy(sliced.features), as_numpy(whole.features))


def test_the_input_is_not_written(framework):
    features, attention = clip(9)
    before = features.copy()
    features.flags.writeable = False
    sluice.reduce(features, attention)
    np.testing.assert_array_equal(features, before)


def test_the_grid_is_the_squarest_or_the_one_given():
    features, _ = clip(10, positions=12)
    assert sluice.reduce(features).tokens.source.grid == (3, 4)
    assert sluice.reduce(features, grid=(2, 6)).tokens.source.grid == (2, 6)


def test_attention_decides_and_reasons_say_so():
    features, attention = clip(11, noise=3)
    ranked = sluice.reduce(features, attention, retain=0.2)
    unranked = sluice.reduce(features, retain=0.2)
    assert set(ranked.tokens.reason.tolist()) <= {
        sluice.KeepReason.ATTENTION,
        sluice.KeepReason.MERGED,
    }
    assert sluice.KeepReason.SALIENCY in unranked.tokens.reason.tolist()
    assert ranked.kept == unranked.kept
