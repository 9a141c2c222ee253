#!/usr/bin/env python3
"""Enforces who may include whom (docs/architecture.md, "Folders").

    check_includes.py

- Inclusion goes one way between the folders.
- The core uses the standard library, POSIX and compiler intrinsics only: it builds where nothing
  but a compiler and Thrust is installed. Thrust, TBB and CUDA stay in the files named below.
- The library never prints: no <iostream> outside apps, tests and bench.
"""

import pathlib
import re
import sys

from project_files import ROOT, project_files

# Folder: the folders it may include. The longest prefix of a path decides which folder it is in.
CORE = {"kernels", "stream", "temporal", "spatial3d", "policy"}
LIBRARY = CORE | {"stream/io", "stream/open3d"}
MAY_INCLUDE = {
    "kernels": {"kernels"},
    "stream": {"kernels", "stream"},
    "stream/io": {"kernels", "stream", "stream/io"},
    "stream/open3d": {"kernels", "stream", "stream/open3d"},
    "temporal": {"kernels", "stream", "temporal"},
    "spatial3d": {"kernels", "stream", "spatial3d"},
    "policy": CORE,
    "apps": LIBRARY | {"apps"},
    "python": LIBRARY | {"python"},
    "bench": LIBRARY | {"apps", "bench"},
    "tests": LIBRARY | {"apps", "bench", "tests"},
}
POSIX = {"fcntl.h", "glob.h", "sched.h", "signal.h", "unistd.h", "sys/mman.h", "sys/stat.h"}
INTRINSICS = {"immintrin.h"}
# What else a file of the core may include, by the beginning of the header's name.
PARALLEL = {
    "kernels/voxel_grouping.inl": ("thrust/",),
    "kernels/voxel_pool.cpp": ("thrust/", "tbb/"),
    "kernels/cuda/voxel_pool.cu": ("thrust/",),
    "kernels/cuda/cuda_error.h": ("cuda_runtime_api.h",),
    "kernels/cuda/device_memory.cpp": ("cuda_runtime_api.h",),
    "kernels/cuda/launch.h": ("cuda_runtime.h",),
    "kernels/cuda/probe.cpp": ("cuda_runtime_api.h",),
    "kernels/cuda/row_ring.h": ("cuda_pipeline_primitives.h",),
    "kernels/cuda/row_sums.h": ("cuda_fp16.h",),
    "kernels/cuda/stream_resources.cpp": ("cuda_runtime_api.h",),
}
STREAMS = {"iostream"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def folder_of(path):
    """'stream/io' for stream/io/libav/check.h; None for a path outside the known folders."""
    parts = pathlib.PurePosixPath(path).parts
    for length in (2, 1):
        folder = "/".join(parts[:length])
        if len(parts) > length and folder in MAY_INCLUDE:
            return folder
    return None


def is_standard(header):
    """C++ standard headers have neither a suffix nor a folder."""
    return "." not in header and "/" not in header


def problem_of(path, quote, header):
    """What is wrong with this include, or None."""
    folder = folder_of(path.as_posix())
    if quote == '"':
        if not (ROOT / header).is_file():
            beside = (ROOT / path.parent / header).is_file()
            return ("write the path from the project's root" if beside else
                    "no such file, counted from the project's root")
        target = folder_of(header)
        if target not in MAY_INCLUDE[folder]:
            allowed = ", ".join(sorted(MAY_INCLUDE[folder]))
            return f"{folder} may include only {allowed}"
        return None
    if header.startswith(PARALLEL.get(path.as_posix(), ())):
        return None
    if folder in CORE and not is_standard(header) and header not in POSIX | INTRINSICS:
        return f"{folder} may use the standard library only"
    if folder in LIBRARY and header in STREAMS:
        return "the library never prints"
    return None


def main():
    problems = []
    checked = 0
    for path in project_files(".h", ".cpp", ".inl", ".cu", ".cuh"):
        if folder_of(path.as_posix()) is None:
            continue
        checked += 1
        text = (ROOT / path).read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            if match := INCLUDE.match(line):
                problem = problem_of(path, *match.groups())
                if problem:
                    problems.append(f"{path}:{number}: {line.strip()}: {problem}")
    print("\n".join(problems + [f"{checked} files, {len(problems)} problems"]))
    return 1 if problems or checked == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
