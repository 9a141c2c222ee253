"""Threads: different objects work at once, one object refuses a second thread, forks work."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from samples import clip

import sluice


def large(frames=12):
    return np.random.default_rng(0).standard_normal((frames, 196, 1024)).astype(np.float32)


def test_the_gil_is_released():
    """A thread that counts goes on counting during one call of another."""
    features = large(120)
    counts, done = [0], threading.Event()

    def count():
        while not done.is_set():
            counts[0] += 1
            time.sleep(0.0005)

    counter = threading.Thread(target=count)
    counter.start()
    before = counts[0]
    sluice.reduce(features, retain=0.3)
    counted = counts[0] - before
    done.set()
    counter.join()
    assert counted > 5


def test_many_threads_get_what_one_gets():
    clips = [clip(seed, frames=10, positions=30, width=64) for seed in range(16)]

    def reduce(pair):
        result = sluice.reduce(*pair, retain=0.2)
        reducer = sluice.VideoReducer(retain=0.2, latency=4)
        reducer.push(*pair)
        reducer.finish()
        segments = [segment.features.tobytes() for segment in reducer.take()]
        return result.features.tobytes(), result.assignment.tobytes(), segments

    alone = [reduce(pair) for pair in clips]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            assert list(pool.map(reduce, clips)) == alone


def refused_while_busy(work, other):
    """Runs `work` in a thread, and `other` until it is refused."""
    errors, done = [], threading.Event()

    def run():
        try:
            work()
        except sluice.EngineError as error:
            errors.append(error)
        finally:
            done.set()

    worker = threading.Thread(target=run)
    worker.start()
    while not done.is_set():
        try:
            other()
        except sluice.EngineError as error:
            errors.append(error)
    worker.join()
    return errors


def test_one_reducer_refuses_a_second_thread():
    features = large(40)
    reducer = sluice.VideoReducer(causal=False)
    errors = refused_while_busy(lambda: reducer.push(features), lambda: reducer.frames)
    assert errors and "another thread" in str(errors[0])
    reducer.push(features[0])  # and works on


def test_one_engine_refuses_a_second_thread():
    features = large(1)[0]
    engine = sluice.TickEngine(budget=128)

    def steps():
        for _ in range(100):
            engine.step({"camera": features})

    errors = refused_while_busy(steps, lambda: engine.feedback_counts)
    assert errors and "another thread" in str(errors[0])
    assert engine.step({"camera": features}).status == "ok"


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_can_reduce_but_not_use_its_parents_objects():
    features, attention = clip(3, frames=10, positions=40, width=128)
    expected = sluice.reduce(features, attention).features.tobytes()
    reducer = sluice.VideoReducer()
    reducer.push(features[0])
    child = os.fork()
    if child == 0:
        code = 1
        try:
            same = sluice.reduce(features, attention).features.tobytes() == expected
            try:
                reducer.push(features[1])
            except sluice.EngineError as error:
                code = 0 if same and "another process" in str(error) else 2
            del reducer
        finally:
            os._exit(code)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    pytest.fail("the child hangs")
