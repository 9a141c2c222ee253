"""The published HoliTom code on a clip, from a checkout of cokeshao/HoliTom that is not ours."""

import contextlib
import os
import types
from pathlib import Path
from unittest import mock

import numpy as np

from peer_holitom import IMAGE_TOKEN, load_published

from . import settings
from .measures import Kept
from .methods import Tokens
from .patch_kmeans import squared_distances

TOLERANCE = 1e-4  # relative, for two rows to be the same: it adds up in another order


class Published:
    def __init__(self, checkout: Path) -> None:
        import torch

        self._torch = torch
        self._class = load_published(checkout)

    def features(self, clip: Tokens, retain: float, noise: bool = True) -> np.ndarray:
        """[K,D]: what its outer stage leaves of the clip, its own number of tokens."""
        torch = self._torch
        for name in ("BETA", "D", "K", "MAX_WINDOW_SIZE", "NO_BETA", "HOLITOM_k", "HOLITOM_r"):
            os.environ.pop(name, None)
        os.environ.update(RETAIN_RATIO=repr(retain), T=repr(settings.TAU))
        torch.manual_seed(0)
        with torch.inference_mode(), self._noise(noise):
            return self._model(clip).run().numpy()

    def _noise(self, noise: bool):
        """It adds random numbers below 1e-6 to densities, which decide where these are close."""
        if noise:
            return contextlib.nullcontext()
        return mock.patch.object(self._torch, "rand", self._torch.zeros)

    def _model(self, clip: Tokens):
        """A model around the published functions that only hands over features."""
        torch, features = self._torch, self._torch.from_numpy(clip.features)
        attention = torch.from_numpy(clip.attention)

        class Driver(self._class):
            config = types.SimpleNamespace(
                mm_patch_merge_type="spatial", mm_newline_position="one_token"
            )
            device = torch.device("cpu")
            training = False

            def get_vision_tower(self):
                return self

            def get_2dPool(self, x):  # the features are those after pooling
                return x

            def encode_images_multi(self, _):
                return features, attention, None, features.dtype

            def get_model(self):
                return self

            def embed_tokens(self, ids):
                return torch.zeros(ids.shape[0], features.shape[2])

            def run(self):
                ids = torch.tensor([[1, IMAGE_TOKEN]])
                images = [torch.zeros(features.shape[0], 3, 1, 1)]
                result = self.prepare_inputs_labels_for_multimodal(
                    ids, None, None, None, None, images, ["video"]
                )
                return result[4][0, 1:]  # without the one token of text

        return Driver()


def same_rows(features: np.ndarray, ours: Kept) -> int:
    """How many rows of the published output are among ours with parity rounding."""
    distance = np.sqrt(squared_distances(features.astype(float), ours.features.astype(float)))
    return int((distance.min(1) <= TOLERANCE * np.linalg.norm(features, axis=1)).sum())


def with_origin(features: np.ndarray, ours: Kept) -> Kept:
    """Published rows carry no origin: they get that of ours with parity rounding, which is the same
    but where the published noise decides which of two static tokens is a cluster's centre."""
    if features.shape != ours.features.shape:
        raise ValueError(f"{len(features)} rows published, {len(ours)} of ours with its rounding")
    return Kept(features, ours.unchanged, ours.assignment, ours.first, ours.last)
