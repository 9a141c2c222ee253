#!/usr/bin/env python3
"""Makes the results page of bench/run: benchmark outputs in, markdown on standard output."""

import argparse
import datetime
import json
import pathlib
import platform
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def command_output(*command):
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def processor():
    info = pathlib.Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = [f for f in ("avx2", "avx512f", "amx_tile") if re.search(rf"\b{f}\b", text)]
    return f"{model.group(1) if model else platform.machine()} ({', '.join(flags) or 'no AVX2'})"


def commit():
    name = command_output("git", "rev-parse", "--short=12", "HEAD") or "unknown"
    changed = command_output("git", "status", "--porcelain", "--", "kernels", "stream", "temporal",
                             "spatial3d", "policy", "apps", "bench", ":!bench/results")
    return name + (" with uncommitted changes" if changed else "")


def memory_gb():
    info = pathlib.Path("/proc/meminfo")
    found = re.search(r"MemTotal:\s+(\d+) kB", info.read_text()) if info.exists() else None
    return f"{int(found.group(1)) / 2**20:.0f} GiB" if found else "unknown"


def shape_of(benchmark):
    return tuple(int(benchmark[axis]) for axis in ("frames", "positions", "width"))


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def our_rows(benchmarks):
    for b in benchmarks:
        frames, positions, width = shape_of(b)
        without = "without_attention" in b["name"]
        yield [
            f"{frames}×{positions}×{width}" + (", no attention" if without else ""),
            f"{b['threads']:.0f}",
            f"{b['p50_ms']:.2f}",
            f"{b['p99_ms']:.2f}",
            f"{b['max_ms']:.2f}",
            str(b["iterations"]),
            f"{b['pass_ms']:.2f} ({b['pass_GB_s']:.0f} GB/s)",
            f"{b['gram_ms']:.2f} ({b['gram_GFLOP_s']:.0f} GFLOP/s)",
            f"{b['floor_ms']:.2f}",
            f"**{b['ratio']:.2f}×**",
        ]


def peer_rows(benchmarks, peers):
    ours = {
        (shape_of(b), int(b["threads"])): b
        for b in benchmarks
        if "without_attention" not in b["name"]
    }
    for peer in peers:
        shape = tuple(peer["shape"])
        mine = ours.get((shape, peer["threads"]))
        if mine is None:
            continue
        if mine["label"] != f"checksum {peer['features_checksum']}":
            sys.exit(f"{shape}: the two programs did not have the same inputs")
        yield [
            "×".join(map(str, shape)),
            str(peer["threads"]),
            peer["allocator"],
            f"{peer['median_ms']:.1f}",
            f"{peer['min_ms']:.1f} to {peer['max_ms']:.1f}",
            str(peer["tokens_kept"]),
            f"{mine['p50_ms']:.2f}",
            f"{mine['min_ms']:.2f} to {mine['max_ms']:.2f}",
            str(int(mine["tokens_kept"])),
            f"**{peer['median_ms'] / mine['p50_ms']:.1f}×** ({peer['min_ms'] / mine['min_ms']:.1f}×)",
        ]


METHOD = """\
**Method.** `bench/reduce_bench` (Google Benchmark) times `temporal::ClipReducer::reduce`, f32, default
parameters (retain 0.10, τ 0.80), after two warm-up runs, outputs and scratch memory reused. Inputs
are generated (`bench/planted_video.h`): scenes of 5 to 16 frames, about half of all tokens redundant.
*Floor* = one pass over the same features (a vectorised sum that reads every byte, on the same number
of threads, in turn with the measured calls) + oneDNN's sgemm for the Gram matrices of each segment's
static positions (the same run, the same buffers), the fastest run of each: what disturbs the machine
can't raise the floor. The ratio is our median over that floor.

**Not included.** Reading features from a file or a network, the vision encoder, writing the output;
the first call's allocations."""

PEER_METHOD = """\
The published method `prepare_inputs_labels_for_multimodal` (`holitom/llava_arch.py`, unchanged, the
reader's own checkout) from the moment it receives the features until the merged tokens exist;
PyTorch {torch}, `inference_mode`, float32, two warm-up runs, the same inputs bit for bit (checksums
compared). *tuned*: glibc told to keep freed memory and PyTorch to use huge pages, as an
expert would; *default*: as installed. Its counts differ because its rounding overshoots; ours are
exact. F = 1024 was not run: with an F×F×S tensor of floats (0.8 GB) and several copies of 2.9 GB of
features it would take about 20 GB (from F = 128 to 512 its peak grew by 19 MB a frame)."""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--ours", required=True, type=pathlib.Path)
    parser.add_argument("--peer", required=True, type=pathlib.Path)
    parser.add_argument("--load", help="load average before the run")
    parser.add_argument("--append", type=pathlib.Path, help="markdown to put at the end")
    arguments = parser.parse_args()

    benchmarks = json.loads(arguments.ours.read_text())["benchmarks"]
    peers = [json.loads(line) for line in arguments.peer.read_text().splitlines()]

    print(f"# Benchmarks: {arguments.name}\n")
    print(f"- **Machine**: {processor()}, {memory_gb()} of memory, {platform.system()};"
          f" load average before the run {arguments.load or 'not noted'}")
    print(f"- **Commit**: {commit()}, {datetime.date.today().isoformat()}")
    checkout = " --holitom <checkout of cokeshao/HoliTom>" if peers else ""
    print(f"- **Command**: `bench/run {arguments.name}{checkout}`\n")
    print(METHOD)
    print("\n## Against the floor (milliseconds)\n")
    header = ["F×S×D", "threads", "p50", "p99", "max", "runs"]
    header += ["one pass", "Gram products", "floor", "p50 / floor"]
    print(table(header, our_rows(benchmarks)))
    if peers:
        print("\n## Against the published code (milliseconds)\n")
        print(PEER_METHOD.format(torch=peers[0]["torch"]) + "\n")
        header = ["F×S×D", "threads", "allocator", "published: median", "range", "kept"]
        header += ["ours: p50", "range", "kept", "published / ours: median (fastest)"]
        print(table(header, peer_rows(benchmarks, peers)))
    if arguments.append:
        print("\n" + arguments.append.read_text().rstrip())


if __name__ == "__main__":
    main()
