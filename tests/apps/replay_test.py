"""sluice replay: four files that are valid, agree with each other, and count exactly."""

import json
import re
import threading
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from blobs import Blob, clip_blob, random_clip
from conftest import SAMPLE_FPS, SAMPLE_FRAMES, ffmpeg, ffprobe_times
from processes import sluice

POSITIONS = 14 * 14


class Replay:
    """A folder that replay wrote to."""

    def __init__(self, folder, source, *options):
        self.folder = folder
        self.printed = sluice("replay", source, "-o", folder, *options).stdout
        self.tokens = Blob(folder / "tokens.safetensors")
        self.summary = json.loads((folder / "summary.json").read_text())

    def names(self):
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture(scope="module")
def replay(video, tmp_path_factory):
    return Replay(tmp_path_factory.mktemp("replay"), video, "--retain", 0.1)


def engine_only(tmp_path, source, *options):
    return Replay(tmp_path / "out", source, "--no-overlay", "--no-report", *options)


def check_counts(replay):
    """The summary and the tensors say the same, and the budget is exact."""
    tokens, counts = replay.tokens, replay.summary["counts"]
    source = replay.summary["sources"][0]
    frames, positions = tokens["assignment"].shape
    static = tokens["kind"] == 0
    assert counts["frames"] == source["frames"] == frames
    went_to = tokens["assignment"][tokens["assignment"] >= 0]
    assert np.array_equal(np.bincount(went_to, minlength=len(static)), tokens["weight"])
    assert counts["seen"] == frames * positions == tokens.count("seen")
    assert counts["kept"] == len(tokens["frame"]) == tokens.count("kept")
    assert counts["kept_static"] == static.sum() and counts["kept_dynamic"] == (~static).sum()
    assert counts["input_dropped"] == (tokens["assignment"] < 0).sum()
    assert counts["input_kept"] + counts["input_merged"] == tokens["weight"].sum()
    segments = source["segments"]
    assert [[s["first"], s["last"]] for s in segments] == tokens["segments"].tolist()
    assert counts["available"] == sum(
        s["static_positions"] + s["dynamic_available"] for s in segments
    )
    assert counts["kept"] == sum(s["static_kept"] + s["dynamic_kept"] for s in segments)
    assert replay.summary["budget"]["exact"]


def test_writes_four_files_and_nothing_else(replay):
    assert replay.names() == ["overlay.mp4", "report.html", "summary.json", "tokens.safetensors"]


def test_tokens_have_the_documented_tensors(replay):
    n, m = len(replay.tokens["frame"]), len(replay.tokens["segments"])
    types = replay.tokens.types
    assert {name: (types[name], array.shape) for name, array in replay.tokens.arrays.items()} == {
        "features": ("F32", (n, replay.tokens.count("feature_width"))),
        "frame": ("I32", (n,)),
        "frame_last": ("I32", (n,)),
        "position": ("I32", (n,)),
        "weight": ("I64", (n,)),
        "kind": ("U8", (n,)),
        "pts": ("F64", (n,)),
        "segments": ("I32", (m, 2)),
        "assignment": ("I32", (SAMPLE_FRAMES, POSITIONS)),
    }


def test_summary_agrees_with_the_tokens(replay):
    check_counts(replay)
    assert replay.summary["mode"] == "offline" and replay.summary["counts"]["unspent"] == 0
    assert all(ms >= 0 for ms in replay.summary["wall"]["stage_ms"].values())
    assert len(replay.summary["wall"]["stage_ms"]) >= 3


def test_times_are_the_recordings(replay, video):
    times = np.array(ffprobe_times(video))
    assert np.allclose(replay.tokens["pts"], times[replay.tokens["frame"]], atol=1e-6)
    assert np.allclose(times, np.arange(SAMPLE_FRAMES) / SAMPLE_FPS, atol=1e-6)


def test_overlay_is_a_video_of_every_frame(replay, video):
    times = ffprobe_times(replay.folder / "overlay.mp4")
    assert np.allclose(times, ffprobe_times(video), atol=1e-3)


