"""sluice video: at most B tokens of a video of any length, and every promise of docs/video.md."""

import json
import re

import numpy as np
import pytest
import zmq

from blobs import END_OF_FEATURES, Blob, clip_blob, feature_message, random_clip
from conftest import LONG_FRAMES, SAMPLE_FPS, SAMPLE_FRAMES
from processes import Running, sluice, wait_until

POSITIONS = 14 * 14
LATENCY = 32  # the most that sluice video has unless it is told otherwise
SEGMENTS = ("--latency", LATENCY)


class Video:
    """A folder that `sluice video` wrote to."""

    def __init__(self, folder, source, *options, code=0):
        self.folder = folder
        done = sluice("video", source, "-o", folder, *options, code=code)
        self.printed, self.errors = done.stdout, done.stderr
        self.tokens = Blob(folder / "tokens.safetensors")
        self.summary = json.loads((folder / "summary.json").read_text())

    def names(self):
        return sorted(path.name for path in self.folder.iterdir())

    def bytes(self):
        return (self.folder / "tokens.safetensors").read_bytes()


def tokens_only(folder, source, *options, code=0):
    return Video(folder, source, "--no-report", *options, code=code)


def calm_scenes(scenes=12, frames=9, positions=20, width=16, seed=3):
    """A clip of scenes, in each of which most positions hardly change."""
    parts = [random_clip(frames, positions, width, 0.7, seed + s) for s in range(scenes)]
    return np.concatenate(parts)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """108 frames of features, half a second apart."""
    path = tmp_path_factory.mktemp("clip") / "features.safetensors"
    features = calm_scenes()
    path.write_bytes(clip_blob(features, pts=0.5 * np.arange(len(features))))
    return path


@pytest.fixture(scope="module")
def arrived(clip, tmp_path_factory):
    """What comes to the memory, from a command that has none."""
    folder = tmp_path_factory.mktemp("arrived")
    sluice("replay", clip, "-o", folder, "--causal", "--retain", 1, "--latency", LATENCY,
           "--no-report")  # fmt: skip
    return Blob(folder / "tokens.safetensors")


@pytest.fixture(scope="module")
def remembered(video, tmp_path_factory):
    return Video(tmp_path_factory.mktemp("video"), video, "--tokens", 300)


def check_file(tokens):
    """What docs/video.md promises of any file, from the file alone."""
    n, frames = len(tokens["frame"]), tokens["chapter_frames"]
    assert n == tokens.count("kept") <= tokens.count("budget")
    assert tokens["weight"].sum() == tokens.count("arrived_weight")
    # Every frame is in one chapter.
    assert frames[0, 0] == 0 and frames[-1, 1] == tokens.count("frames") - 1
    assert (frames[1:, 0] == frames[:-1, 1] + 1).all() and (frames[:, 0] <= frames[:, 1]).all()
    times = tokens["chapter_pts"]
    assert (times[:, 0] <= times[:, 1]).all() and (times[:-1, 1] <= times[1:, 0]).all()
    # Rows are the chapters' in order, and within their time.
    counts = tokens["chapter_tokens"]
    assert counts.sum() == n and (counts >= np.minimum(tokens["chapter_arrived"], 1)).all()
    assert tokens["chapter_arrived"].sum() == tokens.count("arrived")
    chapter = np.repeat(np.arange(len(counts)), counts)
    assert (tokens["frame"] >= frames[chapter, 0]).all()
    assert (tokens["frame_last"] <= frames[chapter, 1]).all()
    assert (tokens["pts"] >= times[chapter, 0]).all()
    assert (tokens["pts_last"] <= times[chapter, 1]).all()
    # The recent ones are the newest, whole.
    recent = tokens["chapter_recent"].astype(bool)
    assert (np.diff(recent.astype(int)) >= 0).all()
    assert (counts[recent] == tokens["chapter_arrived"][recent]).all()


