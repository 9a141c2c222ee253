"""Max-min diversity (VLA-Pruner, arXiv 2511.16449)."""

from __future__ import annotations

from collections.abc import Sequence

from . import _engine
from .in_model import count_of
from .tensors import Array, as_indices, as_input, framework_of


def maxmin(features: Array, keep: int, candidates: Array | Sequence[int] | None = None) -> Array:
    """The `keep` rows that are farthest from each other by cosine: [keep] int64, ascending.

    First the row whose nearest other row is farthest; then always the row farthest from the nearest
    of those chosen. Ties go to the lowest row; near-duplicates are told apart in double precision,
    so that every machine chooses the same. The cosine with a zero row is 0.

    Args:
        features: [N,D] float32, float16 or bfloat16.
        keep: 0 to N, or to the number of candidates.
        candidates: ascending rows to choose from; None: all.

    Rows with NaN or infinity are chosen only when nothing else is left. Raises InputError naming
    the argument.
    """
    wrap = framework_of(features)
    return wrap(
        _engine.maxmin(
            as_input(features, "features"),
            count_of(keep, "keep"),
            as_indices(candidates, "candidates"),
        )
    )
