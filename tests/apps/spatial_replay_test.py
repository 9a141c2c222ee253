"""sluice replay over 3-D recordings: five files that are valid, agree with each other, and count
exactly."""

import json
import os
import re
import shutil

import numpy as np
import pytest

from blobs import Blob
from conftest import ffprobe_times
from processes import Running, sluice

VOXEL_M = 0.03
GRID = 24 * 24
NO_DEPTH, NOT_SELECTED, SEEN_THROUGH = -5, -1, -7
KEPT, MERGED, DROPPED, GONE = range(4)
VERTEX = np.dtype(
    [("xyz", "<f4", 3), ("rgb", "u1", 3), ("fate", "u1"), ("reason", "u1"), ("weight", "<i4")]
)


class Replay:
    """A folder that replay wrote to."""

    def __init__(self, folder, source, *options, code=0):
        self.folder = folder
        preset = () if "--preset" in options else ("--preset", "table-top")
        self.done = sluice("replay", source, "-o", folder, *preset, *options, code=code)
        self.tokens = Blob(folder / "tokens.safetensors")
        self.summary = json.loads((folder / "summary.json").read_text())
        self.counts = self.summary["counts"]

    def names(self):
        return sorted(path.name for path in self.folder.iterdir())

    def vertices(self):
        header, _, data = (self.folder / "tokens.ply").read_bytes().partition(b"end_header\n")
        assert header.startswith(b"ply\nformat binary_little_endian 1.0\ncomment ")
        properties = re.findall(rb"property (\w+) (\w+)", header)
        assert properties == [
            (b"float", b"x"), (b"float", b"y"), (b"float", b"z"),
            (b"uchar", b"red"), (b"uchar", b"green"), (b"uchar", b"blue"),
            (b"uchar", b"fate"), (b"uchar", b"reason"), (b"int", b"weight"),
        ]  # fmt: skip
        vertices = np.frombuffer(data, VERTEX)
        assert int(re.search(rb"element vertex (\d+)", header)[1]) == len(vertices)
        return vertices


@pytest.fixture(scope="module")
def rgbd(sample):
    return sample / "rgbd"


