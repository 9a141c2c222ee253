#!/usr/bin/env python3
"""Runs `sluice reduce` on random inputs and compares every output with the NumPy oracle.

    check_reduce.py --sluice build/release/bin/sluice [--cases 60] [--seed 1]

Integers must be equal; features may differ by rounding. Prints the seed of a case that fails.
"""

import argparse
import dataclasses
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

import holitom_oracle as oracle

INTEGERS = ("frame", "frame_last", "position", "weight", "kind", "segments", "assignment")
DTYPES = {"frame": "I32", "frame_last": "I32", "position": "I32", "weight": "I64", "kind": "U8"}
# One rounding to the stored type, and sums in f32 on the way.
TOLERANCE = {"F32": 2e-6, "F16": 1.2e-3, "BF16": 9e-3}


# --- storage types --------------------------------------------------------------------------------


def to_bf16(values):
    """Nearest even; as u16 bits, because NumPy has no bfloat16."""
    bits = np.asarray(values, np.float32).view(np.uint32)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return np.where(np.isnan(values), np.uint16(0x7FC0), rounded)


def from_bf16(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def write_tensors(path, features, attention, dtype):
    """What the file really holds, as f64: rounding to the stored type is part of the input."""
    tensors = {} if attention is None else {"attention": attention}
    if dtype == "F32":
        save_file(tensors | {"features": features}, path)
        return features.astype(np.float64)
    if dtype == "F16":
        stored = features.astype(np.float16)
        save_file(tensors | {"features": stored}, path)
        return stored.astype(np.float64)
    stored = to_bf16(features)
    write_with_bf16(path, stored, tensors)
    return from_bf16(stored).astype(np.float64)


def write_with_bf16(path, features, tensors):
    """The safetensors layout by hand: header length, JSON header, data."""
    header, blob = {}, b""
    for name, array, dtype in [("features", features, "BF16")] + [
        (n, a, "F32") for n, a in tensors.items()
    ]:
        data = np.ascontiguousarray(array).tobytes()
        header[name] = {
            "dtype": dtype,
            "shape": list(array.shape),
            "data_offsets": [len(blob), len(blob) + len(data)],
        }
        blob += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + blob)


def read_tensors(path):
    """name → (array, dtype name); bf16 as f32."""
    raw = path.read_bytes()
    (length,) = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8 : 8 + length])
    types = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "I32": "<i4", "I64": "<i8", "U8": "u1"}
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        data = np.frombuffer(raw[8 + length + begin : 8 + length + end], types[entry["dtype"]])
        array = data.reshape(entry["shape"])
        tensors[name] = (from_bf16(array) if entry["dtype"] == "BF16" else array, entry["dtype"])
    with safe_open(path, framework="numpy") as check:  # the reference reader accepts the file too
        assert set(check.keys()) == set(tensors)
    return tensors


# --- random cases ---------------------------------------------------------------------------------


@dataclasses.dataclass
class Case:
    features: np.ndarray
    attention: np.ndarray | None
    dtype: str
    parameters: oracle.Parameters


