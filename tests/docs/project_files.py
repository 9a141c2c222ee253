"""The project's own files, without builds, outputs and environments."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOT_OURS = {"build", "out", "sample", "__pycache__"}


def project_files(*suffixes):
    """Paths relative to ROOT of all files with one of these suffixes, sorted."""
    found = []
    for folder, subfolders, names in os.walk(ROOT):
        here = pathlib.Path(folder).relative_to(ROOT)
        at_top = here == pathlib.Path(".")
        subfolders[:] = [name for name in subfolders
                         if not name.startswith(".") and not (at_top and name in NOT_OURS)]
        found += [here / name for name in names if name.endswith(suffixes)]
    return sorted(found)
