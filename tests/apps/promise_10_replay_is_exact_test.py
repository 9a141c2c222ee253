"""The same recording gives the same bytes: run by run, whatever the threads, whatever the SIMD."""

import json
import pathlib
import shutil
import socket
import time

import pytest

from blobs import Blob, clip_blob, random_clip
from processes import sluice

INSTRUCTION_SETS = {"avx2": {"avx2", "fma"}, "avx512": {"avx512f", "avx512bw", "avx512vl"}}


def replay(source, folder, *options, env=None):
    arguments = ["--retain", 0.2, "--no-overlay", "--no-report", *options]
    sluice("replay", source, "-o", folder, *arguments, env=env)
    return (folder / "tokens.safetensors").read_bytes()


def summary(folder):
    """All but the wall-clock times."""
    contents = json.loads((folder / "summary.json").read_text())
    del contents["wall"]
    return json.dumps(contents)


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    path = tmp_path_factory.mktemp("features") / "clip.safetensors"
    path.write_bytes(clip_blob(random_clip(12, 100, 65)))
    return path


@pytest.fixture(params=["video", "features"])
def recording(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("options", [[], ["--causal", "--latency", "5"]], ids=["offline", "causal"])
def test_running_twice_gives_the_same_files(recording, tmp_path, options):
    first = replay(recording, tmp_path / "1", *options)
    assert replay(recording, tmp_path / "2", *options) == first
    assert summary(tmp_path / "1") == summary(tmp_path / "2")


def test_overlay_and_report_are_the_same_but_for_the_times(video, tmp_path):
    for name in ("1", "2"):
        sluice("replay", video, "-o", tmp_path / name, "--threads", 1)
    overlay = (tmp_path / "1" / "overlay.mp4").read_bytes()
    assert overlay == (tmp_path / "2" / "overlay.mp4").read_bytes()


def test_threads_do_not_matter(recording, tmp_path):
    results = {
        threads: replay(recording, tmp_path / str(threads), "--threads", threads)
        for threads in (1, 2, 4)
    }
    assert results[2] == results[1] and results[4] == results[1]


@pytest.mark.parametrize("isa", INSTRUCTION_SETS)
def test_instruction_sets_do_not_matter(recording, tmp_path, isa):
    flags = set(pathlib.Path("/proc/cpuinfo").read_text().split())
    if not INSTRUCTION_SETS[isa] <= flags:
        pytest.skip(f"this processor has no {isa}")
    baseline = replay(recording, tmp_path / "baseline", env={"SLUICE_ISA": "baseline"})
    assert replay(recording, tmp_path / isa, env={"SLUICE_ISA": isa}) == baseline


def test_name_and_place_of_the_recording_do_not_matter(video, tmp_path):
    copy = tmp_path / "another-name.mp4"
    shutil.copy(video, copy)
    tokens = replay(copy, tmp_path / "1")
    assert tokens == replay(video, tmp_path / "2")
    metadata = json.dumps(Blob(tokens).metadata)
    for secret in (str(tmp_path), "another-name", socket.gethostname(), time.strftime("%Y-%m")):
        assert len(secret) < 4 or secret not in metadata


def test_settings_do_matter(video, tmp_path):
    assert replay(video, tmp_path / "1") != replay(video, tmp_path / "2", "--tau", 0.9)
