"""Three kinds of features that need no downloaded weights, and those of an encoder of one's own.

None of them understands pictures as a trained encoder does. What the measures say holds for these
features; how they differ from kind to kind shows how far it may be generalised.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from safetensors.numpy import load_file

from . import settings
from .clips import Clip
from .measures import sharpness, softmax, unit_rows
from .patch_kmeans import PatchKMeans
from .random_vit import RandomViT

POSITIONS = settings.GRID**2


@dataclass(frozen=True)
class Encoded:
    """A recording's tokens, of all frames that were read."""

    features: np.ndarray
    """[frames read, S, D] f32"""
    attention: np.ndarray
    """[frames read, S] f32: received in its frame, mean over heads and queries"""


class Encoder(Protocol):
    name: str

    def encode(self, clip: Clip) -> Encoded: ...


class Descriptors:
    """The built-in tokenizer's patch descriptors (docs/tokenizer.md): D = 256, no learning."""

    name = "descriptors"

    def __init__(self, sluice: Path) -> None:
        self._sluice = sluice

    def encode(self, clip: Clip) -> Encoded:
        out = clip.folder / "descriptors"
        # No cosine is above 1: nothing is merged, every token comes out as it is.
        settings_of_everything = ["--tau", "1", "--retain", "1", "--no-overlay", "--no-report"]
        pattern = clip.folder / "frame-%06d.ppm"
        command = [self._sluice, "replay", pattern, "-o", out, *settings_of_everything]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        tokens = load_file(out / "tokens.safetensors")
        frames = len(clip.pictures)
        expected = np.arange(frames * POSITIONS)
        if not np.array_equal(tokens["frame"] * POSITIONS + tokens["position"], expected):
            raise RuntimeError(f"{clip.name}: the tokenizer's tokens are not all there, in order")
        features = tokens["features"].reshape(frames, POSITIONS, -1)
        return Encoded(features, tied_attention(features))


class RandomTransformer:
    """A vision transformer with random weights, less its mean token on the training sample.

    The mean goes because random layers leave a large common part that makes every cosine 1."""

    name = "random ViT"

    def __init__(self, training: Clip) -> None:
        self._model = RandomViT()
        features, _ = self._model.encode(training.pictures)
        self._mean = features.mean((0, 1))

    def encode(self, clip: Clip) -> Encoded:
        features, attention = self._model.encode(clip.pictures)
        return Encoded(features - self._mean, attention)


class LearnedPatches:
    """Features learned without labels on the training sample, less their mean there."""

    name = "k-means"

    def __init__(self, training: Clip) -> None:
        self._model = PatchKMeans(training.pictures)
        self._mean = self._model.encode(training.pictures).mean((0, 1))

    def encode(self, clip: Clip) -> Encoded:
        features = self._model.encode(clip.pictures) - self._mean
        return Encoded(features, tied_attention(features))


class OwnEncoder:
    """FOLDER/<clip>.safetensors: features [frames read, 196, D], and attention if it has any."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._folder = folder

    def encode(self, clip: Clip) -> Encoded:
        path = self._folder / f"{clip.name}.safetensors"
        tensors = load_file(path)
        features = np.ascontiguousarray(tensors["features"], np.float32)
        if features.ndim != 3 or features.shape[:2] != (len(clip.pictures), POSITIONS):
            expected = f"[{len(clip.pictures)},{POSITIONS},D]"
            raise ValueError(f"{path}: features {features.shape}; expected {expected}")
        if "attention" not in tensors:
            return Encoded(features, tied_attention(features))
        return Encoded(features, np.ascontiguousarray(tensors["attention"], np.float32))


def tied_attention(features: np.ndarray) -> np.ndarray:
    """[F,S]: attention received within a frame when every token is query and key, one head.

    Stands in where features come without attention. Rows are brought to unit length, and the
    attention is as sharp as that of the queries."""
    received = []
    for frame in features:
        similar = unit_rows(frame) @ unit_rows(frame).T
        scale = sharpness(similar, settings.ATTENTION_SPREAD)
        received.append(softmax(similar * scale).mean(0))
    return np.asarray(received, np.float32)
