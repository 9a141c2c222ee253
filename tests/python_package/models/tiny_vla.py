"""An OpenVLA-style model: patches, a projector, and a Llama behind them.

OpenVLA itself is code of its authors' repository, loaded at run time. This class has its structure:
the first token, then all patches, then the rest of the prompt, handed to a causal language model
without position ids; in decoding, only the last id and the cache.
"""

from __future__ import annotations

from typing import Any

import torch
import transformers as hf
from tiny_models import TEXT, seeded
from torch import nn


class TinyVlaConfig(hf.PreTrainedConfig):
    model_type = "tiny_vla"

    def __init__(self, image_size: int = 48, patch_size: int = 8, **kwargs: Any) -> None:
        self.image_size, self.patch_size = image_size, patch_size
        self.text_config = hf.LlamaConfig(**TEXT)
        super().__init__(**kwargs)

    def get_text_config(self, *args: Any, **kwargs: Any) -> Any:
        return self.text_config


class TinyVla(hf.PreTrainedModel, hf.GenerationMixin):
    config_class = TinyVlaConfig
    main_input_name = "input_ids"
    _supports_sdpa = True

    def __init__(self, config: TinyVlaConfig) -> None:
        super().__init__(config)
        size = config.patch_size
        self.vision_backbone = nn.Conv2d(3, 32, kernel_size=size, stride=size)
        self.projector = nn.Sequential(nn.Linear(32, 96), nn.GELU(), nn.Linear(96, 64))
        self.language_model = hf.LlamaForCausalLM(config.text_config)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.language_model.get_input_embeddings()

    def get_output_embeddings(self) -> nn.Module:
        return self.language_model.get_output_embeddings()

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        pixel_values: torch.Tensor | None = None,
        past_key_values: Any = None,
        use_cache: bool | None = None,
        labels: torch.Tensor | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        if past_key_values is not None and past_key_values.get_seq_length() > 0:
            return self.language_model(
                input_ids=input_ids, past_key_values=past_key_values, use_cache=use_cache
            )
        patches = self.vision_backbone(pixel_values).flatten(2).transpose(1, 2)
        visual = self.projector(patches)
        text = self.get_input_embeddings()(input_ids)
        if attention_mask is not None:
            seen = attention_mask.new_ones(visual.shape[:2])
            attention_mask = torch.cat([attention_mask[:, :1], seen, attention_mask[:, 1:]], dim=1)
        return self.language_model(
            inputs_embeds=torch.cat([text[:, :1], visual, text[:, 1:]], dim=1),
            attention_mask=attention_mask,
            use_cache=use_cache,
        )

    def prepare_inputs_for_generation(
        self,
        input_ids: torch.Tensor,
        past_key_values: Any = None,
        pixel_values: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        if past_key_values is not None and past_key_values.get_seq_length() > 0:
            input_ids = input_ids[:, -1:]
        return {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "pixel_values": pixel_values,
            "past_key_values": past_key_values,
            "use_cache": kwargs.get("use_cache"),
        }


def tiny_vla() -> TinyVla:
    return seeded(lambda: TinyVla(TinyVlaConfig()))


def step(seed: int = 0, text: int = 9, rows: int = 1) -> dict[str, torch.Tensor]:
    """What a control step hands to the model."""
    random = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, 80, (rows, text), generator=random)
    ids[:, 0] = 1
    pixels = torch.randn(rows, 3, 48, 48, generator=random)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": pixels}
