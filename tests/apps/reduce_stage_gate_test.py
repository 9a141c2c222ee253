"""sluice reduce --method stage-gate against an independent NumPy implementation."""

import json
import sys

import numpy as np
import pytest

from blobs import Blob, blob
from processes import SOURCE_DIR, sluice

sys.path.insert(0, str(SOURCE_DIR / "tests" / "python"))
import adatoken_oracle as oracle  # noqa: E402

MODES = ("original", "compacted", "renumbered")


def reduce(folder, tensors, *arguments, metadata=None, code=0):
    (folder / "in.safetensors").write_bytes(blob(tensors, metadata))
    out = folder / "out.safetensors"
    out.unlink(missing_ok=True)
    done = sluice("reduce", folder / "in.safetensors", "-o", out, "--method", "stage-gate",
                  *arguments, code=code)  # fmt: skip
    return done.stderr if code else Blob(out)


def random_attention(rng, n, heads):
    """With ties, and now and then NaN."""
    shape = (heads, n) if heads else (n,)
    attention = rng.random(shape) if rng.random() < 0.5 else rng.integers(0, 4, shape) / 8
    attention = attention.astype(np.float32 if rng.random() < 0.7 else np.float16)
    if rng.random() < 0.3:
        attention[..., rng.integers(0, n)] = np.nan
    return attention


def test_random_stages_give_what_the_oracle_gives(tmp_path):
    for seed in range(30):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 50))
        attention = random_attention(rng, n, int(rng.integers(0, 4)))
        start = int(rng.integers(0, n + 1))
        n_in = int(rng.integers(0, n - start + 1))
        keep = int(rng.integers(0, n_in + 1))
        mode = MODES[seed % 3]
        tensors = {"attention": attention}
        ids = None
        if rng.random() < 0.5:
            ids = np.cumsum(rng.integers(1, 5, n)).astype(np.int64)
            tensors["position_ids"] = ids
        if rng.random() < 0.5:
            tensors["hidden"] = rng.standard_normal((n, 3)).astype(np.float16)
        rows, in_span, positions, shift = oracle.gate(attention, start, n_in, keep, mode, ids)

        options = ["--span", f"{start},{n_in}", "--keep", keep, "--positions", mode]
        found = reduce(tmp_path, tensors, *options)
        note = f"seed {seed}"
        assert found.types["keep"] == found.types["positions"] == "I64"
        assert found["keep"].tolist() == rows.tolist(), note
        assert found["positions"].tolist() == positions.tolist(), note
        assert found.count("decode_shift") == shift
        assert ("features" in found.arrays) == ("hidden" in tensors)
        if "hidden" in tensors:
            assert found["features"].tobytes() == tensors["hidden"][rows].tobytes()

        found = reduce(tmp_path, tensors, *options, "--list", "span")
        assert found["keep"].tolist() == in_span.tolist(), note
        assert len(found["keep"]) == keep, "exactly"
        kept = slice(start, start + keep)
        assert found["positions"].tolist() == positions[kept].tolist(), note
        if "hidden" in tensors:
            assert found["features"].tobytes() == tensors["hidden"][rows[kept]].tobytes()


@pytest.mark.parametrize("mode", MODES)
def test_a_whole_prefill_through_a_calibrated_file(tmp_path, mode):
    """Stage after stage, as a model would: each reads what the one before has left."""
    rng = np.random.default_rng(5)
    system, spatial, text = 7, 90, 5
    schedule = tmp_path / "schedule.json"
    sluice("calibrate", "--preset", "plot3d", "-o", schedule)
    stages = [(s["layer"], s["ratio"]) for s in json.loads(schedule.read_text())["stages"]]
    counts = [spatial] + [int(spatial * ratio) for _, ratio in stages]
    alive = np.arange(system + spatial + text)
    ids = alive.copy()
    shift = 0
    for stage, (layer, _) in enumerate(stages, 1):
        attention = rng.random((4, len(alive))).astype(np.float32)
        rows, _, expected_ids, _ = oracle.gate(
            attention, system, counts[stage - 1], counts[stage], mode, ids
        )
        found = reduce(
            tmp_path, {"attention": attention, "position_ids": ids.astype(np.int64)},
            "--schedule", schedule if stage % 2 else "plot3d", "--stage", stage,
            "--spatial-tokens", spatial, "--positions", mode,
            "--span", f"{system},{counts[stage - 1]}",
        )  # fmt: skip
        assert found["keep"].tolist() == rows.tolist()
        assert found["positions"].tolist() == expected_ids.tolist()
        assert found.count("layer") == layer
        shift += found.count("decode_shift")
        alive, ids = alive[rows], expected_ids
    assert len(alive) == system + text + int(spatial * 0.15)
    assert ids[-1] + 1 == system + spatial + text - shift, "where the next token goes"


