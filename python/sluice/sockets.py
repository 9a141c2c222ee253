"""Packets and feedback over ZeroMQ. Needs pyzmq: `pip install sluice-tokens[zmq]`.

One message is one frame, one endpoint carries one stream. Whoever connects keeps trying, so the
order of start does not matter. A socket is used by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .errors import InputError
from .packets import Feedback, Packet, decode, encode
from .zmq_socket import Closing, Socket


@dataclass(frozen=True)
class CurveClient:
    """Keys for an encrypted connection, each 40 characters of Z85."""

    secret_key: str
    """Of this end."""
    server_key: str
    """Public key of the end that binds."""


class Sender(Socket):
    """Sends packets (or feedback) to whoever listens.

    Args:
        endpoint: like `tcp://127.0.0.1:5555` or `ipc:///path`.
        pattern: `push`: every message reaches one receiver, and the sender waits for it. `pub`:
            every message goes to all that listen, and nobody is waited for.
        bind: listen (default), or connect to an endpoint that the receiver bound.
        queue: messages that may wait for a slow receiver.
        allow_remote: bind to an address that other machines can reach.
        linger: seconds that `close` waits for what was not handed over yet.
    """

    def __init__(
        self,
        endpoint: str = "tcp://127.0.0.1:5555",
        *,
        pattern: Literal["push", "pub"] = "push",
        bind: bool = True,
        queue: int = 16,
        allow_remote: bool = False,
        linger: float = 10.0,
    ) -> None:
        kind = _kind(pattern, {"push": "PUSH", "pub": "PUB"})
        super().__init__(kind, endpoint, bind=bind, allow_remote=allow_remote)
        self.socket.sndhwm = queue
        self.socket.linger = int(1000 * linger)
        if kind == "PUSH":
            self.socket.immediate = True  # nothing waits for a receiver that was never there
        self.attach()

    def send(self, message: Packet | Feedback, timeout: float | None = None) -> bool:
        """Hands over one message; waits for a slow receiver at most `timeout` seconds, by default
        as long as it takes. False: it was not sent. A `pub` sender never waits."""
        return self.send_blob(encode(message), timeout)


class Receiver(Socket):
    """Receives packets (or feedback). Iterating ends with the stream.

    Args:
        endpoint: where the sender is.
        pattern: `pull` for a sender that pushes, `sub` for one that publishes.
        bind: listen instead of connecting (default).
        latest: only the newest message is kept: what came before and was not taken is dropped.
        queue: messages that may wait here.
        framework: of the tensors. NumPy has no bfloat16.
    """

    def __init__(
        self,
        endpoint: str = "tcp://127.0.0.1:5555",
        *,
        pattern: Literal["pull", "sub"] = "pull",
        bind: bool = False,
        latest: bool = False,
        queue: int = 16,
        framework: Literal["numpy", "torch"] = "numpy",
        allow_remote: bool = False,
    ) -> None:
        kind = _kind(pattern, {"pull": "PULL", "sub": "SUB"})
        super().__init__(kind, endpoint, bind=bind, allow_remote=allow_remote)
        self.socket.rcvhwm = queue
        if latest:
            self.socket.conflate = True
        if kind == "SUB":
            self.socket.subscribe(b"")
        self.framework = framework
        self.attach()

    def receive(self, timeout: float | None = None) -> Packet | Feedback | None:
        """The next message; None if there is none within `timeout` seconds.

        Raises InputError for one that is damaged; the next one can be received all the same.
        """
        blob = self.receive_blob(timeout)
        return None if blob is None else decode(blob, self.framework, self.endpoint)

    def __iter__(self) -> Iterator[Packet | Feedback]:
        while True:
            message = self.receive()
            assert message is not None, "no timeout was given"
            yield message
            if isinstance(message, Packet) and message.end_of_stream:
                return


class ModelLink(Closing):
    """The model's end of the wire to a control loop: always the newest packet, feedback back.

        with sluice.ModelLink() as link:
            while (packet := link.receive(timeout=1.0)) is not None:
                ...
                link.send(sluice.feedback_on(packet, {...}, action))

    Connects whenever the loop is there, and again when it comes back.
    """

    def __init__(
        self,
        packets: str = "tcp://127.0.0.1:5560",
        feedback: str | None = "tcp://127.0.0.1:5561",
        *,
        framework: Literal["numpy", "torch"] = "numpy",
        curve: CurveClient | None = None,
    ) -> None:
        self.framework = framework
        self._packets = Socket("SUB", packets, bind=False, allow_remote=True)
        self._packets.socket.conflate = True
        self._packets.socket.subscribe(b"")
        self._feedback: Socket | None = None
        self._attach(self._packets, curve)
        if feedback is not None:
            self._feedback = Socket("PUSH", feedback, bind=False, allow_remote=True)
            self._feedback.socket.immediate = True
            self._feedback.socket.sndhwm = 4
            self._attach(self._feedback, curve)

    def receive(self, timeout: float | None = None) -> Packet | None:
        """The newest packet that was not received yet; None if none comes within `timeout` seconds.

        Raises InputError for a damaged message; the next one can be received all the same.
        """
        blob = self._packets.receive_blob(timeout)
        if blob is None:
            return None
        message = decode(blob, self.framework, self._packets.endpoint)
        if not isinstance(message, Packet):
            raise InputError(f"{self._packets.endpoint}: is feedback; expected a packet")
        return message

    def send(self, feedback: Feedback) -> bool:
        """Never waits. False: the loop is not there; the feedback is gone, as it would be stale."""
        if self._feedback is None:
            raise InputError("feedback: no endpoint was given; expected one to send to")
        return self._feedback.send_blob(encode(feedback), 0)

    def close(self) -> None:
        self._packets.close()
        if self._feedback is not None:
            self._feedback.close()

    @staticmethod
    def _attach(end: Socket, curve: CurveClient | None) -> None:
        socket = end.socket
        socket.heartbeat_ivl, socket.heartbeat_timeout, socket.connect_timeout = 200, 600, 500
        if curve is not None:
            secret = curve.secret_key.encode()
            socket.curve_secretkey = secret
            socket.curve_publickey = end.zmq.curve_public(secret)
            socket.curve_serverkey = curve.server_key.encode()
        end.attach()


def _kind(pattern: str, kinds: dict[str, str]) -> str:
    if pattern not in kinds:
        known = " or ".join(repr(name) for name in kinds)
        raise InputError(f"pattern: is {pattern!r}; expected {known}")
    return kinds[pattern]