def test_writes_three_files_and_nothing_else(remembered):
    assert remembered.names() == ["report.html", "summary.json", "tokens.safetensors"]


def test_tokens_have_the_documented_tensors(remembered):
    tokens = remembered.tokens
    n, c = len(tokens["frame"]), len(tokens["chapter_frames"])
    assert {name: (tokens.types[name], array.shape) for name, array in tokens.arrays.items()} == {
        "features": ("F32", (n, tokens.count("feature_width"))),
        "key": ("I64", (n,)),
        "frame": ("I32", (n,)),
        "frame_last": ("I32", (n,)),
        "pts": ("F64", (n,)),
        "pts_last": ("F64", (n,)),
        "position": ("I32", (n,)),
        "weight": ("I64", (n,)),
        "score": ("F32", (n,)),
        "kind": ("U8", (n,)),
        "reason": ("U8", (n,)),
        "chapter_frames": ("I64", (c, 2)),
        "chapter_pts": ("F64", (c, 2)),
        "chapter_tokens": ("I64", (c,)),
        "chapter_arrived": ("I64", (c,)),
        "chapter_segments": ("I64", (c,)),
        "chapter_recent": ("U8", (c,)),
    }
    info = tokens.metadata
    assert info["sluice.message"] == "tokens" and info["sluice.requires"] == "memory"
    assert info["grid"] == "14,14" and info["complete"] == "true"


def test_a_video_is_remembered_whole(remembered):
    check_file(remembered.tokens)
    tokens, counts = remembered.tokens, remembered.summary["counts"]
    assert counts["frames"] == tokens.count("frames") == SAMPLE_FRAMES
    assert counts["seen"] == SAMPLE_FRAMES * POSITIONS
    # At the default retention nothing is dropped on the way: all input tokens stand behind these.
    assert tokens["weight"].sum() == SAMPLE_FRAMES * POSITIONS
    assert tokens["chapter_pts"][-1, 1] == pytest.approx((SAMPLE_FRAMES - 1) / SAMPLE_FPS)
    assert f"{counts['kept']} held" in remembered.printed


def test_summary_agrees_with_the_tokens(remembered):
    tokens, summary = remembered.tokens, remembered.summary
    assert summary["mode"] == "memory" and summary["complete"] is True
    assert all(summary["checks"].values()) and not summary["budget"]["exceeded"]
    assert summary["counts"]["kept"] == len(tokens["frame"]) == summary["budget"]["kept"]
    assert summary["counts"]["kept"] <= summary["budget"]["most_held"] <= 300
    assert summary["weight"] == {"arrived": tokens["weight"].sum(), "kept": tokens["weight"].sum()}
    rows = [[c["first_frame"], c["last_frame"]] for c in summary["chapters"]]
    assert rows == tokens["chapter_frames"].tolist()
    assert [c["tokens"] for c in summary["chapters"]] == tokens["chapter_tokens"].tolist()
    assert [c["recent"] for c in summary["chapters"]] == tokens["chapter_recent"].astype(
        bool
    ).tolist()
    last = summary["history"][-1]
    assert last["held"] == len(tokens["frame"]) and last["frames"] == SAMPLE_FRAMES
    assert max(moment["held"] for moment in summary["history"]) == summary["budget"]["most_held"]


def test_report_loads_nothing_from_elsewhere(remembered):
    text = (remembered.folder / "report.html").read_text(encoding="utf-8")
    loads = re.findall(r"(?:src|href|srcset|poster)=\"([^\"]*)\"", text)
    assert [load[:40] for load in loads if not load.startswith(("data:", "#"))] == []
    assert any(load.startswith("data:image/jpeg") for load in loads), "pictures of chapters"
    assert not re.search(r"url\(\s*['\"]?(?!data:|#)", text) and "@import" not in text


