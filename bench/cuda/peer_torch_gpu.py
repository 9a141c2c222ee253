#!/usr/bin/env python3
"""Times plain PyTorch on a GPU, on the inputs of cuda_bench: the redundancy pass, max-min selection, and
voxel pooling.

    python bench/cuda/peer_torch_gpu.py --dtype f16

The ways are those of the CPU's benchmarks: `tuned` selection (bench/peer_vla_pruner.py), pooling by
`index_add` and by sorting (bench/peer_voxel_pool.py); the redundancy pass is `cosine_similarity` of
neighbouring frames. Timed from inputs on the device until the results are there (bits, kept indices,
means), with the device waited for. Prints one line of JSON per way.
"""

import argparse

from gpu_peers import (
    Clock,
    add_common_options,
    checksum,
    percentiles,
    planted_clip,
    repeat,
    report,
    timed,
    torch_dtype,
)
from peer_vla_pruner import distances, max_min_tuned
from peer_voxel_pool import SIDE, VIEWS, WIDTH, cell_keys, places, sort_and_reduce

CLIPS = ((32, 196, 3584), (64, 169, 3584), (1024, 196, 3584))
TOKENS, TOKEN_WIDTH, KEEP, TAU = 256, 4096, 64, 0.8


class Bench:
    def __init__(self, torch, arguments):
        self.torch = torch
        self.arguments = arguments
        self.clock = Clock(torch, arguments.device)

    def planted(self, shape):
        """features in the wanted type, and the checksum of what they were made from."""
        features, _ = planted_clip(self.torch, *shape, self.arguments.device)
        return features.to(torch_dtype(self.torch, self.arguments.dtype)), checksum(
            self.torch, features
        )

    def run(self, what, way, shape, bits, work):
        fields = {
            "what": what,
            "way": way,
            "dtype": self.arguments.dtype,
            "shape": list(shape),
            "features_checksum": bits,
        }
        try:
            times = repeat(
                self.clock, timed(self.clock, work), self.arguments.repeats, self.arguments.seconds
            )
            fields["wall_ms"] = percentiles(times)
        except RuntimeError as error:  # out of memory, too
            fields["error"] = str(error).splitlines()[0]
        report(self.torch, self.arguments.device, **fields)


def redundancy(bench, shape):
    features, bits = bench.planted(shape)
    cosine = bench.torch.nn.functional.cosine_similarity
    bench.run(
        "redundancy pass",
        "cosine_similarity",
        shape,
        bits,
        lambda: cosine(features[:-1], features[1:], dim=-1) > TAU,
    )


def selection(bench, cameras):
    torch = bench.torch
    shape = (cameras, TOKENS, TOKEN_WIDTH)
    features, bits = bench.planted(shape)

    def select():  # until the indices are on the host, as a packet needs them
        kept = [max_min_tuned(torch, distances(torch, rows), KEEP) for rows in features]
        return torch.stack(kept).sort().values.cpu()

    bench.run("max-min selection", "tuned PyTorch", shape, bits, select)


def index_add(torch, features, xyz):
    voxels, voxel, count = torch.unique(
        cell_keys(torch, xyz), return_inverse=True, return_counts=True
    )
    sums = features.new_zeros(len(voxels), features.shape[1], dtype=torch.float32)
    sums.index_add_(0, voxel, features.float())
    return sums.div_(count[:, None]).to(features.dtype)


def voxels(bench):
    import numpy

    torch = bench.torch
    shape = (VIEWS, SIDE**2, WIDTH)
    features, bits = bench.planted(shape)
    features = features.reshape(-1, WIDTH)
    xyz = torch.from_numpy(places(numpy)).to(bench.arguments.device)
    for way, pool in {"index_add": index_add, "sorted": sort_and_reduce}.items():
        bench.run("voxel pooling", way, shape, bits, lambda: pool(torch, features, xyz))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_common_options(parser)
    parser.add_argument("--small", action="store_true", help="tiny clips, to try the program")
    arguments = parser.parse_args()
    import torch

    bench = Bench(torch, arguments)
    with torch.inference_mode():
        for shape in ((8, 20, 64),) if arguments.small else CLIPS:
            redundancy(bench, shape)
        for cameras in (1, 2, 3):
            selection(bench, cameras)
        voxels(bench)


if __name__ == "__main__":
    main()
