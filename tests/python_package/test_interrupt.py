"""Ctrl-C ends long work between frames, and leaves everything usable."""

import signal
import threading
from contextlib import contextmanager

import numpy as np
import pytest

import sluice


@contextmanager
def interrupted():
    """Ctrl-C soon after the block has begun; it must end the block."""
    main = threading.main_thread().ident
    timer = threading.Timer(0.05, signal.pthread_kill, [main, signal.SIGINT])
    # Where the tests run in the background of a shell, Python has inherited that SIGINT is ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            timer.start()
            yield
        timer.join()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_long_push_stops_between_frames():
    frames = np.random.default_rng(0).standard_normal((3000, 64, 128)).astype(np.float32)
    reducer = sluice.VideoReducer(causal=False, retain=0.1)
    with interrupted():
        for _ in range(20):  # far longer than it takes, and still within memory
            reducer.push(frames)
    pushed = reducer.frames
    assert pushed % len(frames) > 0  # within a call, not between two
    reducer.push(frames[0])
    assert reducer.frames == pushed + 1


def test_a_loop_of_short_calls_stops():
    frames = np.ones((4, 8, 16), np.float32)
    with interrupted():
        for _ in range(10**6):
            sluice.reduce(frames)
    assert sluice.reduce(frames).kept == 3


def test_waiting_for_a_packet_stops():
    pytest.importorskip("zmq")
    with sluice.Receiver("tcp://127.0.0.1:9") as receiver, interrupted():
        receiver.receive()
