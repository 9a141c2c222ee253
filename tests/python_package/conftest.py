"""Where the oracles are, and both frameworks for every test that asks."""

import sys
from pathlib import Path

import numpy as np
import pytest

# The NumPy oracles that the command's tests use, too: they share no code with the engine.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))

from samples import needs_torch, torch  # noqa: E402: once the path is set


@pytest.fixture(params=["numpy", pytest.param("torch", marks=needs_torch)])
def framework(request):
    """Turns NumPy arrays into tensors of one framework."""
    return np.asarray if request.param == "numpy" else torch.from_numpy