@pytest.mark.parametrize("budget", [1, 2, 7, 40, 333, 800])
@pytest.mark.parametrize("recent", [0, 0.25, 1])
def test_never_more_tokens_than_the_budget(clip, arrived, tmp_path, budget, recent):
    run = tokens_only(tmp_path, clip, "--tokens", budget, "--recent", recent, *SEGMENTS)
    check_file(run.tokens)
    assert run.summary["budget"]["most_held"] <= budget
    assert run.tokens.count("arrived") == len(arrived["frame"]) > budget


@pytest.mark.parametrize("budget", [5, 60, 500])
def test_merging_loses_no_weight_and_moves_no_mean(clip, arrived, tmp_path, budget):
    """A merged token is the mean of its members by weight, so the mean of all stays in place."""

    def centre(tokens):
        weight = tokens["weight"].astype(float)
        return weight @ tokens["features"].astype(float) / weight.sum()

    tokens = tokens_only(tmp_path, clip, "--tokens", budget, *SEGMENTS).tokens
    assert tokens["weight"].sum() == arrived["weight"].sum()
    assert np.allclose(centre(tokens), centre(arrived), atol=1e-5)


@pytest.mark.parametrize("recent", [0.2, 0.5])
def test_recent_tokens_are_those_that_came(clip, arrived, tmp_path, recent):
    tokens = tokens_only(tmp_path, clip, "--tokens", 600, "--recent", recent, *SEGMENTS).tokens
    count = tokens["chapter_tokens"][tokens["chapter_recent"] == 1].sum()
    assert 0 < count <= round(600 * recent)
    for name in ("features", "frame", "frame_last", "pts", "position", "weight", "kind"):
        assert np.array_equal(tokens[name][-count:], arrived[name][-count:]), name


def test_with_room_for_all_nothing_is_merged(clip, arrived, tmp_path):
    tokens = tokens_only(tmp_path, clip, "--tokens", len(arrived["frame"]), *SEGMENTS).tokens
    for name in ("features", "frame", "frame_last", "pts", "position", "weight", "kind"):
        assert np.array_equal(tokens[name], arrived[name]), name
    assert tokens["chapter_frames"].tolist() == arrived["segments"].tolist()


@pytest.mark.parametrize("tokens, recent, latency", [(400, 0.5, 10), (400, 0.25, 8), (8192, 1, 32)])
def test_the_newest_segment_fits_into_the_recent_part(clip, tmp_path, tokens, recent, latency):
    run = tokens_only(tmp_path, clip, "--tokens", tokens, "--recent", recent)
    assert run.tokens.count("latency") == latency
    if latency * 20 <= recent * tokens:  # 20 tokens a frame
        assert run.summary["counts"]["oversized_segments"] == 0
        assert run.tokens["chapter_recent"][-1] == 1


def test_the_default_budget_is_8192(clip, tmp_path):
    run = tokens_only(tmp_path, clip)
    assert run.tokens.metadata["budget"] == "8192" and run.tokens.metadata["recent"] == "0.25"
    assert run.tokens.metadata["retain"] == "1"


def test_a_share_can_be_dropped_before_the_memory(clip, tmp_path):
    run = tokens_only(tmp_path, clip, "--retain", 0.1, "--tokens", 100)
    check_file(run.tokens)
    counts = run.summary["counts"]
    assert counts["arrived"] + counts["unspent"] == round(0.1 * counts["seen"])


@pytest.mark.parametrize("dtype", ["F16", "BF16"])
def test_features_keep_their_type(tmp_path, dtype):
    path = tmp_path / "features.safetensors"
    path.write_bytes(clip_blob(calm_scenes(), dtype))
    tokens = tokens_only(tmp_path / "out", path, "--tokens", 50).tokens
    check_file(tokens)
    assert tokens.types["features"] == dtype


