"""Real model classes with small random weights, and prompts for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import transformers as hf

IMAGE, VIDEO, START, END, PAD = 90, 91, 92, 93, 0
VOCABULARY = 100
SPECIAL = [0, 1, 2, IMAGE, VIDEO, START, END]
"""Never generated: a model of random weights would end, or ask for pixels, at any moment."""

TEXT = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 2048,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": PAD,
}
MROPE = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}


def seeded(build: Any) -> Any:
    torch.manual_seed(7)
    model = build().eval()
    for parameter in model.parameters():  # Attention that differs between tokens.
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    model.generation_config.suppress_tokens = SPECIAL
    return model


def llava_onevision(attention: str = "sdpa") -> Any:
    vision = hf.SiglipVisionConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=48,
        patch_size=8,
    )
    config = hf.LlavaOnevisionConfig(
        vision_config=vision,
        text_config=hf.Qwen2Config(**TEXT),
        image_token_id=IMAGE,
        video_token_id=VIDEO,
        image_grid_pinpoints=[[48, 48]],
        attn_implementation=attention,
    )
    return seeded(lambda: hf.LlavaOnevisionForConditionalGeneration(config))


def llava_next_video(attention: str = "sdpa") -> Any:
    vision = hf.CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=48,
        patch_size=8,
        projection_dim=32,
    )
    config = hf.LlavaNextVideoConfig(
        vision_config=vision,
        text_config=hf.LlamaConfig(**TEXT),
        image_token_index=IMAGE,
        video_token_index=VIDEO,
        image_grid_pinpoints=[[48, 48]],
        attn_implementation=attention,
    )
    return seeded(lambda: hf.LlavaNextVideoForConditionalGeneration(config))


def qwen2_vl(attention: str = "sdpa") -> Any:
    config = hf.Qwen2VLConfig(
        text_config={**TEXT, "rope_parameters": MROPE},
        vision_config={
            "depth": 2,
            "embed_dim": 32,
            "hidden_size": 64,
            "num_heads": 2,
            "mlp_ratio": 2,
            "patch_size": 4,
            "temporal_patch_size": 2,
        },
        image_token_id=IMAGE,
        video_token_id=VIDEO,
        vision_start_token_id=START,
        vision_end_token_id=END,
        attn_implementation=attention,
    )
    return seeded(lambda: hf.Qwen2VLForConditionalGeneration(config))


def qwen2_5_vl(attention: str = "sdpa") -> Any:
    config = hf.Qwen2_5_VLConfig(
        text_config={**TEXT, "rope_parameters": MROPE},
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "out_hidden_size": 64,
            "num_heads": 2,
            "intermediate_size": 48,
            "patch_size": 4,
            "temporal_patch_size": 2,
            "window_size": 16,
            "fullatt_block_indexes": [1],
            "tokens_per_second": 2,
        },
        image_token_id=IMAGE,
        video_token_id=VIDEO,
        vision_start_token_id=START,
        vision_end_token_id=END,
        attn_implementation=attention,
    )
    return seeded(lambda: hf.Qwen2_5_VLForConditionalGeneration(config))


@dataclass
class Clip:
    """A video as one family's processor hands it over."""

    frames: int
    positions: int
    newlines: int
    pixels: torch.Tensor
    grid: torch.Tensor | None = None

    @property
    def tokens(self) -> int:
        return self.frames * self.positions


