#!/usr/bin/env python3
"""Makes the results page of scripts/gpu: what it left in its build folder in, markdown out."""

import argparse
import datetime
import json
import pathlib
import re
import sys

from write_page import commit, processor, table

TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")
FEW = 1000  # repetitions below which a 99.9th percentile says nothing

METHOD = """\
Milliseconds. *Wall*: from the call, with inputs on the device and the device idle, until the results are
there and the host knows; *device*: between the first and the last work in the stream, by CUDA's events.
Before every repetition memory of four times the level 2 cache's size is written, so features come from the
device's memory. After five calls to warm up; percentiles are nearest ranks, 99.9 only of {few} or more.

*Floor* = bytes that have to be read and written once, at the rate of a device-to-device copy of 1 GiB
({copy:.0f} GB/s, read and written bytes together), + additions and multiplications in f64 of the distances
that clustering and selection compare, at the rate of fused multiply-adds in registers ({f64:.1f} TFLOP/s;
f32: {f32:.1f}). Both fastest of many, in the same run. Additions and multiplications stay apart in our
kernels, so half that rate is what they can reach. *CPU's bits*: the results are those of the CPU on the
same inputs, features bit for bit.

**Not included.** Reading features, encoders, copies from the host; the first calls' allocations."""

PEER_METHOD = """\
The same inputs, bit for bit (checksums compared), on the same device, in the same run; PyTorch {torch},
`inference_mode`, eager, the device waited for before and after each call, the same cold cache. *Published
HoliTom*: `prepare_inputs_labels_for_multimodal` (`holitom/llava_arch.py`, unchanged, the reader's own
checkout) from features on the device to merged tokens there; its counts differ because its rounding
overshoots. The other ways are plain PyTorch of our own, in the features' type, so they may keep other
tokens."""


def cell(shape):
    return "×".join(map(str, shape))


def number(value):
    """Three or four digits that count."""
    return f"{value:.{4 if value < 0.1 else 3 if value < 10 else 1}f}"


def rare(times):
    return number(times["p99.9"]) if times["repeats"] >= FEW else ""


def floor_parts(record, floor):
    """Milliseconds for the bytes, and for the operations."""
    return (
        1e3 * record["bytes"] / floor["copy_bytes_per_s"],
        1e3 * record["f64_operations"] / floor["f64_per_s"],
    )


def our_rows(records, floor):
    for record in records:
        wall, device = record["wall_ms"], record.get("device_ms")
        moved, computed = floor_parts(record, floor)
        least = moved + computed
        yield [
            record["what"],
            f"{cell(record['shape'])}, {record['dtype']}",
            number(wall["p50"]),
            number(wall["p99"]),
            rare(wall),
            number(device["p50"]) if device else "",
            str(wall["repeats"]),
            number(moved) + (f" + {number(computed)}" if computed else ""),
            f"**{wall['p50'] / least:.1f}×**"
            + (f" ({least / device['p50']:.0%} of the copy's rate)" if device else ""),
            str(record["kept"]),
            "yes" if record["same_as_cpu"] else "**no**",
        ]


def key_of(record):
    return record["what"], record["dtype"], tuple(record["shape"])


def peer_rows(records, peers):
    ours = {key_of(record): record for record in records}
    for peer in peers:
        record = ours.get(key_of(peer))
        if record is None:
            continue
        if record["features_checksum"] != peer["features_checksum"]:
            sys.exit(f"{key_of(peer)}: the two programs did not have the same inputs")
        label = [peer["what"], f"{cell(peer['shape'])}, {peer['dtype']}", peer["way"]]
        if "error" in peer:
            yield label + [f"failed: {peer['error'].replace('|', '/')}", "", "", "", "", ""]
            continue
        theirs, wall = peer["wall_ms"], record["wall_ms"]
        yield label + [
            number(theirs["p50"]),
            number(theirs["p99"]),
            str(peer.get("kept", "")),
            number(wall["p50"]),
            str(record["kept"]) if "kept" in peer else "",
            f"**{theirs['p50'] / wall['p50']:.1f}×**",
        ]


def version(value):
    return f"{value // 1000}.{value % 1000 // 10}"


def test_summary(build):
    """What ctest said, and how many CUDA tests ran on the device."""
    log = build / "ctest.log"
    text = log.read_text() if log.exists() else ""
    found = re.search(r"^\d+% tests passed.*$", text, re.MULTILINE)
    cuda = build / "cuda_tests.log"
    passed = re.findall(r"\[  PASSED  \] (\d+) tests?", cuda.read_text()) if cuda.exists() else []
    on_device = f"{sum(map(int, passed))} CUDA tests passed on the device" if passed else ""
    return "; ".join(filter(None, [on_device, found and f"all of the core: {found.group(0)}"]))


def sanitizer_summary(build):
    verdicts = {tool: build / f"{tool}.verdict" for tool in TOOLS}
    if not all(path.exists() for path in verdicts.values()):
        return "not installed, not run"
    return ", ".join(f"{tool}: {path.read_text().strip()}" for tool, path in verdicts.items())


def print_heading(arguments, result):
    device = result["device"]
    print(f"# Benchmarks on a GPU: {arguments.name}\n")
    print(
        f"- **GPU**: {device['name']}, {device['multiprocessors']} multiprocessors, compute capability"
        f" {device['capability']}, {device['memory_bytes'] / 2**30:.0f} GiB,"
        f" level 2 cache {device['l2_bytes'] / 2**20:.0f} MiB; driver for CUDA"
        f" {version(device['driver'])}, runtime {version(device['runtime'])}"
    )
    print(f"- **Host**: {processor()}")
    print(f"- **Commit**: {arguments.commit or commit()}, {datetime.date.today().isoformat()}")
    print(f"- **Command**: `{arguments.command}`")
    print(f"- **Tests**: {test_summary(arguments.build) or 'not run'}")
    print(f"- **compute-sanitizer**: {sanitizer_summary(arguments.build)}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--build", required=True, type=pathlib.Path, help="folder of scripts/gpu")
    parser.add_argument("--command", default="scripts/gpu")
    parser.add_argument("--commit", help="where there is no git")
    arguments = parser.parse_args()

    result = json.loads((arguments.build / "cuda_bench.json").read_text())
    peers_file = arguments.build / "peers.jsonl"
    lines = peers_file.read_text().splitlines() if peers_file.exists() else []
    peers = [json.loads(line) for line in lines]
    floor, records = result["floor"], result["records"]

    print_heading(arguments, result)
    print(
        METHOD.format(
            few=FEW,
            copy=floor["copy_bytes_per_s"] / 1e9,
            f64=floor["f64_per_s"] / 1e12,
            f32=floor["f32_per_s"] / 1e12,
        )
    )
    print("\n## Beside the floor\n")
    header = ["what", "shape", "wall: p50", "p99", "p99.9", "device: p50", "runs"]
    header += ["floor: bytes + operations", "wall / floor", "kept", "CPU's bits"]
    print(table(header, our_rows(records, floor)))
    if peers:
        print("\n## Beside PyTorch on the same GPU\n")
        print(PEER_METHOD.format(torch=peers[0]["torch"]) + "\n")
        header = ["what", "shape", "way", "PyTorch: p50", "p99", "kept"]
        header += ["ours: p50", "kept", "PyTorch / ours"]
        print(table(header, peer_rows(records, peers)))


if __name__ == "__main__":
    main()
