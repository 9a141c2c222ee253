"""maxmin and voxel_pool against their NumPy oracles."""

import numpy as np
import pytest
import voxel_oracle
import vla_pruner_oracle
from samples import as_numpy, needs_torch, torch

import sluice


def test_four_directions():
    angles = np.deg2rad([0, 10, 100, 200])
    rows = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    assert sluice.maxmin(rows, 2).tolist() == [1, 3]


@pytest.mark.parametrize("seed", range(20))
def test_maxmin_equals_the_oracle(seed, framework):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((rng.integers(2, 40), rng.integers(2, 20))).astype(np.float32)
    rows[rng.random(len(rows)) < 0.2] = rows[0]
    keep = int(rng.integers(1, len(rows)))
    candidates = np.flatnonzero(rng.random(len(rows)) < 0.8)
    keep = min(keep, len(candidates))
    margin = vla_pruner_oracle.Margin()
    expected = vla_pruner_oracle.max_min(rows[candidates].astype(np.float64), keep, margin)
    kept = sluice.maxmin(framework(rows), keep, candidates)
    assert len(kept) == keep
    if margin.least > 1e-12:
        assert kept.tolist() == sorted(candidates[expected].tolist())


def test_broken_rows_come_last():
    rows = np.eye(6, dtype=np.float32)
    rows[2, 0] = np.nan
    rows[4, 1] = np.inf
    assert sluice.maxmin(rows, 4).tolist() == [0, 1, 3, 5]
    assert sluice.maxmin(rows, 5).tolist() == [0, 1, 2, 3, 5]
    assert sluice.maxmin(rows, 0).tolist() == []
    assert sluice.maxmin(rows, 6).tolist() == list(range(6))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((np.eye(3, dtype=np.float32), 4), "keep"),
        ((np.eye(3, dtype=np.float32), -1), "keep"),
        ((np.eye(3, dtype=np.float32), 1.5), "keep"),
        ((np.eye(3), 1), "features"),
        ((np.ones(3, np.float32), 1), "features"),
        ((np.eye(3, dtype=np.float32), 1, [3]), "candidates"),
        ((np.eye(3, dtype=np.float32), 1, [1, 1]), "candidates"),
        ((np.eye(3, dtype=np.float32), 1, [-1]), "candidates"),
        ((np.eye(3, dtype=np.float32), 1, [0.5]), "candidates"),
    ],
)
def test_maxmin_names_what_is_wrong(arguments, name):
    with pytest.raises(sluice.InputError, match=f"^{name}: "):
        sluice.maxmin(*arguments)


@pytest.mark.parametrize("seed", range(10))
def test_voxel_pool_equals_the_oracle(seed, framework):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 200))
    features = rng.standard_normal((n, 8)).astype(np.float32)
    xyz = rng.uniform(-1, 1, (n, 3)).astype(np.float32)
    xyz[rng.random(n) < 0.1] = np.nan
    features[rng.random(n) < 0.1, 0] = np.inf
    frame = rng.integers(0, 5, n)
    expected, assignment = voxel_oracle.pool(features.astype(np.float64), xyz, frame, 0.4)
    result = sluice.voxel_pool(framework(features), framework(xyz), 0.4, frame=framework(frame))
    np.testing.assert_array_equal(as_numpy(result.assignment), assignment)
    tokens = result.tokens
    assert len(tokens) == result.voxels == len(expected)
    for name in ("weight", "frame", "frame_last"):
        np.testing.assert_array_equal(as_numpy(getattr(tokens, name)), [v[name] for v in expected])
    np.testing.assert_array_equal(as_numpy(result.views), [v["views"] for v in expected])
    means = np.reshape([v["features"] for v in expected], (-1, 8))
    np.testing.assert_allclose(as_numpy(result.features), means, rtol=1e-5, atol=1e-6)
    places = np.reshape([v["xyz"] for v in expected], (-1, 3))
    np.testing.assert_allclose(as_numpy(tokens.xyz), places, rtol=1e-6, atol=1e-6)


def test_a_cap_keeps_exactly_so_many_voxels():
    rng = np.random.default_rng(1)
    features, xyz = rng.random((300, 4), np.float32), rng.random((300, 3), np.float32)
    for cap in ("farthest", "sampled"):
        result = sluice.voxel_pool(features, xyz, 0.1, max_tokens=20, cap=cap)
        assert len(result.tokens) == 20 < result.voxels
        assert np.count_nonzero(result.assignment == sluice.DropReason.OVER_CAP) > 0
    drawn = [
        sluice.voxel_pool(features, xyz, 0.1, max_tokens=20, cap="sampled", seed=s)
        for s in (1, 1, 2)
    ]
    keys = [result.tokens.key.tolist() for result in drawn]
    assert keys[0] == keys[1] != keys[2]


@needs_torch
def test_bfloat16_voxels():
    features, xyz = torch.ones(10, 4, dtype=torch.bfloat16), torch.zeros(10, 3)
    assert sluice.voxel_pool(features, xyz).features.dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 0),
        ("size", float("nan")),
        ("size", "1"),
        ("xyz", np.zeros((3, 2), np.float32)),
        ("xyz", np.zeros((2, 3), np.float32)),
        ("frame", [0, 1]),
        ("frame", [0.0, 1.0, 2.0]),
        ("max_tokens", -1),
        ("cap", "best"),
        ("seed", -1),
    ],
)
def test_voxel_pool_names_what_is_wrong(name, value):
    arguments = {"features": np.ones((3, 4), np.float32), "xyz": np.zeros((3, 3), np.float32)}
    with pytest.raises(sluice.InputError, match=f"^{name}: "):
        sluice.voxel_pool(**arguments | {name: value})
