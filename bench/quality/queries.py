"""What attention is asked for: at random, and for things that are in the same recording.

Structured queries come from held-out frames, which no method has seen.
"""

from dataclasses import dataclass

import numpy as np

from . import settings
from .measures import attention_output, sharpness, softmax, unit_rows
from .patch_kmeans import kmeans


@dataclass(frozen=True)
class QuerySet:
    name: str
    queries: np.ndarray
    """[Q,D]"""
    scale: float
    """of the inner products, 1 / temperature: such that attention has the stated spread"""
    attention: np.ndarray
    """[Q,N] over all tokens"""
    output: np.ndarray
    """[Q,D] over all tokens"""


def query_sets(features: np.ndarray, held_out: np.ndarray) -> list[QuerySet]:
    """features: all frames read [R,S,D]; held_out [R] bool."""
    rng = np.random.default_rng(settings.QUERY_SEED)
    keys = features[~held_out].reshape(-1, features.shape[2])
    tokens = features[held_out].reshape(-1, features.shape[2])
    patches = tokens[np.sort(rng.choice(len(tokens), settings.PATCH_QUERIES, replace=False))]
    centroids = kmeans(tokens, settings.CENTROID_QUERIES, settings.KMEANS_ROUNDS, rng)
    regions = changed_regions(features, held_out, settings.CHANGED_SHARE)
    means = np.concatenate([regions, centroids])
    spread = settings.ATTENTION_SPREAD
    return [
        _ask("random", gaussian_like(keys, settings.RANDOM_QUERIES, rng), keys, spread),
        _ask("patches", patches, keys, spread),
        _ask("means", means, keys, spread),
        _ask("sharp", patches, keys, settings.SHARP_SPREAD),
    ]


def gaussian_like(rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """[count,D] normal, with mean and covariance of the rows."""
    mean = rows.mean(0)
    mixed = rng.standard_normal((count, len(rows)), np.float32) @ (rows - mean)
    return mean + mixed / np.float32(len(rows) ** 0.5)


def changed_regions(features: np.ndarray, held_out: np.ndarray, share: float) -> np.ndarray:
    """[held-out frames, D]: mean over the positions that are least like in the frame before."""
    regions = []
    for frame in np.flatnonzero(held_out):
        if frame > 0:
            now, before = features[frame], features[frame - 1]
            same = (unit_rows(now) * unit_rows(before)).sum(1)
            most = np.argsort(same, kind="stable")[: max(1, round(share * len(same)))]
            regions.append(now[most].mean(0))
    return np.asarray(regions, features.dtype)


def _ask(name: str, queries: np.ndarray, keys: np.ndarray, spread: float) -> QuerySet:
    logits = queries @ keys.T
    scale = sharpness(logits, spread)
    output = attention_output(queries, keys, scale)
    return QuerySet(name, queries, scale, softmax(logits * scale), output)
