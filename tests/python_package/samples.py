"""Seeded inputs, and what tests ask of tensors of either framework."""

from pathlib import Path

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


def resident_bytes():
    """Memory that this process occupies."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def peak_growth(call):
    """Bytes by which this process grew at most during the call."""
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    except OSError:
        pytest.skip("this system does not let a process reset its peak of memory")
    before = resident_bytes()
    call()
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 - before
