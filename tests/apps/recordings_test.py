"""Real recordings, which are not part of the project: skipped where they are absent."""

import json
import os
import pathlib

import numpy as np
import pytest

from blobs import Blob
from conftest import ffprobe_times
from processes import SOURCE_DIR, sluice

FOLDER = pathlib.Path(
    os.environ.get("SLUICE_TEST_RECORDINGS", SOURCE_DIR.parent / "shared" / "data")
)


def recording(name):
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"no recording {name}; set SLUICE_TEST_RECORDINGS to a folder that has it")
    return path


def replay(name, folder, *options, code=0):
    done = sluice("replay", recording(name), "-o", folder, *options, code=code)
    summary = json.loads((folder / "summary.json").read_text())
    return summary, Blob(folder / "tokens.safetensors"), done


@pytest.mark.parametrize("name", ["pancake.mkv", "clouds.mp4", "robot_can.gif"])
def test_recording_is_reduced_exactly(name, tmp_path):
    summary, tokens, _ = replay(name, tmp_path, "--retain", 0.1, "--fps", 4)
    counts = summary["counts"]
    assert counts["kept"] == len(tokens["frame"]) == round(0.1 * counts["seen"])
    assert summary["budget"]["exact"] and counts["frames"] > 5
    times = np.array(ffprobe_times(recording(name)))
    times -= times[0]
    distance = np.abs(tokens["pts"][:, None] - times[None, :]).min(axis=1)
    assert distance.max() < 2e-3, "every token's time is that of a frame"
    assert len(ffprobe_times(tmp_path / "overlay.mp4")) == counts["frames"]


def test_a_damaged_recording_is_read_as_far_as_it_goes(tmp_path):
    summary, tokens, done = replay("corrupted.mp4", tmp_path)
    assert summary["counts"]["frames"] == len(tokens["assignment"]) > 0
    assert summary["counts"]["skipped_input"] > 0 and summary["notes"]
    assert "damaged" in done.stderr
    assert summary["budget"]["exact"]
    assert ffprobe_times(tmp_path / "overlay.mp4")


def test_a_folder_of_images_and_depth_is_a_3d_recording(tmp_path):
    folder = recording("kitchen_rgbd")
    printed = sluice("replay", folder, "-o", tmp_path, "--no-overlay").stdout
    assert "20 frames, 11520 patches" in printed and "poses: 20 given, 0 estimated" in printed
    tokens = Blob(tmp_path / "tokens.safetensors")
    kept = len(tokens["weight"])
    assert tokens["xyz"].shape == (kept, 3) and f"{kept} kept" in printed


def test_kitchen_becomes_voxel_tokens(tmp_path):
    """20 frames of a kitchen with depth and poses, end to end, pictures included."""
    summary, tokens, _ = replay("kitchen_rgbd", tmp_path, "--preset", "table-top")
    counts = summary["counts"]
    assert counts["frames"] == summary["poses"]["given"] == 20
    assert counts["patches"] == 20 * 24 * 24 and counts["placed"] > 0.95 * counts["patches"]
    assert counts["kept"] == len(tokens["xyz"]) == round(0.37 * counts["voxels"])
    assert summary["budget"]["exact"] and summary["budget"]["exact_frames"] == 20
    assert 0.3 < summary["near_duplicate_share"] < 0.9
    assert np.ptp(tokens["xyz"], axis=0).max() < 4, "the camera sees a corner of the room"
    assert len(ffprobe_times(tmp_path / "overlay.mp4")) == 20
    assert "From above" in (tmp_path / "report.html").read_text(encoding="utf-8")
