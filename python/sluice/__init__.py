"""Decides which vision tokens a multimodal model gets to see.

    kept = sluice.reduce(features, attention, retain=0.10)

NumPy arrays and PyTorch tensors go in and out without a copy, but for one that has gaps (strided),
and for frames that a VideoReducer holds unless told otherwise. Errors are InputError (a ValueError)
and EngineError (a RuntimeError). Objects may be used by one thread at a time; different objects,
and functions, by as many as you like: the GIL is released during the work. An interrupt (Ctrl-C)
ends long calls early, with KeyboardInterrupt, and leaves everything usable.
"""

from importlib import import_module
from typing import Any

from ._engine import __version__, set_threads, threads
from .calibration import Calibration, LayerFlow, TokenLayout, calibrate
from .errors import EngineError, InputError
from .in_model import InnerMerge, StageDecision, inner_merge, stage_gate
from .memory import MemoryChapter, MemoryCounts, TokenMemory
from .packets import (
    Feedback,
    Packet,
    PacketCheck,
    SourceFeedback,
    decode,
    encode,
    feedback_on,
)
from .reduction import HolitomParameters, Reduction, Segment, reduce
from .schedules import (
    GateSchedule,
    GateStage,
    GateStep,
    LayerCounts,
    LayerPercents,
    ModelSize,
    StagedRatios,
    schedule_presets,
)
from .selection import maxmin
from .sockets import CurveClient, ModelLink, Receiver, Sender
from .tick_options import (
    AttentionHistoryOptions,
    BudgetOptions,
    LatencyModelOptions,
    NoveltyOptions,
    TickOptions,
    TickSource,
)
from .ticks import Tick, TickEngine, TickTokens
from .tokens import DropReason, KeepReason, Source, TokenKind, Tokens
from .totals import Totals
from .video import VideoOptions, VideoReducer, VideoSegment
from .voxels import VoxelTokens, voxel_pool

# What needs PyTorch or transformers is imported when it is first asked for.
_LAZY = {name: "pruning" for name in ("PrunedPrompt", "PrunedVisual", "Pruning", "prune")}
_LAZY |= {name: "benchmark" for name in ("BenchResult", "BenchRow", "bench")}


def __getattr__(name: str) -> Any:
    if name == "vllm":
        return import_module(".vllm", __name__)
    if name not in _LAZY:
        raise AttributeError(f"module 'sluice' has no attribute {name!r}")
    return getattr(import_module(f".{_LAZY[name]}", __name__), name)


__all__ = [
    "AttentionHistoryOptions",
    "BudgetOptions",
    "Calibration",
    "CurveClient",
    "DropReason",
    "EngineError",
    "Feedback",
    "GateSchedule",
    "GateStage",
    "GateStep",
    "HolitomParameters",
    "InnerMerge",
    "InputError",
    "KeepReason",
    "LatencyModelOptions",
    "LayerCounts",
    "LayerFlow",
    "LayerPercents",
    "MemoryChapter",
    "MemoryCounts",
    "ModelLink",
    "ModelSize",
    "NoveltyOptions",
    "Packet",
    "PacketCheck",
    "Receiver",
    "Reduction",
    "Segment",
    "Sender",
    "Source",
    "SourceFeedback",
    "StageDecision",
    "StagedRatios",
    "Tick",
    "TickEngine",
    "TickOptions",
    "TickSource",
    "TickTokens",
    "TokenKind",
    "TokenLayout",
    "TokenMemory",
    "Tokens",
    "Totals",
    "VideoOptions",
    "VideoReducer",
    "VideoSegment",
    "VoxelTokens",
    "__version__",
    "calibrate",
    "decode",
    "encode",
    "feedback_on",
    "inner_merge",
    "maxmin",
    "reduce",
    "schedule_presets",
    "set_threads",
    "stage_gate",
    "threads",
    "voxel_pool",
]
