"""sluice reduce against an independent NumPy implementation, on random inputs."""

import os
import subprocess
import sys

from processes import SANITIZED, SLUICE, SOURCE_DIR

PLAIN_CASES, LONG_CASES = 150, 2000


def test_random_inputs_give_what_the_oracle_gives():
    long = bool(os.environ.get("SLUICE_LONG_TESTS")) and not SANITIZED
    check = SOURCE_DIR / "tests" / "python" / "check_reduce.py"
    cases = str(LONG_CASES if long else PLAIN_CASES)
    command = [sys.executable, str(check), "--sluice", SLUICE, "--cases", cases]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
