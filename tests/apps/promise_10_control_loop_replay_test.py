"""A loop's log gives the same packets whenever it is replayed: those that the model received."""

import threading

import pytest

from loops import (Camera, Loop, Model, camera_file, camera_input, ended, tick_of, without_wall_clock,
                   write_config)  # fmt: skip
from processes import sluice, wait_until

BUDGETS = {
    "fixed": "tokens = 12",
    "deadline": "controller = 'deadline'\ntokens = 30\nleast = 4",
    "motion": "controller = 'motion'\ntokens = 30\nleast = 4",
}


def record(folder, zeromq, inputs, **keys):
    """Runs a loop with a model that answers; returns its log and what the model received by tick."""
    config = write_config(folder, inputs, deadline_ms=8.0, rate_hz=25.0, **keys)
    received = {}
    with Loop(config, "--ticks", 50, "--log", folder / "log") as loop:
        model = Model(zeromq, loop)
        for count in range(10**6):
            packet = model.receive()
            if ended(packet):
                break
            received[tick_of(packet)] = packet.bytes
            if count % 4 != 3:
                looks_at = lambda source, key: 0.3 if key % 7 == 0 else 0.01
                model.answer(packet, attention=looks_at, latency_ms=0.3 * len(packet.bytes) / 1e3)
        loop.finish()
        assert len(received) > 5
    return folder / "log", received


def packets_of(folder):
    return [path.read_bytes() for path in sorted((folder / "packets").glob("*.safetensors"))]


@pytest.mark.parametrize("controller", BUDGETS)
def test_replays_are_identical_and_are_what_was_sent(tmp_path, zeromq, controller):
    inputs = [camera_input(camera_file(tmp_path, name, seed=seed), name)
              for seed, name in enumerate(["front", "wrist"])]  # fmt: skip
    log, received = record(tmp_path, zeromq, inputs, budget=BUDGETS[controller])
    for name in ("one", "two"):
        sluice("replay", log, "--as-loop", "-o", tmp_path / name)
    one = packets_of(tmp_path / "one")
    assert one == packets_of(tmp_path / "two")
    replayed = set(map(without_wall_clock, one))
    assert all(without_wall_clock(packet) in replayed for packet in received.values())


def test_live_features_are_replayed_from_the_log_alone(tmp_path, zeromq, free_port):
    endpoint = f"tcp://127.0.0.1:{free_port}"
    camera = Camera(zeromq, endpoint)
    camera.send()
    stop = threading.Event()

    def film():
        while not stop.wait(0.03):
            camera.send()

    thread = threading.Thread(target=film)
    thread.start()
    try:
        log, received = record(tmp_path, zeromq, [f"id = 'front'\nsource = '{endpoint}'"])
    finally:
        stop.set()
        thread.join()
    sluice("replay", log, "--as-loop", "-o", tmp_path / "out")
    replayed = set(map(without_wall_clock, packets_of(tmp_path / "out")))
    assert all(without_wall_clock(packet) in replayed for packet in received.values())


def test_a_killed_loop_leaves_a_log_that_can_be_replayed(tmp_path, zeromq):
    config = write_config(tmp_path, [camera_input(camera_file(tmp_path))])
    with Loop(config, "--log", tmp_path / "log") as loop:
        model = Model(zeromq, loop)
        for _ in range(5):
            model.answer(model.receive())
        wait_until(lambda: (tmp_path / "log" / "ticks.jsonl").stat().st_size > 5000, "a log", loop)
        loop.kill()
    sluice("replay", tmp_path / "log", "--as-loop", "-o", tmp_path / "out")
    assert packets_of(tmp_path / "out")
