"""Recordings as evenly spread square pictures, and which of them are held out for queries."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import settings


@dataclass(frozen=True)
class Clip:
    """Pictures of one recording, read once for all features."""

    name: str
    pictures: np.ndarray
    """[frames read, PIXELS, PIXELS, 3] u8"""
    folder: Path
    """The same pictures as files, frame-000000.ppm and so on."""

    @property
    def held_out(self) -> np.ndarray:
        """[frames read] bool: frames that make queries; the others are the clip."""
        index = np.arange(len(self.pictures))
        return index % settings.HELD_OUT_EVERY == settings.HELD_OUT_OFFSET


def read_clip(name: str, source: Path, work: Path) -> Clip:
    """`source`: what FFmpeg reads, or a pattern with %06d in it."""
    pictures = spread(_decode(source), settings.FRAMES_READ)
    folder = work / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for index, picture in enumerate(pictures):
        header = f"P6 {settings.PIXELS} {settings.PIXELS} 255\n".encode()
        (folder / f"frame-{index:06d}.ppm").write_bytes(header + picture.tobytes())
    return Clip(name, pictures, folder)


def spread(frames: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of them, evenly spread, the first and the last among them."""
    if len(frames) <= count:
        return frames
    return frames[np.round(np.linspace(0, len(frames) - 1, count)).astype(int)]


def _decode(source: Path) -> np.ndarray:
    side = settings.PIXELS
    command = ["ffmpeg", "-v", "error"]
    if "%" in source.name:
        command += ["-start_number", str(_first_number(source))]
    command += ["-i", str(source), "-vf", f"scale={side}:{side}:flags=area"]
    command += ["-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, side, side, 3)


def _first_number(pattern: Path) -> int:
    """frame-%06d.color.png: the number of the first file of that name."""
    before, after = pattern.name.split("%06d")
    first = min(pattern.parent.glob(f"{before}[0-9]*{after}"))
    return int(first.name[len(before) : len(before) + 6])
