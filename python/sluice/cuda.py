"""Tensors on a CUDA device: handed over by DLPack in both directions, without a copy.

Order between streams is DLPack's: the input is asked for with the engine's stream, which its owner
makes wait for whatever it still does with the memory. The host doesn't wait. The engine returns
when its own stream is done, so whoever takes the result has nothing to wait for.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from . import _engine
from .errors import InputError
from .tensors import Array, Wrap, as_optional, dense_torch, is_torch, to_torch

_DLPACK_CUDA = 2


def cuda_device(value: Any) -> int | None:
    """The number of the CUDA device that a tensor lies on; None for everything else."""
    if isinstance(value, np.ndarray) or not hasattr(type(value), "__dlpack_device__"):
        return None
    try:
        kind, index = value.__dlpack_device__()
    except Exception:  # a tensor without memory, say: whoever reads it explains what is wrong
        return None
    return int(index) if int(kind) == _DLPACK_CUDA else None


def framework_on_cuda(value: Array) -> Wrap:
    """How a result on the device of `value` is wrapped: as what that is."""
    if is_torch(value):
        return to_torch
    namespace: Any = (
        value.__array_namespace__()
        if hasattr(value, "__array_namespace__")
        else sys.modules.get(type(value).__module__.partition(".")[0])
    )
    try:
        return namespace.from_dlpack
    except AttributeError:
        raise InputError(
            f"features: is a {type(value).__name__} on a CUDA device; expected a PyTorch tensor, "
            "or an array of a library with from_dlpack()"
        ) from None


def reduce_on_cuda(features: Array, attention: Array | None, parameters: Any) -> dict[str, Any]:
    """What `_engine.reduce` returns, but with the kept features on the device of `features`.

    `attention` may be on the same device or on the host.
    """
    device = cuda_device(features)
    engine: Any = _engine  # checked without CUDA
    if not hasattr(engine, "reduce_on_cuda"):
        raise InputError(
            f"features: is on cuda:{device}; expected host memory (.cpu()): this package was built "
            "without CUDA (SLUICE_CUDA=ON builds it with)"
        )
    elsewhere = cuda_device(attention)
    if elsewhere is not None and elsewhere != device:
        raise InputError(
            f"attention: is on cuda:{elsewhere}; expected cuda:{device}, where the features are, "
            "or host memory"
        )
    stream = engine.CudaStream(device)
    if elsewhere is None:
        scores = as_optional(attention, "attention")
    else:
        scores = _export(_as_float32(attention), "attention", stream)
    exported = _export(features, "features", stream)
    return engine.reduce_on_cuda(stream, exported, scores, parameters)


def _export(value: Array, name: str, stream: Any) -> Any:
    """A DLPack capsule that `stream` may read."""
    if is_torch(value):
        torch = sys.modules["torch"]
        with torch.cuda.device(value.device):  # PyTorch exports from its current device only
            return dense_torch(value, name).__dlpack__(stream=stream.handle)
    try:
        return value.__dlpack__(stream=stream.handle)
    except (BufferError, TypeError, ValueError) as error:
        raise InputError(
            f"{name}: can't be exported by {type(value).__name__} ({error}); expected a dense "
            "tensor that speaks DLPack"
        ) from error


def _as_float32(value: Array) -> Array:
    if is_torch(value) and value.is_floating_point():
        return value.float()
    return value
