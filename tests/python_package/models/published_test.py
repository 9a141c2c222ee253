"""A prompt with the input of a recorded run of the published HoliTom code becomes its output.

The recordings and their README are in tests/data/holitom_published. Features go into the real
classes as what their vision tower would have made of a video.
"""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
hf = pytest.importorskip("transformers")
safetensors = pytest.importorskip("safetensors")

import sluice  # noqa: E402
from by_hand import decoder_calls  # noqa: E402
from tiny_models import END, IMAGE, START, TEXT, VIDEO, seeded  # noqa: E402
from transformers.modeling_outputs import BaseModelOutputWithPooling  # noqa: E402

DATA = Path(__file__).resolve().parents[2] / "data" / "holitom_published"
# At retain 1.0 the published code still merges; an adapter leaves the prompt alone.
RUNS = [path.stem for path in sorted(DATA.glob("*.safetensors")) if path.stem != "retain_all"]
GRIDS = {3: (1, 3), 16: (4, 4), 18: (3, 6), 20: (4, 5), 21: (3, 7), 25: (5, 5)}
GRIDS |= {30: (5, 6), 36: (6, 6), 48: (6, 8)}
BEFORE, AFTER = 4, 6


class Run:
    def __init__(self, name):
        with safetensors.safe_open(DATA / f"{name}.safetensors", "pt") as file:
            self.tensors = {key: file.get_tensor(key) for key in file.keys()}
            self.settings = {
                key: json.loads(value)
                for key, value in file.metadata().items()
                if key not in ("what", "obtained")
            }
        self.frames, self.positions, self.width = self.tensors["features"].shape

    def knobs(self):
        names = ("retain", "tau", "beta", "knn", "contextual", "max_window", "plain_mean")
        return {name: self.settings[name] for name in names} | {
            "attention": lambda features: self.tensors["attention"],
            "rounding": "parity",
            "order": "static-first",
            "positions": "compacted",
        }

    def prompt(self, edges=(), newline=None):
        features = self.tensors["features"].flatten(0, 1)
        if newline is not None:
            features = torch.cat([features, newline[None]])
        text = list(range(3, 3 + BEFORE)) + list(edges[:1])
        end = list(edges[1:]) + list(range(20, 20 + AFTER))
        ids = torch.tensor([text + [VIDEO] * len(features) + end])
        pooled = (features,) if newline is None else features[None]
        output = BaseModelOutputWithPooling(pooler_output=pooled)
        return {"input_ids": ids, "mm_encoder_outputs": {"video": output}}, len(text)

    def check(self, call, pruning, start):
        expected = self.tensors["out_features"]
        visual = call["inputs_embeds"][0, start : start + len(expected)]
        torch.testing.assert_close(visual, expected, rtol=1e-5, atol=1e-5)
        columns = self.tensors["out_frame"] * self.positions + self.tensors["out_position"]
        kept = pruning.prompts[0].columns
        inside = (kept >= start) & (kept < start + self.frames * self.positions)
        assert torch.equal(kept[inside], start + columns.long().sort().values)
        tokens = pruning.prompts[0].visuals[0].reduction.tokens
        assert torch.equal(tokens.frame, self.tensors["out_frame"])
        assert torch.equal(tokens.position, self.tensors["out_position"])
        assert call["inputs_embeds"].shape[1] == len(kept)


def text_settings(width):
    return {**TEXT, "hidden_size": width, "num_attention_heads": 2, "num_key_value_heads": 1}


@pytest.mark.parametrize("name", RUNS)
def test_qwen2_vl(name):
    run = Run(name)
    third = run.width // 4 // 3
    sections = [third, third, run.width // 4 - 2 * third]
    rope = {"rope_type": "default", "mrope_section": sections, "rope_theta": 10000.0}
    config = hf.Qwen2VLConfig(
        text_config={**text_settings(run.width), "rope_parameters": rope},
        vision_config={"depth": 1, "embed_dim": 32, "hidden_size": run.width, "num_heads": 2},
        image_token_id=IMAGE,
        video_token_id=VIDEO,
    )
    model = seeded(lambda: hf.Qwen2VLForConditionalGeneration(config))
    inputs, start = run.prompt((START, END))
    rows, columns = GRIDS[run.positions]
    inputs["mm_token_type_ids"] = (inputs["input_ids"] == VIDEO).int() * 2
    inputs["video_grid_thw"] = torch.tensor([[run.frames, 2 * rows, 2 * columns]])
    with sluice.prune(model, **run.knobs()) as pruning:
        (call,) = decoder_calls(model, inputs)
    run.check(call, pruning, start)


@pytest.mark.parametrize("name", [n for n in RUNS if Run(n).positions in (16, 25, 36)])
def test_llava_onevision(name):
    run = Run(name)
    side = 2 * int(run.positions**0.5)
    vision = hf.SiglipVisionConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=side, patch_size=1
    )
    config = hf.LlavaOnevisionConfig(
        vision_config=vision,
        text_config=hf.Qwen2Config(**text_settings(run.width)),
        image_token_id=IMAGE,
        video_token_id=VIDEO,
    )
    model = seeded(lambda: hf.LlavaOnevisionForConditionalGeneration(config))
    inputs, start = run.prompt(newline=model.model.image_newline.detach())
    with sluice.prune(model, **run.knobs()) as pruning:
        (call,) = decoder_calls(model, inputs)
    run.check(call, pruning, start)
    ids = call["position_ids"]
    assert ids.tolist() == [list(range(BEFORE + len(run.tensors["out_features"]) + 1 + AFTER))]
