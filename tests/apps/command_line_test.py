"""Help, version and exit codes of the command itself."""

import re
import shlex

import pytest

from processes import SOURCE_DIR, sluice

COMMANDS = ["reduce", "replay", "compare", "stream", "recv", "sample"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command):
    text = sluice(command, "--help").stdout
    examples = re.search(r"Example:\n((?:  .*\n?)+)", text)
    assert examples and f"sluice {command} " in examples[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_options_of_the_example_exist(command):
    text = sluice(command, "--help").stdout
    example = re.search(rf"^  (sluice {command} .*)$", text, re.MULTILINE)[1]
    options = [word for word in shlex.split(example) if word.startswith("-")]
    assert all(re.search(rf"{option}\b", text.split("Example:")[0]) for option in options)


def test_help_of_the_whole_lists_every_command():
    text = sluice("--help").stdout
    assert "Example:" in text and "Exit codes" in text
    assert all(re.search(rf"^  {command} ", text, re.MULTILINE) for command in COMMANDS)


def test_the_version_is_the_projects():
    text = (SOURCE_DIR / "CMakeLists.txt").read_text()
    project = re.search(r"project\(Sluice VERSION ([\d.]+)", text)[1]
    assert sluice("--version").stdout == f"sluice {project}\n"


def test_no_command_is_an_error_that_shows_the_commands():
    assert "replay" in sluice(code=2).stderr


def test_an_unknown_command_is_named():
    assert "replya" in sluice("replya", "clip.mp4", code=2).stderr


def test_threads_may_stand_before_and_after_the_command(tmp_path):
    for arguments in (["--threads", 1, "sample"], ["sample", "--threads", 1]):
        sluice(*arguments, "-o", tmp_path, "--seconds", 1, "--fps", 8, "--width", 64,
               "--height", 48)  # fmt: skip
