"""Bad input gets an error that says what, where and what was expected; nothing else happens."""

import json
import os
import resource
import struct

import numpy as np
import pytest

from blobs import blob, clip_blob, random_clip
from processes import sluice

GIB = 1 << 30
CLIP = random_clip(4, 6, 8)


def with_header(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


GOOD = clip_blob(CLIP)
OVERLAPPING = {
    "features": tensor("F32", [1, 2, 8], 0, 64),
    "attention": tensor("F32", [1, 2], 60, 68),
}
BAD_FILES = {
    "wrong rank": (blob({"features": CLIP[0]}), ["features", "[6, 8]", "any, any, any"]),
    "wrong type": (blob({"features": CLIP.astype(np.int32)}), ["features", "i32", "f16"]),
    "no features": (blob({"tokens": CLIP}), ["features", "tokens"]),
    "attention of another shape": (
        clip_blob(CLIP, attention=np.ones((4, 5), np.float32)),
        ["attention", "[4, 5]", "[4, 6]"],
    ),
    "no frames": (blob({"features": CLIP[:0]}), ["[0, 6, 8]", "at least one"]),
    "no positions": (blob({"features": CLIP[:, :0]}), ["[4, 0, 8]", "at least one"]),
    "no width": (blob({"features": CLIP[:, :, :0]}), ["[4, 6, 0]", "at least one"]),
    "grid of another size": (blob({"features": CLIP}, {"grid": "2,2"}), ["2 x 2", "6"]),
    "empty": (b"", ["0 bytes"]),
    "ends in the header's length": (GOOD[:5], ["5 bytes", "8 bytes"]),
    "ends in the header": (GOOD[:40], ["header"]),
    "ends in the data": (GOOD[:-10], ["features", "truncated"]),
    "longer than it says": (GOOD + bytes(8), ["bytes"]),
    "header of 8 exabytes": (struct.pack("<Q", (1 << 63) - 1) + GOOD[8:], ["9223372036854775807"]),
    "header of 99 MB that isn't there": (struct.pack("<Q", 99_000_000) + GOOD[8:], ["99000000"]),
    "overlapping tensors": (with_header(OVERLAPPING, bytes(68)), ["attention", "overlaps", "60"]),
    "shape of 2^63 elements": (
        with_header({"features": tensor("F32", [1 << 40, 1 << 20, 8], 0, 64)}, bytes(64)),
        ["features", "overflows"],
    ),
    "shape beyond the data": (
        with_header({"features": tensor("F32", [1 << 20, 1 << 10, 1 << 10], 0, 64)}, bytes(64)),
        ["features", "64"],
    ),
    "negative shape": (
        with_header({"features": tensor("F32", [-1, 2, 8], 0, 64)}, bytes(64)),
        ["header byte"],
    ),
    "no JSON": (with_header(b"{features}"), ["header byte"]),
    "deeply nested": (with_header(b'{"a":' * 100_000), ["header byte"]),
    "a video": (b"\x00\x00\x00\x20ftypisom" + bytes(64), ["header"]),
}


def reduce_fails(path, *options):
    """The message of `sluice reduce`, run in one GiB of memory, which must leave no trace."""
    output = path.parent / "tokens.safetensors"
    output.write_bytes(b"of an earlier run")
    before = sorted(os.listdir(path.parent))
    arguments = ("reduce", path, "-o", output, *options)
    done = sluice(*arguments, code=2, limits={resource.RLIMIT_AS: GIB})
    assert output.read_bytes() == b"of an earlier run"
    output.unlink()
    sluice(*arguments, code=2, limits={resource.RLIMIT_AS: GIB})
    assert sorted(os.listdir(path.parent)) == [name for name in before if name != output.name]
    assert not done.stdout
    return done.stderr


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_feature_file(tmp_path, name):
    contents, expected = BAD_FILES[name]
    path = tmp_path / "clip.safetensors"
    path.write_bytes(contents)
    message = reduce_fails(path)
    assert message.startswith("sluice: ") and message.count("\n") == 1
    missing = [part for part in [str(path), "expected", *expected] if part not in message]
    assert not missing, message


@pytest.mark.parametrize(
    "options, expected",
    [
        (["--retain", "0"], ["retain", "0", "(0, 1]"]),
        (["--retain", "2"], ["retain", "2", "(0, 1]"]),
        (["--retain", "-0.1"], ["retain", "-0.1", "(0, 1]"]),
        (["--retain", "nan"], ["retain", "nan", "(0, 1]"]),
        (["--retain", "ten"], ["retain", "ten"]),
        (["--budget", "-1"], ["budget", "-1"]),
        (["--budget", "3", "--retain", "0.1"], ["budget", "retain"]),
        (["--tau", "nan"], ["tau", "nan"]),
        (["--beta", "-1"], ["beta", "-1", "[0, 1]"]),
        (["--knn", "0"], ["knn", "0"]),
        (["--contextual", "1.5"], ["contextual", "1.5"]),
        (["--max-window", "0"], ["max-window", "0"]),
        (["--rounding", "up"], ["rounding", "up", "exact", "parity"]),
        (["--method", "magic"], ["method", "magic", "holitom"]),
        (["--grid", "2,2"], ["grid", "2 x 2", "6"]),
        (["--grid", "six"], ["grid", "six"]),
        (["--frobnicate"], ["--frobnicate"]),
        (["--threads", "-1"], ["threads", "-1"]),
    ],
    ids=" ".join,
)
def test_bad_option(tmp_path, options, expected):
    path = tmp_path / "clip.safetensors"
    path.write_bytes(GOOD)
    message = reduce_fails(path, *options)
    assert all(part in message for part in expected), message


def test_missing_file(tmp_path):
    message = reduce_fails(tmp_path / "none.safetensors")
    assert "none.safetensors" in message and "No such file" in message


def test_output_that_cannot_be_created(tmp_path):
    path = tmp_path / "clip.safetensors"
    path.write_bytes(GOOD)
    for output in (tmp_path / "none" / "tokens.safetensors", tmp_path, "/dev/null"):
        message = sluice("reduce", path, "-o", output, code=2).stderr
        assert str(output) in message and "expected" in message


def test_an_output_that_is_the_input(tmp_path):
    path = tmp_path / "clip.safetensors"
    path.write_bytes(GOOD)
    (tmp_path / "link.safetensors").symlink_to(path)
    for output in (path, tmp_path / "." / "clip.safetensors", tmp_path / "link.safetensors"):
        message = sluice("reduce", path, "-o", output, code=2).stderr
        assert "is the input itself" in message
        assert path.read_bytes() == GOOD


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1:*", "ipc://{}/features"])
@pytest.mark.parametrize("command", ["replay", "compare"])
def test_live_features_are_no_recording(tmp_path, command, endpoint):
    endpoint = endpoint.format(tmp_path)
    done = sluice(command, endpoint, "-o", tmp_path / "out", code=2)
    assert "is live" in done.stderr and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["recv", "tcp://127.0.0.1:9", "-n", "0"], "above 0"),
        (["recv", "inproc://here"], "tcp:// or ipc://"),
        (["sample", "-o", "out", "--seed", "-1"], "-1"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_bad_values_of_other_commands(tmp_path, arguments, expected):
    message = sluice(*arguments, code=2, cwd=tmp_path).stderr
    assert expected in message and len(message) < 400, message


def test_unknown_instruction_set(tmp_path):
    path = tmp_path / "clip.safetensors"
    path.write_bytes(GOOD)
    output = tmp_path / "out.safetensors"
    message = sluice("reduce", path, "-o", output, code=2, env={"SLUICE_ISA": "abacus"}).stderr
    assert "SLUICE_ISA" in message and "abacus" in message and "baseline" in message


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["--fps", "0"], "fps"),
        (["--grid", "0,3"], "grid"),
        (["--retain", "0"], "retain"),
        (["--causal", "--latency", "0"], "latency"),
        (["--fps", "1", "--frames", "3"], "frames"),
        (["--causal", "--budget", "100"], "budget"),
        (["--image-rate", "0"], "image"),
    ],
    ids=str,
)
def test_bad_replay_option(video, tmp_path, arguments, expected):
    assert expected in sluice("replay", video, "-o", tmp_path / "o", *arguments, code=2).stderr
    assert not list(tmp_path.glob("o/*"))