@pytest.fixture
def damaged(rgbd, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(rgbd, tmp_path / "damaged")


@pytest.fixture(scope="module")
def replay(rgbd, tmp_path_factory):
    return Replay(tmp_path_factory.mktemp("replay"), rgbd, "--retain", 0.37)


def engine_only(tmp_path, source, *options, code=0):
    return Replay(tmp_path / "out", source, "--no-overlay", "--no-report", *options, code=code)


def frame_files(folder, kind):
    return sorted(folder.glob(f"*.{kind}.*"))


def check_counts(replay):
    """The summary and the tensors say the same, and the budget is exact."""
    tokens, counts, dropped = replay.tokens, replay.counts, replay.summary["dropped"]
    assignment = tokens["assignment"]
    went_to = assignment[assignment >= 0]
    assert np.array_equal(np.bincount(went_to, minlength=counts["kept"]), tokens["weight"])
    assert counts["kept"] == len(tokens["xyz"]) == tokens.count("kept")
    assert counts["patches"] == assignment.size == tokens.count("patches")
    assert counts["in_tokens"] == len(went_to)
    assert dropped["not_selected"] == (assignment == NOT_SELECTED).sum()
    assert dropped["no_depth"] == (assignment == NO_DEPTH).sum()
    assert dropped["seen_through"] == (assignment == SEEN_THROUGH).sum()
    assert counts["in_tokens"] + sum(dropped.values()) == counts["patches"]
    assert counts["placed"] - counts["voxels_ever"] == counts["near_duplicates"]
    frames = replay.summary["frames"]
    assert {len(values) for values in frames.values()} == {counts["frames"]}
    assert frames["voxels"][-1] == counts["voxels"] and frames["kept"][-1] == counts["kept"]
    assert sum(frames["patches"]) == counts["patches"]
    assert sum(frames["placed"]) == counts["placed"]
    assert [min(*both) for both in zip(frames["budget"], frames["voxels"])] == frames["kept"]
    assert replay.summary["budget"]["exact"]
    assert replay.summary["budget"]["exact_frames"] == counts["frames"]
    assert sum(replay.summary["poses"].values()) == counts["frames"]
    assert sum(replay.summary["kept_for"].values()) == counts["kept"]


def voxel_of(xyz):
    """As kernels/voxel_key.h has it."""
    index = np.rint(xyz / np.float32(VOXEL_M)).astype(np.int64) + (1 << 20)
    return (index[:, 0] << 42) | (index[:, 1] << 21) | index[:, 2]


def test_writes_five_files_and_nothing_else(replay):
    assert replay.names() == [
        "overlay.mp4", "report.html", "summary.json", "tokens.ply", "tokens.safetensors",
    ]  # fmt: skip


def test_tokens_have_the_documented_tensors(replay, rgbd):
    n, types = replay.counts["kept"], replay.tokens.types
    frames = len(frame_files(rgbd, "color"))
    assert {name: (types[name], array.shape) for name, array in replay.tokens.arrays.items()} == {
        "features": ("F32", (n, replay.tokens.count("feature_width"))),
        "frame": ("I32", (n,)),
        "frame_last": ("I32", (n,)),
        "weight": ("I64", (n,)),
        "kind": ("U8", (n,)),
        "pts": ("F64", (n,)),
        "xyz": ("F32", (n, 3)),
        "key": ("I64", (n,)),
        "views": ("I32", (n,)),
        "score": ("F32", (n,)),
        "reason": ("U8", (n,)),
        "assignment": ("I32", (frames, GRID)),
    }
    assert replay.tokens.metadata["sluice.requires"] == "spatial"
    assert set(replay.tokens["kind"]) == {2}


def test_tokens_lie_in_their_voxels_in_order(replay):
    keys = replay.tokens["key"]
    assert np.all(np.diff(keys) > 0)
    # A mean may land on the border, where rounding can go either way.
    assert (voxel_of(replay.tokens["xyz"]) == keys).mean() > 0.99
    assert np.all(replay.tokens["views"] <= replay.tokens["weight"])
    assert np.all(replay.tokens["views"] <= replay.counts["frames"])


def test_summary_agrees_with_the_tokens(replay):
    check_counts(replay)
    assert replay.summary["mode"] == "spatial"
    assert replay.summary["voxel_size_m"] == VOXEL_M
    assert replay.summary["poses"]["estimated"] == 0
    assert replay.counts["kept"] == round(0.37 * replay.counts["voxels"])


def test_surfaces_are_seen_again(replay):
    """The sample's frames overlap: what they share is merged."""
    assert replay.summary["near_duplicate_share"] > 0.3


def test_points_agree_with_the_tokens(replay):
    vertices, counts = replay.vertices(), replay.counts
    fates = np.bincount(vertices["fate"], minlength=4)
    assert fates[KEPT] == counts["kept"]
    assert fates[DROPPED] == counts["voxels"] - counts["kept"]
    assert fates[GONE] == counts["voxels_ever"] - counts["voxels"]
    kept = vertices[vertices["fate"] == KEPT]
    assert np.allclose(kept["xyz"], replay.tokens["xyz"], atol=1e-5)
    assert np.array_equal(kept["weight"], replay.tokens["weight"])
    assert np.array_equal(kept["reason"], replay.tokens["reason"])
    weights = replay.tokens["weight"]
    assert fates[MERGED] == weights[weights > 1].sum()


def test_the_point_file_is_a_cloud_that_replay_reads(replay, tmp_path):
    again = engine_only(tmp_path, replay.folder / "tokens.ply")
    assert again.counts["frames"] == 1
    assert 0 < again.counts["patches"] <= len(replay.vertices())


def test_overlay_is_a_video_of_every_frame(replay):
    times = ffprobe_times(replay.folder / "overlay.mp4")
    assert np.allclose(times, replay.summary["frames"]["pts_s"], atol=1e-3)


def test_report_loads_nothing_from_elsewhere(replay):
    text = (replay.folder / "report.html").read_text(encoding="utf-8")
    assert "From above" in text and "From the side" in text
    loads = re.findall(r'(?:src|href|srcset|data|poster)="([^"]{0,20})', text)
    assert loads and all(load.startswith(("data:", "#")) for load in loads)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|<link|<iframe", text)


def test_report_shows_the_figures(replay):
    text = (replay.folder / "report.html").read_text(encoding="utf-8")
    figures = re.sub(r"[\s\u2009\u202f,]", "", re.sub(r"<[^>]*>", "", text))
    for name in ("patches", "placed", "voxels", "kept"):
        assert str(replay.counts[name]) in figures


def test_it_says_what_happened(replay):
    counts, printed = replay.counts, replay.done.stdout
    assert f"-> {counts['voxels']} voxels -> {counts['kept']} kept" in printed
    assert f"poses: {counts['frames']} given, 0 estimated" in printed


@pytest.mark.parametrize("retain", [0.001, 0.1, 0.5, 1])
def test_the_budget_is_exact(rgbd, tmp_path, retain):
    replay = engine_only(tmp_path, rgbd, "--retain", retain)
    check_counts(replay)
    assert replay.counts["kept"] == round(retain * replay.counts["voxels"])


@pytest.mark.parametrize("budget", [1, 100, 1_000_000])
def test_a_budget_in_tokens_is_exact(rgbd, tmp_path, budget):
    replay = engine_only(tmp_path, rgbd, "--budget", budget)
    check_counts(replay)
    assert replay.counts["kept"] == min(budget, replay.counts["voxels"])


def test_a_cap_is_a_cap(rgbd, tmp_path):
    replay = engine_only(tmp_path, rgbd, "--retain", 0.9, "--max-tokens", 50)
    check_counts(replay)
    assert replay.counts["kept"] == 50


def test_the_default_keeps_37_percent(rgbd, tmp_path):
    replay = engine_only(tmp_path, rgbd)
    assert replay.counts["kept"] == round(0.37 * replay.counts["voxels"])
    assert replay.tokens.metadata["retain"] == "0.37"


def test_the_preset_is_a_voxel_size(rgbd, tmp_path):
    sizes = {"room": 0.2, "table-top": 0.03, "robot": 0.02}
    voxels = []
    for preset, size in sizes.items():
        replay = engine_only(tmp_path, rgbd, "--preset", preset)
        assert replay.summary["voxel_size_m"] == size
        voxels.append(replay.counts["voxels"])
        same = engine_only(tmp_path, rgbd, "--voxel-size", size)
        assert same.counts == replay.counts
    assert voxels == sorted(voxels)


def test_without_removal_nothing_goes(rgbd, tmp_path):
    replay = engine_only(tmp_path, rgbd, "--no-removal", "--retain", 1)
    check_counts(replay)
    assert replay.counts["voxels"] == replay.counts["voxels_ever"] == replay.counts["kept"]
    assert replay.tokens["weight"].sum() == replay.counts["placed"]


def test_forgetting_is_counted(rgbd, tmp_path):
    for options in (["--max-age", 1], ["--max-distance", 0.7], ["--max-voxels", 100]):
        replay = engine_only(tmp_path, rgbd, *options)
        check_counts(replay)
        assert replay.summary["dropped"]["evicted"] + replay.summary["dropped"]["outside"] > 0
    assert replay.counts["voxels"] <= 100


def test_settings_decide_the_hash(rgbd, tmp_path):
    hashes = [
        engine_only(tmp_path, rgbd, *options).tokens.metadata["settings_hash"]
        for options in ([], [], ["--coverage", 0.2], ["--position", "parity"], ["--grid", "6,8"])
    ]
    assert hashes[0] == hashes[1] and len(set(hashes)) == len(hashes) - 1


def test_same_files_whatever_the_threads(rgbd, tmp_path):
    def files(threads):
        folder = tmp_path / str(threads)
        Replay(folder, rgbd, "--threads", threads, "--no-report")
        summary = json.loads((folder / "summary.json").read_text())
        del summary["wall"]
        names = ("tokens.safetensors", "tokens.ply", "overlay.mp4")
        return [summary, *((folder / name).read_bytes() for name in names)]

    first = files(1)
    assert files(2) == first and files(4) == first


def test_the_grid_need_not_be_square(rgbd, tmp_path):
    replay = engine_only(tmp_path, rgbd, "--grid", "6,9")
    check_counts(replay)
    assert replay.tokens["assignment"].shape[1] == 54


# ---- poses


def test_frames_without_a_pose_are_counted_and_noted(damaged, tmp_path):
    frame_files(damaged, "pose")[2].unlink()
    replay = engine_only(tmp_path, damaged, "--poses", "file")
    check_counts(replay)
    poses = replay.summary["poses"]
    assert poses["missing"] == 1 and poses["estimated"] == 0
    assert replay.summary["frames"]["pose"][2] == "missing"
    assert replay.summary["frames"]["placed"][2] == 0
    assert any("pose" in note for note in replay.summary["notes"])
    assert np.all(replay.tokens["assignment"][2] == NO_DEPTH)
    assert "1 missing" in replay.done.stdout


def test_a_camera_that_does_not_move(damaged, tmp_path):
    for pose in frame_files(damaged, "pose"):
        pose.unlink()
    replay = engine_only(tmp_path, damaged, "--poses", "identity")
    check_counts(replay)
    assert replay.summary["poses"]["missing"] == 0
    assert np.all(replay.tokens["xyz"][:, 2] > 0), "in front of the camera"


def test_estimated_poses_are_said(damaged, tmp_path):
    for pose in frame_files(damaged, "pose"):
        pose.unlink()
    command = ("replay", damaged, "-o", tmp_path / "out", "--poses", "estimate", "--no-report")
    with Running(*command) as running:
        running.process.wait(60)
        if "Open3D" in running.err():
            pytest.skip("built without Open3D")
        out = running.finish()
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["poses"]["given"] == 0 and summary["poses"]["estimated"] > 0
    assert f"{summary['poses']['estimated']} estimated" in out
    assert Blob(tmp_path / "out" / "tokens.safetensors").count("poses_estimated") > 0


def test_a_missing_pose_is_estimated_among_given_ones(damaged, tmp_path):
    poses = frame_files(damaged, "pose")
    for path in poses:  # as files often have them: rigid to a few digits only
        np.savetxt(path, np.loadtxt(path), "%.4f")
    poses[1].unlink()
    replay = engine_only(tmp_path, damaged)
    check_counts(replay)
    got = replay.summary["poses"]
    if got["missing"] == 1 and any("Open3D" in note for note in replay.summary["notes"]):
        pytest.skip("built without Open3D")
    assert got == {"given": len(poses) - 1, "estimated": 1, "assumed": 0, "missing": 0}
    assert replay.summary["frames"]["pose"][1] == "estimated"


# ---- other layouts


def quaternion(rotation):
    """x, y, z, w of a rotation matrix."""
    w = np.sqrt(max(0, 1 + np.trace(rotation))) / 2
    x, y, z = (
        np.copysign(np.sqrt(max(0, 1 + 2 * rotation[i, i] - np.trace(rotation))) / 2, part)
        for i, part in enumerate(
            (
                rotation[2, 1] - rotation[1, 2],
                rotation[0, 2] - rotation[2, 0],
                rotation[1, 0] - rotation[0, 1],
            )
        )
    )
    return x, y, z, w


@pytest.fixture
def tum(rgbd, tmp_path):
    """The sample in the layout of the TUM benchmark."""
    folder = tmp_path / "tum"
    folder.mkdir()
    lists = {"rgb": "color.png", "depth": "depth.png", "groundtruth": "pose.txt"}
    for name, ending in lists.items():
        lines = ["# a comment"]
        for i, file in enumerate(sorted(rgbd.glob(f"*.{ending}"))):
            if name == "groundtruth":
                pose = np.loadtxt(file)
                values = (*pose[:3, 3], *quaternion(pose[:3, :3]))
                lines.append(f"{100 + i / 3} " + " ".join(map(repr, map(float, values))))
            else:
                shutil.copy(file, folder)
                lines.append(f"{100 + i / 3} {file.name}")
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    shutil.copy(rgbd / "camera-intrinsics.txt", folder)
    return folder


def test_a_tum_folder_gives_the_same_tokens(tum, replay, tmp_path):
    got = engine_only(tmp_path, tum, "--depth-scale", 1000, "--retain", 0.37)
    check_counts(got)
    assert got.summary["poses"]["given"] == replay.counts["frames"]
    # Quaternions round the last bits, and points on the border of a voxel may change sides.
    assert abs(got.counts["voxels"] - replay.counts["voxels"]) < 0.02 * replay.counts["voxels"]
    shared = np.intersect1d(got.tokens["key"], replay.tokens["key"])
    assert len(shared) > 0.9 * replay.counts["kept"]


def write_cloud(path, points, colours):
    vertices = np.zeros(len(points), np.dtype([("xyz", "<f4", 3), ("rgb", "u1", 3)]))
    vertices["xyz"], vertices["rgb"] = points, colours
    names = "".join(f"property float {c}\n" for c in "xyz")
    names += "".join(f"property uchar {c}\n" for c in ("red", "green", "blue"))
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(points)}\n{names}"
    path.write_bytes(header.encode() + b"end_header\n" + vertices.tobytes())


