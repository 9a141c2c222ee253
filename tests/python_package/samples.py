"""Seeded inputs, and what tests ask of tensors of either framework."""

import numpy as np
import pytest

try:
    import torch
except ImportError:
    torch = None

needs_torch = pytest.mark.skipif(torch is None, reason="PyTorch is not installed")


def clip(seed, frames=8, positions=12, width=16, noise=0.05):
    """features [F,S,D] f32 of which about half of the positions repeat; attention [F,S]."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((frames, positions, width)).astype(np.float32)
    for f in range(1, frames):
        repeats = rng.random(positions) < 0.6
        fresh = noise * rng.standard_normal((positions, width))
        features[f, repeats] = (features[f - 1] + fresh)[repeats]
    return features, rng.random((frames, positions)).astype(np.float32)


def as_numpy(tensor):
    """f64 values of either framework's tensor."""
    if torch is not None and isinstance(tensor, torch.Tensor):
        return tensor.detach().to(torch.float64).numpy()
    return np.asarray(tensor, np.float64)


def address(tensor):
    if torch is not None and isinstance(tensor, torch.Tensor):
        return tensor.data_ptr()
    return tensor.__array_interface__["data"][0]
