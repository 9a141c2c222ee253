"""sluice replay --as-loop: recordings and tick logs, tick by tick, the same bytes every time."""

import json
import shutil

import pytest

from blobs import Blob, clip_blob, random_clip
from conftest import SAMPLE_FPS, SAMPLE_FRAMES
from processes import Running, sluice, wait_until

POSITIONS = 14 * 14
PACKETS = "packets"


def packets_of(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / PACKETS).iterdir())}


def summary_of(folder):
    summary = json.loads((folder / "summary.json").read_text())
    del summary["wall"]
    return summary


def check_budget(folder):
    """Every packet and the summary say that the budget was kept, in the same numbers."""
    summary = summary_of(folder)
    assert summary["mode"] == "loop"
    assert summary["budget"]["exact"] and summary["budget"]["violations"] == 0
    kept = []
    for index, path in enumerate(sorted((folder / PACKETS).iterdir())):
        assert path.name == f"{index:06}.safetensors"
        packet = Blob(path)
        assert packet.count("sequence") == index
        assert packet.count("kept") == min(packet.count("budget"), packet.count("available"))
        assert "sent_unix_ns" not in packet.metadata
        kept.append(packet.count("kept"))
    assert kept == summary["ticks"]["kept"]
    assert sum(summary["kept_for"].values()) == summary["counts"]["kept"] == sum(kept)
    return summary


def test_a_recording_gives_a_packet_per_tick(video, tmp_path):
    printed = sluice("replay", video, "--as-loop", "-o", tmp_path, "--retain", 0.25).stdout
    summary = check_budget(tmp_path)
    ticks = summary["counts"]["ticks"]
    assert ticks == SAMPLE_FRAMES * 10 // SAMPLE_FPS
    assert summary["ticks"]["budget"] == [round(0.25 * POSITIONS)] * ticks
    assert summary["from"] == "recording" and summary["feedback"]["received"] == 0
    assert f"{ticks} ticks" in printed and f"budget exact in {ticks} of {ticks}" in printed
    page = (tmp_path / "report.html").read_text()
    assert "Exact budget" in page and "http" not in page.replace("http://www.w3.org", "")


@pytest.mark.parametrize("options", [("--budget", 20), ("--rate", 25, "--fps", 5)])
def test_the_same_recording_gives_the_same_bytes(video, tmp_path, options):
    for name, threads in (("a", 1), ("b", 2)):
        folder = tmp_path / name / "elsewhere" if name == "b" else tmp_path / name
        sluice("--threads", threads, "replay", video, "--as-loop", "-o", folder, *options)
    assert packets_of(tmp_path / "a") == packets_of(tmp_path / "b" / "elsewhere")
    assert summary_of(tmp_path / "a") == summary_of(tmp_path / "b" / "elsewhere")


def test_a_packet_holds_no_path(video, tmp_path):
    sluice("replay", video, "--as-loop", "-o", tmp_path / "out", "--budget", 5)
    for blob in packets_of(tmp_path / "out").values():
        assert str(tmp_path).encode() not in blob and video.name.encode() not in blob


def test_earlier_packets_and_report_do_not_stay(video, tmp_path):
    sluice("replay", video, "--as-loop", "-o", tmp_path)
    (tmp_path / PACKETS / "mine.txt").write_text("kept")
    sluice("replay", video, "--as-loop", "-o", tmp_path, "--no-packets", "--no-report")
    assert [path.name for path in (tmp_path / PACKETS).iterdir()] == ["mine.txt"]
    assert not (tmp_path / "report.html").exists()


CONFIG = """
rate_hz = 20
[budget]
tokens = 12
[metrics]
listen = ""
[link]
on = {link}
packets = "ipc://{sockets}/packets"
feedback = "ipc://{sockets}/feedback"
[[input]]
id = "front"
source = "front.safetensors"
[input.memory]
latency = 4
[[input]]
id = "wrist"
source = "wrist.safetensors"
fps = 10
"""


@pytest.fixture
def loop_config(tmp_path, socket_folder):
    """A folder with a config and its two recordings."""

    def make(link):
        for seed, name in enumerate(("front", "wrist")):
            clip = random_clip(frames=16, positions=24, width=8, seed=seed)
            (tmp_path / f"{name}.safetensors").write_bytes(clip_blob(clip))
        config = tmp_path / "loop.toml"
        text = CONFIG.format(link="true" if link else "false", sockets=socket_folder)
        config.write_text(text.replace('source = "front.safetensors"',
                                       'source = "front.safetensors"\nfps = 10'))  # fmt: skip
        return config

    return make


def test_a_config_decides_about_a_recording(loop_config, tmp_path):
    config = loop_config(link=False)
    other = tmp_path / "other.safetensors"
    other.write_bytes(clip_blob(random_clip(frames=16, positions=24, width=8, seed=7)))
    for name, recording in (("a", tmp_path / "front.safetensors"), ("b", other)):
        sluice("replay", recording, "--as-loop", "--config", config, "-o", tmp_path / name)
        summary = check_budget(tmp_path / name)
        assert [s["id"] for s in summary["sources"]] == ["front", "front.memory", "wrist"]
        assert summary["ticks"]["clock_s"][:3] == [0, 0.05, 0.1]
        assert summary["sources"][1]["offered"] > 0
    assert packets_of(tmp_path / "a") != packets_of(tmp_path / "b")


