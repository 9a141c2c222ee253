"""Runs all methods on all clips and features, and writes what was measured as JSON.

    PYTHONPATH=bench python -m quality.run --sluice BIN --work FOLDER --json FILE \\
        [--recording NAME=FILE]... [--holitom CHECKOUT] [--encoder NAME=FOLDER]... [--only NAME]...
"""

import argparse
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from . import features, settings
from .clips import Clip, read_clip
from .measures import Kept, attention_output, coverage, longest_gap, mass_kept, relative_error
from .methods import METHODS, Tokens, ours_parity
from .published import Published, same_rows, with_origin
from .queries import QuerySet, query_sets

Row = dict[str, Any]


def measure(clip: Tokens, kept: Kept, asked: list[QuerySet]) -> Row:
    """Every measure of one reduction."""
    covered = coverage(clip.flat, kept, settings.WORST_SHARE)
    alone, merged = mass_kept(clip.attention.ravel(), kept)
    row: Row = {
        "kept": len(kept),
        "merged_rows": int((kept.unchanged < 0).sum()),
        "represented": float((kept.assignment >= 0).mean()),
        "coverage": covered.mean,
        "worst": covered.worst,
        "gap": longest_gap(kept, clip.frames),
        "mass": alone,
        "mass_merged": merged,
    }
    for asks in asked:
        alone, merged = mass_kept(asks.attention, kept)
        row[f"mass_{asks.name}"], row[f"mass_merged_{asks.name}"] = alone, merged
        weights = {"error": None, "error_own": kept.weight, "error_nearest": covered.nearest}
        for name, weight in weights.items():
            output = attention_output(asks.queries, kept.features, asks.scale, weight)
            row[f"{name}_{asks.name}"] = relative_error(output, asks.output)
    return row


def reductions(
    clip: Tokens, retain: float, published: Published | None
) -> Iterator[tuple[str, Kept, Row]]:
    """Name, what was kept, and what else there is to say, of every method."""
    parity = ours_parity(clip, retain)
    budget = round(retain * len(clip.flat))
    for name, method in METHODS.items():
        kept = method(clip, budget)
        if name == "ours":
            budget = len(kept)  # fewer than asked for if merging left fewer: then for all
        if len(kept) != budget:
            raise RuntimeError(f"{name}: {len(kept)} tokens; expected {budget}")
        yield name, kept, {}
    if published is not None:
        rows = published.features(clip, retain)
        without_noise = published.features(clip, retain, noise=False)
        agreement = {
            "same_rows": same_rows(rows, parity),
            "same_rows_without_noise": same_rows(without_noise, parity),
        }
        yield "published", with_origin(rows, parity), agreement


def measure_clip(
    clip: Clip, encoder: features.Encoder, published: Published | None
) -> Iterator[Row]:
    encoded = encoder.encode(clip)
    tokens = Tokens(
        np.ascontiguousarray(encoded.features[~clip.held_out]),
        np.ascontiguousarray(encoded.attention[~clip.held_out]),
    )
    asked = query_sets(encoded.features, clip.held_out)
    available = len(METHODS["ours"](tokens, len(tokens.flat)))  # what merging over time leaves
    for retain in settings.BUDGETS:
        for name, kept, more in reductions(tokens, retain, published):
            yield {
                "clip": clip.name,
                "features": encoder.name,
                "width": tokens.flat.shape[1],
                "frames": tokens.frames,
                "tokens": len(tokens.flat),
                "available": available,
                "retain": retain,
                "method": name,
                **measure(tokens, kept, asked),
                **more,
            }


def sample(sluice: Path, work: Path, seed: int) -> Clip:
    """A rendered sample's video."""
    folder = work / f"sample-{seed}-video"
    command = [sluice, "sample", "-o", folder, "--seed", str(seed)]
    command += ["--rgbd-fps", "0", "--truth-fps", "0"]
    if not (folder / "video.mp4").exists():
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return read_clip(f"sample-{seed}", folder / "video.mp4", work)


def named_path(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not equals or not name or "/" in name:
        raise argparse.ArgumentTypeError(f"'{text}'; expected NAME=PATH")
    return name, Path(path)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sluice", type=Path, required=True, help="the command")
    parser.add_argument("--work", type=Path, required=True, help="folder for pictures")
    parser.add_argument("--json", type=Path, required=True, help="what was measured")
    parser.add_argument("--holitom", type=Path, help="checkout of cokeshao/HoliTom")
    parser.add_argument("--recording", type=named_path, action="append", default=[])
    parser.add_argument("--encoder", type=named_path, action="append", default=[])
    parser.add_argument("--only", action="append", help="built-in features of this name")
    return parser.parse_args()


def encoders(arguments: argparse.Namespace) -> Iterator[features.Encoder]:
    """Those that were asked for, made one at a time."""
    training = sample(arguments.sluice, arguments.work, settings.TRAINING_SEED)
    built_in = {
        features.Descriptors.name: lambda: features.Descriptors(arguments.sluice),
        features.RandomTransformer.name: lambda: features.RandomTransformer(training),
        features.LearnedPatches.name: lambda: features.LearnedPatches(training),
    }
    for name, make in built_in.items():
        if not arguments.only or name in arguments.only:
            yield make()
    for name, folder in arguments.encoder:
        yield features.OwnEncoder(name, folder)


def main() -> None:
    arguments = parse_arguments()
    arguments.work.mkdir(parents=True, exist_ok=True)
    published = Published(arguments.holitom) if arguments.holitom else None
    clips = [sample(arguments.sluice, arguments.work, settings.SAMPLE_SEED)]
    clips += [read_clip(name, path, arguments.work) for name, path in arguments.recording]
    rows: list[Row] = []
    for encoder in encoders(arguments):
        for clip in clips:
            rows += measure_clip(clip, encoder, published)
            print(f"{encoder.name}: {clip.name}", flush=True)
    arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
