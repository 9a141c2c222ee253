"""Makes the page of bench/run-quality: what was measured in, markdown on standard output.

PYTHONPATH=bench python -m quality.page FILE.json...
"""

import json
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from write_page import commit, table

from . import settings

Row = dict[str, Any]

# What method.md says of the constants.
CONSTANTS = {
    "sample_seed": settings.SAMPLE_SEED,
    "frames": settings.FRAMES_READ,
    "grid": settings.GRID,
    "held_out": settings.HELD_OUT_EVERY,
    "layers": settings.VIT_LAYERS,
    "width": settings.VIT_WIDTH,
    "heads": settings.VIT_HEADS,
    "centroids": settings.KMEANS_CENTROIDS,
    "field": settings.KMEANS_FIELD,
    "training_seed": settings.TRAINING_SEED,
    "random_queries": settings.RANDOM_QUERIES,
    "patch_queries": settings.PATCH_QUERIES,
    "changed_percent": round(100 * settings.CHANGED_SHARE),
    "centroid_queries": settings.CENTROID_QUERIES,
    "spread": round(1 / settings.ATTENTION_SPREAD),
    "sharp": round(1 / settings.SHARP_SPREAD),
    "worst_percent": round(100 * settings.WORST_SHARE),
    "tau": settings.TAU,
    "contextual": settings.CONTEXTUAL,
    "seeds": len(settings.RANDOM_SEEDS),
}

# Names of what is counted, and whether larger is better.
COMPARED: dict[str, tuple[str, bool]] = {
    "mass": ("mass_merged", True),
    "found": ("mass_merged_patches", True),
    "error, random": ("error_own_random", False),
    "error, patches": ("error_own_patches", False),
    "error, means": ("error_own_means", False),
    "error, sharp": ("error_own_sharp", False),
    "coverage": ("coverage", True),
    "worst": ("worst", True),
    "gap": ("gap", False),
}
OURS = ("ours", "ours, no attention", "ours, contextual")
SAME = 0.001  # differences up to this are neither ahead nor behind

COLUMNS: dict[str, Callable[[list[Row]], str]] = {
    "kept": lambda rows: f"{mean(rows, 'kept'):.0f}",
    "mass": lambda rows: two(rows, "mass", "mass_merged"),
    "found": lambda rows: two(rows, "mass_patches", "mass_merged_patches"),
    "error, random": lambda rows: two(rows, "error_random", "error_own_random"),
    "patches": lambda rows: two(rows, "error_patches", "error_own_patches"),
    "means": lambda rows: two(rows, "error_means", "error_own_means"),
    "sharp": lambda rows: two(rows, "error_sharp", "error_own_sharp"),
    "coverage": lambda rows: f"{mean(rows, 'coverage'):.3f}",
    "worst": lambda rows: f"{mean(rows, 'worst'):.3f}",
    "gap": lambda rows: f"{mean(rows, 'gap'):.1f}",
}


def mean(rows: Iterable[Row], name: str) -> float:
    return statistics.mean(row[name] for row in rows)


def two(rows: list[Row], plain: str, merged: str) -> str:
    """Both values if they differ."""
    values = f"{mean(rows, plain):.3f}", f"{mean(rows, merged):.3f}"
    return values[0] if values[0] == values[1] else " / ".join(values)


def is_random(row: Row) -> bool:
    return row["method"].startswith("random ")


