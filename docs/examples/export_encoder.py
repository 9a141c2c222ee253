"""Writes the vision part of a Hugging Face model as ONNX, with its last layer's attention.

python export_encoder.py siglip siglip.onnx google/siglip-base-patch16-224
python export_encoder.py dinov2 random.onnx        # random weights, for a trial
"""

import sys

import onnx
import torch
from transformers import CLIPVisionConfig, CLIPVisionModel, Dinov2Config, Dinov2Model
from transformers import SiglipVisionConfig, SiglipVisionModel

KINDS = {
    # Class, its config, and how its preprocessor scales pixels.
    "siglip": (SiglipVisionModel, SiglipVisionConfig, [0.5] * 3, [0.5] * 3),
    "clip": (
        CLIPVisionModel,
        CLIPVisionConfig,
        [0.48145466, 0.4578275, 0.40821073],
        [0.26862954, 0.26130258, 0.27577711],
    ),
    "dinov2": (Dinov2Model, Dinov2Config, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
}


class Features(torch.nn.Module):
    """Features of all tokens, and the attention of the last layer."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        out = self.model(pixel_values, output_attentions=True)
        return out.last_hidden_state, out.attentions[-1]


def export(kind, path, name=None):
    model_class, config_class, mean, std = KINDS[kind]
    # Fast attention kernels don't hand out their weights.
    options = {"attn_implementation": "eager"}
    if name:
        model = model_class.from_pretrained(name, **options)
    else:
        model = model_class._from_config(config_class(), **options)
    side = model.config.image_size
    pixels = torch.zeros(2, 3, side, side)
    torch.onnx.export(
        Features(model.eval()),
        (pixels,),
        path,
        input_names=["pixel_values"],
        output_names=["last_hidden_state", "last_attention"],
        dynamic_shapes={"pixel_values": {0: torch.export.Dim("batch")}},
        dynamo=True,
        external_data=False,
    )
    stored = onnx.load(path)
    onnx.helper.set_model_props(stored, {"image_mean": str(mean), "image_std": str(std)})
    onnx.save(stored, path)


if __name__ == "__main__":
    export(*sys.argv[1:])
