"""sluice reduce --method voxel: against an independent NumPy oracle, and what it refuses."""

import os
import resource
import sys

import numpy as np
import pytest

from blobs import Blob, blob, clip_blob
from processes import SANITIZED, SOURCE_DIR, sluice

sys.path.insert(0, str(SOURCE_DIR / "tests" / "python"))
import voxel_oracle as oracle  # noqa: E402

LONG = bool(os.environ.get("SLUICE_LONG_TESTS")) and not SANITIZED
CASES = 300 if LONG else 25
# One rounding to the stored type, and sums in f32 on the way.
TOLERANCE = {"F32": 2e-5, "F16": 4e-3, "BF16": 4e-2}
# Closer calls than this may go either way in another precision; such cases are not compared.
CLEAR = 1e-6

POSE = np.eye(4)


def camera(width, height, focal=None):
    focal = focal or width
    return np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1.0]])


def random_pose(rng):
    axis = rng.normal(size=3)
    axis /= np.linalg.norm(axis)
    angle = rng.uniform(-np.pi, np.pi)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    pose = np.eye(4)
    pose[:3, :3] += np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    pose[:3, 3] = rng.uniform(-2, 2, 3)
    return pose


def random_views(rng, views=3, rows=4, cols=5, width=6):
    """Rough, slanted surfaces with steps and holes, seen from anywhere."""
    height, columns = rng.integers(rows, 6 * rows), rng.integers(cols, 6 * cols)
    v, u = np.meshgrid(np.arange(height), np.arange(columns), indexing="ij")
    depth = np.empty((views, height, columns), np.float32)
    for view in range(views):
        z = rng.uniform(0.5, 4) + rng.uniform(-0.02, 0.02) * u + rng.uniform(-0.02, 0.02) * v
        z += rng.uniform(0, 0.03) * rng.normal(size=z.shape)
        z[u >= rng.integers(0, columns + 1)] += 0.6
        z[rng.random(z.shape) < rng.uniform(0, 0.5)] = rng.choice([0, np.nan, -1, 30])
        depth[view] = z
    return {
        "features": rng.normal(size=(views, rows, cols, width)).astype(np.float32),
        "depth": depth,
        "pose": np.stack([random_pose(rng) for _ in range(views)]),
        "intrinsics": np.stack(
            [camera(columns, height, rng.uniform(10, 60)) for _ in range(views)]
        ),
    }


def stored(tensors, dtype):
    """The file's bytes, and the features it really holds."""
    others = {name: array for name, array in tensors.items() if name != "features"}
    data = clip_blob(tensors["features"], dtype, **others)
    return data, Blob(data)["features"]


def reduce(folder, tensors, *options, dtype="F32", env=None, code=0):
    path, output = folder / "views.safetensors", folder / "tokens.safetensors"
    data, features = stored(tensors, dtype)
    path.write_bytes(data)
    done = sluice(
        "reduce", path, "-o", output, "--method", "voxel", *options, env=env, code=code
    )
    return (Blob(output) if code == 0 else None), done, features


def compare(tokens, expected, dtype):
    assert np.array_equal(oracle.cells_of_keys(tokens["key"]), expected["cell"])
    for name in ("weight", "views", "frame", "frame_last", "assignment"):
        assert np.array_equal(tokens[name], expected[name]), name
    assert np.allclose(tokens["xyz"], expected["xyz"], rtol=0, atol=2e-5)
    assert np.allclose(tokens["features"], expected["features"], rtol=0, atol=TOLERANCE[dtype])
    assert tokens.count("voxels") == expected["voxels"]
    assert tokens.count("kept") == len(tokens["key"]) == len(expected["cell"])


