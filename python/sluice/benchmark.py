"""`sluice.bench(model, processor, video)`: does pruning pay, on this model and this machine?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .benchmarks.result import BenchResult, BenchRow, Spread, StageTimes

if TYPE_CHECKING:
    from torch import nn

__all__ = ["BenchResult", "BenchRow", "Spread", "StageTimes", "bench"]


def bench(
    model: nn.Module,
    processor: Any,
    video: Any,
    *,
    prompt: str = "Describe what happens in the video.",
    retain: Sequence[float] = (1.0, 0.5, 0.25, 0.15, 0.10),
    new_tokens: int = 32,
    baselines: Sequence[str] = ("uniform frames", "downsampling", "adjacent frames"),
    repeats: int = 5,
    warmup: int = 1,
    **options: Any,
) -> BenchResult:
    """Measures `generate()` with and without pruning, and shows where pruning does not pay.

        print(sluice.bench(model, processor, "video.mp4"))

    Each budget, and each baseline with exactly as many tokens, is a real run of the whole model.
    Its time is taken in four stages that add up to the whole call: vision (all until the language
    model's inputs exist), reduction (choosing and taking tokens, copies between devices included),
    prefill and decode (both with what the pruning's hooks cost). Not included: reading the video,
    the processor, and moving its output to the device.

    Baselines, by name:
        uniform frames: fewer frames, evenly taken, are encoded at all; what is over of the last
            ones is thinned evenly.
        downsampling: smaller frames where the encoder takes any size; means over neighbours behind
            it, for the rest.
        adjacent frames: of all frames, what is least similar to the same place one frame earlier;
            the flag that inference servers offer.

    Args:
        model: one that `sluice.prune` takes, and that takes videos.
        processor: the model's own.
        video: frames [T,H,W,3] uint8, a list of images, or a path that the processor can read;
            of a path, frames are sampled as the processor does.
        prompt: text of the user; or the whole prompt, if the processor's video token is in it.
        retain: budgets, shares in (0, 1]. 1.0, no pruning, is measured in any case.
        new_tokens: generated in each run, whatever they are.
        repeats: rounds; in each, all ways take turns, another one first.
        warmup: runs of each way before.
        options: of `sluice.prune`, for our rows.

    Raises InputError naming the argument.
    """
    try:
        from .benchmarks.plan import Plan
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"sluice.bench needs PyTorch and transformers 5: {error}", name=error.name
        ) from error

    plan = Plan(model, processor, video, prompt, retain, new_tokens, baselines, options)
    return plan.run(repeats, warmup)