@pytest.fixture
def clouds(tmp_path):
    """Three clouds of one bumpy surface; the last one covers half of it."""
    folder = tmp_path / "clouds"
    folder.mkdir()
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(0, 1, 90), np.linspace(0, 1, 90)))
    points = np.stack([x, y, 0.1 * np.sin(9 * x) * np.cos(7 * y)], 1)
    colours = np.stack([200 * x, 200 * y, 100 + 0 * x], 1)
    for i, share in enumerate((1, 1, 0.5)):
        part = x <= share
        write_cloud(folder / f"scan-{i:03}.ply", points[part], colours[part])
    return folder


def test_clouds_are_a_recording(clouds, tmp_path):
    replay = Replay(tmp_path / "out", clouds, "--retain", 0.5)
    check_counts(replay)
    assert replay.names() == ["report.html", "summary.json", "tokens.ply", "tokens.safetensors"]
    first = replay.tokens["frame_first"]
    assert first[0] == 0 and first[-1] == replay.tokens["assignment"].size and len(first) == 4
    sizes = np.diff(first)
    assert sizes[0] == sizes[1] > sizes[2], "frames may differ in size"
    assert replay.counts["voxels"] == sizes[0], "the same surface again adds nothing"
    assert set(replay.tokens["views"]) <= {2, 3}
    assert "elements" in replay.done.stdout