def test_input_that_is_no_recording(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a video\n" * 100)
    empty = tmp_path / "empty"
    empty.mkdir()
    for path in (text, empty, tmp_path / "missing.mp4"):
        message = sluice("replay", path, "-o", tmp_path / "out", code=2).stderr
        assert str(path) in message and "expected" in message


def test_output_folder_is_a_file(video, tmp_path):
    file = tmp_path / "file"
    file.write_text("precious")
    for command in ("replay", "compare"):
        message = sluice(command, video, "-o", file, code=2).stderr
        assert str(file) in message and "folder" in message
    assert file.read_text() == "precious"


def test_output_folder_cannot_be_created(video):
    message = sluice("replay", video, "-o", "/proc/sluice", code=2).stderr
    assert "/proc/sluice" in message and "expected" in message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_output_folder_is_read_only(video, tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    message = sluice("replay", video, "-o", folder, code=2).stderr
    assert str(folder) in message


@pytest.mark.parametrize(
    "arguments",
    [
        ["stream", "VIDEO", "--to", "tcp://0.0.0.0:0"],
        ["stream", "VIDEO", "--to", "tcp://*:0"],
        ["stream", "tcp://*:0", "--to", "ipc:///dev/null/x"],
        ["recv", "tcp://*:0", "--bind"],
    ],
    ids=" ".join,
)
def test_listening_to_other_machines_must_be_asked_for(video, arguments):
    arguments = [video if part == "VIDEO" else part for part in arguments]
    message = sluice(*arguments, code=2).stderr
    assert "other machines" in message and "--allow-remote" in message


@pytest.mark.parametrize(
    "endpoint", ["tcp://127.0.0.1", "127.0.0.1:5555", "smoke://signals", "ipc:///no/such/folder/x"]
)
def test_bad_endpoint(video, endpoint):
    message = sluice("stream", video, "--to", endpoint, code=2).stderr
    assert endpoint in message and "expected" in message
