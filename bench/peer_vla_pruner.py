#!/usr/bin/env python3
"""Times VLA-Pruner's selection in PyTorch on the inputs of `sluice bench tick --export`, on this machine.

Needs PyTorch and safetensors:

    sluice bench tick --cameras 3 --dtype f32 --export tick.safetensors
    python bench/peer_vla_pruner.py tick.safetensors --threads 1

Timed: one tick, from embeddings, semantic scores and history in memory until the kept rows of every camera
have been gathered. Two ways, both in our own words (arXiv 2511.16449):
`direct` gathers the distances to all selected tokens again in every step of the diversity filter;
`tuned` keeps the distance to the nearest selected one, in buffers that are used again. Both run after
warm-up with an allocator that keeps its memory; `f32` multiplies in f32, `bf16` in bf16, which rounds the
distances and so keeps other tokens. Prints one line of JSON per way, with how many cameras of how many
frames kept the same set as ours, and how many that differ are ties: every step took a token that was
farthest within `--tie`.
"""

import argparse
import json
import os
import statistics
import sys
import time

from peer_holitom import TUNED_ALLOCATOR


def candidates(torch, semantic, history, weights, keep):
    """Ascending union of the top tokens on both levels."""
    action = weights @ history
    both = torch.cat([semantic.topk(keep).indices, action.topk(keep).indices])
    return torch.unique(both)


def distances(torch, rows):
    unit = rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-12)
    return 1 - unit @ unit.T


def max_min_direct(torch, distance, keep):
    """Every step looks at the distances to all that are selected so far."""
    selected = torch.empty(keep, dtype=torch.long)
    selected[0] = distance.topk(2, dim=0, largest=False).values[1].argmax()
    for step in range(1, keep):
        to_selected = distance.index_select(0, selected[:step])
        nearest = to_selected.min(dim=0).values
        nearest[selected[:step]] = -torch.inf
        selected[step] = nearest.argmax()
    return selected


def max_min_tuned(torch, distance, keep):
    """Every step looks at the newest selected token alone."""
    newest = distance.topk(2, dim=0, largest=False).values[1].argmax()
    nearest = torch.full_like(distance[0], torch.inf)
    selected = [newest]
    for _ in range(keep - 1):
        torch.minimum(nearest, distance[newest], out=nearest)
        nearest[newest] = -torch.inf  # and stays so
        newest = nearest.argmax()
        selected.append(newest)
    return torch.stack(selected)


MAX_MIN = {"direct": max_min_direct, "tuned": max_min_tuned}


def select(torch, max_min, embeddings, semantic, history, weights, keep):
    """Positions kept, in the order in which the filter took them, and their rows in ascending order."""
    among = candidates(torch, semantic, history, weights, keep)
    if len(among) <= keep:
        return among, embeddings.index_select(0, among)
    distance = distances(torch, embeddings.index_select(0, among))
    order = among[max_min(torch, distance, keep)]
    return order, embeddings.index_select(0, order.sort().values)


def is_greedy(torch, order, among, embeddings, tie):
    """Whether every step took a token that, in double precision, was farthest within `tie`."""
    distance = distances(torch, embeddings.index_select(0, among).double())
    place = {int(token): i for i, token in enumerate(among)}
    others = distance + torch.diag(torch.full((len(among),), torch.inf, dtype=torch.float64))
    nearest = others.min(dim=0).values
    for step, token in enumerate(order.tolist()):
        at = place[token]
        if nearest[at] < nearest.max() - tie:
            return False
        if step == 0:
            nearest = torch.full_like(nearest, torch.inf)
        nearest = torch.minimum(nearest, distance[at])
        nearest[at] = -torch.inf
    return True


def compare(torch, max_min, inputs, weights, keep, tie):
    """How many cameras of all frames kept our set, and how many differ by ties alone."""
    same = ties = cameras = 0
    embeddings, semantic, history, ours = inputs
    for frame in range(len(embeddings)):
        for camera in range(len(embeddings[frame])):
            of_camera = (embeddings[frame, camera], semantic[frame, camera], history[frame, camera])
            order, _ = select(torch, max_min, *of_camera, weights, keep)
            cameras += 1
            if torch.equal(order.sort().values, ours[frame, camera]):
                same += 1
                continue
            among = candidates(torch, *of_camera[1:], weights, keep)
            ties += is_greedy(torch, order, among, of_camera[0], tie)
    return {"cameras_compared": cameras, "same_set": same, "tied_set": ties}


def time_ticks(torch, max_min, inputs, weights, keep, arguments):
    """Milliseconds per tick, frames in turn."""
    embeddings, semantic, history, _ = inputs
    milliseconds = []
    for tick in range(arguments.warmup + arguments.repeat):
        frame = tick % len(embeddings)
        begin = time.perf_counter()
        for camera in range(len(embeddings[frame])):
            select(torch, max_min, embeddings[frame, camera], semantic[frame, camera],
                   history[frame, camera], weights, keep)
        if tick >= arguments.warmup:
            milliseconds.append(1e3 * (time.perf_counter() - begin))
    return sorted(milliseconds)


def nearest_rank(ordered, share):
    return round(ordered[max(-(-int(share * 1000) * len(ordered) // 1000), 1) - 1], 4)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("input", help="from sluice bench tick --export")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--warmup", type=int, default=50)
    parser.add_argument("--repeat", type=int, default=500)
    parser.add_argument("--tie", type=float, default=1e-5, help="distances that count as equal")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if "MALLOC_TRIM_THRESHOLD_" not in os.environ:
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | TUNED_ALLOCATOR)
    import torch
    from safetensors import safe_open

    torch.set_num_threads(arguments.threads)
    with safe_open(arguments.input, "pt") as file:
        decay = float(file.metadata()["decay"])
        names = ("embeddings", "semantic", "history", "keep")
        embeddings, semantic, history, ours = (file.get_tensor(name) for name in names)
    weights = torch.tensor([decay**age for age in range(1, history.shape[2] + 1)])
    weights /= weights.sum()
    keep = ours.shape[2]
    with torch.inference_mode():
        for product, dtype in {"f32": torch.float32, "bf16": torch.bfloat16}.items():
            inputs = (embeddings.to(dtype), semantic, history, ours)
            for way, max_min in MAX_MIN.items():
                ordered = time_ticks(torch, max_min, inputs, weights, keep, arguments)
                result = {
                    "what": f"PyTorch VLA-Pruner selection, {way}",
                    "way": way,
                    "product": product,
                    "torch": torch.__version__,
                    "threads": arguments.threads,
                    "dtype": {torch.float32: "f32", torch.bfloat16: "bf16"}[embeddings.dtype],
                    "shape": list(embeddings.shape),
                    "keep": keep,
                    "repeats": arguments.repeat,
                    "p50": round(statistics.median(ordered), 4),
                    "p99": nearest_rank(ordered, 0.99),
                    "max": round(ordered[-1], 4),
                }
                result |= compare(torch, max_min, inputs, weights, keep, arguments.tie)
                print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
