#!/usr/bin/env python3
"""Makes the results page of bench/run-spatial: benchmark outputs in, markdown on standard output."""

import argparse
import datetime
import json
import pathlib
import platform
import re

from write_page import commit, memory_gb, processor, table

METHOD = """\
Milliseconds; medians over at least 50 runs after warm-up unless another percentile is named. Inputs lie in
memory and are synthetic (a rendered room, planted features). *One pass* adds up all features of the same
input on the same threads, just before: the floor, because every feature has to be read. PyTorch runs on the
CPU with an allocator that keeps its memory."""


def number(value, digits=2):
    return f"{value:.{digits}f}"


def ours(path):
    """By a short name: Google Benchmark's without how it was run, threads last."""
    benchmarks = {}
    for b in json.loads(path.read_text())["benchmarks"]:
        name = re.sub(r"/(iterations:\d+|manual_time)", "", b["name"]).replace("/threads:", ", threads ")
        benchmarks[name] = b
    return benchmarks


def pool_rows(benchmarks, peers):
    for name, b in benchmarks.items():
        if "pass_ms" not in b:
            continue
        dtype = next((d for d in ("bf16", "f16", "f32") if d in name), "f32")
        row = [name, number(b["p50_ms"]), number(b["p99_ms"]), number(b["grouping_ms"])]
        row += [number(b["pass_ms"]), number(b["ratio"], 1)]
        for way in ("index_add", "sorted"):
            found = [p for p in peers if p["what"].endswith(way) and p["dtype"] == dtype
                     and p["threads"] == int(b["threads"])]
            row.append(f"{number(found[0]['median_ms'])} ({number(found[0]['median_ms'] / b['p50_ms'], 1)}x)"
                       if found else "")
        yield row


def map_rows(benchmarks, peers):
    for name, b in benchmarks.items():
        if "integrate_p50_ms" not in b:
            continue
        row = [name, f"{b['voxels']:,.0f}", number(b["back_project_p50_ms"])]
        row += [number(b["integrate_p50_ms"]), number(b["table_p50_ms"], 3), number(b["p50_ms"])]
        row += [number(b["p99_ms"]), number(b["pass_p50_ms"], 3)]
        size = 0.03 if "0.03" in name else 0.2 if "0.2" in name else None
        found = [p for p in peers if p["voxel_size"] == size and p["threads"] == int(b["threads"])]
        row.append(number(found[0]["median_ms"]) if found and name.startswith("map_frame") else "")
        yield row


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--pool", required=True, type=pathlib.Path)
    parser.add_argument("--map", required=True, type=pathlib.Path)
    parser.add_argument("--peer", required=True, type=pathlib.Path)
    parser.add_argument("--load", help="load average before the run")
    arguments = parser.parse_args()
    pool, maps = ours(arguments.pool), ours(arguments.map)
    peers = [json.loads(line) for line in arguments.peer.read_text().splitlines()]
    pool_peers = [p for p in peers if "pooling" in p["what"]]
    map_peers = [p for p in peers if "a frame" in p["what"]]

    print(f"# Benchmarks in three dimensions: {arguments.name}\n")
    print(f"- **Machine**: {processor()}, {memory_gb()} of memory, {platform.system()};"
          f" load average before the run {arguments.load or 'not noted'}")
    print(f"- **Commit**: {commit()}, {datetime.date.today().isoformat()}")
    print(f"- **Command**: `bench/run-spatial {arguments.name}`")
    if peers:
        print(f"- **Beside it**: PyTorch {peers[0]['torch']}, `bench/peer_voxel_pool.py` and"
              " `bench/peer_voxel_map.py`")
    print(f"\n{METHOD}\n")
    print("## Voxel pooling, 20 views of 576 patches, D = 1024, voxels of 0.2 m\n")
    print("The same features and places for all.\n")
    header = ["", "p50", "p99", "of it grouping", "one pass", "p50 / pass"]
    print(table(header + ["PyTorch index_add", "PyTorch sorted"], pool_rows(pool, pool_peers)))
    print("\n## A frame: 24×24 patches, depth 640×480, one walk round a room after the other\n")
    print("PyTorch takes one depth pixel per patch, removes nothing and reports nothing; ours looks at every\n"
          "pixel, removes what is seen through and says what is new, changed or gone.\n")
    header = ["", "voxels in the map", "back-projection", "map", "table", "together", "p99", "one pass"]
    print(table(header + ["PyTorch"], map_rows(maps, map_peers)))
    print("\n## All else in the two programs\n")
    rest = [[name, number(b["p50_ms"], 3), f"{b['voxels']:,.0f}" if "voxels" in b else ""]
            for name, b in {**pool, **maps}.items()
            if "pass_ms" not in b and "integrate_p50_ms" not in b]
    print(table(["", "p50", "voxels"], rest))


if __name__ == "__main__":
    main()
