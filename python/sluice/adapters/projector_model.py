"""OpenVLA-style models: a projector's output put among the embeddings of a Llama.

What is expected of the model:

- `model.projector` is called once per prefill and returns [B,P,D];
- `model.language_model` is a causal language model (`LlamaForCausalLM`) whose decoder,
  `model.language_model.model`, has `layers` and is called with `inputs_embeds`;
- the projector's output is a run of these embeddings in every row, unchanged. OpenVLA puts it
  behind the first token.

All P tokens are one frame: those of several cameras compete for one budget.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from ..errors import InputError
from .adapter import Adapter, Noted
from .visual_spans import VisualSpan, span_of


class ProjectorModel(Adapter):
    def __init__(self, model: nn.Module) -> None:
        self.projector: nn.Module = model.projector
        self.decoder = model.language_model.model

    @staticmethod
    def fits(model: nn.Module) -> bool:
        decoder = getattr(getattr(model, "language_model", None), "model", None)
        return isinstance(getattr(model, "projector", None), nn.Module) and hasattr(
            decoder, "layers"
        )

    def watch(self, noted: Noted) -> list[RemovableHandle]:
        def note(module: nn.Module, args: tuple, output: torch.Tensor) -> None:
            noted.inputs = {"visual": output}

        return [self.projector.register_forward_hook(note)]

    def spans(
        self, inputs: dict[str, Any], embeds: torch.Tensor, ids: torch.Tensor, images: bool
    ) -> list[VisualSpan]:
        visual = inputs["visual"].to(embeds)
        return [self._span(row, *pair) for row, pair in enumerate(zip(embeds, visual, strict=True))]

    def _span(self, row: int, embeds: torch.Tensor, visual: torch.Tensor) -> VisualSpan:
        count = len(visual)
        for start in (embeds == visual[0]).all(-1).nonzero().flatten().tolist():
            if torch.equal(embeds[start : start + count], visual):
                return span_of("image", row, start, start + count, count)
        raise InputError(
            f"model: the {count} tokens of its projector are not in row {row} of the decoder's "
            "inputs_embeds; expected them in a run, unchanged"
        )
