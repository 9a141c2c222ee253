"""Runs the sluice command: with a deadline always, in the foreground or in the background."""

import os
import pathlib
import pty
import re
import resource
import signal
import subprocess
import tempfile
import time

SLUICE = os.environ.get("SLUICE_BIN", "sluice")
SOURCE_DIR = pathlib.Path(
    os.environ.get("SLUICE_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2])
)
# Sanitizers slow the command down, and take terabytes of address space.
SANITIZED = os.environ.get("SLUICE_SANITIZE", "") not in ("", "OFF")
# Nothing here takes longer than a few seconds unless it hangs.
DEADLINE_S = 240 if SANITIZED else 60


def sluice(*arguments, code=0, env=None, limits=None, cwd=None):
    """Runs the command to its end; fails unless it exits with `code`.

    `limits`: resource limits of the process, such as {resource.RLIMIT_FSIZE: 1000}.
    """
    command = [SLUICE, *map(str, arguments)]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=DEADLINE_S,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        preexec_fn=_limiter(limits),
    )
    assert done.returncode == code, describe(command, done.returncode, done.stdout, done.stderr)
    return done


def describe(command, code, out, err):
    return f"{' '.join(map(str, command))}\nexited with {code}\n{out}\n{err}"


def _limiter(limits):
    if not limits:
        return None

    def limit():
        for what, value in limits.items():
            if not (SANITIZED and what == resource.RLIMIT_AS):
                resource.setrlimit(what, (value, value))

    return limit


class Running:
    """A command in the background; leaving the `with` block kills it if it still runs.

    `terminal`: its standard error is a terminal, where it shows its progress.
    """

    def __init__(self, *arguments, command=SLUICE, terminal=False, env=None):
        self._command = [command, *map(str, arguments)]
        self._out = tempfile.TemporaryFile()
        self._err = tempfile.TemporaryFile()
        self._terminal = None
        stderr = self._err
        if terminal:
            self._terminal, stderr = pty.openpty()
            os.set_blocking(self._terminal, False)
        self.process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=stderr,
            env={**os.environ, **(env or {})},
        )
        if terminal:
            os.close(stderr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._out.close()
        self._err.close()
        if self._terminal is not None:
            os.close(self._terminal)

    def out(self):
        return _contents(self._out)

    def err(self):
        if self._terminal is not None:
            try:
                self._err.write(os.read(self._terminal, 1 << 16))
            except OSError:  # nothing new, or the other end is closed
                pass
        return _contents(self._err)

    def wait_for(self, pattern, where="out"):
        """The match of a regular expression in what the command prints."""
        read = getattr(self, where)
        match = None

        def found():
            nonlocal match
            match = re.search(pattern, read())
            return match

        wait_until(found, f"'{pattern}' on std{where}", self)
        return match

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def kill(self):
        self.process.kill()
        self.process.wait(DEADLINE_S)

    def is_running(self):
        return self.process.poll() is None

    def finish(self, code=0):
        """Waits for its end; fails unless it exits with `code`. Returns what it printed."""
        try:
            self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"does not end: {self.state()}") from None
        assert self.process.returncode == code, self.state()
        return self.out()

    def state(self):
        return describe(self._command, self.process.poll(), self.out(), self.err())

    def endpoint(self):
        """Where `sluice stream` says that it sends from."""
        return self.wait_for(r"from ((?:tcp|ipc)://\S+)")[1]

    def own_memory(self):
        """Bytes of memory in use, mapped files left out."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"RssAnon:\s*(\d+) kB", status)[1]) * 1024


def _contents(file):
    file.seek(0)
    text = file.read().decode(errors="replace")
    file.seek(0, os.SEEK_END)
    return text


def wait_until(condition, what, process=None, deadline_s=DEADLINE_S):
    """Polls until `condition()` is true; fails at the deadline, or when `process` has ended."""
    end = time.monotonic() + deadline_s
    while not condition():
        if process is not None and not process.is_running():
            if condition():
                return
            raise AssertionError(f"waiting for {what}, but it ended: {process.state()}")
        if time.monotonic() > end:
            raise AssertionError(
                f"waited {deadline_s} s for {what}" + (f": {process.state()}" if process else "")
            )
        time.sleep(0.005)
