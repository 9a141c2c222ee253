#!/usr/bin/env python3
"""Holds docs/defaults.md against what the command says of itself.

    check_defaults.py --sluice build/release/bin/sluice

Every argument of every command must be in the table with the default that `--help` prints, and the
table must name nothing else.

In the help a default is `=0.1` behind the type, or `[text]` at the end of the description; what
follows a semicolon in that text is explanation. Arguments without either are `required`, `off` (flags)
or `none`.
"""

import argparse
import re
import subprocess
import sys

from project_files import ROOT

TABLE = ROOT / "docs" / "defaults.md"
GLOBAL = "all"  # in the table: options that stand before or after any command

# "  --queue INT:INT in [1 - 100000]=8" and so on, as CLI11 prints it.
ARGUMENT = re.compile(
    r"^  (?P<names>-{1,2}[A-Za-z][\w,-]*|[A-Z][A-Z_]*)"
    r"(?: (?P<type>[A-Z]{3,}))?"
    r"(?P<check>:(?:\{[^}]*\}|[A-Z]+ in \[[^\]]*\]|[A-Z]+))?"
    r"(?:=(?P<default>\S+)| \[(?P<bracketed>[^\]]+)\])?"
    r"(?P<many> \.\.\.)?"
    r"(?P<required> REQUIRED)?"
    r"(?: (?:Excludes|Needs):(?: --[\w-]+)+)?"
    r"(?:\s+(?P<text>\S.*))?$")
DEFAULT_IN_TEXT = re.compile(r"\[([^\]]+)\]\s*$")


def help_of(sluice, *command):
    run = subprocess.run([sluice, *command, "--help"], capture_output=True, text=True, check=True)
    return run.stdout


def commands_of(text):
    """The names under "Subcommands:"."""
    block = text.split("Subcommands:\n", 1)[1].split("\n\n", 1)[0]
    return [line.split()[0] for line in block.splitlines() if re.match(r"^  \S", line)]


def arguments_of(text):
    """{name: default} of one help page. The longest of an argument's names is its name."""
    text = re.split(r"\n(?:Subcommands|Example):\n", text)[0]
    # Join what was broken because the left column was too narrow.
    text = re.sub(r"\n {20,}(?=\S)", "  ", text)
    arguments = {}
    for line in text.splitlines():
        if not re.match(r"^  [-A-Z]", line):
            continue
        match = ARGUMENT.match(line)
        if not match:
            raise SystemExit(f"cannot read this line of the help: {line!r}")
        name = max(match["names"].split(","), key=len)
        if name in ("--help", "--version"):
            continue
        stated = DEFAULT_IN_TEXT.search(match["text"] or "")
        if match["required"]:
            default = "required"
        elif match["default"] or match["bracketed"]:
            default = (match["default"] or match["bracketed"]).strip("[]")
        elif stated and match["type"]:
            default = stated.group(1)
        else:
            default = "none" if match["type"] else "off"
        arguments[name] = plain(default)
    return arguments


def plain(default):
    """Without backticks, spaces after commas, and the explanation behind a semicolon."""
    return re.sub(r",\s+", ",", default.replace("`", "").split(";")[0].strip())


def table_rows():
    """(line number, argument, commands, default) of every row of the table."""
    for number, line in enumerate(TABLE.read_text(encoding="utf-8").splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("| `") or len(cells) != 6:
            continue
        name = max(cells[0].replace("`", "").split(","), key=len).strip()
        yield number, name, [name.strip() for name in cells[1].split(",")], plain(cells[2])


def main():
    parser = argparse.ArgumentParser(description="Compares docs/defaults.md with the help.")
    parser.add_argument("--sluice", required=True, help="the command")
    sluice = parser.parse_args().sluice

    overview = help_of(sluice)
    actual = {(GLOBAL, name): value for name, value in arguments_of(overview).items()}
    for command in commands_of(overview):
        for name, value in arguments_of(help_of(sluice, command)).items():
            actual[command, name] = value

    problems = []
    documented = set()
    for line, name, commands, default in table_rows():
        for command in commands:
            where = f"docs/defaults.md:{line}: {name} of {command}"
            if (command, name) in documented:
                problems.append(f"{where}: is here twice")
            elif (command, name) not in actual:
                problems.append(f"{where}: the command has no such option")
            elif actual[command, name] != default:
                problems.append(f"{where}: {default!r}, but the command says "
                                f"{actual[command, name]!r}")
            documented.add((command, name))
    problems += [f"docs/defaults.md: {name} of {command} is missing (default {actual[command, name]})"
                 for command, name in actual if (command, name) not in documented]
    print("\n".join(problems + [f"{len(actual)} options, {len(problems)} problems"]))
    return 1 if problems or not actual else 0


if __name__ == "__main__":
    sys.exit(main())
