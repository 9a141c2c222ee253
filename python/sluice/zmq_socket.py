"""A ZeroMQ socket that one thread uses at a time, and that stays on this machine unless told."""

from __future__ import annotations

import ipaddress
import threading
import time
from types import TracebackType
from typing import Any, Self

from .errors import EngineError, InputError

MAX_MESSAGE = 256 << 20
"""Bytes: a peer that sends more is disconnected."""


class Closing:
    """What is closed at the end of a `with` block."""

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Socket(Closing):
    """A ZeroMQ socket that one thread uses at a time."""

    def __init__(self, kind: str, endpoint: str, *, bind: bool, allow_remote: bool) -> None:
        zmq = _zmq()
        if bind and not allow_remote and not _is_local(endpoint):
            raise InputError(
                f"endpoint: {endpoint!r} can be reached by other machines; expected a loopback "
                "address, or allow_remote=True"
            )
        self.zmq = zmq
        self.socket = zmq.Context.instance().socket(getattr(zmq, kind))
        self.socket.linger = 0
        self.socket.maxmsgsize = MAX_MESSAGE
        self._endpoint, self._bind = endpoint, bind
        self._busy = threading.Lock()

    def attach(self) -> None:
        """Once all options are set."""
        try:
            (self.socket.bind if self._bind else self.socket.connect)(self._endpoint)
        except (self.zmq.ZMQError, TypeError) as error:
            self.socket.close()
            raise InputError(
                f"endpoint: {self._endpoint!r}: {error}; expected one like 'tcp://127.0.0.1:5555'"
            ) from None

    @property
    def endpoint(self) -> str:
        """As it can be connected to, with the port that the system chose for `:*`."""
        return self.socket.last_endpoint.decode() if self._bind else self._endpoint

    def close(self) -> None:
        self.socket.close()

    def send_blob(self, blob: bytes, timeout: float | None) -> bool:
        with self._alone():
            deadline = None if timeout is None else time.monotonic() + timeout
            while True:
                try:
                    self.socket.send(blob, self.zmq.DONTWAIT)
                    return True
                except self.zmq.Again:
                    if not self.socket.poll(_left_ms(deadline), self.zmq.POLLOUT):
                        return False

    def receive_blob(self, timeout: float | None) -> Any:
        """A buffer, or None."""
        with self._alone():
            deadline = None if timeout is None else time.monotonic() + timeout
            if not self.socket.poll(_left_ms(deadline)):
                return None
            return self.socket.recv(copy=False).buffer

    def _alone(self) -> Any:
        return Alone(self._busy)


class Alone:
    """Refuses a second thread instead of crashing: ZeroMQ's sockets are not thread-safe."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise EngineError("socket: is at work in another thread; expected one at a time")

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _zmq() -> Any:
    try:
        import zmq
    except ImportError as error:
        raise EngineError(
            "sockets: pyzmq is not installed; expected `pip install sluice-tokens[zmq]`"
        ) from error
    return zmq


def _is_local(endpoint: str) -> bool:
    if not isinstance(endpoint, str) or not endpoint.startswith("tcp://"):
        return True
    host = endpoint.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", "lo")


def _left_ms(deadline: float | None) -> int | None:
    return None if deadline is None else max(0, int(1000 * (deadline - time.monotonic()) + 0.999))
