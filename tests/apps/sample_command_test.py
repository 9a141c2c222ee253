"""sluice sample: the same bytes every time, and the files that its README lists."""

import json
import re

import numpy as np
import pytest

from blobs import Blob
from conftest import SAMPLE_FRAMES, ffprobe_times
from processes import sluice

TINY = ("--seconds", 1, "--fps", 10, "--width", 96, "--height", 64)


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_two_runs_give_the_same_bytes(tmp_path):
    for name, threads in (("1", 1), ("2", 3)):
        sluice("sample", "-o", tmp_path / name, *TINY, "--threads", threads)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_the_seed_matters(tmp_path):
    for seed in (1, 2):
        sluice("sample", "-o", tmp_path / str(seed), *TINY, "--seed", seed)
    videos = [(tmp_path / seed / "video.mp4").read_bytes() for seed in "12"]
    assert videos[0] != videos[1]


def test_the_video_has_every_frame(video):
    assert len(ffprobe_times(video)) == SAMPLE_FRAMES


def test_every_kind_of_file_is_explained(sample):
    readme = (sample / "README.txt").read_text()
    names = {path.relative_to(sample).parts[0] for path in sample.rglob("*") if path.is_file()}
    assert names == {
        "README.txt",
        "masks",
        "objects.json",
        "rgbd",
        "scene.json",
        "truth.safetensors",
        "video.mp4",
    }
    assert all(name in readme for name in names - {"README.txt"})
    suffixes = {re.sub(r"frame-\d{6}", "", path.name) for path in (sample / "rgbd").iterdir()}
    assert suffixes == {".color.png", ".depth.png", ".pose.txt", "camera-intrinsics.txt"}


def test_poses_and_intrinsics_are_matrices(sample):
    intrinsics = np.loadtxt(sample / "rgbd" / "camera-intrinsics.txt")
    assert intrinsics.shape == (3, 3) and intrinsics[2].tolist() == [0, 0, 1]
    for path in (sample / "rgbd").glob("*.pose.txt"):
        pose = np.loadtxt(path)
        assert pose.shape == (4, 4) and pose[3].tolist() == [0, 0, 0, 1]
        assert np.allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-6)


def test_truth_is_a_safetensors_file(sample):
    truth = Blob(sample / "truth.safetensors")
    assert truth.arrays and all(len(array) > 0 for array in truth.arrays.values())


def test_json_files_are_json(sample):
    for name in ("scene.json", "objects.json"):
        assert json.loads((sample / name).read_text())


@pytest.mark.parametrize(
    "option, expected",
    [(["--seconds", 0], "0 s"), (["--width", 1], "1x"), (["--grid", "0,0"], "grid")],
    ids=str,
)
def test_bad_options(tmp_path, option, expected):
    message = sluice("sample", "-o", tmp_path / "sample", *option, code=2).stderr
    assert expected in message and "expected" in message
    assert not (tmp_path / "sample").exists() or not contents(tmp_path / "sample")
