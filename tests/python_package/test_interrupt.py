"""Ctrl-C ends long calls early, and leaves everything usable."""

import signal
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
from samples import clip

import sluice

SOON = 0.8
"""Seconds. It is 0.1 on a machine that is not busy with other things."""


@contextmanager
def interrupted(after=0.05):
    """Ctrl-C soon after the block has begun; it must end the block at once."""
    main, sent = threading.main_thread().ident, []

    def interrupt():
        sent.append(time.monotonic())
        signal.pthread_kill(main, signal.SIGINT)

    timer = threading.Timer(after, interrupt)
    # Where the tests run in the background of a shell, Python has inherited that SIGINT is ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            timer.start()
            yield
        took = time.monotonic() - sent[0]
        timer.join()
    finally:
        timer.cancel()  # where the block ended too early
        signal.signal(signal.SIGINT, before)
    assert took < SOON


@pytest.fixture(params=[1, 2])
def threads(request):
    sluice.set_threads(request.param)
    yield request.param
    sluice.set_threads(0)


def random(*shape):
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def long_reduce():
    frames = random(500, 576, 32)
    return lambda: sluice.reduce(frames, tau=1.0, retain=0.5, contextual=0.5)


def long_comparison():
    frames = np.zeros((12_000, 196, 1024), np.float16)  # never written: costs no memory
    return lambda: sluice.reduce(frames)


def long_merge():
    hidden = random(24_000, 512)
    return lambda: sluice.inner_merge(hidden, None, (0, 24_000), 12_000)


def long_selection():
    rows = random(5000, 4096)
    return lambda: sluice.maxmin(rows, 2500)


def long_pooling():
    features, xyz = random(500_000, 4), random(500_000, 3)
    return lambda: sluice.voxel_pool(features, xyz, size=0.01, max_tokens=80_000)


def long_calibration():
    maps = np.zeros((32, 3000, 3000), np.float16)
    return lambda: sluice.calibrate([[maps] * 60], (0, 2500, 500))


@pytest.mark.parametrize(
    "prepare",
    [long_reduce, long_comparison, long_merge, long_selection, long_pooling, long_calibration],
)
def test_one_long_call_stops_and_the_next_is_as_good(prepare, threads):
    features, attention = clip(4)
    before = sluice.reduce(features, attention).features.tobytes()
    call = prepare()
    with interrupted():
        call()
    assert sluice.reduce(features, attention).features.tobytes() == before


def test_several_interrupts_in_a_row_each_stop_a_call():
    call = long_reduce()
    for after in (0.02, 0.06, 0.11):
        with interrupted(after):
            call()


class Alarm(Exception):
    pass


@contextmanager
def alarms(handler):
    """Calls `handler` every 20 ms."""
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_handler_that_returns_does_not_end_the_call():
    frames = random(50, 576, 32)
    options = {"tau": 1.0, "retain": 0.5, "contextual": 0.5}
    expected = sluice.reduce(frames, **options)
    calls = []
    with alarms(lambda *_: calls.append(sluice.maxmin(frames[0], 2))):
        begin = time.monotonic()
        result = sluice.reduce(frames, **options)
        took = time.monotonic() - begin
    assert result.assignment.tobytes() == expected.assignment.tobytes()
    assert len(calls) > 0 or took < 0.1


def test_what_a_handler_raises_comes_out_as_it_is():
    alarm = Alarm("wake up")

    def ring(*_):
        signal.setitimer(signal.ITIMER_REAL, 0)  # once
        raise alarm

    call = long_reduce()
    with pytest.raises(Alarm) as caught, alarms(ring):
        call()
    assert caught.value is alarm


def test_other_threads_go_on():
    """Only the main thread is interrupted."""
    frames = random(60, 576, 32)
    results = []
    worker = threading.Thread(
        target=lambda: results.append(
            sluice.reduce(frames, tau=1.0, retain=0.5, contextual=0.5).kept
        )
    )
    worker.start()
    with interrupted():
        time.sleep(30)
    worker.join()
    assert results == [60 * 576 // 2]


def test_a_long_push_stops_between_frames():
    frames = random(3000, 64, 128)
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