def test_same_input_same_bytes(clip, tmp_path):
    options = ("--tokens", 77, "--snapshot-every", 10)
    runs = [
        Video(tmp_path / threads, clip, *options, "--threads", threads)
        for threads in ("1", "1", "3")
    ]
    assert "tokens-50.safetensors" in runs[0].names()
    for run in runs[1:]:
        assert run.names() == runs[0].names()
        for name in (name for name in run.names() if name.endswith(".safetensors")):
            assert (run.folder / name).read_bytes() == (runs[0].folder / name).read_bytes(), name
        assert {**run.summary, "wall": 0} == {**runs[0].summary, "wall": 0}


def test_snapshots_show_what_was_remembered_then(clip, tmp_path):
    run = tokens_only(tmp_path, clip, "--tokens", 90, "--snapshot-every", 7.5, "--latency", 8)
    names = [name for name in run.names() if name.startswith("tokens-")]
    times = sorted(float(name[len("tokens-") : -len(".safetensors")]) for name in names)
    assert times == [7.5, 15, 22.5, 30, 37.5, 45, 52.5]
    assert sorted(run.summary["snapshots"]) == names
    for time in times:
        tokens = Blob(tmp_path / f"tokens-{time:g}.safetensors")
        check_file(tokens)
        assert tokens.metadata["complete"] == "false"
        # Frames come every half second: those before this time were read, and few wait.
        assert tokens.count("frames_read") == 2 * time
        assert 2 * time - 8 <= tokens.count("frames") <= 2 * time
        assert tokens["chapter_pts"][-1, 1] < time


def test_snapshots_change_nothing_else(clip, tmp_path):
    with_snapshots = tokens_only(tmp_path / "a", clip, "--tokens", 90, "--snapshot-every", 0.7)
    without = tokens_only(tmp_path / "b", clip, "--tokens", 90)
    assert with_snapshots.bytes() == without.bytes()


def test_a_jump_in_time_costs_one_snapshot(tmp_path):
    path = tmp_path / "features.safetensors"
    times = np.concatenate([np.arange(20), 1e6 + np.arange(20)]).astype(float)
    path.write_bytes(clip_blob(random_clip(40, 12, 8), pts=times))
    run = tokens_only(tmp_path / "out", path, "--snapshot-every", 10, "--latency", 4)
    assert run.summary["snapshots"] == [f"tokens-{t}.safetensors" for t in (10, 1000000, 1000010)]


def test_a_snapshot_that_cannot_be_written_does_not_end_the_run(clip, tmp_path):
    (tmp_path / "tokens-20.safetensors").mkdir()
    run = tokens_only(tmp_path, clip, "--tokens", 90, "--snapshot-every", 10, code=2)
    assert "tokens-20.safetensors" in run.errors
    assert "tokens-30.safetensors" in run.summary["snapshots"]
    assert run.tokens.count("frames") == 108


def test_ctrl_c_leaves_what_was_seen_until_then(long_video, tmp_path):
    options = ("--tokens", 500, "--snapshot-every", 1)
    with Running("video", long_video, "-o", tmp_path, *options, terminal=True) as video:
        video.wait_for(r"Remembering frames\D*[1-9]\d", where="err")
        wait_until((tmp_path / "tokens-10.safetensors").exists, "a snapshot", video)
        video.interrupt()
        video.finish(code=130)
    tokens = Blob(tmp_path / "tokens.safetensors")
    check_file(tokens)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert 10 * SAMPLE_FPS - LATENCY <= tokens.count("frames") < LONG_FRAMES
    assert tokens.metadata["complete"] == "false" and summary["complete"] is False
    assert any("Stopped" in note for note in summary["notes"])
    assert (tmp_path / "report.html").exists()
    assert not [
        path for path in tmp_path.iterdir() if path.suffix not in (".safetensors", ".json", ".html")
    ]


