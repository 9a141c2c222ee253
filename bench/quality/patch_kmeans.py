"""Features learned from pixels without labels: whitened small patches, k-means, soft activation.

After Coates, Lee and Ng, "An analysis of single-layer networks in unsupervised feature learning",
2011. One layer, so what it knows is edges, textures and colours.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from . import settings


class PatchKMeans:
    def __init__(self, training: np.ndarray) -> None:
        """training: [F,PIXELS,PIXELS,3] u8."""
        rng = np.random.default_rng(settings.KMEANS_SEED)
        patches = np.concatenate([_fields(picture) for picture in training])
        chosen = rng.choice(len(patches), settings.KMEANS_SAMPLES, replace=False)
        patches = _even_contrast(patches[np.sort(chosen)])
        self._mean = patches.mean(0)
        self._whiten = _whitening(patches - self._mean)
        white = (patches - self._mean) @ self._whiten
        self._centroids = kmeans(white, settings.KMEANS_CENTROIDS, settings.KMEANS_ROUNDS, rng)

    def encode(self, pictures: np.ndarray) -> np.ndarray:
        """[F,S,D]: mean activation over the fields in and around a token's part of the picture."""
        return np.stack([self._encode_one(picture) for picture in pictures])

    def _encode_one(self, picture: np.ndarray) -> np.ndarray:
        white = (_even_contrast(_fields(picture)) - self._mean) @ self._whiten
        distance = np.sqrt(squared_distances(white, self._centroids))
        active = np.maximum(0, distance.mean(1, keepdims=True) - distance)
        return _pool(active)


def kmeans(rows: np.ndarray, clusters: int, rounds: int, rng: np.random.Generator) -> np.ndarray:
    """[clusters,D] by Lloyd's algorithm from a random choice of rows; an empty cluster stays."""
    centres = rows[np.sort(rng.choice(len(rows), clusters, replace=False))].copy()
    for _ in range(rounds):
        nearest = squared_distances(rows, centres).argmin(1)
        for cluster in range(clusters):
            members = rows[nearest == cluster]
            if len(members):
                centres[cluster] = members.mean(0)
    return centres


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[len(a), len(b)]"""
    squares = (a * a).sum(1)[:, None] + (b * b).sum(1)[None] - 2 * (a @ b.T)
    return np.maximum(squares, 0)


def _fields(picture: np.ndarray) -> np.ndarray:
    """[fields^2, field^2 * 3] f32: all receptive fields of the picture at 224 x 224."""
    side, field = settings.PIXELS // 2, settings.KMEANS_FIELD
    half = picture.reshape(side, 2, side, 2, 3).mean((1, 3), dtype=np.float32)
    windows = sliding_window_view(half, (field, field), (0, 1))
    return windows[:: settings.KMEANS_STRIDE, :: settings.KMEANS_STRIDE].reshape(
        -1, 3 * field * field
    )


def _even_contrast(patches: np.ndarray) -> np.ndarray:
    patches = patches - patches.mean(1, keepdims=True)
    return patches / np.sqrt(patches.var(1, keepdims=True) + 10)


def _whitening(centred: np.ndarray) -> np.ndarray:
    variance, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    scale = 1 / np.sqrt(np.maximum(variance, 0) + settings.WHITENING)
    return ((axes * scale) @ axes.T).astype(np.float32)


def _pool(active: np.ndarray) -> np.ndarray:
    """[S,D]: five by five fields per token, which overlap with the neighbours' by one."""
    fields = int(len(active) ** 0.5)
    grid = active.reshape(fields, fields, -1)
    per_token = settings.PIXELS // 2 // settings.GRID // settings.KMEANS_STRIDE
    pooled = [
        grid[_window(row, per_token, fields), _window(column, per_token, fields)].mean((0, 1))
        for row in range(settings.GRID)
        for column in range(settings.GRID)
    ]
    return np.asarray(pooled, np.float32)


def _window(index: int, per_token: int, fields: int) -> slice:
    return slice(max(0, index * per_token - 1), min(fields, (index + 1) * per_token))
