"""Oracles: what a pruned model should see and answer, computed without the adapters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sluice
import torch
from tiny_models import SPECIAL

GREEDY = {"do_sample": False, "return_dict_in_generate": True, "output_logits": True}


def generate(model: Any, inputs: dict[str, Any], tokens: int = 5, **options: Any) -> Any:
    with torch.no_grad():
        return model.generate(**inputs, max_new_tokens=tokens, **GREEDY, **options)


def without_pixels(inputs: dict[str, Any]) -> dict[str, Any]:
    """For a later turn: the video is in the cache."""
    return {k: v for k, v in inputs.items() if k not in ("pixel_values_videos", "video_grid_thw")}


def decoder_of(model: Any) -> torch.nn.Module:
    language_model = getattr(model, "model", model).language_model
    return getattr(language_model, "model", language_model)


def decoder_calls(
    model: Any, inputs: dict[str, Any], tokens: int = 1, **options: Any
) -> list[dict]:
    """What the decoder is called with while the model generates."""
    calls: list[dict[str, Any]] = []

    def note(module: torch.nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        calls.append(dict(kwargs))

    handle = decoder_of(model).register_forward_pre_hook(note, with_kwargs=True)
    generate(model, inputs, tokens, **options)
    handle.remove()
    return calls


@dataclass
class Expected:
    """What is left of one prompt: [1,L',D] embeddings, their columns and their position ids."""

    embeds: torch.Tensor
    columns: torch.Tensor
    ids: torch.Tensor
    length: int


def expected_prompt(model: Any, inputs: dict, spans: list[tuple[int, int, int]], **knobs: Any):
    """With the tokens of each span (start, frames, positions) reduced; ids as without pruning."""
    call = decoder_calls(model, inputs)[0]
    embeds, ids = call["inputs_embeds"][0].clone(), call["position_ids"]
    ids = ids if ids.ndim == 3 else ids[None]
    keep = torch.ones(len(embeds), dtype=torch.bool)
    for start, frames, positions in spans:
        video = embeds[start : start + frames * positions].clone()
        reduced = sluice.reduce(video.view(frames, positions, -1), **knobs)
        keep[start : start + frames * positions] = False
        for token in range(reduced.kept):
            frame, position = int(reduced.tokens.frame[token]), int(reduced.tokens.position[token])
            column = start + frame * positions + position
            assert not keep[column]
            keep[column] = True
            embeds[column] = reduced.features[token]
    columns = keep.nonzero().flatten()
    return Expected(embeds[columns][None], columns, ids[..., columns], len(embeds))


def greedy(model: Any, expected: Expected, tokens: int, first: torch.Tensor) -> torch.Tensor:
    """[tokens,V] logits of decoding by hand; `first` [A]: the position of the first new token."""
    decoder = decoder_of(model)
    head = model.get_output_embeddings()
    ids = expected.ids if len(expected.ids) > 1 else expected.ids[0]
    one_axis = ids.ndim == 2
    logits = []
    with torch.no_grad():
        out = decoder(
            inputs_embeds=expected.embeds,
            position_ids=ids,
            use_cache=True,
            attention_mask=torch.ones(1, len(expected.columns)),
        )
        for step in range(tokens):
            logits.append(head(out.last_hidden_state[:, -1])[0])
            token = logits[-1].index_fill(0, torch.tensor(SPECIAL), -1e9).argmax()[None, None]
            ids = (first + step)[:, None, None]
            out = decoder(
                inputs_embeds=decoder.get_input_embeddings()(token),
                position_ids=ids[0] if one_axis else ids,
                past_key_values=out.past_key_values,
                use_cache=True,
            )
    return torch.stack(logits)