def test_a_single_cloud_is_a_recording(clouds, tmp_path):
    replay = engine_only(tmp_path, clouds / "scan-000.ply")
    check_counts(replay)
    assert replay.counts["frames"] == 1 and set(replay.tokens["views"]) == {1}


# ---- damage


def cut(path, share):
    contents = path.read_bytes()
    path.write_bytes(contents[: int(share * len(contents))])


def test_damaged_frames_are_skipped_and_counted(damaged, tmp_path):
    depth = frame_files(damaged, "depth")
    cut(depth[1], 0.5)
    frame_files(damaged, "color")[3].write_bytes(b"no picture")
    depth[4].unlink()
    replay = engine_only(tmp_path, damaged)
    check_counts(replay)
    assert replay.counts["frames"] == len(depth) - 3
    assert replay.counts["skipped_input"] >= 2
    notes = "\n".join(replay.summary["notes"])
    for name in (depth[1].name, frame_files(damaged, "color")[3].name):
        assert name in notes
    assert "skipped" in replay.done.stderr


def test_a_truncated_cloud_is_skipped(clouds, tmp_path):
    cut(clouds / "scan-001.ply", 0.7)
    replay = engine_only(tmp_path, clouds)
    check_counts(replay)
    assert replay.counts["frames"] == 2 and replay.counts["skipped_input"] == 1
    assert any("scan-001.ply" in note for note in replay.summary["notes"])


