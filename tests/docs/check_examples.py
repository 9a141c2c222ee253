#!/usr/bin/env python3
"""Holds examples in the README against the files that are built and run in tests/package.

    check_examples.py

A code block whose first line names a file (// docs/examples/robot_loop.cpp) is that file, to the letter.
The robot's loop must be there, in 60 lines at most.
"""

import re
import sys

from project_files import ROOT

BLOCK = re.compile(r"^```\w+\n((?://|#) (docs/examples/\S+)\n.*?)^```$", re.MULTILINE | re.DOTALL)
MUST_BE_THERE = {"docs/examples/robot_loop.cpp": 60}  # lines at most


def first_difference(block, text):
    lines = zip(block.splitlines() + [None], text.splitlines() + [None])
    return next((number for number, (ours, theirs) in enumerate(lines, 1) if ours != theirs), None)


def main():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = {path: block for block, path in BLOCK.findall(readme)}
    problems = [f"README.md: no code block that begins with '// {path}'"
                for path in MUST_BE_THERE if path not in blocks]
    for path, block in blocks.items():
        if not (ROOT / path).is_file():
            problems.append(f"README.md: {path}: no such file")
            continue
        text = (ROOT / path).read_text(encoding="utf-8")
        if number := first_difference(block, text):
            problems.append(f"README.md: differs from {path} in its line {number}")
        lines = len(text.splitlines())
        if lines > MUST_BE_THERE.get(path, lines):
            problems.append(f"{path}: {lines} lines, at most {MUST_BE_THERE[path]}")
    print("\n".join(problems + [f"{len(blocks)} examples, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
