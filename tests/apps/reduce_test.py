"""sluice reduce: names, types and shapes of what it writes, and what they say together."""

import numpy as np
import pytest
from safetensors import safe_open

from blobs import Blob, blob, clip_blob, random_clip
from processes import sluice

FRAMES, POSITIONS, WIDTH = 6, 12, 8


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.safetensors"
    path.write_bytes(blob({"features": random_clip(FRAMES, POSITIONS, WIDTH)}))
    return path


def reduce(clip, *options):
    output = clip.parent / "tokens.safetensors"
    sluice("reduce", clip, "-o", output, *options)
    return Blob(output)


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_output_has_the_documented_tensors(tmp_path, dtype):
    path = tmp_path / "clip.safetensors"
    path.write_bytes(clip_blob(random_clip(FRAMES, POSITIONS, WIDTH), dtype))
    tokens = reduce(path, "--retain", 0.25)
    n, m = len(tokens["frame"]), len(tokens["segments"])
    shapes = {name: array.shape for name, array in tokens.arrays.items()}
    assert shapes == {
        "features": (n, WIDTH),
        "frame": (n,),
        "frame_last": (n,),
        "position": (n,),
        "weight": (n,),
        "kind": (n,),
        "segments": (m, 2),
        "assignment": (FRAMES, POSITIONS),
    }
    assert tokens.types == {
        "features": dtype,
        "frame": "I32",
        "frame_last": "I32",
        "position": "I32",
        "weight": "I64",
        "kind": "U8",
        "segments": "I32",
        "assignment": "I32",
    }


def test_the_reference_reader_opens_the_file(clip):
    reduce(clip)
    with safe_open(clip.parent / "tokens.safetensors", framework="numpy") as file:
        assert file.get_tensor("weight").dtype == np.int64
        assert file.metadata()["method"] == "holitom"


def test_metadata_holds_parameters_and_totals(clip):
    tokens = reduce(clip, "--retain", 0.25, "--tau", 0.7, "--grid", "3,4", "--threads", 2)
    expected = {
        "sluice.message": "tokens",
        "sluice.schema": "1.2",
        "method": "holitom",
        "retain": "0.25",
        "tau": "0.7",
        "beta": "0.6",
        "knn": "7",
        "contextual": "0",
        "max_window": "1024",
        "rounding": "exact",
        "grid": "3,4",
        "feature_width": str(WIDTH),
        "seen": str(FRAMES * POSITIONS),
        "kept": str(len(tokens["frame"])),
        "non_finite": "0",
    }
    assert {key: tokens.metadata.get(key) for key in expected} == expected
    assert int(tokens.metadata["available"]) < FRAMES * POSITIONS
    assert len(tokens.metadata["settings_hash"]) == 16


def test_the_grid_is_the_files_or_the_squarest(clip):
    assert reduce(clip).metadata["grid"] == "3,4"
    clip.write_bytes(blob({"features": random_clip(FRAMES, POSITIONS, WIDTH)}, {"grid": "2,6"}))
    assert reduce(clip).metadata["grid"] == "2,6"
    assert reduce(clip, "--grid", "6,2").metadata["grid"] == "6,2"


@pytest.mark.parametrize("retain", [0.01, 0.1, 0.33, 0.5, 1])
def test_the_budget_is_exact(clip, retain):
    tokens = reduce(clip, "--retain", retain)
    seen, available = FRAMES * POSITIONS, tokens.count("available")
    assert len(tokens["frame"]) == min(round(retain * seen), available)  # rounds half to even


@pytest.mark.parametrize("budget", [0, 1, 7, 10_000])
def test_a_budget_in_tokens_is_exact(clip, budget):
    tokens = reduce(clip, "--budget", budget)
    assert len(tokens["frame"]) == min(budget, tokens.count("available"))
    assert tokens.metadata["budget"] == str(budget)


def test_every_input_token_is_accounted_for(clip):
    tokens = reduce(clip, "--retain", 0.3)
    assignment = tokens["assignment"]
    merged = np.bincount(assignment[assignment >= 0], minlength=len(tokens["frame"]))
    assert np.array_equal(merged, tokens["weight"])
    assert set(assignment[assignment < 0]) <= {-1, -2, -3}
    static = tokens["kind"] == 0
    assert static.any() and (~static).any(), "the clip should have tokens of both kinds"
    ends = dict(tokens["segments"].tolist())
    spans = zip(tokens["frame"][static], tokens["frame_last"][static])
    assert all(ends[first] == last for first, last in spans)
    assert np.array_equal(tokens["frame"][~static], tokens["frame_last"][~static])


def test_segments_cover_every_frame_once(clip):
    segments = reduce(clip)["segments"]
    covered = [f for first, last in segments for f in range(first, last + 1)]
    assert covered == list(range(FRAMES))


def test_attention_decides_what_is_kept(tmp_path):
    path = tmp_path / "clip.safetensors"
    features = random_clip(FRAMES, POSITIONS, WIDTH, calm=0)
    attention = np.zeros((FRAMES, POSITIONS), np.float32)
    attention[:, 5] = 1
    path.write_bytes(blob({"features": features, "attention": attention}))
    tokens = reduce(path, "--budget", FRAMES)
    assert list(tokens["position"]) == [5] * FRAMES
    assert np.array_equal(tokens["features"], features[:, 5])


def test_the_smallest_clip_works(tmp_path):
    path = tmp_path / "clip.safetensors"
    path.write_bytes(blob({"features": np.ones((1, 1, 1), np.float32)}))
    tokens = reduce(path, "--retain", 1)
    assert tokens["assignment"].tolist() == [[0]] and tokens["features"].tolist() == [[1]]


def test_no_number_breaks_it(tmp_path):
    path = tmp_path / "clip.safetensors"
    features = random_clip(FRAMES, POSITIONS, WIDTH)
    features[1, 2] = np.nan
    features[2, 3] = np.inf
    features[3, 4] = 0
    path.write_bytes(blob({"features": features}))
    tokens = reduce(path, "--retain", 0.5)
    assert tokens.metadata["non_finite"] == "2"
    assert len(tokens["frame"]) == FRAMES * POSITIONS // 2
    assert np.isfinite(tokens["features"]).all()


def test_an_unwritten_output_is_replaced_as_a_whole(clip):
    output = clip.parent / "tokens.safetensors"
    output.write_bytes(b"older")
    reduce(clip)
    assert sorted(p.name for p in clip.parent.iterdir()) == [clip.name, output.name]