def test_clouds_without_poses_say_so(clouds, tmp_path):
    replay = engine_only(tmp_path, clouds)
    poses = replay.summary["poses"]
    assert poses["assumed"] == replay.counts["frames"] and poses["given"] == 0
    assert set(replay.summary["frames"]["pose"]) == {"assumed"}


def test_the_folder_of_the_clouds_is_no_place_for_tokens(clouds):
    before = sorted(clouds.iterdir())
    message = sluice("replay", clouds, "-o", clouds, code=2).stderr
    assert "folder of the clouds" in message and sorted(clouds.iterdir()) == before


def test_nothing_that_has_a_place(damaged, tmp_path):
    for pose in frame_files(damaged, "pose"):
        pose.unlink()
    done = sluice("replay", damaged, "-o", tmp_path / "out", "--poses", "file", code=2)
    assert "none of its frames has a pose" in done.stderr and "note:" in done.stderr
    assert len(Blob(tmp_path / "out" / "tokens.safetensors")["weight"]) == 0


def fails(tmp_path, *arguments):
    """The message of a replay that must leave nothing behind."""
    done = sluice("replay", *arguments, "-o", tmp_path / "none", code=2)
    assert not (tmp_path / "none").exists() and not done.stdout
    return done.stderr


@pytest.mark.parametrize(
    "text", ["", "585 0 320", "0 0 320\n0 585 240\n0 0 1", "nan 0 1\n0 5 1\n0 0 1", "a b c"]
)
def test_wrong_intrinsics(damaged, tmp_path, text):
    (damaged / "camera-intrinsics.txt").write_text(text)
    message = fails(tmp_path, damaged)
    assert "camera-intrinsics.txt" in message and "expected" in message


def test_nothing_readable(damaged, tmp_path):
    for depth in frame_files(damaged, "depth"):
        depth.write_bytes(b"no picture")
    assert "expected" in fails(tmp_path, damaged)