def test_the_span_comes_from_the_file_s_layout(tmp_path):
    attention = {"attention": np.arange(9, dtype=np.float32)}
    found = reduce(tmp_path, attention, "--keep", 1, metadata={"layout": "2,4,3"})
    assert found["keep"].tolist() == [0, 1, 5, 6, 7, 8]
    found = reduce(tmp_path, attention, "--schedule", "scanqa", metadata={"layout": "2,4,3"})
    assert found["keep"].tolist() == [0, 1, 3, 4, 5, 6, 7, 8], "int(4 · 0.8) = 3"


def test_counts_for_one_number_of_tokens_know_it(tmp_path):
    schedule = {
        "format": "sluice gate schedule", "version": 1, "name": "mine", "description": "",
        "layers": 4, "spatial_tokens": 6, "counts": [6, 4, 4, 0],
    }  # fmt: skip
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(schedule))
    attention = {"attention": np.ones(5, np.float32)}
    found = reduce(tmp_path, attention, "--schedule", file, "--stage", 2, "--span", "1,4")
    assert found["keep"].tolist() == [0], "the last stage drops all"
    assert found.count("layer") == 3
    error = reduce(tmp_path, attention, "--schedule", file, "--span", "1,4", code=2)
    assert "--span: 4 spatial tokens; expected 6" in error


GOOD = {
    "format": "sluice gate schedule", "version": 1, "name": "a", "description": "b", "layers": 4,
    "stages": [{"layer": 1, "ratio": 0.5}],
}  # fmt: skip


def without(key):
    return {k: v for k, v in GOOD.items() if k != key}