class Links(HTMLParser):
    """Whatever makes a browser load something, and the tags that were opened."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.tags = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        names = ("src", "href", "xlink:href", "srcset", "data", "poster", "action")
        self.loads += [value for name, value in attributes if name in names and value]


def test_report_loads_nothing_from_elsewhere(replay):
    text = (replay.folder / "report.html").read_text(encoding="utf-8")
    links = Links(text)
    assert [load[:40] for load in links.loads if not load.startswith(("data:", "#"))] == []
    assert not re.search(r"url\(\s*['\"]?(?!data:|#)", text) and "@import" not in text
    assert not {"link", "iframe", "object", "embed"} & set(links.tags)
    assert "svg" in links.tags and "img" in links.tags, "there should be plots and thumbnails"
    assert not re.search(r"fetch\(|XMLHttpRequest|WebSocket", text)


def test_report_shows_the_figures(replay):
    text = (replay.folder / "report.html").read_text(encoding="utf-8")
    figures = re.sub(r"[\s\u2009\u202f,]", "", re.sub(r"<[^>]*>", "", text))
    assert str(replay.summary["counts"]["kept"]) in figures
    assert str(replay.summary["counts"]["seen"]) in figures


def test_one_line_says_what_happened(replay):
    assert f"-> {replay.summary['counts']['kept']} kept (10.00 %)" in replay.printed


@pytest.mark.parametrize("retain", [0.001, 0.05, 0.1, 0.3, 0.5, 1])
def test_the_budget_is_exact(video, tmp_path, retain):
    replay = engine_only(tmp_path, video, "--retain", retain)
    check_counts(replay)
    counts = replay.summary["counts"]
    assert counts["kept"] == min(round(retain * counts["seen"]), counts["available"])


@pytest.mark.parametrize("budget", [0, 1, 333, 100_000])
def test_a_budget_in_tokens_is_exact(video, tmp_path, budget):
    replay = engine_only(tmp_path, video, "--budget", budget)
    check_counts(replay)
    assert replay.summary["counts"]["kept"] == min(budget, replay.summary["counts"]["available"])


def test_causal_accounts_for_what_it_could_not_spend(video, tmp_path):
    replay = engine_only(tmp_path, video, "--causal", "--latency", 8, "--retain", 0.3)
    check_counts(replay)
    counts = replay.summary["counts"]
    assert replay.summary["mode"] == "causal"
    assert counts["kept"] + counts["unspent"] == round(0.3 * counts["seen"])
    lengths = [last - first + 1 for first, last in replay.tokens["segments"]]
    assert max(lengths) <= 8


def test_frames_are_taken_at_the_rate_asked_for(video, tmp_path):
    replay = engine_only(tmp_path, video, "--fps", 5)
    assert replay.summary["counts"]["frames"] == SAMPLE_FRAMES // 2
    assert np.allclose(replay.tokens["pts"], replay.tokens["frame"] / 5, atol=1e-6)


def test_frames_are_counted_out(video, tmp_path):
    replay = engine_only(tmp_path, video, "--frames", 4)
    assert replay.summary["counts"]["frames"] == 4
    check_counts(replay)


def test_the_grid_need_not_be_square(video, tmp_path):
    replay = engine_only(tmp_path, video, "--grid", "6,9")
    assert replay.tokens["assignment"].shape == (SAMPLE_FRAMES, 54)
    assert replay.tokens.metadata["grid"] == "6,9"


def test_times_under_a_variable_frame_rate(video, tmp_path):
    irregular = tmp_path / "irregular.mkv"
    choice = "select='not(mod(n,3))+not(mod(n,7))',setpts=PTS*(1+0.1*mod(N\\,2))"
    ffmpeg("-i", video, "-vf", choice, "-vsync", "vfr", irregular)
    times = np.array(ffprobe_times(irregular))
    replay = engine_only(tmp_path, irregular, "--retain", 1)
    assert replay.summary["counts"]["frames"] == len(times)
    steps = np.diff(times)
    assert steps.max() > 1.5 * steps.min(), "the recording should be irregular"
    assert np.allclose(replay.tokens["pts"], (times - times[0])[replay.tokens["frame"]], atol=2e-3)


def test_features_of_an_encoder_as_a_recording(tmp_path):
    path = tmp_path / "features.safetensors"
    pts = np.array([0, 0.5, 0.6, 2, 2.5, 9])
    path.write_bytes(clip_blob(random_clip(6, 12, 8), "BF16", pts=pts))
    replay = Replay(tmp_path / "out", path, "--retain", 0.4)
    check_counts(replay)
    assert replay.names() == ["report.html", "summary.json", "tokens.safetensors"]
    assert replay.tokens.types["features"] == "BF16"
    assert np.array_equal(replay.tokens["pts"], pts[replay.tokens["frame"]])


def test_features_reduce_and_replay_to_the_same_tokens(tmp_path):
    path = tmp_path / "features.safetensors"
    path.write_bytes(clip_blob(random_clip(6, 12, 8)))
    sluice("reduce", path, "-o", tmp_path / "reduced.safetensors", "--retain", 0.4)
    reduced = Blob(tmp_path / "reduced.safetensors")
    replayed = engine_only(tmp_path, path, "--retain", 0.4).tokens
    assert all(np.array_equal(replayed[name], reduced[name]) for name in reduced.arrays)


def test_a_folder_of_images_is_a_recording(video, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    ffmpeg("-i", video, "-frames:v", 5, images / "img-%03d.png")
    replay = Replay(tmp_path / "out", images, "--image-rate", 4)
    check_counts(replay)
    assert replay.summary["counts"]["frames"] == 5
    assert np.array_equal(replay.tokens["pts"], replay.tokens["frame"] / 4)
    assert len(ffprobe_times(tmp_path / "out" / "overlay.mp4")) == 5


def test_a_gif_is_a_recording(video, tmp_path):
    gif = tmp_path / "clip.gif"
    ffmpeg("-i", video, "-vf", "scale=160:-1", gif)
    replay = Replay(tmp_path / "out", gif)
    check_counts(replay)
    assert replay.summary["counts"]["frames"] == SAMPLE_FRAMES
    assert np.allclose(replay.tokens["pts"], replay.tokens["frame"] / SAMPLE_FPS, atol=0.02)


def test_a_url_is_a_recording(video, tmp_path):
    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=video.parent)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/{video.name}"
        replay = engine_only(tmp_path, url)
        server.shutdown()
    assert replay.summary["counts"]["frames"] == SAMPLE_FRAMES