def where(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def distinct(rows: Iterable[Row], name: str) -> list[Any]:
    return list(dict.fromkeys(row[name] for row in rows))


def with_random_mean(rows: list[Row]) -> list[Row]:
    """The seeds of random tokens as one method, in their place."""
    result: list[Row] = []
    done = set()
    for row in rows:
        if not is_random(row):
            result.append(row)
            continue
        setting = setting_of(row)
        if setting in done:
            continue
        done.add(setting)
        seeds = [other for other in rows if is_random(other) and setting_of(other) == setting]
        averages = {
            name: mean(seeds, name) if isinstance(value, float | int) else value
            for name, value in row.items()
        }
        result.append(averages | {"method": "random"})
    return result


def setting_of(row: Row) -> tuple[str, str, float]:
    return row["features"], row["clip"], row["retain"]


def comparison(rows: list[Row], method: str) -> str:
    """For every other method and measure: in how many settings `method` is ahead - behind."""
    mine = {setting_of(row): row for row in where(rows, method=method)}
    others = [name for name in distinct(rows, "method") if name not in OURS]
    lines = []
    for other in others:
        cells = []
        for name, larger in COMPARED.values():
            ahead = behind = 0
            for row in where(rows, method=other):
                lead = (mine[setting_of(row)][name] - row[name]) * (1 if larger else -1)
                ahead += lead > SAME
                behind += lead < -SAME
            cells.append(f"**{ahead}–{behind}**" if behind > ahead else f"{ahead}–{behind}")
        lines.append([other, *cells])
    return table([f"*{method}* against", *COMPARED], lines)


def detail(rows: list[Row], everything: list[Row]) -> str:
    """One kind of features and one budget: all methods, means over the clips."""
    lines = []
    for method in distinct(rows, "method"):
        cells = [column(where(rows, method=method)) for column in COLUMNS.values()]
        lines.append([method, *cells])
        if method == "random":
            seeds = [row for row in everything if is_random(row)]
            lines.append(["± between seeds", *spreads(seeds)])
    return table(["", *COLUMNS], lines)


def spreads(rows: list[Row]) -> Iterator[str]:
    """Standard deviation between seeds of the means over clips, of each column's plain value."""
    names = ["kept", "mass", "mass_patches", "error_random", "error_patches", "error_means"]
    for name in [*names, "error_sharp", "coverage", "worst", "gap"]:
        of_seeds = [mean(where(rows, method=seed), name) for seed in distinct(rows, "method")]
        deviation = statistics.stdev(of_seeds)
        yield "" if name == "kept" else f"{deviation:.1f}" if name == "gap" else f"{deviation:.3f}"


def by_clip(rows: list[Row], name: str) -> str:
    """One measure at 10 %, clip by clip."""
    clips, lines = distinct(rows, "clip"), []
    for features in distinct(rows, "features"):
        for method in distinct(rows, "method"):
            chosen = where(rows, features=features, method=method, retain=0.10)
            cells = [f"{mean(where(chosen, clip=clip), name):.3f}" for clip in clips]
            lines.append([features, method, *cells])
    return table(["features", "", *clips], lines)


def text_of(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8").strip()


def agreement(rows: list[Row]) -> str:
    published = where(rows, method="published")
    if not published:
        return "The published code was not at hand: `--holitom CHECKOUT` was not given."
    most = max(row["kept"] / ours_of(rows, row)["kept"] for row in published)
    clips, lines = distinct(rows, "clip"), []
    for features in distinct(rows, "features"):
        of_clips = [where(published, features=features, clip=clip) for clip in clips]
        lines.append([features, *(same_of(of_clip) for of_clip in of_clips)])
    return f"""\
With `rounding="parity"` ours keeps as many tokens as the published code in all {len(published)}
settings. How many of its rows are among ours, of all budgets together, with its random noise on
densities left out:

{table(["", *clips], lines)}

Which of two equally dense or equally attended tokens goes first, the published code leaves to its
noise and to the library; ours takes the earlier. Where we looked there are such ties: in `robot-can`
with *descriptors*, all segments that have static tokens have some of exactly the same density; with
*k-means*, the stand-in attention of many tokens is the same to the bit (a token that only it itself
looks at: 37 % of those of `clouds`). Features and attention were left as decided before the first run.

The tables below show the published code as it is, with its noise. It keeps up to
{100 * (most - 1):.0f} % more tokens than ours. Its rows carry no origin: *mass*, *found*, *gap* and its
weights are those of ours with parity rounding."""


def same_of(published: list[Row]) -> str:
    total = sum(row["kept"] for row in published)
    same = sum(row["same_rows_without_noise"] for row in published)
    return "all" if same == total else f"{same} of {total}"


def ours_of(rows: list[Row], other: Row) -> Row:
    features, clip, retain = setting_of(other)
    return where(rows, features=features, clip=clip, retain=retain, method="ours")[0]


def available(rows: list[Row]) -> str:
    """How much merging over time leaves."""
    clips = distinct(rows, "clip")
    lines = []
    for features in distinct(rows, "features"):
        of_clip = [where(rows, features=features, clip=clip)[0] for clip in clips]
        lines.append([features, *(f"{row['available'] / row['tokens']:.2f}" for row in of_clip)])
    return table(["share left by merging over time", *clips], lines)


def page(everything: list[Row]) -> Iterator[str]:
    rows = with_random_mean(everything)
    count = len({setting_of(row) for row in rows})
    yield "# What is left of a clip: measures without labels or model weights"
    yield f"Commit {commit()}. Made by `bench/run-quality`, whose `--help` says how to repeat it."
    yield "## In short"
    yield f"""\
{count} settings: clips × features × budgets. Each cell says in how many of them ours is **ahead –
behind** (of the two values of a measure the second, with merged tokens and weights; differences up
to {SAME} count as neither). Bold: behind more often than ahead."""
    for method in OURS:
        yield comparison(rows, method)
    yield text_of("reading.md")
    yield "## What is measured"
    yield text_of("method.md").format(**CONSTANTS)
    yield available(rows)
    yield "## The published code"
    yield agreement(rows)
    for features in distinct(rows, "features"):
        yield f"## Features: {features}"
        yield "Means over the clips."
        for retain in settings.BUDGETS:
            yield f"**{100 * retain:.0f} %**"
            chosen = where(rows, features=features, retain=retain)
            yield detail(chosen, where(everything, features=features, retain=retain))
    yield "## Clip by clip, at 10 %"
    yield "Error of attention output, patches, with weights:"
    yield by_clip(rows, "error_own_patches")
    yield "Coverage:"
    yield by_clip(rows, "coverage")


def main() -> None:
    rows = [row for path in sys.argv[1:] for row in json.loads(Path(path).read_text("utf-8"))]
    print("\n\n".join(page(rows)))


if __name__ == "__main__":
    main()
