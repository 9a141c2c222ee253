"""Patches with places become voxel tokens (LLaVA-3D's pooling, AdaToken-3D arXiv 2505.12782)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from . import _engine
from .tensors import Array, as_indices, as_input, as_optional, framework_of
from .tokens import Tokens, tokens_from


@dataclass(frozen=True, eq=False)
class VoxelTokens:
    """One token per voxel, ordered by x, then y, then z."""

    tokens: Tokens
    """Mean features of each voxel's points, at their mean place; `weight` counts them."""
    views: Array
    """[n] int32: in how many frames each voxel was seen."""
    assignment: Array
    """[N] int32: row in `tokens` that each point went to, or a DropReason below 0."""
    voxels: int
    """Voxels there were before `max_tokens`."""

    @property
    def features(self) -> Array:
        """[n,D] in the type and framework of the input."""
        return self.tokens.features


def voxel_pool(
    features: Array,
    xyz: Array,
    size: float = 0.2,
    *,
    frame: Array | None = None,
    pts: Array | None = None,
    max_tokens: int = 0,
    cap: Literal["farthest", "sampled"] = "farthest",
    seed: int = 0,
) -> VoxelTokens:
    """Merges points that share a cube of space into one token.

    Args:
        features: [N,D] float32, float16 or bfloat16.
        xyz: [N,3] of any float type: metres in the world; NaN where a point has no place.
        size: edge of a voxel in metres: rooms 0.2 as published, table tops 0.03, robots 0.02.
        frame: [N] integers: the frame that each point was seen in; None: all in one.
        pts: [N]: seconds, of those frames; None: frame numbers.
        max_tokens: above it, `cap` decides which voxels stay; 0: no cap.
        cap: `farthest`: those that cover the space best. `sampled`: drawn from `seed`, as
            published.

    Points without a place, beyond what a voxel key can name, and with NaN or infinity among their
    features are in no token; `assignment` says why. Raises InputError naming the argument.
    """
    wrap = framework_of(features)
    result = _engine.voxel_pool(
        as_input(features, "features"),
        as_input(xyz, "xyz"),
        as_indices(frame, "frame"),
        as_optional(pts, "pts"),
        size,
        max_tokens,
        cap,
        seed,
    )
    return VoxelTokens(
        tokens_from(result["columns"], result["source"], wrap),
        wrap(result["views"]),
        wrap(result["assignment"]),
        result["voxels"],
    )
