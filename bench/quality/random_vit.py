"""A vision transformer with random weights, in NumPy: real softmax attention, no training."""

import numpy as np

from . import settings
from .measures import softmax


class RandomViT:
    """Pre-norm blocks as in ViT; weights are normal with variance 1 / inputs, biases zero."""

    def __init__(self) -> None:
        rng = np.random.default_rng(settings.VIT_SEED)
        d = settings.VIT_WIDTH

        def weights(inputs: int, outputs: int) -> np.ndarray:
            return rng.standard_normal((inputs, outputs), np.float32) / np.float32(inputs**0.5)

        self._patch = weights(3 * settings.VIT_PATCH**2, d)
        self._layers = [
            (weights(d, 3 * d), weights(d, d), weights(d, 4 * d), weights(4 * d, d))
            for _ in range(settings.VIT_LAYERS)
        ]
        self._places = _sine_positions(settings.GRID, d)

    def encode(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The last block's output [F,S,D] without a final norm, and the attention that every token
        received there [F,S], mean over heads and queries."""
        tokens, received = zip(*(self._encode_one(picture) for picture in pictures))
        return np.stack(tokens), np.stack(received)

    def _encode_one(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = _patches(picture) @ self._patch + self._places
        for qkv, out, up, down in self._layers:
            attended, attention = _attend(_norm(x) @ qkv)
            x = x + attended @ out
            x = x + _gelu(_norm(x) @ up) @ down
        return x, attention.mean((0, 1))


def _patches(picture: np.ndarray) -> np.ndarray:
    """[S, 3 * patch^2] from a picture of twice the patch's resolution, values about -2 to 2."""
    grid, side = settings.GRID, settings.VIT_PATCH
    half = picture.reshape(grid * side, 2, grid * side, 2, 3).mean((1, 3), dtype=np.float32)
    cut = half.reshape(grid, side, grid, side, 3).swapaxes(1, 2).reshape(grid * grid, -1)
    return (cut / 255 - np.float32(0.5)) / np.float32(0.25)


def _attend(qkv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[S,D] attended, [heads,S,S] attention."""
    heads = settings.VIT_HEADS
    rows, width = qkv.shape[0], qkv.shape[1] // 3
    q, k, v = qkv.reshape(rows, 3, heads, width // heads).transpose(1, 2, 0, 3)
    attention = softmax(q @ k.swapaxes(1, 2) / np.float32((width // heads) ** 0.5))
    return (attention @ v).swapaxes(0, 1).reshape(rows, width), attention


def _norm(x: np.ndarray) -> np.ndarray:
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(1e-6))


def _gelu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-1.702 * x))


def _sine_positions(grid: int, width: int) -> np.ndarray:
    """[grid^2, width]: half of the numbers for the row, half for the column."""
    frequency = 100.0 ** (-np.arange(width // 4) / (width // 4))
    angle = np.arange(grid)[:, None] * frequency
    wave = np.concatenate([np.sin(angle), np.cos(angle)], 1)
    rows, columns = np.divmod(np.arange(grid * grid), grid)
    return np.concatenate([wave[rows], wave[columns]], 1).astype(np.float32)
