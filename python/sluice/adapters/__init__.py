"""Adapters for models of Hugging Face transformers. Needs PyTorch and transformers."""

from __future__ import annotations

import transformers
from torch import nn

from ..errors import InputError
from .adapter import Adapter
from .llava import LlavaNextVideo, LlavaOnevision
from .projector_model import ProjectorModel
from .qwen_vl import QwenVl

_FAMILIES: dict[str, type[LlavaOnevision] | type[LlavaNextVideo] | type[QwenVl]] = {
    "llava_onevision": LlavaOnevision,
    "llava_next_video": LlavaNextVideo,
    "qwen2_vl": QwenVl,
    "qwen2_5_vl": QwenVl,
}


def adapter_for(model: nn.Module) -> Adapter:
    """Raises InputError for a model of no known family."""
    if int(transformers.__version__.split(".")[0]) < 5:
        raise InputError(
            f"model: is of transformers {transformers.__version__}; expected 5 or newer"
        )
    if hasattr(model, "_orig_mod"):
        raise InputError("model: is compiled; expected the model before torch.compile")
    family = _FAMILIES.get(getattr(getattr(model, "config", None), "model_type", ""))
    if family is not None and hasattr(getattr(model, "model", None), "language_model"):
        return family(model)
    if ProjectorModel.fits(model):
        return ProjectorModel(model)
    raise InputError(
        f"model: is a {type(model).__name__}; expected a generating model of "
        f"{', '.join(_FAMILIES)}, or one with a projector and a language_model (OpenVLA)"
    )
