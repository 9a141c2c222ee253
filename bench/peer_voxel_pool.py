#!/usr/bin/env python3
"""Times voxel pooling in plain PyTorch on the inputs of voxel_pool_bench, on this machine.

Needs PyTorch and NumPy:

    python bench/peer_voxel_pool.py --threads 2 --dtype f32

Timed: from features and places in memory until each voxel's mean feature exists, in two ways. `index_add`
is what LLaVA-3D's pooling comes down to: round, `unique` with inverse and counts, `index_add_`, divide.
`sorted` does without the scattered additions: a stable sort, gather, `segment_reduce`. Both use one packed
key per cell and sums in f32, and run after warm-up with an allocator that keeps its memory. Prints one line
of JSON per way; the means are compared with double-precision ones.
"""

import argparse
import json
import os
import statistics
import sys
import time

from peer_holitom import TUNED_ALLOCATOR

VIEWS, SIDE, WIDTH, VOXEL_SIZE = 20, 24, 1024, 0.2


def jitter(np, index):
    """f32 in [0, 1), 24 bits each."""
    bits = (index.astype(np.uint64) * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)
    return (bits >> np.uint64(8)).astype(np.float32) * np.float32(2.0**-24)


def places(np):
    """xyz [V*576,3] f32, bit for bit those of voxel_pool_bench.cpp."""
    f32 = np.float32
    i = np.arange(VIEWS * SIDE * SIDE)
    view, row, column = (
        part.astype(f32) for part in (i // SIDE**2, i % SIDE**2 // SIDE, i % SIDE)
    )
    along = f32(1.1) * view + f32(3.2) / f32(24) * (column + jitter(np, i))
    while (along >= 22).any():
        along = np.where(along >= 22, along - f32(22), along)
    depth = f32(0.04) * jitter(np, 3 * i + 1)
    walls = [along < 6, along < 11, along < 17]
    x = np.select(walls, [along, f32(6) - depth, f32(17) - along], depth)
    y = np.select(walls, [depth, along - f32(6), f32(5) - depth], f32(22) - along)
    z = f32(2.7) / f32(24) * (row + jitter(np, 3 * i + 2))
    return np.stack([x, y, z], axis=1).astype(f32)


def cell_keys(torch, xyz):
    """One number per cell: faster than `unique` over rows of three."""
    cells = torch.round(xyz / VOXEL_SIZE).to(torch.int64) + (1 << 20)
    return (cells[:, 0] << 42) | (cells[:, 1] << 21) | cells[:, 2]


def index_add(torch, features, xyz, sum_type=None):
    voxels, voxel, count = torch.unique(
        cell_keys(torch, xyz), return_inverse=True, return_counts=True
    )
    sum_type = sum_type or torch.float32
    sums = torch.zeros(len(voxels), features.shape[1], dtype=sum_type)
    sums.index_add_(0, voxel, features.to(sum_type))
    return sums.div_(count[:, None]).to(features.dtype if sum_type == torch.float32 else sum_type)


def sort_and_reduce(torch, features, xyz):
    key, order = torch.sort(cell_keys(torch, xyz), stable=True)
    _, count = torch.unique_consecutive(key, return_counts=True)
    rows = features.index_select(0, order).float()
    return torch.segment_reduce(rows, "mean", lengths=count, axis=0).to(features.dtype)


def largest_error(torch, features, xyz, pooled):
    exact = index_add(torch, features, xyz, torch.float64)
    return float((pooled.double() - exact).abs().max())


def time_way(torch, name, way, features, xyz, arguments, checksums):
    for _ in range(arguments.warmup):
        pooled = way(torch, features, xyz)
    milliseconds = []
    for _ in range(arguments.repeat):
        begin = time.perf_counter()
        pooled = way(torch, features, xyz)
        milliseconds.append(1e3 * (time.perf_counter() - begin))
    return {
        "what": f"PyTorch voxel pooling, {name}",
        "torch": torch.__version__,
        "threads": arguments.threads,
        "dtype": arguments.dtype,
        "allocator": "default" if arguments.default_allocator else "tuned",
        "shape": list(features.shape),
        **checksums,
        "voxels": len(pooled),
        "largest_error": largest_error(torch, features, xyz, pooled),
        "repeats": arguments.repeat,
        "median_ms": round(statistics.median(milliseconds), 3),
        "min_ms": round(min(milliseconds), 3),
        "max_ms": round(max(milliseconds), 3),
    }


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--dtype", choices=["f32", "bf16", "f16"], default="f32")
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=50)
    parser.add_argument(
        "--default-allocator", action="store_true", help="leave the allocator's settings alone"
    )
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if not arguments.default_allocator and "MALLOC_TRIM_THRESHOLD_" not in os.environ:
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | TUNED_ALLOCATOR)
    import numpy as np
    import torch

    from planted_video import checksum, planted_video

    torch.set_num_threads(arguments.threads)
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[arguments.dtype]
    planted, _ = planted_video(VIEWS, SIDE**2, WIDTH)
    planted = planted.reshape(-1, WIDTH)
    positions = places(np)
    checksums = {"features_checksum": checksum(planted), "places_checksum": checksum(positions)}
    features = torch.from_numpy(planted).to(dtype)
    xyz = torch.from_numpy(positions)
    with torch.inference_mode():
        for name, way in {"index_add": index_add, "sorted": sort_and_reduce}.items():
            print(json.dumps(time_way(torch, name, way, features, xyz, arguments, checksums)))


if __name__ == "__main__":
    main()