@pytest.mark.parametrize("rounding", ["exact", "parity"])
def test_random_views_give_what_the_oracle_gives(tmp_path, rounding):
    compared = 0
    for seed in range(CASES):
        rng = np.random.default_rng([seed, rounding == "parity"])
        tensors = random_views(rng, rows=rng.integers(1, 6), cols=rng.integers(1, 6))
        if rng.random() < 0.5:
            tensors["intrinsics"] = tensors["intrinsics"][0]
        if rng.random() < 0.3:
            tensors["pose"][rng.integers(3)] = rng.choice([np.nan, -np.inf])
        if rng.random() < 0.5:
            tensors["features"][rng.random(tensors["features"].shape) < 0.02] = np.inf
        for name in ("depth", "pose", "intrinsics"):
            tensors[name] = tensors[name].astype(rng.choice([np.float32, np.float64]))
        dtype = rng.choice(list(TOLERANCE))
        size = rng.uniform(0.05, 1)
        cap = 0 if rounding == "parity" else int(rng.integers(1, 40))
        expected, margin = oracle.reduce(
            stored(tensors, dtype)[1], tensors["depth"].astype(np.float32),
            tensors["pose"].astype(np.float64), tensors["intrinsics"].astype(np.float64),
            size, cap, rounding == "parity",
        )  # fmt: skip
        if margin < CLEAR:
            continue
        tokens, _, _ = reduce(
            tmp_path, tensors, "--voxel-size", size, "--max-tokens", cap, "--rounding", rounding,
            dtype=dtype,
        )  # fmt: skip
        try:
            compare(tokens, expected, dtype)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, {rounding}, {dtype}: {error}") from error
        compared += 1
    assert compared >= CASES // 2, "too many close calls to say anything"


def wall(views=2, rows=3, cols=4, width=5, seed=1):
    """A wall 2 m away, with depth everywhere."""
    rng = np.random.default_rng(seed)
    return {
        "features": rng.normal(size=(views, rows, cols, width)).astype(np.float32),
        "depth": np.full((views, 24, 32), 2, np.float32),
        "pose": np.stack([POSE] * views).astype(np.float32),
        "intrinsics": camera(32, 24).astype(np.float32),
    }


@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_output_has_the_documented_tensors(tmp_path, dtype):
    tokens, done, _ = reduce(tmp_path, wall(), dtype=dtype)
    n = len(tokens["key"])
    assert {name: (kind, tokens[name].shape) for name, kind in tokens.types.items()} == {
        "features": (dtype, (n, 5)),
        "xyz": ("F32", (n, 3)),
        "weight": ("I64", (n,)),
        "views": ("I32", (n,)),
        "key": ("I64", (n,)),
        "frame": ("I32", (n,)),
        "frame_last": ("I32", (n,)),
        "kind": ("U8", (n,)),
        "reason": ("U8", (n,)),
        "score": ("F32", (n,)),
        "assignment": ("I32", (2, 12)),
    }
    assert 0 < n < 24 and (tokens["kind"] == 2).all() and (tokens["reason"] == 4).all()
    assert (np.diff(tokens["key"]) > 0).all()
    expected = {
        "sluice.message": "tokens", "method": "voxel", "voxel_size": "0.2", "max_tokens": "2560",
        "rounding": "exact", "frames": "2", "patches": "24", "placed": "24", "voxels": str(n),
        "kept": str(n), "non_finite": "0", "poses_given": "2", "poses_missing": "0",
    }  # fmt: skip
    assert {key: tokens.metadata.get(key) for key in expected} == expected
    assert "24 patches of 2 views" in done.stdout and not done.stderr


def test_times_travel_if_there_are_any(tmp_path):
    tensors = wall() | {"pts": np.array([1.5, 4])}
    tokens, _, _ = reduce(tmp_path, tensors)
    assert np.array_equal(tokens["pts"], np.where(tokens["frame"] == 0, 1.5, 4))


def test_the_published_code_puts_pixels_without_depth_on_the_camera(tmp_path):
    tensors = wall(views=1)
    tensors["pose"][0, :3, 3] = [1, 2, 3]
    tensors["depth"][0, :8] = 0  # the whole first row of patches
    parity, _, _ = reduce(tmp_path, tensors, "--rounding", "parity", "--voxel-size", 0.25)
    assert parity.count("placed") == 12
    (camera_row,) = np.flatnonzero((parity["xyz"] == [1, 2, 3]).all(axis=1))
    assert parity["weight"][camera_row] == 4
    assert (parity["assignment"][0, :4] == camera_row).all()
    exact, _, _ = reduce(tmp_path, tensors, "--voxel-size", 0.25)
    assert exact.count("placed") == 8 and (exact["assignment"][0, :4] == oracle.NO_DEPTH).all()


def test_the_cap_is_exact(tmp_path):
    tensors = random_views(np.random.default_rng(5), views=4, rows=8, cols=8)
    everything, _, _ = reduce(tmp_path, tensors, "--max-tokens", 0)
    voxels = len(everything["key"])
    for cap in (1, 7, voxels - 1, voxels, voxels + 1):
        for rounding in ("exact", "parity"):
            tokens, _, _ = reduce(
                tmp_path, tensors, "--max-tokens", cap, "--rounding", rounding
            )
            assert len(tokens["key"]) == min(cap, tokens.count("voxels"))
            capped = cap < tokens.count("voxels")
            reason = {"exact": 11, "parity": 12}[rounding] if capped else 4
            assert (tokens["reason"] == reason).all()
            assert (tokens["assignment"] == oracle.OVER_CAP).any() == capped