@pytest.mark.parametrize(
    "options, expected",
    [
        (["--preset", "garden"], ["preset", "garden", "table-top"]),
        (["--voxel-size", "0"], ["voxel-size", "0"]),
        (["--retain", "0"], ["retain", "0", "(0, 1]"]),
        (["--retain", "nan"], ["retain", "nan"]),
        (["--budget", "0"], ["budget", "0"]),
        (["--max-tokens", "-1"], ["max-tokens", "-1"]),
        (["--coverage", "1.5"], ["coverage", "1.5", "[0, 1]"]),
        (["--hysteresis", "-1"], ["hysteresis", "-1"]),
        (["--max-voxels", "0"], ["max-voxels", "0"]),
        (["--max-distance", "-2"], ["max-distance", "-2"]),
        (["--position", "middle"], ["position", "middle", "parity"]),
        (["--poses", "guess"], ["poses", "guess", "identity"]),
        (["--intrinsics", "1,2,3"], ["--intrinsics", "1,2,3", "fx,fy,cx,cy"]),
        (["--depth-scale", "-1"], ["depth-scale", "-1"]),
        (["--grid", "six"], ["grid", "six"]),
        (["--features", "none.safetensors"], ["none.safetensors"]),
        (["--tau", "0.5"], ["--tau", "3-D recording"]),
        (["--fps", "5"], ["--fps", "3-D recording"]),
        (["--causal"], ["--causal", "3-D recording"]),
    ],
    ids=" ".join,
)
def test_bad_option(rgbd, tmp_path, options, expected):
    message = fails(tmp_path, rgbd, *options)
    assert all(part in message for part in expected), message


@pytest.mark.parametrize(
    "option", [["--preset", "room"], ["--no-removal"], ["--poses", "file"], ["--max-tokens", "5"]]
)
def test_options_of_3d_recordings_are_refused_for_videos(video, tmp_path, option):
    message = fails(tmp_path, video, *option)
    assert option[0] in message and "3-D recording" in message


@pytest.mark.parametrize("option", [["--grid", "3,3"], ["--intrinsics", "1,1,1,1"]])
def test_options_of_pictures_are_refused_for_clouds(clouds, tmp_path, option):
    message = fails(tmp_path, clouds, *option)
    assert option[0] in message and "clouds" in message


def test_compare_and_stream_say_what_takes_3d_recordings(rgbd, tmp_path):
    for command in (["compare", rgbd, "-o", tmp_path / "out"],
                    ["stream", rgbd, "--to", "tcp://127.0.0.1:*"]):  # fmt: skip
        message = sluice(*command, code=2).stderr
        assert "3-D recording" in message and "sluice replay" in message
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_the_input(clouds):
    cloud = (clouds / "scan-000.ply").rename(clouds / "tokens.ply")
    before = cloud.read_bytes()
    message = sluice("replay", cloud, "-o", clouds, code=2).stderr
    assert "is the input itself" in message and cloud.read_bytes() == before


def test_a_second_run_leaves_nothing_stale(rgbd, tmp_path):
    Replay(tmp_path / "out", rgbd)
    again = engine_only(tmp_path, rgbd)
    assert again.names() == ["summary.json", "tokens.ply", "tokens.safetensors"]


# ---- Ctrl-C


def test_stopped_early_what_was_written_is_valid(rgbd, tmp_path):
    """A recording of thousands of frames: links to the sample's."""
    folder = tmp_path / "long"
    folder.mkdir()
    shutil.copy(rgbd / "camera-intrinsics.txt", folder)
    sources = [re.match(r"(frame-\d+)\.", path.name)[1] for path in frame_files(rgbd, "color")]
    for i in range(4000):
        for kind in ("color.png", "depth.png", "pose.txt"):
            source = rgbd / f"{sources[i % len(sources)]}.{kind}"
            os.symlink(source, folder / f"frame-{i:06}.{kind}")
    command = ("replay", folder, "-o", tmp_path / "out", "--preset", "table-top")
    with Running(*command, terminal=True) as running:
        running.wait_for(r"Reading frames: [1-9]", "err")
        running.interrupt()
        running.finish(code=130)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    frames = summary["counts"]["frames"]
    assert 0 < frames < 4000 and summary["budget"]["exact"]
    tokens = Blob(tmp_path / "out" / "tokens.safetensors")
    assert tokens["assignment"].shape[0] == frames
    assert len(ffprobe_times(tmp_path / "out" / "overlay.mp4")) == frames
    assert any("Stopped" in note for note in summary["notes"])
