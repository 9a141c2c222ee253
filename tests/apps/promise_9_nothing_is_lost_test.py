"""A full disk or Ctrl-C during the work leaves valid files, and nothing half-written."""

import json
import pathlib
import resource

import pytest

from blobs import Blob
from conftest import LONG_FRAMES, ffprobe_times
from processes import Running, sluice, wait_until

OUTPUTS = ["overlay.mp4", "report.html", "summary.json", "tokens.safetensors"]


@pytest.fixture(scope="module")
def complete(video, tmp_path_factory):
    """What a run writes that nothing stops. Few tokens, so that the overlay is the largest file."""
    folder = tmp_path_factory.mktemp("complete")
    sluice("replay", video, "-o", folder, "--retain", 0.01)
    return folder


def size(folder, name):
    return (folder / name).stat().st_size


def fails_on_full_disk(video, folder, most_bytes, *options):
    """Runs replay where no file may grow beyond `most_bytes`. Returns its message."""
    limits = {resource.RLIMIT_FSIZE: most_bytes}
    arguments = ("replay", video, "-o", folder, "--retain", 0.01, *options)
    message = sluice(*arguments, code=1, limits=limits).stderr
    assert message.startswith("sluice: ") and "File too large" in message
    return message


def same_tokens(folder, complete):
    name = "tokens.safetensors"
    return (folder / name).read_bytes() == (complete / name).read_bytes()


def names(folder):
    """Hidden files, too."""
    return sorted(path.name for path in folder.iterdir())


def test_disk_full_while_writing_tokens(video, tmp_path, complete):
    message = fails_on_full_disk(video, tmp_path, size(complete, "tokens.safetensors") - 1)
    assert "tokens.safetensors" in message
    assert names(tmp_path) == []


def test_disk_full_while_writing_the_overlay(video, tmp_path, complete):
    written = [size(complete, name) for name in ("tokens.safetensors", "summary.json")]
    assert max(written) < size(complete, "overlay.mp4") / 2, "the overlay should not fit"
    message = fails_on_full_disk(video, tmp_path, max(written))
    assert "overlay.mp4" in message
    assert names(tmp_path) == ["summary.json", "tokens.safetensors"]
    assert same_tokens(tmp_path, complete)
    json.loads((tmp_path / "summary.json").read_text())


def test_disk_full_while_writing_the_report(video, tmp_path, complete):
    limit = size(complete, "report.html") // 2
    message = fails_on_full_disk(video, tmp_path, limit, "--no-overlay")
    assert "report.html" in message
    assert names(tmp_path) == ["summary.json", "tokens.safetensors"]
    assert same_tokens(tmp_path, complete)


def test_disk_full_keeps_what_an_earlier_run_wrote(video, tmp_path, complete):
    for name in OUTPUTS:
        (tmp_path / name).write_bytes((complete / name).read_bytes())
    fails_on_full_disk(video, tmp_path, 100)
    assert all((tmp_path / n).read_bytes() == (complete / n).read_bytes() for n in OUTPUTS)
    assert names(tmp_path) == OUTPUTS


def interrupt_replay(source, folder, *options, progress):
    """Ctrl-C as soon as the progress line matches."""
    with Running("replay", source, "-o", folder, *options, terminal=True) as replay:
        replay.wait_for(progress, where="err")
        replay.interrupt()
        replay.finish(code=130)


@pytest.mark.parametrize("options", [[], ["--causal"]], ids=["offline", "causal"])
def test_ctrl_c_leaves_what_was_read_until_then(long_video, tmp_path, options):
    interrupt_replay(long_video, tmp_path, *options, progress=r"Reading frames\D*[1-9]\d")
    tokens = Blob(tmp_path / "tokens.safetensors")
    summary = json.loads((tmp_path / "summary.json").read_text())
    frames = len(tokens["assignment"])
    assert 0 < frames < LONG_FRAMES
    assert summary["counts"]["frames"] == frames
    assert summary["counts"]["kept"] == len(tokens["frame"])
    assert summary["budget"]["exact"]
    assert any("Stopped" in note for note in summary["notes"])
    assert tokens["segments"][-1][1] == frames - 1
    assert "report.html" in names(tmp_path) and set(names(tmp_path)) <= set(OUTPUTS)


def test_ctrl_c_while_drawing_leaves_a_playable_overlay(long_video, tmp_path):
    progress = r"Drawing the overlay\D*[1-9]\d"
    quick = ("--grid", "2,2", "--size", "64,64")
    interrupt_replay(long_video, tmp_path, *quick, progress=progress)
    assert names(tmp_path) == OUTPUTS
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert 0 < len(ffprobe_times(tmp_path / "overlay.mp4")) < summary["counts"]["frames"]
    assert summary["notes"] == [], "every frame was reduced"


def test_a_second_ctrl_c_ends_at_once(endpoint, long_video):
    with Running("stream", long_video, "--to", endpoint, "--linger", 3_600_000) as stream:
        stream.wait_for("Sending")
        stream.interrupt()
        wait_until(lambda: not stream.is_running() or (stream.interrupt() or False), "its end")
        stream.finish(code=130)


def test_ctrl_c_while_waiting_for_the_first_frame(ipc_endpoint):
    socket = pathlib.Path(ipc_endpoint.removeprefix("ipc://"))
    with Running("stream", ipc_endpoint, "--to", "tcp://127.0.0.1:*") as stream:
        wait_until(socket.exists, "its socket", stream)
        stream.interrupt()
        stream.finish(code=130)
        assert "stopped" in stream.err()


def test_ctrl_c_while_rendering_the_sample(tmp_path):
    with Running("sample", "-o", tmp_path, "--seconds", 1000, terminal=True) as sample:
        sample.wait_for(r"Rendering frames\D*[1-9]", where="err")
        sample.interrupt()
        sample.finish(code=130)
    assert len(ffprobe_times(tmp_path / "video.mp4")) > 0
    assert json.loads((tmp_path / "scene.json").read_text())
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".partial", ".tmp")]
