#!/usr/bin/env python3
"""Makes the results page of bench/run-tick: what `sluice bench tick` measured in, markdown on standard output."""

import argparse
import datetime
import json
import pathlib
import platform

from write_page import commit, memory_gb, processor, table

METHOD = """\
Milliseconds. A *tick* is `TickEngine::feedback` with the answer to the packet before, `TickEngine::step`, and
`PacketEncoder::encode` into the outgoing slot: features are ready at its beginning, the packet at its end. One
thread with a core of its own; 25 % of the tokens are kept, both histories full. The selector is `vla-pruner`
unless the table says *published*: then semantic scores of all tokens come with them, as from the model's own
prefill, and every place goes to the diversity filter, which is the most work.
Features are synthetic (a dozen surfaces per camera, a hand that moves, noise in every tick), and so many frames
of them take turns that no cache holds them all. Percentiles are nearest ranks.

*Floor* = one pass over the tick's features (a vectorised sum, the fastest of several, the same frames) + the
products of the candidates with each other, |C|²·D multiply-adds of every camera, at this core's peak
({peak:.0f} GFLOP/s, f32, measured in registers). Half of the products would do, they are symmetric. |C| is that
of the same attention on all tokens, for the places that the diversity filter had in the run.

*Arrived*: over `stream::ControlLink`, TCP on the loopback interface, until a `stream::ModelLink` on another
thread has received and decoded the packet; the same clock, from the tick's beginning. *Loaded*: a thread on the
other core copies 128 MiB over and over; link and model share that core with it. *Late*: how long after its time
a tick began. *Missed*: packets that were not ready (had not arrived) within the deadline, counted from the
tick's time.

**Not included.** Encoders and cameras; the model itself."""

PEER_METHOD = """\
VLA-Pruner's selection (arXiv 2511.16449) in our own words, `bench/peer_vla_pruner.py`: PyTorch {torch}, one
thread, `inference_mode`, an allocator that keeps its memory, warm; from scores and embeddings in memory until
the kept rows are gathered. *direct*: as defined, every step of the diversity filter gathers the distances to all
tokens selected so far; *tuned*: only to the newest. With products in bf16 PyTorch is faster and keeps other
tokens; *same set* says how many cameras of all frames kept exactly ours{ties}.

*Ours, selection*: the same work, top-k ∪ top-k and max-min, without gathering. *Ours, tick*: all of a tick with
the published selector, that is also feedback, histories, the check for NaN, the copy of the kept rows, and the
packet's encoding; there the model has looked only at what it was sent, so that there are fewer candidates."""


def number(value, digits=2):
    return f"{value:.{digits}f}"


def setting(run):
    return f"{run['cameras']} × {run['tokens']} × {run['width']}, {run['dtype']}"


def spread(run, what):
    return [number(run[what][share]) for share in ("p50", "p99", "p999", "max")]


def back_to_back_rows(runs):
    for run in runs:
        published = ", published" if run["selector"] == "vla-pruner-published" else ""
        yield [setting(run) + published, "loaded" if run["load"] else "idle",
               *spread(run, "tick_ms"),
               f"{run['misses']} of {run['ticks']}",
               number(run["feedback_ms"]["p50"], 3), number(run["step_ms"]["p50"]),
               number(run["encode_ms"]["p50"], 3),
               f"{number(run['pass_ms'])} + {number(run['products_ms'])}",
               f"**{run['tick_ms']['p50'] / run['floor_ms']:.1f}×**"]


def paced_rows(runs):
    for run in runs:
        arrived = run["arrival_misses"] + run["not_arrived"]
        yield [setting(run), f"{run['rate_hz']:g}", *spread(run, "tick_ms"),
               number(run["late_ms"]["max"]), f"{run['misses']} of {run['ticks']}",
               *spread(run, "arrival_ms"), str(arrived)]


def peer_rows(runs, peers):
    ours = {(run["cameras"], run["dtype"]): run for run in runs
            if not run["load"] and run["selector"] == "vla-pruner-published"}
    for peer in peers:
        run = ours[peer["shape"][1], peer["dtype"]]
        yield [setting(run), f"{peer['way']}, {peer['product']} products",
               number(peer["p50"]), number(peer["p99"]),
               f"{peer['same_set']} of {peer['cameras_compared']}",
               number(run["selection_ms"]["p50"]), number(run["selection_ms"]["p99"]),
               f"**{peer['p50'] / run['selection_ms']['p50']:.1f}×**",
               number(run["tick_ms"]["p50"]), number(run["tick_ms"]["p99"]),
               f"{peer['p50'] / run['tick_ms']['p50']:.1f}×"]


def print_paced(runs, title):
    if not runs:
        return
    print(f"\n## At a rate, {title}\n")
    header = ["cameras × tokens × D", "Hz", "p50", "p99", "p99.9", "max", "late, max", "missed"]
    header += ["arrived: p50", "p99", "p99.9", "max", "missed"]
    print(table(header, paced_rows(runs)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--runs", required=True, nargs="+", type=pathlib.Path)
    parser.add_argument("--peer", required=True, type=pathlib.Path)
    parser.add_argument("--load", help="load average before the run")
    parser.add_argument("--seconds", default="10", help="of each run at a rate")
    arguments = parser.parse_args()
    runs = [run for path in arguments.runs for run in json.loads(path.read_text())["runs"]]
    peers = [json.loads(line) for line in arguments.peer.read_text().splitlines()]
    back_to_back = [run for run in runs if run["rate_hz"] == 0]
    paced = [run for run in runs if run["rate_hz"] > 0]

    print(f"# Benchmarks of a control tick: {arguments.name}\n")
    print(f"- **Machine**: {processor()}, {memory_gb()} of memory, {platform.system()};"
          f" load average before the run {arguments.load or 'not noted'}")
    print(f"- **Commit**: {commit()}, {datetime.date.today().isoformat()}")
    print(f"- **Command**: `bench/run-tick {arguments.name} --seconds {arguments.seconds}`\n")
    print(METHOD.format(peak=max(run["peak_gflop_s"] for run in runs)))
    print("\n## Back to back\n")
    deadline = max(run["deadline_ms"] for run in back_to_back)
    header = ["cameras × tokens × D", "other core", "p50", "p99", "p99.9", "max",
              f"over {deadline:g} ms", "of it feedback", "step", "encode", "floor", "p50 / floor"]
    print(table(header, back_to_back_rows(back_to_back)))
    print_paced([run for run in paced if not run["load"]], "other core idle but for link and model")
    print_paced([run for run in paced if run["load"]], "other core loaded")
    if peers:
        print("\n## Beside the published selection\n")
        tied = sum(peer["tied_set"] for peer in peers)
        print(PEER_METHOD.format(
            torch=peers[0]["torch"],
            ties=f" ({tied} more differ by ties alone)" if tied else "") + "\n")
        header = ["cameras × tokens × D", "PyTorch", "p50", "p99", "same set", "ours, selection: p50",
                  "p99", "PyTorch / ours", "ours, tick: p50", "p99", "PyTorch / tick"]
        print(table(header, peer_rows(back_to_back, peers)))


if __name__ == "__main__":
    main()
