#!/usr/bin/env python3
"""Runs `sluice.bench` on real model classes with random weights; JSON on standard output.

Speed does not depend on the values of weights; what is kept does, so counts stand beside times.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import sluice
import tokenizers
import torch
import transformers as hf

IMAGE, VIDEO, START, END = "<image>", "<video>", "<start>", "<end>"
WORDS = ["<pad>", "<unk>", IMAGE, VIDEO, START, END]
VOCABULARY = 8192
PROMPT = "Describe in a few words what happens in this video and who is in it ."
# Small, but with the share of work that vision has in the published models of 7 B parameters.
WIDTH = 128
VISION = {"num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 4 * WIDTH}
TEXT = {
    "hidden_size": 512,
    "intermediate_size": 2816,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 32768,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 0,
}


def identifiers() -> dict[str, int]:
    """Of the special tokens, in the words of a model's configuration."""
    return {"image_token_id": WORDS.index(IMAGE), "video_token_id": WORDS.index(VIDEO)}


def tokenizer() -> Any:
    known = {word: index for index, word in enumerate(WORDS)}
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel(known, unk_token="<unk>"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        unk_token="<unk>",
        additional_special_tokens=WORDS[2:],
        extra_special_tokens={"image_token": IMAGE, "video_token": VIDEO},
    )


def llava_onevision(layers: int) -> tuple[Any, Any]:
    """196 tokens per frame, as in the published model."""
    config = hf.LlavaOnevisionConfig(
        vision_config=hf.SiglipVisionConfig(
            hidden_size=WIDTH, image_size=384, patch_size=14, **VISION
        ),
        text_config=hf.Qwen2Config(num_hidden_layers=layers, **TEXT),
        image_grid_pinpoints=[[384, 384]],
        **identifiers(),
    )
    processor = hf.LlavaOnevisionProcessor(
        hf.LlavaOnevisionImageProcessor(),
        tokenizer(),
        hf.LlavaOnevisionVideoProcessor(),
        num_image_tokens=729,
        vision_feature_select_strategy="full",
    )
    return hf.LlavaOnevisionForConditionalGeneration(config), processor


def llava_next_video(layers: int) -> tuple[Any, Any]:
    """144 tokens per frame, as in the published model."""
    config = hf.LlavaNextVideoConfig(
        vision_config=hf.CLIPVisionConfig(
            hidden_size=WIDTH, image_size=336, patch_size=14, projection_dim=WIDTH, **VISION
        ),
        text_config=hf.LlamaConfig(num_hidden_layers=layers, **TEXT),
        image_grid_pinpoints=[[336, 336]],
        image_token_index=WORDS.index(IMAGE),
        video_token_index=WORDS.index(VIDEO),
    )
    side = {"height": 336, "width": 336}
    processor = hf.LlavaNextVideoProcessor(
        hf.LlavaNextVideoVideoProcessor(size={"shortest_edge": 336}, crop_size=side),
        hf.LlavaNextImageProcessor(size={"shortest_edge": 336}, crop_size=side),
        tokenizer(),
        patch_size=14,
        vision_feature_select_strategy="default",
    )
    return hf.LlavaNextVideoForConditionalGeneration(config), processor


def qwen2_5_vl(layers: int) -> tuple[Any, Any]:
    """196 tokens per pair of frames of 392 x 392 pixels."""
    vision = {"depth": 4, "hidden_size": WIDTH, "num_heads": 2, "intermediate_size": 4 * WIDTH}
    rotary = {"rope_type": "default", "mrope_section": [8, 12, 12], "rope_theta": 1e6}
    config = hf.Qwen2_5_VLConfig(
        vision_config={**vision, "out_hidden_size": 512, "fullatt_block_indexes": [3]},
        text_config={"num_hidden_layers": layers, **TEXT, "rope_parameters": rotary},
        vision_start_token_id=WORDS.index(START),
        vision_end_token_id=WORDS.index(END),
        **identifiers(),
    )
    processor = hf.Qwen2_5_VLProcessor(
        hf.Qwen2VLImageProcessor(),
        tokenizer(),
        hf.Qwen2VLVideoProcessor(cap_pixels_per_frame=False),
    )
    return hf.Qwen2_5_VLForConditionalGeneration(config), processor


MODELS: dict[str, Callable[[int], tuple[Any, Any]]] = {
    "llava-onevision": llava_onevision,
    "llava-next-video": llava_next_video,
    "qwen2.5-vl": qwen2_5_vl,
}


def scenes(frames: int, side: int = 392, length: int = 8) -> np.ndarray:
    """[T,side,side,3] uint8: a cut every `length` frames, something that moves, sensor noise."""
    random = np.random.default_rng(7)
    video = np.empty((frames, side, side, 3), np.float32)
    block, third = side // 14, side // 3
    for frame in range(frames):
        if frame % length == 0:
            coarse = random.uniform(0, 255, (14, 14, 3)).repeat(block, 0).repeat(block, 1)
            thing = random.uniform(0, 255, (third, third, 3))
        place = (frame % length) * (side - third) // length
        video[frame] = coarse
        video[frame, place : place + third, place : place + third] = thing
    video += random.normal(0, 4, video.shape)
    return video.round().clip(0, 255).astype(np.uint8)


def random_weights(model: Any) -> Any:
    """With a spread that makes features of different patches different."""
    torch.manual_seed(7)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.05)
    model.generation_config.suppress_tokens = list(range(len(WORDS)))  # No video in an answer.
    return model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--frames", type=int, default=32, help="of the video (default: 32)")
    parser.add_argument("--layers", type=int, default=4, help="of the decoder (default: 4)")
    parser.add_argument("--new-tokens", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--retain", type=float, nargs="+", default=[1.0, 0.5, 0.25, 0.15, 0.10])
    arguments = parser.parse_args()

    hf.logging.set_verbosity_error()
    model, processor = MODELS[arguments.model](arguments.layers)
    result = sluice.bench(
        random_weights(model),
        processor,
        scenes(arguments.frames),
        prompt=f"{START} {VIDEO} {END} {PROMPT}",
        retain=arguments.retain,
        new_tokens=arguments.new_tokens,
        repeats=arguments.repeats,
    )
    print(result, file=sys.stderr)
    parameters = sum(p.numel() for p in model.parameters())
    print(json.dumps({**vars(arguments), "parameters": parameters, "result": result.to_dict()}))


if __name__ == "__main__":
    main()
