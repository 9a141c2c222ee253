#!/usr/bin/env python3
"""Makes the results page of bench/run-models: runs of model_bench.py in, markdown on standard output."""

import argparse
import datetime
import json
import pathlib
import platform

from sluice.benchmarks.result import BenchResult
from write_page import commit, memory_gb, processor, table

METHOD = """\
`sluice.bench` on transformers' own model classes with **random weights**, and **small**: no GPU was at hand. Their
decoders have {layers} layers of width 512 and a vocabulary of 8192, the vision towers 4 layers of width 128, with
the published numbers of patches and tokens per frame: encoding a frame is about a fifth of the decoder's work on
it, as in the published LLaVA models of 7 B parameters. The reduction weighs more here than with a big model, as it
grows with the width alone. Speed does not depend on the values of weights. Which tokens are redundant does, so
*kept* stands beside each time: where merging left fewer than the budget, fewer are kept. The video is synthetic: a
cut every 8 frames, something that moves, sensor noise.

Each row is a whole `generate()`, greedy, of {new_tokens} new tokens, f32; its stages add up to the call. *vision*:
until the language model's inputs exist. *reduction*: choosing tokens and taking them out of embeddings, masks and
positions. *prefill*: until the logits of the first new token. *decode*: the rest. What the hooks cost in prefill and
decode is in there. After one warm-up the rows take turns, so that what disturbs the machine disturbs all; medians
of {repeats} rounds, quartiles beside the total. It *pays* if in three of four rounds it took less time than the
unpruned run of the same round.

*uniform frames*: fewer frames are encoded at all. *downsampling*: Qwen's encoder gets smaller frames, the others'
output is averaged over neighbours. *adjacent frames*: what is least similar to the same place one frame earlier
(Efficient Video Sampling, arXiv 2510.14624). All with exactly as many tokens as ours, through the same hooks.

**Not included.** Reading the video and the processor, of which uniform frames would save some. What the answers are
worth: random weights say nothing about that."""


def shape_of(run):
    result = run["result"]
    return [
        run["model"],
        str(run["frames"]),
        f"{result.frames} × {result.positions}",
        str(result.unpruned.prompt_tokens),
        f"{run['parameters'] / 1e6:.0f} M",
    ]


def summary_rows(runs):
    for run in runs:
        whole = run["result"].unpruned
        for row in run["result"].pruned:
            yield [
                f"{run['model']}, {run['frames']} frames",
                f"{row.retain:g}",
                f"{row.visual_tokens} of {whole.visual_tokens}",
                share(row.reduction.median, whole.total.median),
                share(row.first_token.median, whole.first_token.median),
                f"**{share(row.total.median, whole.total.median)}**",
                *(
                    share(other.total.median, whole.total.median)
                    for other in run["result"].baselines(row.retain)
                ),
            ]


def share(part, whole):
    return f"{100 * part / whole:.0f} %" if part >= 0.01 * whole else f"{100 * part / whole:.1f} %"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--runs", required=True, nargs="+", type=pathlib.Path)
    parser.add_argument("--load", help="load average during the runs")
    arguments = parser.parse_args()
    runs = [json.loads(path.read_text()) for path in arguments.runs]
    for run in runs:
        run["result"] = BenchResult.from_json(json.dumps(run["result"]))

    print(f"# Benchmarks of whole models: {arguments.name}\n")
    print(f"- **Machine**: {processor()}, {memory_gb()} of memory, {platform.system()};"
          f" load average, these runs included, {arguments.load or 'not noted'}")
    print(f"- **Software**: {runs[0]['result'].machine}")
    print(f"- **Commit**: {commit()}, {datetime.date.today().isoformat()}")
    print(f"- **Command**: `bench/run-models {arguments.name}`\n")
    print(METHOD.format(**runs[0]))
    print("\n## Models\n")
    header = ["model", "frames of the video", "frames × tokens", "prompt", "parameters"]
    print(table(header, map(shape_of, runs)))
    print("\n## Time, of the unpruned run\n")
    header = ["model", "retain", "kept", "reduction of total", "first token", "total", "uniform frames",
              "downsampling", "adjacent frames"]
    print(table(header, summary_rows(runs)))
    for run in runs:
        print(f"\n## {run['model']}, {run['frames']} frames\n")
        print(run["result"].to_markdown())


if __name__ == "__main__":
    main()
