"""--encoder: what a model in an ONNX file makes of a video, against ONNX Runtime's own Python."""

import dataclasses
import os
import pathlib

import numpy as np
import pytest

from blobs import Blob, blob, read_packets
from processes import Running, sluice

onnx = pytest.importorskip("onnx", reason="needs the Python package onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the Python package onnxruntime")

import tiny_vit  # noqa: E402: it needs onnx

CAPI = pathlib.Path(onnxruntime.__file__).parent / "capi"
LIBRARY = next(iter(sorted(CAPI.glob("libonnxruntime.so*"))), None)
if LIBRARY is None:
    pytest.skip("this onnxruntime package has no libonnxruntime.so", allow_module_level=True)

FRAMES = 12
PLAIN = ("--no-overlay", "--no-report", "--threads", 1)
RUNTIME = ("--encoder-runtime", LIBRARY)
MEAN_STD = {
    "siglip": ([0.5] * 3, [0.5] * 3),
    "clip": ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]),
    "dinov2": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    "none": ([0.0] * 3, [1.0] * 3),
}


def write_picture(path, picture):
    height, width, _ = picture.shape
    path.write_bytes(f"P6\n{width} {height}\n255\n".encode() + picture.tobytes())


@pytest.fixture(scope="module")
def pictures():
    """[F,H,W,3] at the model's size: noise, of which a part changes from frame to frame."""
    rng = np.random.default_rng(3)
    side = tiny_vit.PIXELS
    pictures = np.repeat(rng.integers(0, 256, (1, side, side, 3), np.uint8), FRAMES, axis=0)
    changes = rng.integers(0, 256, (FRAMES, side, side // 2, 3), np.uint8)
    pictures[FRAMES // 3 :, :, side // 2 :] = changes[FRAMES // 3 :]
    return pictures


@pytest.fixture(scope="module")
def folder(pictures, tmp_path_factory):
    """The same as an image sequence: nothing is scaled or lost."""
    folder = tmp_path_factory.mktemp("pictures")
    for number, picture in enumerate(pictures):
        write_picture(folder / f"picture-{number:03}.ppm", picture)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_vit.write(tmp_path_factory.mktemp("model") / "vit.onnx")


def oracle(path, pictures, preset="siglip", shape=tiny_vit.Shape()):
    """Features [F,S,D] and attention [F,S] (or None), one picture a run."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    mean, std = MEAN_STD[preset]
    scaled = (pictures / 255.0 - mean) / std
    if not shape.channels_last:
        scaled = scaled.transpose(0, 3, 1, 2)
    scaled = scaled.astype(np.float16 if shape.half else np.float32)
    runs = [session.run(None, {"pixel_values": scaled[i : i + 1]}) for i in range(len(scaled))]
    features = np.concatenate([run[0] for run in runs])
    if shape.as_map:
        features = features.reshape(*features.shape[:2], -1).transpose(0, 2, 1)
    else:
        features = features[:, shape.prefix :]
    if not shape.attention:
        return features, None
    attention = np.concatenate([run[-1] for run in runs]).astype(np.float64)
    return features, attention.mean(axis=(1, 2))[:, shape.prefix :].astype(np.float32)


def encode(folder, model, out, *options, runtime=RUNTIME, code=0, env=None):
    """`sluice replay` with the model; every token is kept unless the options say otherwise."""
    arguments = ("--encoder", model, *runtime, *PLAIN, *options)
    return sluice("replay", folder, "-o", out, *arguments, code=code, env=env)


def encoded(folder, model, out, *options, **more):
    """Features [F,S,D] of all tokens."""
    encode(folder, model, out, "--retain", 1, "--tau", 1, *options, **more)
    tokens = Blob(out / "tokens.safetensors")
    frames, positions = tokens["assignment"].shape
    features = np.zeros((frames, positions, tokens["features"].shape[1]), np.float32)
    features[tokens["frame"], tokens["position"]] = tokens["features"]
    return features


SHAPES = {
    "class token": tiny_vit.Shape(),
    "no prefix": tiny_vit.Shape(prefix=0),
    "registers": tiny_vit.Shape(prefix=5),
    "no attention": tiny_vit.Shape(attention=False),
    "f16": tiny_vit.Shape(half=True),
    "channels last": tiny_vit.Shape(channels_last=True),
    "batch of one": tiny_vit.Shape(batch=1),
    "batch of five": tiny_vit.Shape(batch=5),
    "feature map": tiny_vit.Shape(as_map=True),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_features_are_those_of_the_model(shape, folder, pictures, tmp_path):
    path = tiny_vit.write(tmp_path / "vit.onnx", shape)
    # The same weights, for any number of pictures.
    other = tiny_vit.write(tmp_path / "oracle.onnx", dataclasses.replace(shape, batch="batch"))
    expected, _ = oracle(other, pictures, shape=shape)
    features = encoded(folder, path, tmp_path / "out")
    assert features.shape == (FRAMES, tiny_vit.POSITIONS, tiny_vit.WIDTH)
    tolerance = 2e-2 if shape.half else 2e-5
    np.testing.assert_allclose(features, expected, atol=tolerance, rtol=0)
    assert expected.std() > 0.5, "the comparison would say nothing"


@pytest.mark.parametrize("preset", ["siglip", "clip", "dinov2", "none"])
def test_pixels_are_scaled_as_asked(preset, folder, pictures, model, tmp_path):
    features = encoded(folder, model, tmp_path / "out", "--encoder-preset", preset)
    expected, _ = oracle(model, pictures, preset)
    np.testing.assert_allclose(features, expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("batch", [1, 5, 64])
def test_a_batch_gives_the_same_features(batch, folder, pictures, model, tmp_path):
    features = encoded(folder, model, tmp_path / "out", "--encoder-batch", batch)
    np.testing.assert_allclose(features, oracle(model, pictures)[0], atol=2e-5, rtol=0)


def replay_of_features(tmp_path, features, attention, *options):
    path = tmp_path / "features.safetensors"
    tensors = {"features": features, "attention": attention}
    path.write_bytes(blob({name: array for name, array in tensors.items() if array is not None}))
    out = tmp_path / "oracle"
    sluice("replay", path, "-o", out, *PLAIN, "--grid", "8,8", *options)
    return Blob(out / "tokens.safetensors")


@pytest.mark.parametrize("attention", [True, False])
def test_the_kept_tokens_are_those_of_the_models_features(
    attention, folder, pictures, model, tmp_path
):
    expected, received = oracle(model, pictures)
    options = ("--retain", 0.3)
    other = replay_of_features(tmp_path, expected, received if attention else None, *options)
    chosen = () if attention else ("--encoder-attention", "none")
    encode(folder, model, tmp_path / "out", *options, *chosen)
    tokens = Blob(tmp_path / "out" / "tokens.safetensors")
    for name in ("frame", "position", "weight", "kind", "assignment", "segments"):
        assert np.array_equal(tokens[name], other[name]), name
    np.testing.assert_allclose(tokens["features"], other["features"], atol=2e-5, rtol=0)
    assert tokens.metadata["tau"] == "0.8", "encoder features have their own threshold"
    assert 0 < len(tokens["frame"]) == round(0.3 * FRAMES * tiny_vit.POSITIONS)
    assert (tokens["kind"] == 0).any() and (tokens["kind"] == 1).any()


def test_attention_decides_what_is_kept(folder, model, tmp_path):
    encode(folder, model, tmp_path / "last")
    encode(folder, model, tmp_path / "first", "--encoder-attention", "attentions.0")
    encode(folder, model, tmp_path / "none", "--encoder-attention", "none")
    kept = [
        Blob(tmp_path / name / "tokens.safetensors")["position"]
        for name in ("last", "first", "none")
    ]
    assert not np.array_equal(kept[0], kept[1]) and not np.array_equal(kept[0], kept[2])


def test_every_run_gives_the_same_bytes(folder, model, tmp_path):
    written = []
    for number in range(3):
        encode(folder, model, tmp_path / str(number), "--retain", 0.2)
        written.append((tmp_path / str(number) / "tokens.safetensors").read_bytes())
    assert written[0] == written[1] == written[2]


def bicubic(wide, narrow):
    """Weights [narrow, wide] of the cubic with a = -0.5, as wide as a pixel of the result."""
    step = wide / narrow
    spread = max(step, 1.0)
    weights = np.zeros((narrow, wide))
    for to in range(narrow):
        centre = (to + 0.5) * step - 0.5
        for pixel in range(int(centre - 2 * spread) - 1, int(centre + 2 * spread) + 2):
            x = abs(pixel - centre) / spread
            near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
            weights[to, min(max(pixel, 0), wide - 1)] += near if x < 1 else far if x < 2 else 0
    return weights / weights.sum(axis=1, keepdims=True)


def test_pictures_are_scaled_to_the_models_size(model, tmp_path):
    """All of the picture, whatever its proportions, by the filter encoders are trained with."""
    side, height, width = tiny_vit.PIXELS, 90, 200
    wide = np.random.default_rng(4).integers(0, 256, (3, height, width, 3), np.uint8)
    (tmp_path / "wide").mkdir()
    for number, picture in enumerate(wide):
        write_picture(tmp_path / "wide" / f"picture-{number}.ppm", picture)
    rows, columns = bicubic(height, side), bicubic(width, side)
    scaled = np.einsum("rh,fhwc,kw->frkc", rows, wide.astype(float), columns)
    expected, _ = oracle(model, np.clip(scaled.round(), 0, 255))
    features = encoded(tmp_path / "wide", model, tmp_path / "out")
    assert np.abs(features - expected).max() < 0.05, "8-bit steps on the way cost about 0.02"
    bilinear = encoded(tmp_path / "wide", model, tmp_path / "out", "--encoder-filter", "bilinear")
    assert np.abs(bilinear - expected).max() > 0.3


def test_a_model_that_takes_any_size_needs_one(folder, pictures, tmp_path):
    shape = tiny_vit.Shape(pixels="side")
    path = tiny_vit.write(tmp_path / "any.onnx", shape)
    failed = encode(folder, path, tmp_path / "out", code=2)
    assert "--size" in failed.stderr
    sized = encoded(folder, path, tmp_path / "out", "--size", "112,112")
    np.testing.assert_allclose(sized, oracle(path, pictures)[0], atol=2e-5, rtol=0)
    metadata = (*shape.metadata, ("image_size", "112"))
    path = tiny_vit.write(
        tmp_path / "stated.onnx", tiny_vit.Shape(pixels="side", metadata=metadata)
    )
    assert np.array_equal(encoded(folder, path, tmp_path / "stated"), sized)


def test_stream_sends_the_models_features(folder, pictures, model, endpoint, tmp_path):
    options = ("--encoder", model, *RUNTIME, "--retain", 1, "--tau", 1, "--threads", 1)
    with Running("stream", folder, "--to", endpoint, *options) as stream:
        sluice("recv", stream.endpoint(), "-o", tmp_path)
        stream.finish()
    expected, _ = oracle(model, pictures)
    rows = 0
    for packet in read_packets(tmp_path):
        if packet.metadata["end_of_stream"] == "true":
            continue
        features, position = packet["camera/features"], packet["camera/position"]
        frame = packet.arrays.get("camera/frame", packet.count("segment_first") + 0 * position)
        np.testing.assert_allclose(features, expected[frame, position], atol=2e-5, rtol=0)
        rows += len(features)
    assert rows == FRAMES * tiny_vit.POSITIONS


def test_compare_takes_an_encoder(folder, model, tmp_path):
    printed = sluice("compare", folder, "-o", tmp_path, "--encoder", model, *RUNTIME).stdout
    assert f"of {FRAMES * tiny_vit.POSITIONS}" in printed
    assert (tmp_path / "compare.html").exists()


def test_replay_draws_the_models_grid(folder, model, tmp_path):
    options = ("--encoder", model, *RUNTIME, "--fps", 5)
    sluice("replay", folder, "-o", tmp_path, *options)
    assert (tmp_path / "overlay.mp4").exists() and (tmp_path / "report.html").exists()
    sluice("replay", folder, "-o", tmp_path / "plain", *options, "--no-overlay")
    assert "data:image" in (tmp_path / "plain" / "report.html").read_text()


@pytest.mark.parametrize("named", ["folder", "variable", "variable naming a folder"])
def test_the_library_is_found_where_it_is_named(named, folder, model, tmp_path):
    if named == "folder":
        encode(folder, model, tmp_path / "out", runtime=("--encoder-runtime", CAPI))
        return
    place = CAPI if named.endswith("folder") else LIBRARY
    encode(folder, model, tmp_path / "out", runtime=(), env={"SLUICE_ONNXRUNTIME": str(place)})


def refused(said, folder, model, tmp_path, *options, **more):
    """The command ends with exit code 2 and one line that says what, where and what instead."""
    failed = encode(folder, model, tmp_path / "refused", *options, code=2, **more)
    assert failed.stdout == ""
    lines = failed.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("sluice: "), failed.stderr
    for text in said:
        assert text in lines[0], failed.stderr
    assert not (tmp_path / "refused").exists(), "nothing is written"


def test_a_missing_library_is_explained(folder, model, tmp_path):
    nowhere = {"SLUICE_ONNXRUNTIME": "", "LD_LIBRARY_PATH": str(tmp_path)}
    how = ["pip install onnxruntime", "--encoder-runtime", "SLUICE_ONNXRUNTIME"]
    refused(["was not found", *how], folder, model, tmp_path, runtime=(), env=nowhere)
    missing = tmp_path / "nowhere.so"
    refused(["nowhere.so", *how], folder, model, tmp_path, runtime=("--encoder-runtime", missing))
    variable = {"SLUICE_ONNXRUNTIME": str(missing)}
    refused(["SLUICE_ONNXRUNTIME", "nowhere.so"], folder, model, tmp_path, runtime=(), env=variable)


def test_what_is_not_the_library_is_refused(folder, model, tmp_path):
    text = tmp_path / "library.so"
    text.write_text("not a library")
    refused(["library.so"], folder, model, tmp_path, runtime=("--encoder-runtime", text))
    other = CAPI / "libonnxruntime_providers_shared.so"
    said = ["OrtGetApiBase", "providers_shared"]
    refused(said, folder, model, tmp_path, runtime=("--encoder-runtime", other))
    empty = tmp_path / "empty"
    empty.mkdir()
    refused(["empty"], folder, model, tmp_path, runtime=("--encoder-runtime", empty))


def test_a_damaged_model_is_refused(folder, model, tmp_path):
    whole = pathlib.Path(model).read_bytes()
    damaged = tmp_path / "damaged.onnx"
    for name, data in {
        "empty": b"",
        "text": b"This is no model.\n" * 20,
        "cut": whole[: len(whole) // 2],
        "cut at the end": whole[:-10],
        "random": np.random.default_rng(1).bytes(5000),
    }.items():
        damaged.write_bytes(data)
        failed = encode(folder, damaged, tmp_path / "refused", code=2)
        assert "damaged.onnx" in failed.stderr, name
    refused(["no.onnx", "ONNX"], folder, tmp_path / "no.onnx", tmp_path)
    refused(["is no file"], folder, tmp_path, tmp_path)


def test_flipped_bits_never_end_in_a_crash(folder, model, tmp_path):
    """The model's structure is a small part of the file: flips go there, too."""
    whole = pathlib.Path(model).read_bytes()
    rng = np.random.default_rng(int(os.environ.get("SLUICE_TEST_SEED", 5)))
    damaged = tmp_path / "damaged.onnx"
    codes = set()
    for _ in range(40):
        data = bytearray(whole)
        places = rng.integers(0, len(data), 3)
        tail = rng.integers(0, 3000, 2)  # nodes come first, names and shapes last
        for place in [*places, tail[0], len(data) - 1 - tail[1]]:
            data[place] ^= 1 << rng.integers(0, 8)
        damaged.write_bytes(data)
        code = Running(
            "replay", folder, "-o", tmp_path / "out", "--encoder", damaged, *RUNTIME, *PLAIN
        )
        with code:
            code.process.wait(60)
            codes.add(code.process.returncode)
    assert codes <= {0, 2}, codes


REFUSED = {
    "no metadata": (tiny_vit.Shape(metadata=()), (), ["--encoder-preset", "siglip"]),
    "bad metadata": (
        tiny_vit.Shape(metadata=(("image_mean", "0.5"), ("image_std", "1,1,1"))),
        (),
        ["image_mean", "three numbers"],
    ),
    "zero std": (
        tiny_vit.Shape(metadata=(("image_mean", "0,0,0"), ("image_std", "1,0,1"))),
        (),
        ["image_std", "above 0"],
    ),
    "another size": (tiny_vit.Shape(), ("--size", "224,224"), ["--size", "112"]),
    "another batch": (tiny_vit.Shape(batch=5), ("--encoder-batch", 4), ["--encoder-batch", "5"]),
    "no such output": (
        tiny_vit.Shape(),
        ("--encoder-output", "pooled"),
        ["pooled", "last_hidden_state"],
    ),
    "no such attention": (
        tiny_vit.Shape(),
        ("--encoder-attention", "attn"),
        ["attn", "attentions.1"],
    ),
    "wrong prefix": (tiny_vit.Shape(), ("--encoder-prefix", 2), ["65 tokens", "--encoder-prefix"]),
    "wrong grid": (tiny_vit.Shape(), ("--grid", "9,9"), ["9,9", "65 tokens"]),
    "a grid that would leave 12 class tokens": (
        tiny_vit.Shape(prefix=12),
        ("--grid", "8,8"),
        ["8,8", "76 tokens", "--encoder-prefix"],
    ),
    "a prefix nobody has": (tiny_vit.Shape(prefix=12), (), ["76 tokens", "--grid"]),
    "the attention as features": (
        tiny_vit.Shape(),
        ("--encoder-output", "attentions.0"),
        ["attentions.1", "T = "],
    ),
}


@pytest.mark.parametrize("shape, options, said", REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_fit_is_refused(shape, options, said, folder, tmp_path):
    path = tiny_vit.write(tmp_path / "vit.onnx", shape)
    refused(said, folder, path, tmp_path, *options)


def test_a_prefix_or_grid_that_is_named_is_taken(folder, pictures, tmp_path):
    shape = tiny_vit.Shape(prefix=12)
    path = tiny_vit.write(tmp_path / "vit.onnx", shape)
    expected, _ = oracle(path, pictures, shape=shape)
    for number, options in enumerate(
        [("--encoder-prefix", 12), ("--encoder-prefix", 12, "--grid", "8,8")]
    ):
        features = encoded(folder, path, tmp_path / str(number), *options)
        np.testing.assert_allclose(features, expected, atol=2e-5, rtol=0)


def test_features_need_no_encoder(model, tmp_path):
    path = tmp_path / "features.safetensors"
    path.write_bytes(blob({"features": np.ones((3, 4, 8), np.float32)}))
    refused(["--encoder", "a video"], path, model, tmp_path)
    alone = sluice("replay", path, "-o", tmp_path / "out", "--encoder-batch", 2, code=2)
    assert "--encoder" in alone.stderr


def test_ctrl_c_ends_it_soon(long_video, model, tmp_path):
    options = ("--encoder", model, *RUNTIME, *PLAIN)
    with Running("replay", long_video, "-o", tmp_path / "out", *options, terminal=True) as replay:
        replay.wait_for(r"Reading frames\D+\d", where="err")
        replay.interrupt()
        replay.finish(code=130)
    assert (tmp_path / "out" / "tokens.safetensors").exists()