def random_features(rng, frames, positions, width):
    """Runs of frames that look alike in some positions, exact twins among them."""
    features = rng.standard_normal((frames, positions, width))
    calm = rng.random(positions) < rng.random()
    for f in range(1, frames):
        if rng.random() < 0.2:
            calm = rng.random(positions) < rng.random()
        noise = rng.choice([0.0, 0.1, 0.3])
        features[f, calm] = features[f - 1, calm] + noise * rng.standard_normal((calm.sum(), width))
    if rng.random() < 0.2:
        features[:, positions // 2 :] = features[:, : positions - positions // 2]
    return features.astype(np.float32)


def spoil(rng, features):
    """Zero, NaN and infinite rows."""
    for value in (0.0, np.nan, np.inf):
        hit = rng.random(features.shape[:2]) < rng.choice([0.0, 0.05, 0.3])
        if value == 0.0:
            features[hit] = 0
        else:
            features[hit, rng.integers(features.shape[2])] = value


def random_case(seed):
    rng = np.random.default_rng(seed)
    frames, positions = int(rng.choice([1, 2, 3, 7, 13, 24])), int(rng.choice([1, 2, 5, 12, 30, 49]))
    width = int(rng.choice([1, 3, 8, 33, 64]))
    features = random_features(rng, frames, positions, width)
    spoiled = rng.random() < 0.3
    if spoiled:
        spoil(rng, features)
    attention = None
    if rng.random() < 0.85:
        attention = rng.random((frames, positions)).astype(np.float32)
        if rng.random() < 0.3:  # ties
            attention = np.round(attention * 3).astype(np.float32)
    parameters = oracle.Parameters(
        retain=float(rng.choice([0.01, 0.1, 0.15, 0.25, 0.5, 0.9, 1.0])),
        tau=float(rng.choice([0.5, 0.65, 0.8, 0.95])),
        beta=float(rng.choice([0.0, 0.6, 1.0])),
        knn=int(rng.choice([1, 3, 7, 50])),
        contextual=float(rng.choice([0.0, 0.0, 0.3, 1.0])),
        max_window=int(rng.choice([1, 2, 5, 1024])),
        parity=bool(rng.random() < 0.4),
    )
    dtype = str(rng.choice(["F32", "F16", "BF16"]))
    return Case(features, attention, dtype, parameters)


# --- comparison -----------------------------------------------------------------------------------


def run_sluice(sluice, folder, parameters):
    output = folder / "out.safetensors"
    command = [sluice, "reduce", folder / "in.safetensors", "-o", output, "--method", "holitom"]
    command += ["--retain", repr(parameters.retain), "--tau", repr(parameters.tau)]
    command += ["--beta", repr(parameters.beta), "--knn", str(parameters.knn)]
    command += ["--contextual", repr(parameters.contextual)]
    command += ["--max-window", str(parameters.max_window)]
    command += ["--rounding", "parity" if parameters.parity else "exact"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"exit code {done.returncode}: {done.stderr.strip()}")
    return read_tensors(output)


def require(condition, message):
    if not condition:
        raise AssertionError(message)


def compare(actual, expected, dtype):
    for name in INTEGERS:
        values, _ = actual[name]
        wanted = getattr(expected, name)
        require(
            values.shape == wanted.shape and np.array_equal(values, wanted),
            f"{name}: got {values.tolist()}, expected {wanted.tolist()}",
        )
    for name, wanted in DTYPES.items():
        require(actual[name][1] == wanted, f"{name}: dtype {actual[name][1]}, expected {wanted}")
    features, stored = actual["features"]
    require(stored == dtype, f"features: dtype {stored}, expected {dtype}")
    scale = np.maximum(1, np.abs(expected.features))
    with np.errstate(invalid="ignore"):
        close = np.abs(features - expected.features) <= TOLERANCE[dtype] * scale
    same = close | (features == expected.features) | (np.isnan(features) & np.isnan(expected.features))
    require(same.all(), f"features differ at {np.argwhere(~same)[:3].tolist()}")


def compare_counts(actual, expected):
    """Without attention the engine ranks by its own saliency: how many are kept is still known."""
    require(np.array_equal(actual["segments"][0], expected.segments), "segments differ")
    for name in ("frame", "frame_last", "kind"):
        require(np.array_equal(actual[name][0], getattr(expected, name)), f"{name} differs")
    static = expected.kind == oracle.STATIC
    require(
        np.array_equal(actual["position"][0][static], expected.position[static]),
        "static positions differ",
    )


def check(sluice, seed):
    case = random_case(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        features = write_tensors(
            folder / "in.safetensors", case.features, case.attention, case.dtype
        )
        attention = np.zeros(features.shape[:2]) if case.attention is None else case.attention
        expected = oracle.reduce(features, attention, case.parameters)
        try:
            actual = run_sluice(sluice, folder, case.parameters)
            if case.attention is None:
                compare_counts(actual, expected)
            else:
                compare(actual, expected, case.dtype)
        except AssertionError as error:
            shape = "x".join(map(str, case.features.shape))
            sys.exit(f"seed {seed}: {shape} {case.dtype} {case.parameters}\n{error}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sluice", required=True, help="the executable")
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1, help="of the first case")
    arguments = parser.parse_args()
    for seed in range(arguments.seed, arguments.seed + arguments.cases):
        check(arguments.sluice, seed)
    print(f"{arguments.cases} cases from seed {arguments.seed} equal the oracle")


if __name__ == "__main__":
    main()