@pytest.fixture
def log(loop_config, tmp_path):
    """What a loop and a model did together."""
    config = loop_config(link=True)
    folder = tmp_path / "log"
    with Running("loop", "--config", config, "--log", folder, "--ticks", 30) as loop:
        endpoints = loop.wait_for(r"from (ipc://\S+), taking feedback on (ipc://\S+)")
        with Running("model", endpoints[1], "--feedback", endpoints[2], "--quiet") as model:
            loop.finish()
            model.kill()
    return folder


def ticks_of(log):
    return [json.loads(line) for line in (log / "ticks.jsonl").read_text().splitlines()]


def test_a_log_runs_again_as_it_was(log, tmp_path):
    logged = [line for line in ticks_of(log) if "end" not in line]
    assert len(logged) > 20
    ticks = len(logged)
    printed = sluice("replay", log, "--as-loop", "-o", tmp_path / "a").stdout
    assert f"{ticks} of {ticks} ticks decided as logged" in printed
    summary = check_budget(tmp_path / "a")
    assert summary["from"] == "log" and summary["as_logged"] == {"compared": ticks, "different": 0}
    assert summary["feedback"]["applied"] > 0
    assert summary["model_latency_ms"]["answers"] == summary["feedback"]["applied"]
    assert [line["kept"] for line in logged] == summary["ticks"]["kept"]
    assert "As logged" in (tmp_path / "a" / "report.html").read_text()

    sluice("--threads", 2, "replay", log, "--as-loop", "-o", tmp_path / "b")
    assert packets_of(tmp_path / "a") == packets_of(tmp_path / "b")
    assert summary_of(tmp_path / "a") == summary_of(tmp_path / "b")


def test_a_log_that_was_cut_off_runs_until_there(log, tmp_path):
    ticks = (log / "ticks.jsonl").read_bytes()
    (log / "ticks.jsonl").write_bytes(ticks[: len(ticks) // 2])
    done = sluice("replay", log, "--as-loop", "-o", tmp_path / "out")
    assert "breaks off in the middle of a tick" in done.stderr
    summary = check_budget(tmp_path / "out")
    assert 8 < summary["counts"]["ticks"] < 22 and summary["as_logged"]["different"] == 0


def test_a_recording_that_has_changed_is_found_out(log, tmp_path):
    clip = random_clip(frames=16, positions=24, width=8, seed=9)
    (tmp_path / "front.safetensors").write_bytes(clip_blob(clip))
    done = sluice("replay", log, "--as-loop", "-o", tmp_path / "out", code=1)
    assert "came out otherwise than logged, the first at tick" in done.stderr
    assert summary_of(tmp_path / "out")["as_logged"]["different"] > 0
    assert "Not as logged" in (tmp_path / "out" / "report.html").read_text()


def test_a_recording_that_is_missing_is_named(log, tmp_path):
    (tmp_path / "wrist.safetensors").unlink()
    error = sluice("replay", log, "--as-loop", "-o", tmp_path / "out", code=2).stderr
    assert f"{log}: input 1 (wrist): " in error
    assert str(tmp_path / "wrist.safetensors") in error and str(tmp_path) in error
    assert not (tmp_path / "out" / PACKETS).exists() or not list(
        (tmp_path / "out" / PACKETS).iterdir()
    )


def test_a_damaged_line_is_named_and_what_came_before_is_there(log, tmp_path):
    lines = (log / "ticks.jsonl").read_text().splitlines(keepends=True)
    lines[20] = lines[20].replace('"decision":"', '"decision":"x')
    (log / "ticks.jsonl").write_text("".join(lines))
    error = sluice("replay", log, "--as-loop", "-o", tmp_path / "out", code=2).stderr
    assert "ticks.jsonl:21: is damaged" in error
    assert check_budget(tmp_path / "out")["counts"]["ticks"] == 20


def test_ctrl_c_leaves_valid_files(long_video, tmp_path):
    with Running("replay", long_video, "--as-loop", "-o", tmp_path, "--rate", 100) as replay:
        wait_until(lambda: len(list(tmp_path.glob("packets/*.safetensors"))) > 5, "packets", replay)
        replay.interrupt()
        replay.finish(code=130)
    assert check_budget(tmp_path)["counts"]["ticks"] > 5


@pytest.mark.parametrize(
    "options, error",
    [
        (("--rate", 5), "--rate: given for"),
        (("--no-packets",), "--no-packets: given for"),
        (("--as-loop", "--tau", 0.5), "--tau: given for"),
        (("--as-loop", "--voxel-size", 0.5), "--voxel-size: given for"),
        (("--as-loop", "--no-overlay"), "--no-overlay: given for"),
        (("--as-loop", "--rate", 0), "expected a number above 0"),
        (("--as-loop", "--config", "missing.toml"), "missing.toml"),
    ],
)
def test_options_that_do_not_fit_are_refused(video, tmp_path, options, error):
    code = 2
    assert error in sluice("replay", video, "-o", tmp_path / "out", *options, code=code).stderr
    assert not (tmp_path / "out").exists()


def test_what_a_log_says_itself_is_refused(log, tmp_path):
    out = tmp_path / "out"
    assert "is the tick log of a loop" in sluice("replay", log, "-o", out, code=2).stderr
    for option in (("--rate", 5), ("--config", tmp_path / "loop.toml"), ("--budget", 9)):
        error = sluice("replay", log, "--as-loop", "-o", out, *option, code=2).stderr
        assert f"{option[0]}: given for" in error
    shutil.rmtree(log)
    sluice("replay", log, "--as-loop", "-o", out, code=2)
