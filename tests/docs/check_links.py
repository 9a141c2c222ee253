#!/usr/bin/env python3
"""Checks that the Markdown files point at things that exist.

    check_links.py

- Links and images with a relative target: the file is there, and so is the heading after '#'.
- Paths in backticks (`temporal/segmenter.h`): the file is there. A path counts if it begins with one
  of the project's folders and ends in a file name.
"""

import functools
import re
import sys
import urllib.parse

from project_files import ROOT, project_files

LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
HTML_LINK = re.compile(r"<(?:img|a)\b[^>]*?\b(?:src|href)=\"([^\"]+)\"")
CODE_SPAN = re.compile(r"`([^`]+)`")
FENCE = re.compile(r"^\s*(```|~~~)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$")
PATH = re.compile(r"^[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*\.[A-Za-z0-9]+$")


def prose(path):
    """(line number, text) of all lines outside code blocks."""
    fenced = False
    for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number, line


@functools.cache
def anchors(path):
    """Names under which GitHub shows the headings of a file."""
    names = set()
    for _, line in prose(path):
        if match := HEADING.match(line):
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match.group(1)).replace("`", "")
            name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
            repeated = name
            count = 0
            while repeated in names:
                count += 1
                repeated = f"{name}-{count}"
            names.add(repeated)
    return names


def problem_of_link(path, target):
    url = urllib.parse.urlsplit(target)
    if url.scheme or url.netloc:
        return None
    file = (ROOT / path.parent / urllib.parse.unquote(url.path)).resolve() if url.path else ROOT / path
    if not file.is_relative_to(ROOT):
        return "leads out of the project"
    if not file.exists():
        return "no such file"
    if url.fragment and file.suffix == ".md":
        if url.fragment not in anchors(file.relative_to(ROOT)):
            return "no such heading"
    return None


def is_project_path(text, folders):
    return "/" in text and PATH.match(text) and text.split("/")[0] in folders


def problem_of_path(path, text):
    """Counted from the project's root, or from the document: so a folder speaks of its own files."""
    exists = (ROOT / text).exists() or (ROOT / path.parent / text).exists()
    return None if exists else "no such file"


def main():
    # Folders that only exist in examples (out/report.html) are not the project's.
    folders = {path.parts[0] for path in project_files("") if len(path.parts) > 1}
    problems = []
    checked = 0
    for path in project_files(".md"):
        for number, line in prose(path):
            without_code = CODE_SPAN.sub("``", line)
            found = [(target, problem_of_link(path, target))
                     for pattern in (LINK, HTML_LINK) for target in pattern.findall(without_code)]
            found += [(text, problem_of_path(path, text)) for text in CODE_SPAN.findall(line)
                      if is_project_path(text, folders)]
            checked += len(found)
            problems += [f"{path}:{number}: {what}: {problem}" for what, problem in found if problem]
    print("\n".join(problems + [f"{checked} links and paths, {len(problems)} problems"]))
    return 1 if problems or checked == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
