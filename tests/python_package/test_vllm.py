"""Tokens as vLLM reads them: the bytes, what is refused, and the example against a server."""

import base64
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import sluice
from samples import clip

torch = pytest.importorskip("torch")

from sluice import vllm  # noqa: E402
from vllm_server import (  # noqa: E402
    Refused,
    Vllm,
    image_tensor,
    llava_images,
    prompt_tensor,
    qwen_images,
    serving,
)

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "vllm_client.py"
TYPES = [torch.float32, torch.float16, torch.bfloat16]


def tokens(count=5, width=16, type=torch.float32, seed=0):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed)).to(type)


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("count", [1, 2, 37, 500])
def test_image_embeds_of_any_count(type, count):
    part = vllm.image_embeds(tokens(count, type=type))
    assert list(part) == ["type", "image_embeds"] and part["type"] == "image_embeds"
    (read,) = llava_images([part["image_embeds"]], 16)
    assert read.dtype == type and torch.equal(read, tokens(count, type=type))


@pytest.mark.parametrize("type", TYPES)
def test_prompt_part(type):
    part = vllm.prompt_part(tokens(type=type))
    assert list(part) == ["type", "data"] and part["type"] == "prompt_embeds"
    assert torch.equal(prompt_tensor(part["data"], 16), tokens(type=type))


def test_what_reduce_returns_goes_in_as_it_is(framework):
    features, attention = clip(3)
    kept = sluice.reduce(framework(features), framework(attention), budget=17)
    for value in (kept, kept.tokens, kept.features):
        read = image_tensor(vllm.image_embeds(value)["image_embeds"])
        assert read.shape == (17, 16)
        np.testing.assert_array_equal(read.numpy(), np.asarray(kept.features))


def test_a_view_leaves_its_storage_behind():
    """A part of a large tensor must not bring all of it along."""
    large = tokens(10_000)
    for view in (large[40:45], large[:, :4], large.T[:16], large[::2000]):
        text = vllm.to_base64(view)
        assert torch.equal(image_tensor(text), view)
        assert len(base64.b64decode(text)) < view.numel() * 4 + 2000


def test_the_file_is_what_torch_save_writes():
    data = base64.b64decode(vllm.image_embeds(tokens())["image_embeds"], validate=True)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (values,) = [name for name in archive.namelist() if name.endswith("data/0")]
        assert archive.read(values) == tokens().numpy().tobytes()


def test_parameters_and_gradients_become_plain_tensors():
    for value in (torch.nn.Parameter(tokens()), tokens().requires_grad_() * 1):
        read = image_tensor(vllm.to_base64(value))
        assert type(read) is torch.Tensor and not read.requires_grad


def test_fields_and_uuid():
    part = vllm.image_embeds(tokens(6), fields={"image_grid_thw": (1, 4, 6)}, uuid="robot-7")
    assert part["uuid"] == "robot-7"
    (read,) = qwen_images([part["image_embeds"]], 16)
    assert torch.equal(read, tokens(6))
    ragged = vllm.image_embeds(tokens(5), fields={"image_grid_thw": (1, 4, 6)})
    with pytest.raises(Refused, match="placeholders"):
        qwen_images([ragged["image_embeds"]], 16)


def test_image_data():
    data = vllm.image_data(tokens(5), tokens(9).numpy())
    assert list(data) == ["image"]
    assert [t.shape for t in data["image"]] == [(5, 16), (9, 16)]
    assert all(isinstance(t, torch.Tensor) and t.ndim == 2 for t in data["image"])
    with pytest.raises(sluice.InputError, match="^images: "):
        vllm.image_data()


@pytest.mark.parametrize("type", [torch.float32, torch.bfloat16])
def test_projector(type):
    torch.manual_seed(1)
    projector = torch.nn.Linear(16, 24).to(type)
    read = image_tensor(vllm.image_embeds(tokens(), projector)["image_embeds"])
    assert torch.equal(read, projector(tokens().to(type)).detach())
    (offline,) = vllm.image_data(tokens(), projector=lambda t: 2 * t)["image"]
    assert torch.equal(offline, 2 * tokens())


@pytest.mark.parametrize(
    "value, message",
    [
        (torch.zeros(2, 3, 4), r"tokens: has shape \[2, 3, 4\]"),
        (torch.zeros(4), r"tokens: has shape \[4\]"),
        (torch.zeros(0, 4), "tokens: has shape .*not empty"),
        (torch.zeros(2, 4, dtype=torch.int64), "tokens: has type torch.int64"),
        (np.zeros((2, 4), np.int32), "tokens: is int32"),
        (np.zeros((2, 4), object), "tokens: is object"),
        ([[1.0]], "tokens: is a list"),
        (None, "tokens: is a NoneType"),
    ],
)
def test_what_no_server_takes_is_an_error(value, message):
    for write in (vllm.image_embeds, vllm.image_data, vllm.prompt_part):
        with pytest.raises(sluice.InputError, match=f"^{message}"):
            write(value)


def test_projectors_that_make_something_else_are_an_error():
    with pytest.raises(sluice.InputError, match="^projector: made 1 tokens of 5"):
        vllm.image_embeds(tokens(), lambda t: t[:1])
    with pytest.raises(sluice.InputError, match="^projector: has shape"):
        vllm.image_embeds(tokens(), lambda t: t[None])
    with pytest.raises(sluice.InputError, match="^projector: is a str"):
        vllm.image_embeds(tokens(), lambda t: "?")


def test_arrays_in_another_byte_order():
    read = image_tensor(vllm.to_base64(vllm.image_data(tokens().numpy().astype(">f4"))["image"][0]))
    assert torch.equal(read, tokens())


def example(address, features, *options):
    command = [sys.executable, str(EXAMPLE), address, str(features), "What happens?", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture
def video(tmp_path):
    features, _ = clip(5)
    torch.save(torch.from_numpy(features), tmp_path / "features.pt")
    return torch.from_numpy(features), tmp_path / "features.pt"


@pytest.mark.parametrize(
    "form, counts",
    [("image_embeds", "20 <image>, 0 <embeds>"), ("prompt_embeds", "0 <image>, 20 <embeds>")],
)
def test_the_example(video, form, counts):
    features, path = video
    model = Vllm()
    with serving(model) as address:
        run = example(address, path, "--tokens", "20", "--as", form)
    assert run.returncode == 0, run.stderr
    first, second = run.stdout.splitlines()
    assert first == "96 tokens of 8 frames became 20"
    assert second == f"{counts}, What happens?"
    kept = sluice.reduce(features, budget=20, order="spatial")
    assert torch.equal(model.seen[0], kept.features)


def test_the_example_says_what_the_server_refused(video):
    with serving(Vllm(width=24)) as address:
        run = example(address, video[1])
    assert run.returncode == 1
    assert "400" in run.stderr and json.dumps("width 16 is not the model's 24") in run.stderr