def test_the_seeded_sample_is_of_the_published_voxels(tmp_path):
    tensors = random_views(np.random.default_rng(6), views=4, rows=8, cols=8)
    everything, _, _ = reduce(tmp_path, tensors, "--max-tokens", 0, "--rounding", "parity")
    rows = dict(zip(everything["key"].tolist(), everything["features"].tolist()))
    draws = set()
    for seed in (0, 1, 2, 2):
        tokens, _, _ = reduce(
            tmp_path, tensors, "--max-tokens", 20, "--rounding", "parity", "--seed", seed
        )
        keys = tokens["key"].tolist()
        assert keys == sorted(keys) and len(keys) == 20
        assert [rows[key] for key in keys] == tokens["features"].tolist()
        assert tokens.metadata["seed"] == str(seed)
        draws.add(tuple(keys))
    assert len(draws) == 3


def test_views_without_a_pose_are_left_out_and_the_rest_goes_on(tmp_path):
    tensors = wall(views=3)
    whole, _, _ = reduce(tmp_path, {name: t[[0, 2]] if name != "intrinsics" else t
                                    for name, t in tensors.items()})  # fmt: skip
    tensors["pose"][1] = -np.inf
    tokens, done, _ = reduce(tmp_path, tensors)
    assert "left out 1 of 3 views without a pose: 1" in done.stderr
    assert tokens.metadata["poses_missing"] == "1"
    assert (tokens["assignment"][1] == oracle.NO_DEPTH).all()
    assert np.array_equal(tokens["features"], whole["features"])
    tensors["pose"][:] = np.nan
    tokens, done, _ = reduce(tmp_path, tensors)
    assert tokens["features"].shape == (0, 5) and tokens["xyz"].shape == (0, 3)


def test_depth_that_is_nowhere_valid_gives_no_tokens(tmp_path):
    for nothing in (0, np.nan, np.inf, -1, 1e-3, 1e6):
        tensors = wall()
        tensors["depth"][:] = nothing
        tokens, _, _ = reduce(tmp_path, tensors)
        assert len(tokens["key"]) == 0 and tokens["features"].shape == (0, 5)
        assert (tokens["assignment"] == oracle.NO_DEPTH).all()


def test_the_tokens_move_with_the_world(tmp_path):
    """Whole voxels and quarter turns about x, y and z: exactly the same tokens, elsewhere."""
    rng = np.random.default_rng(9)
    # A size and coordinates that are exact in binary, and nothing halfway between two cells.
    tensors = wall(views=1, rows=6, cols=8, seed=3)
    tensors["depth"] = (rng.integers(1, 8, (1, 24, 32)) / 4).astype(np.float32)
    tensors["intrinsics"] = np.array([[32, 0, 15.5], [0, 32, 11.5], [0, 0, 1]], np.float32)
    tensors["pose"] = np.array([np.eye(4)])
    tensors["pose"][0, :3, 3] = 1 / 1024
    before, _, _ = reduce(tmp_path, tensors, "--voxel-size", 0.25)
    turns = [np.eye(4), np.eye(4), np.eye(4)]
    for axis, turn in enumerate(turns):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        turn[[a, a, b, b], [a, b, a, b]] = [0, -1, 1, 0]
        turn[:3, 3] = [0.75, -2, 0.5]
    for motion in turns:
        moved = tensors | {"pose": motion @ tensors["pose"]}
        after, _, _ = reduce(tmp_path, moved, "--voxel-size", 0.25)
        b, a = before["assignment"].ravel(), after["assignment"].ravel()
        assert len(before["key"]) == len(after["key"])
        assert np.array_equal(before["features"][b], after["features"][a])
        assert np.array_equal(before["weight"][b], after["weight"][a])
        expected = before["xyz"] @ motion[:3, :3].T + motion[:3, 3]
        assert np.allclose(expected[b], after["xyz"][a], atol=1e-6)


