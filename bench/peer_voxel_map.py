#!/usr/bin/env python3
"""Times a frame of a voxel map in plain PyTorch: the room, camera and sizes of voxel_map_bench.

Needs PyTorch and NumPy:

    python bench/peer_voxel_map.py --threads 1 --voxel-size 0.2

Timed per frame: a place for each patch from one depth pixel (the published top left one, not a robust one),
one key per cell, and the patches' features added to the sums of a map that exists: known cells by
`searchsorted` and `index_add_`, new ones by sorting them in. It removes nothing and reports nothing. Prints
one line of JSON.
"""

import argparse
import json
import os
import statistics
import sys
import time

from peer_holitom import TUNED_ALLOCATOR

FRAMES, SIDE, WIDTH = 48, 24, 1024
IMAGE_WIDTH, IMAGE_HEIGHT = 640, 480
FX, CX, CY = 585.0, 319.5, 239.5
BOXES = [
    ((-3, -2.5, 0), (3, 2.5, 2.6)),
    ((0.8, -0.5, 0), (1.8, 0.6, 0.75)),
    ((-2.9, -2, 0), (-2.3, -0.5, 1.9)),
    ((-1.4, 1.3, 0), (-0.9, 1.8, 0.45)),
]


def camera_pose(np, frame):
    angle = 2 * np.pi * frame / FRAMES + 0.01
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[s, 0, c, 0.4 * c], [-c, 0, s, 0.4 * s], [0, -1, 0, 1.4], [0, 0, 0, 1]])


def depth_image(np, pose):
    """[H,W] f32: the first surface along each ray, from inside the room."""
    u, v = np.meshgrid(np.arange(IMAGE_WIDTH), np.arange(IMAGE_HEIGHT))
    rays = np.stack([(u - CX) / FX, (v - CY) / FX, np.ones_like(u, float)], -1) @ pose[:3, :3].T
    eye = pose[:3, 3]
    nearest = np.full(u.shape, np.inf)
    for low, high in BOXES:
        with np.errstate(divide="ignore"):
            a, b = (np.array(low) - eye) / rays, (np.array(high) - eye) / rays
        enter, leave = np.minimum(a, b).max(-1), np.maximum(a, b).min(-1)
        hit = np.where(enter > 0, enter, leave)
        nearest = np.where((enter < leave) & (leave > 0), np.minimum(nearest, hit), nearest)
    return nearest.astype(np.float32)


class Map:
    """Sums per cell, cells in ascending order of their key."""

    def __init__(self, torch, voxel_size, room):
        self.torch, self.voxel_size, self.cells = torch, voxel_size, 0
        self.keys = torch.full((room,), torch.iinfo(torch.int64).max)
        self.slots = torch.zeros(room, dtype=torch.int64)
        self.sums, self.counts = torch.zeros(room, WIDTH), torch.zeros(room)

    def integrate(self, depth, pose, features):
        torch = self.torch
        rows = torch.arange(SIDE) * IMAGE_HEIGHT // SIDE
        columns = torch.arange(SIDE) * IMAGE_WIDTH // SIDE
        z = depth[rows[:, None], columns[None, :]]
        x, y = (columns[None, :] - CX) * z / FX, (rows[:, None] - CY) * z / FX
        world = torch.stack([x, y, z], -1).reshape(-1, 3) @ pose[:3, :3].T + pose[:3, 3]
        cells = torch.round(world / self.voxel_size).to(torch.int64) + (1 << 20)
        keys = (cells[:, 0] << 42) | (cells[:, 1] << 21) | cells[:, 2]
        at = torch.searchsorted(self.keys, keys)
        unknown = self.keys[at] != keys
        if unknown.any():
            new = torch.unique(keys[unknown])
            slots = torch.arange(self.cells, self.cells + len(new))
            merged, order = torch.sort(torch.cat([self.keys[: self.cells], new]))
            self.slots[: len(merged)] = torch.cat([self.slots[: self.cells], slots])[order]
            self.keys[: len(merged)] = merged
            self.cells = len(merged)
            at = torch.searchsorted(self.keys, keys)
        slots = self.slots[at]
        self.sums.index_add_(0, slots, features)
        self.counts.index_add_(0, slots, torch.ones(len(slots)))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--voxel-size", type=float, default=0.2)
    arguments = parser.parse_args()
    if "MALLOC_TRIM_THRESHOLD_" not in os.environ:
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | TUNED_ALLOCATOR)
    import numpy as np
    import torch

    from planted_video import planted_video

    torch.set_num_threads(arguments.threads)
    planted = torch.from_numpy(planted_video(FRAMES, SIDE**2, WIDTH)[0])
    poses = [camera_pose(np, frame) for frame in range(FRAMES)]
    depths = [torch.from_numpy(depth_image(np, pose)) for pose in poses]
    poses = [torch.from_numpy(pose.astype(np.float32)) for pose in poses]
    milliseconds = []
    with torch.inference_mode():
        voxels = Map(torch, arguments.voxel_size, 40_000)
        for step in range(12 * FRAMES):
            f = step % FRAMES
            begin = time.perf_counter()
            voxels.integrate(depths[f], poses[f], planted[f])
            if step >= 2 * FRAMES:
                milliseconds.append(1e3 * (time.perf_counter() - begin))
    print(json.dumps({
        "what": "PyTorch voxel map, a frame",
        "torch": torch.__version__,
        "threads": arguments.threads,
        "voxel_size": arguments.voxel_size,
        "voxels": voxels.cells,
        "median_ms": round(statistics.median(milliseconds), 3),
        "min_ms": round(min(milliseconds), 3),
        "max_ms": round(max(milliseconds), 3),
    }))


if __name__ == "__main__":
    main()
