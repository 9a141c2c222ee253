"""Tensors of NumPy, PyTorch and whatever else speaks DLPack, in and out without a copy."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from .errors import InputError

Array: TypeAlias = Any
"""A NumPy array, a PyTorch tensor, or another object with `__dlpack__`; on the CPU unless said."""

Wrap: TypeAlias = Callable[[Any], Array]
"""Turns the engine's memory into one framework's tensor, without a copy."""


def _torch() -> Any:
    """PyTorch if somebody imported it: whoever hands over a tensor of it has."""
    return sys.modules.get("torch")


def is_torch(value: Any) -> bool:
    torch = _torch()
    return torch is not None and isinstance(value, torch.Tensor)


def to_numpy(tensor: Any) -> np.ndarray:
    try:
        return np.asarray(memoryview(tensor))
    except (BufferError, ValueError, TypeError) as error:
        raise InputError(
            "tensor: is bfloat16, which NumPy does not have; expected framework='torch'"
        ) from error


def to_torch(tensor: Any) -> Array:
    try:
        import torch
    except ImportError as error:
        raise InputError("framework: PyTorch is not installed; expected 'numpy'") from error
    return torch.from_dlpack(tensor)


def framework_of(*values: Any) -> Wrap:
    """How results are wrapped: as PyTorch tensors if any of the values is one, else for NumPy."""
    return to_torch if any(is_torch(value) for value in values) else to_numpy


def framework_named(name: str) -> Wrap:
    try:
        return {"numpy": to_numpy, "torch": to_torch}[name]
    except (KeyError, TypeError):
        raise InputError(f"framework: is {name!r}; expected 'numpy' or 'torch'") from None


def as_input(value: Array, name: str) -> Any:
    """What the engine can read, sharing the memory of `value`.

    The one case with a copy: a tensor with gaps or in another order (strided) is made contiguous.
    Raises InputError naming the argument for what no framework can export.
    """
    if is_torch(value):
        return _torch_input(value, name)
    if isinstance(value, np.ndarray):
        return _numpy_input(value, name)
    if hasattr(value, "__dlpack__"):
        return value
    raise InputError(
        f"{name}: is a {type(value).__name__}; expected a NumPy array, a PyTorch tensor, "
        "or another that speaks DLPack"
    )


def as_optional(value: Array | None, name: str) -> Any:
    """As `as_input`; None stays None."""
    return None if value is None else as_input(value, name)


def as_indices(value: Array | Sequence[int] | None, name: str) -> Any:
    """As `as_optional`, and lists of whole numbers as well."""
    if not isinstance(value, (list, tuple, range)):
        return as_optional(value, name)
    if len(value) == 0:
        return np.empty(0, np.int64)
    indices = np.asarray(value)
    if indices.ndim != 1 or indices.dtype.kind not in "iu":
        raise InputError(f"{name}: is {value!r}; expected a list of whole numbers")
    return indices.astype(np.int64)


def dense_torch(value: Any, name: str) -> Any:
    """The tensor itself, or a copy on its device if it has gaps or another order."""
    if value.layout is not _torch().strided:
        raise InputError(f"{name}: is a tensor of {value.layout}; expected a dense one")
    return value.detach().resolve_conj().resolve_neg().contiguous()


def _torch_input(value: Any, name: str) -> Any:
    if value.device.type != "cpu":
        raise InputError(
            f"{name}: is on {value.device}; expected host memory (.cpu()), where this is computed"
        )
    return dense_torch(value, name)


def _numpy_input(value: np.ndarray, name: str) -> np.ndarray:
    if value.dtype.name == "bfloat16":
        raise InputError(
            f"{name}: is bfloat16, which NumPy can't export; expected a PyTorch tensor for "
            "bfloat16, or float16 or float32"
        )
    if value.dtype.kind not in "fiub" or not value.dtype.isnative:
        raise InputError(f"{name}: has type {value.dtype}; expected floats or integers")
    if value.flags.c_contiguous and value.flags.aligned:
        return value
    return np.require(value, requirements=["C", "A"])
