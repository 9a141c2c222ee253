"""inner_merge and stage_gate against NumPy versions of their definitions."""

import adatoken_oracle
import numpy as np
import pytest
from samples import as_numpy, needs_torch, torch

import sluice


def merge_oracle(hidden, attention, start, n, keep, running):
    """(rows of the span, assignment to them)."""
    states = hidden[start : start + n].astype(np.float64)
    order = np.argsort(-attention[start : start + n], kind="stable")
    kept = np.sort(order[:keep])
    length = np.linalg.norm(states, axis=1)
    rows, groups = states[kept].copy(), [[i] for i in kept]
    assignment = np.full(n, -1)
    assignment[kept] = np.arange(keep)
    for i in np.setdiff1d(np.arange(n), kept):
        if keep == 0:
            continue
        cosine = states[kept] @ states[i] / (length[kept] * length[i])
        assignment[i] = np.argmax(cosine)
        groups[assignment[i]].append(i)
        rows[assignment[i]] = (rows[assignment[i]] + states[i]) / 2
    if not running:
        for row, group in zip(rows, groups):
            row[:] = states[group].mean(axis=0)
    return rows, assignment


@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("seed", range(15))
def test_inner_merge_equals_its_definition(seed, running, framework):
    rng = np.random.default_rng(seed)
    n, width = int(rng.integers(1, 60)), int(rng.integers(2, 40))
    start, behind = int(rng.integers(0, 5)), int(rng.integers(0, 5))
    keep = int(rng.integers(0, n + 1))
    hidden = rng.standard_normal((start + n + behind, width)).astype(np.float32)
    heads = rng.random((3, len(hidden))).astype(np.float32)
    result = sluice.inner_merge(
        framework(hidden), framework(heads), (start, n), keep, running=running
    )
    mean = heads.astype(np.float64).mean(axis=0)
    rows, assignment = merge_oracle(hidden, mean, start, n, keep, running)
    whole = np.concatenate([hidden[:start], rows, hidden[start + n :]])
    np.testing.assert_allclose(as_numpy(result.hidden), whole, rtol=1e-5, atol=1e-5)
    expected = np.where(assignment < 0, assignment, assignment + start)
    np.testing.assert_array_equal(as_numpy(result.assignment), expected)
    others = np.r_[0:start, start + n : len(hidden)]
    np.testing.assert_array_equal(
        as_numpy(result.keep), np.sort(np.r_[others, start + as_numpy(result.keep_in_span)])
    )
    assert int(result.weight.sum()) == (n if keep else 0)


@needs_torch
def test_inner_merge_in_bfloat16_without_attention():
    hidden = torch.randn(30, 16, generator=torch.Generator().manual_seed(1)).bfloat16()
    result = sluice.inner_merge(hidden, None, (4, 20), 10)
    assert result.hidden.dtype == torch.bfloat16 and result.hidden.shape == (20, 16)
    assert torch.equal(result.hidden[:4], hidden[:4])
    assert torch.equal(result.hidden[-6:], hidden[-6:])


@pytest.mark.parametrize("positions", ["original", "compacted", "renumbered"])
@pytest.mark.parametrize("seed", range(8))
def test_stage_gate_equals_the_oracle(seed, positions, framework):
    rng = np.random.default_rng(seed)
    total = int(rng.integers(1, 50))
    start = int(rng.integers(0, total))
    n_in = int(rng.integers(0, total - start + 1))
    n_out = int(rng.integers(0, n_in + 1))
    attention = rng.random((4, total)).astype(np.float32)
    attention[:, rng.random(total) < 0.1] = np.nan
    ids = np.cumsum(rng.integers(1, 4, total)) if seed % 2 else None
    decision = sluice.stage_gate(
        framework(attention),
        (start, n_in),
        n_out,
        positions=positions,
        position_ids=None if ids is None else framework(ids),
    )
    keep, kept, new_ids, shift = adatoken_oracle.gate(attention, start, n_in, n_out, positions, ids)
    np.testing.assert_array_equal(as_numpy(decision.keep), keep)
    np.testing.assert_array_equal(as_numpy(decision.keep_in_span), kept)
    np.testing.assert_array_equal(as_numpy(decision.position_ids), new_ids)
    assert decision.decode_shift == shift


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"span": (0, 7)}, "span"),
        ({"span": (-1, 3)}, "span"),
        ({"span": 3}, "span"),
        ({"span": (0.5, 2)}, "span"),
        ({"keep": 5}, "keep"),
        ({"keep": -1}, "keep"),
        ({"keep": 1.5}, "keep"),
        ({"attention": np.ones(4, np.float32)}, "attention"),
        ({"attention": np.ones((0, 6), np.float32)}, "attention"),
        ({"attention": np.ones((1, 2, 6), np.float32)}, "attention"),
        ({"attention": np.ones(6, np.int64)}, "attention"),
        ({"hidden": np.ones(6, np.float32)}, "hidden"),
        ({"hidden": np.ones((6, 0), np.float32)}, "hidden"),
        ({"hidden": np.ones((6, 2))}, "hidden"),
    ],
)
def test_inner_merge_names_what_is_wrong(change, name):
    arguments = {
        "hidden": np.ones((6, 2), np.float32),
        "attention": np.ones(6, np.float32),
        "span": (1, 4),
        "keep": 2,
    }
    with pytest.raises(sluice.InputError, match=f"^{name}: "):
        sluice.inner_merge(**arguments | change)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"span": (3, 7)}, "span"),
        ({"keep": 5}, "keep"),
        ({"attention": None}, "attention"),
        ({"positions": "mine"}, "positions"),
        ({"position_ids": [0, 1, 2]}, "position_ids"),
        ({"position_ids": [0, 1, 2, 2, 3, 4]}, "position_ids"),
    ],
)
def test_stage_gate_names_what_is_wrong(change, name):
    arguments = {"attention": np.ones(6, np.float32), "span": (1, 4), "keep": 2}
    with pytest.raises(sluice.InputError, match=f"^{name}: "):
        sluice.stage_gate(**arguments | change)
