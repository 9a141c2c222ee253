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


def test_a_folder_of_images_and_depth_must_be_told_which(tmp_path):
    folder = recording("kitchen_rgbd")
    message = sluice("replay", folder, "-o", tmp_path, code=2).stderr
    assert "several series" in message
