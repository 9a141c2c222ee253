"""What the PyTorch programs beside it share: inputs made on the GPU, and times as cuda_bench takes them."""

import argparse
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))  # bench

import planted_video as planted  # noqa: E402

DTYPES = ("f32", "f16", "bf16")
FLUSH_BYTES = 256 << 20  # five times the level 2 cache of an H100 or H200


def torch_dtype(torch, name):
    return {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}[name]


def mix(x):
    """The finaliser of splitmix64 on i64, whose right shifts keep the sign: that is masked away."""
    x = (x ^ ((x >> 30) & ((1 << 34) - 1))) * (0xBF58476D1CE4E5B9 - (1 << 64))
    x = (x ^ ((x >> 27) & ((1 << 37) - 1))) * (0x94D049BB133111EB - (1 << 64))
    return x ^ ((x >> 31) & ((1 << 33) - 1))


def uniform(torch, keys, width, device):
    """[..., width] f32 in [-1, 1) for keys u64: the bits of planted_video.uniform."""
    golden = 0x9E3779B97F4A7C15 - (1 << 64)
    counter = torch.arange(1, width + 1, device=device) * golden
    key = torch.from_numpy(keys.astype("int64", copy=False)).to(device)
    bits = (mix(key[..., None] + counter) >> 40) & ((1 << 24) - 1)
    return bits.float() * 2.0**-23 - 1


def planted_clip(torch, frames, positions, width, device, seed=1):
    """features [F,S,D] and attention [F,S], f32, bit for bit planted_video.planted_video()."""
    import numpy as np

    features = torch.empty(frames, positions, width, device=device)
    attention = torch.empty(frames, positions, device=device)
    p = np.arange(positions, dtype=np.uint64)
    starts = planted.scene_starts(seed, frames)

    def row(stream, a, b, length):
        key = np.atleast_1d(planted.stream_key(seed, stream, a, b)).view(np.int64)
        return uniform(torch, key, length, device)

    for scene, (start, end) in enumerate(zip(starts, starts[1:] + [frames])):
        centres = row(planted.CENTRE, scene, np.arange(planted.CLUSTERS), width)
        cluster = torch.arange(positions, device=device) % planted.CLUSTERS
        base = 0.8 * centres[cluster] + 0.6 * row(planted.OWN, scene, p, width)
        chance = planted.stream_key(seed, planted.STATIC, scene, p) % np.uint64(1000)
        static = torch.from_numpy(chance < planted.STATIC_PER_MILLE).to(device)[:, None]
        keep = torch.where(static, 1.0, 0.5)
        vary = torch.where(static, 0.15, 1.0)
        for f in range(start, end):
            features[f] = keep * base + vary * row(planted.CHANGE, f, p, width)
            attention[f] = row(planted.ATTENTION, f, 0, positions)[0]
    return features, attention


def checksum(torch, values):
    """Sum of the bit patterns modulo 2^64, as planted_video.checksum()."""
    bits = values.contiguous().view(torch.int32)
    total = bits.sum(dtype=torch.int64)  # as if signed: each negative one is 2^32 too small
    return int(total + (bits < 0).sum() * (1 << 32)) % (1 << 64)


class Clock:
    """Milliseconds between two moments at which the device has nothing left to do."""

    def __init__(self, torch, device):
        self.torch = torch
        self.on_gpu = torch.device(device).type == "cuda"
        self.flush_memory = torch.empty(
            FLUSH_BYTES if self.on_gpu else 0, dtype=torch.uint8, device=device
        )

    def now(self):
        if self.on_gpu:
            self.torch.cuda.synchronize()
        return 1e3 * time.perf_counter()

    def flush(self):
        """Drives the inputs out of the level 2 cache."""
        self.flush_memory.zero_()


def repeat(clock, measured_call, repeats, seconds, warmup=3):
    """What the calls returned, milliseconds, until there are enough or the time is over."""
    for _ in range(warmup):
        measured_call()
    results, start = [], time.perf_counter()
    while len(results) < repeats and (not results or time.perf_counter() - start < seconds):
        clock.flush()
        results.append(measured_call())
    return results


def timed(clock, work):
    """A call that does `work` and returns how long it took."""

    def call():
        begin = clock.now()
        work()
        return clock.now() - begin

    return call


def percentiles(milliseconds):
    """Nearest ranks, as cuda_bench writes them."""
    ranked = sorted(milliseconds)

    def at(share):
        return round(ranked[max(-int(-share * len(ranked) // 1), 1) - 1], 5)

    return {
        "repeats": len(ranked),
        "min": at(0),
        "p50": at(0.5),
        "p99": at(0.99),
        "p99.9": at(0.999),
        "max": at(1),
    }


def report(torch, device, **fields):
    name = torch.cuda.get_device_name() if torch.device(device).type == "cuda" else "CPU"
    print(json.dumps({**fields, "torch": torch.__version__, "device": name}), flush=True)


def add_common_options(parser: argparse.ArgumentParser):
    parser.add_argument("--dtype", choices=DTYPES, default="f16")
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=3, help="at most, for each measurement")
    parser.add_argument("--device", default="cuda", help="cpu: to try the program")