def test_an_error_on_the_way_keeps_what_came_before(tmp_path):
    path = tmp_path / "features.safetensors"
    times = np.concatenate([np.arange(40), np.arange(40)]).astype(float)  # time runs backwards
    path.write_bytes(clip_blob(random_clip(80, 12, 8), pts=times))
    run = tokens_only(tmp_path / "out", path, "--latency", 4, code=2)
    check_file(run.tokens)
    assert 30 <= run.tokens.count("frames") <= 40
    assert run.summary["complete"] is False and run.summary["notes"]
    assert run.errors.startswith("sluice: ")


class LiveFrames:
    """An encoder that sends frames of features to an endpoint."""

    def __init__(self, zeromq, endpoint):
        self.socket = zeromq.socket(zmq.PUSH)
        self.socket.connect(endpoint)
        self.frames = random_clip(30, 16, 32, calm=0.6)
        self.sent = 0

    def send(self, count):
        for _ in range(count):
            frame = self.frames[self.sent // 5 % len(self.frames)]
            self.socket.send(feature_message(frame, self.sent / 2, grid="4,4"))
            self.sent += 1


def test_live_features_are_remembered(zeromq, free_port, tmp_path):
    endpoint = f"tcp://127.0.0.1:{free_port}"
    with Running("video", endpoint, "-o", tmp_path, "--tokens", 200) as video:
        encoder = LiveFrames(zeromq, endpoint)
        encoder.send(300)
        encoder.socket.send(END_OF_FEATURES)
        video.finish()
    tokens = Blob(tmp_path / "tokens.safetensors")
    check_file(tokens)
    assert tokens.count("frames") == 300 and tokens.metadata["complete"] == "true"


def test_memory_does_not_grow_with_the_video(zeromq, free_port, tmp_path):
    endpoint = f"tcp://127.0.0.1:{free_port}"
    period = 250  # seconds: 500 frames
    with Running(
        "video", endpoint, "-o", tmp_path, "--tokens", 400, "--snapshot-every", period
    ) as video:
        encoder = LiveFrames(zeromq, endpoint)

        def memory_after(frames):
            encoder.send(frames - encoder.sent)
            name = f"tokens-{(frames - 1) // 500 * period}.safetensors"
            wait_until((tmp_path / name).exists, name, video)
            return video.own_memory()

        early, late = memory_after(1001), memory_after(8001)
        encoder.socket.send(END_OF_FEATURES)
        video.finish()
    assert late - early < 8 << 20
    assert len(json.loads((tmp_path / "summary.json").read_text())["history"]) < 2048


@pytest.mark.parametrize(
    "options, expected",
    [
        (["--tokens", 0], "--tokens"),
        (["--tokens", 1.5], "--tokens"),
        (["--recent", 1.1], "--recent"),
        (["--recent", -0.1], "--recent"),
        (["--snapshot-every", 0], "--snapshot-every"),
        (["--retain", 0], "retain"),
        (["--grid", "3,3"], "3"),
    ],
)
def test_bad_options_leave_nothing_behind(clip, tmp_path, options, expected):
    done = sluice("video", clip, "-o", tmp_path / "out", *options, code=2)
    assert expected in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_input_is_never_overwritten(clip, tmp_path):
    source = tmp_path / "tokens.safetensors"
    source.write_bytes(clip.read_bytes())
    message = sluice("video", source, "-o", tmp_path, code=2).stderr
    assert "is the input itself" in message
    assert source.read_bytes() == clip.read_bytes()


def test_a_snapshot_never_overwrites_the_input(clip, tmp_path):
    source = tmp_path / "tokens-10.safetensors"
    source.write_bytes(clip.read_bytes())
    run = tokens_only(tmp_path, source, "--snapshot-every", 10, code=2)
    assert "is the input itself" in run.errors
    assert source.read_bytes() == clip.read_bytes()
    assert "tokens-20.safetensors" in run.summary["snapshots"]


def test_a_missing_input_is_named(tmp_path):
    message = sluice("video", tmp_path / "none.mp4", "-o", tmp_path / "out", code=2).stderr
    assert "none.mp4" in message