def test_threads_and_instruction_sets_do_not_matter(tmp_path):
    tensors = random_views(np.random.default_rng(7), views=4, rows=8, cols=8, width=40)
    blobs = set()
    for threads in (1, 2, 4):
        for isa in ("baseline", None):
            env = {"SLUICE_ISA": isa} if isa else {}
            tokens, _, _ = reduce(
                tmp_path, tensors, "--threads", threads, "--max-tokens", 50, env=env
            )
            blobs.add(tokens.bytes)
    assert len(blobs) == 1


def changed(name, change):
    def apply(tensors):
        tensors[name] = change(tensors[name])
        return tensors

    return apply


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda t: {k: v for k, v in t.items() if k != "depth"}, ["depth"]),
        (lambda t: {k: v for k, v in t.items() if k != "pose"}, ["pose"]),
        (lambda t: {k: v for k, v in t.items() if k != "intrinsics"}, ["intrinsics"]),
        (changed("features", lambda a: a[0]), ["features", "[3, 4, 5]"]),
        (changed("features", lambda a: a[:, :, :, :0]), ["features", "at least one"]),
        (changed("features", lambda a: a.astype(np.float64)), ["features", "f64"]),
        (changed("depth", lambda a: a[0]), ["depth", "[24, 32]"]),
        (changed("depth", lambda a: a[:1]), ["depth", "[1, 24, 32]"]),
        (changed("depth", lambda a: a.astype(np.int32)), ["depth", "i32"]),
        (changed("depth", lambda a: a[:, :2]), ["view 0", "2 x 32"]),
        (changed("pose", lambda a: a[:, :3]), ["pose", "[2, 3, 4]"]),
        (changed("pose", lambda a: 2 * a), ["view 0", "pose"]),
        (changed("intrinsics", lambda a: a[:2]), ["intrinsics", "[2, 3]"]),
        (changed("intrinsics", lambda a: np.stack([a] * 3)), ["intrinsics", "[3, 3, 3]"]),
        (changed("intrinsics", lambda a: 0 * a), ["view 0", "intrinsics"]),
        (changed("intrinsics", lambda a: a + np.eye(3, k=1, dtype=np.float32)), ["pinhole"]),
        (lambda t: t | {"pts": np.zeros(3)}, ["pts", "[3]"]),
        (lambda t: t | {"pts": np.array([0, np.nan])}, ["pts"]),
    ],
)
def test_views_that_do_not_fit_are_refused(tmp_path, spoil, words):
    path, output = tmp_path / "views.safetensors", tmp_path / "tokens.safetensors"
    path.write_bytes(blob(spoil(wall())))
    done = sluice("reduce", path, "-o", output, "--method", "voxel", code=2)
    for word in words:
        assert word in done.stderr
    assert not output.exists()


@pytest.mark.parametrize(
    "options, word",
    [
        (["--voxel-size", 0], "voxel"),
        (["--voxel-size", "nan"], "voxel"),
        (["--max-tokens", -1], "cap"),
        (["--seed", 1], "--seed"),
        (["--retain", 0.5], "--retain: is no option of --method voxel"),
        (["--grid", "2,2"], "--grid: is no option of --method voxel"),
        (["--plain-mean"], "--plain-mean: is no option of --method voxel"),
    ],
)
def test_options_that_make_no_sense_are_refused_by_name(tmp_path, options, word):
    _, done, _ = reduce(tmp_path, wall(), *options, code=2)
    assert word in done.stderr


def test_the_other_method_refuses_these_options(tmp_path):
    path = tmp_path / "clip.safetensors"
    path.write_bytes(blob({"features": np.ones((2, 3, 4), np.float32)}))
    for option, value in (("--voxel-size", 0.1), ("--max-tokens", 5), ("--seed", 1)):
        done = sluice("reduce", path, "-o", tmp_path / "out", option, value, code=2)
        assert f"{option}: is no option of --method holitom" in done.stderr


@pytest.mark.skipif(SANITIZED, reason="sanitizers write files of their own")
def test_a_full_disk_leaves_the_older_output_whole(tmp_path):
    reduce(tmp_path, wall())
    output = tmp_path / "tokens.safetensors"
    older = output.read_bytes()
    path = tmp_path / "views.safetensors"
    sluice(
        "reduce", path, "-o", output, "--method", "voxel", "--voxel-size", 0.02, code=1,
        limits={resource.RLIMIT_FSIZE: 1000},
    )  # fmt: skip
    assert output.read_bytes() == older
    assert sorted(p.name for p in tmp_path.iterdir()) == [output.name, path.name]