def moving_pixels(frames: int, side: int, seed: int) -> torch.Tensor:
    """[frames,3,side,side]: still but for one corner, and a cut in the middle."""
    random = torch.Generator().manual_seed(seed)
    scenes = torch.randn(2, 3, side, side, generator=random)
    video = scenes[(torch.arange(frames) >= frames // 2).long()].clone()
    corner = side // 2
    video[:, :, :corner, :corner] = torch.randn(frames, 3, corner, corner, generator=random)
    return video


@dataclass
class Family:
    """How prompts are made for one model."""

    name: str
    build: Any
    mrope: bool = False
    newlines: int = 0
    positions: int = 9

    def clip(self, frames: int = 6, seed: int = 0) -> Clip:
        if self.mrope:
            return self._grid_clip(frames, seed)
        return Clip(frames, self.positions, self.newlines, moving_pixels(frames, 48, seed)[None])

    def still_clip(self) -> Clip:
        """The same frame six times: little is left of it at any budget."""
        clip = self.clip(6, seed=4)
        if self.mrope:
            clip.pixels = clip.pixels[: 4 * 6].repeat(6, 1)
        else:
            clip.pixels = clip.pixels[:, :1].expand_as(clip.pixels)
        return clip

    def _grid_clip(self, frames: int, seed: int) -> Clip:
        rows, columns = 4, 6  # Of patches; merged two by two.
        video = moving_pixels(frames, 4 * columns, seed)[:, :, : 4 * rows]
        width = 3 * 2 * 4 * 4
        patches = video.unfold(2, 4, 4).unfold(3, 4, 4)  # [F,3,rows,columns,4,4]
        patches = patches.reshape(frames, 3, 2, 2, 3, 2, 4, 4).permute(0, 2, 4, 3, 5, 1, 6, 7)
        pixels = patches.unsqueeze(6).expand(-1, -1, -1, -1, -1, -1, 2, -1, -1)
        grid = torch.tensor([[frames, rows, columns]])
        return Clip(frames, 6, 0, pixels.reshape(-1, width), grid)

    def prompt(self, *parts: Clip | int, seed: int = 0) -> dict[str, Any]:
        """One row: numbers are so many text tokens."""
        random = torch.Generator().manual_seed(seed)
        ids: list[int] = []
        for part in parts:
            if isinstance(part, Clip):
                visual = [VIDEO] * (part.tokens + part.newlines)
                ids += [START, *visual, END] if self.mrope else visual
            else:
                ids += torch.randint(3, 80, (part,), generator=random).tolist()
        clips = [part for part in parts if isinstance(part, Clip)]
        return self._inputs(torch.tensor([ids]), clips)

    def batch(self, *prompts: dict[str, Any]) -> dict[str, Any]:
        """Rows padded on the left."""
        width = max(prompt["input_ids"].shape[1] for prompt in prompts)
        result: dict[str, Any] = {}
        for name in prompts[0]:
            values = [prompt[name] for prompt in prompts]
            if name in ("input_ids", "attention_mask", "mm_token_type_ids"):
                values = [
                    torch.nn.functional.pad(value, (width - value.shape[1], 0)) for value in values
                ]
            result[name] = torch.cat(values)
        return result

    def extended(self, inputs: dict[str, Any], ids: torch.Tensor) -> dict[str, Any]:
        """The prompt with more text behind it."""
        mask = inputs["attention_mask"]
        more = ids.shape[1] - mask.shape[1]
        result = {**inputs, "input_ids": ids}
        result["attention_mask"] = torch.nn.functional.pad(mask, (0, more), value=1)
        if self.mrope:
            result["mm_token_type_ids"] = (ids == VIDEO).int() * 2
        return result

    def later_video(self, model: Any, inputs: dict[str, Any], clip: Clip) -> dict[str, Any]:
        """A conversation of which only the last video is not in the cache yet."""
        later = dict(inputs, pixel_values_videos=clip.pixels)
        if self.mrope:  # transformers takes one list of grids: for the positions of all.
            del later["pixel_values_videos"]
            with torch.no_grad():
                features = model.model.get_video_features(clip.pixels, clip.grid, return_dict=True)
            later["mm_encoder_outputs"] = {"video": features}
        return later

    def _inputs(self, ids: torch.Tensor, clips: list[Clip]) -> dict[str, Any]:
        inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if self.mrope:
            inputs["mm_token_type_ids"] = (ids == VIDEO).int() * 2
        if clips:
            inputs["pixel_values_videos"] = torch.cat([clip.pixels for clip in clips])
            if self.mrope:
                inputs["video_grid_thw"] = torch.cat([clip.grid for clip in clips])
        return inputs


FAMILIES = [
    Family("llava_onevision", llava_onevision, newlines=1),
    Family("llava_next_video", llava_next_video),
    Family("qwen2_vl", qwen2_vl, mrope=True),
    Family("qwen2_5_vl", qwen2_5_vl, mrope=True),
]