BAD_SCHEDULES = {
    "not JSON": ("{", ["not JSON"]),
    "a list": ([1], ["array"]),
    "no format": (without("format"), ['"format"', "missing"]),
    "another format": (GOOD | {"format": "x"}, ['"format"', '"x"']),
    "a newer version": (GOOD | {"version": 2}, ['"version"', "is 2"]),
    "no plan": (without("stages"), ["no plan", "stages, percent, counts"]),
    "two plans": (GOOD | {"counts": [1], "spatial_tokens": 1}, ["more than one plan"]),
    "an unknown key": (GOOD | {"stage": 1}, ['"stage"', "unknown"]),
    "a key twice": (json.dumps(GOOD)[:-1] + ', "layers": 4}', ['"layers"', "twice"]),
    "layers as text": (GOOD | {"layers": "4"}, ['"layers"', "integer"]),
    "half a layer": (GOOD | {"layers": 4.5}, ['"layers"', "4.5"]),
    "2^64 layers": (GOOD | {"layers": 1 << 63}, ['"layers"', "integer"]),
    "a billion layers": (GOOD | {"layers": 10**9}, ["1000000000 layers"]),
    "stages as a number": (GOOD | {"stages": 3}, ['"stages"', "array"]),
    "a stage as a number": (GOOD | {"stages": [3]}, ["stage 1", "object"]),
    "a stage without ratio": (GOOD | {"stages": [{"layer": 1}]}, ["stage 1", '"ratio"', "missing"]),
    "a ratio above 1": (GOOD | {"stages": [{"layer": 1, "ratio": 2}]}, ["stage 1", "ratio 2"]),
    "layers in disorder": (
        GOOD | {"stages": [{"layer": 2, "ratio": 0.5}, {"layer": 1, "ratio": 0.5}]},
        ["stage 2", "strictly increase"],
    ),
    "percent without rounding": (
        without("stages") | {"percent": [100, 50, 20, 10]}, ['"rounding"', "missing"],
    ),
    "an unknown rounding": (
        without("stages") | {"percent": [100, 50, 20, 10], "rounding": "up"}, ['"rounding"', "up"],
    ),
    "rounding without percent": (GOOD | {"rounding": "down"}, ['"rounding"', "percent"]),
    "too few percent": (
        without("stages") | {"percent": [100], "rounding": "down"}, ["1 values", "4"],
    ),
    "percent as text": (
        without("stages") | {"percent": [100, "x", 1, 1], "rounding": "down"}, ["item 1", "number"],
    ),
    "rising counts": (
        without("stages") | {"spatial_tokens": 9, "counts": [9, 3, 4, 1]}, ["layer 2", "4 tokens"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_SCHEDULES)
def test_bad_schedules_are_refused_by_key(tmp_path, name):
    contents, words = BAD_SCHEDULES[name]
    file = tmp_path / "bad.json"
    file.write_text(contents if isinstance(contents, str) else json.dumps(contents))
    error = reduce(tmp_path, {"attention": np.ones(9, np.float32)}, "--span", "0,9", "--schedule",
                   file, code=2)  # fmt: skip
    for word in [str(file), *words]:
        assert word in error, error


def test_bad_input_says_what_was_expected(tmp_path):
    good = {"attention": np.ones(9, np.float32)}
    span = ["--span", "2,4"]
    for tensors, arguments, words in (
        (good, span, ["--keep", "--schedule"]),
        (good, ["--keep", 1], ["--span", "layout"]),
        (good, ["--keep", 1, "--span", "2"], ["--span", "37,1659"]),
        (good, ["--keep", 1, "--span", "2,4,1"], ["--span"]),
        (good, ["--keep", 1, "--span", "-2,4"], ["--span"]),
        (good, ["--keep", 1, "--span", "7,4"], ["4 spatial tokens from 7", "9 tokens"]),
        (good, ["--keep", 5, *span], ["5 tokens to keep", "0 to 4"]),
        (good, ["--keep", 1, *span, "--schedule", "ate"], ["--schedule"]),
        (good, ["--schedule", "nothing", *span], ["nothing", "preset"]),
        (good, ["--schedule", tmp_path, *span], ["directory"]),
        (good, ["--schedule", "ate", "--stage", 2, *span], ["--stage", "--spatial-tokens"]),
        (good, ["--schedule", "ate", "--stage", 11, "--spatial-tokens", 4, *span], ["1 to 10"]),
        (good, ["--schedule", "ate", "--stage", 2, "--spatial-tokens", 9, *span], ["expected 8"]),
        ({"x": good["attention"]}, ["--keep", 1, *span], ["attention", '"x"']),
        ({"attention": np.ones((0, 9), np.float32)}, ["--keep", 1, *span], ["no heads"]),
        ({"attention": np.ones((1, 1, 9), np.float32)}, ["--keep", 1, *span], ["[1, 1, 9]"]),
        ({"attention": np.ones(9, np.int64)}, ["--keep", 1, *span], ["i64"]),
        (good | {"hidden": np.ones((8, 2), np.float32)}, ["--keep", 1, *span], ["hidden", "[9,"]),
        (good | {"position_ids": np.ones(9, np.int64)}, ["--keep", 1, *span], ["increase"]),
        (good | {"position_ids": np.arange(8)}, ["--keep", 1, *span], ["position_ids", "[9]"]),
        (good | {"position_ids": np.arange(9, dtype=np.int32)}, ["--keep", 1, *span], ["i64"]),
    ):  # fmt: skip
        error = reduce(tmp_path, tensors, *arguments, code=2)
        for word in words:
            assert word in error, (arguments, error)
        assert not (tmp_path / "out.safetensors").exists()
