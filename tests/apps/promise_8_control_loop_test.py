"""The tick never waits for its model, stale feedback is never applied, and whoever went is served
again once it is back. The model here is killed, stopped, slow, absent, confused and hostile."""

import signal
import time

import numpy as np
import pytest

from blobs import END_OF_FEATURES, blob, clip_blob
from loops import (POSITIONS, Camera, Loop, Model, camera_file, camera_input, feedback_on,
                   read_ticks, tick_of, write_config)  # fmt: skip
from processes import SANITIZED, Running, sluice, wait_until


@pytest.fixture
def loop(tmp_path):
    config = write_config(tmp_path, [camera_input(camera_file(tmp_path))],
                          feedback="stale_after = 8")  # fmt: skip
    with Loop(config) as running:
        yield running


@pytest.fixture
def model(zeromq, loop):
    return Model(zeromq, loop)


def ticks(loop):
    values = loop.metrics()
    return sum(v for name, v in values.items() if name.startswith("sluice_ticks_total"))


def goes_on(loop, more=20):
    """Waits for further ticks that send tokens."""
    name = 'sluice_ticks_total{status="ok"}'
    loop.wait_for_metric(name, loop.metrics()[name] + more)


def test_ticks_go_on_without_any_model(tmp_path):
    config = write_config(tmp_path, [camera_input(camera_file(tmp_path))])
    with Loop(config, "--ticks", 60, "--log", tmp_path / "log") as loop:
        out = loop.finish()
    assert "models: 0 came" in out
    records = read_ticks(tmp_path / "log")
    assert all(record["status"] == "ok" for record in records if record["frames"][0] >= 0)
    assert all(record["kept"] == 12 for record in records if record["status"] == "ok")


def sluice_model(loop, *options):
    return Running("model", loop.packets, "--feedback", loop.feedback, *options)


def test_a_killed_model_is_served_again_once_it_is_back(loop):
    with sluice_model(loop) as model:
        loop.wait_for_fate("applied", 3)
        model.kill()
    wait_until(lambda: loop.metrics()["sluice_link_connected"] == 0, "the model's end", loop)
    goes_on(loop)
    applied = loop.feedback_of("applied")
    with sluice_model(loop):
        loop.wait_for_fate("applied", applied + 3)


def test_a_model_that_hangs_is_dropped_and_gets_the_newest_packet_when_it_wakes(loop):
    with sluice_model(loop) as model:
        loop.wait_for_fate("applied", 3)
        model.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: loop.metrics()["sluice_link_connected"] == 0, "a missing heartbeat",
                   loop)  # fmt: skip
        goes_on(loop)
        applied = loop.feedback_of("applied")
        model.process.send_signal(signal.SIGCONT)
        loop.wait_for_fate("applied", applied + 3)


def test_a_slow_model_sees_new_packets_only(loop, model):
    seen = []
    for _ in range(4):
        seen.append(tick_of(model.receive()))
        time.sleep(0.3)  # 15 ticks
    # Conflated: what waited was replaced, so each is far newer than the one before.
    assert all(later - earlier >= 5 for earlier, later in zip(seen[1:], seen[2:]))


def test_feedback_is_applied_once_and_only_while_it_is_fresh(loop, model):
    packet = model.receive()
    model.answer(packet)
    loop.wait_for_fate("applied")
    model.answer(packet)
    loop.wait_for_fate("duplicate")
    old = model.receive()
    wait_until(lambda: tick_of(model.receive()) > tick_of(old) + 8, "eight more ticks", loop)
    model.answer(old)
    loop.wait_for_fate("stale")
    assert loop.feedback_of("applied") == 1


def test_feedback_out_of_order_is_applied(loop, model):
    first = model.receive()
    second = model.receive()
    model.answer(second)
    model.answer(first)
    loop.wait_for_fate("applied", 2)


@pytest.mark.parametrize("fate, keys", [
    ("future", {"tick": 10**6}),
    ("other_episode", {"episode": 7}),
    ("other_stream", {"stream": "leg"}),
])  # fmt: skip
def test_feedback_of_something_else_is_counted(loop, model, fate, keys):
    model.answer(model.receive(), **keys)
    loop.wait_for_fate(fate)
    assert loop.feedback_of("applied") == 0


@pytest.mark.parametrize("attention", [
    np.zeros(3, np.float32),
    np.full(12, -1, np.float32),
])  # fmt: skip
def test_attention_that_cannot_be_is_malformed(loop, model, attention):
    model.send(feedback_on(model.receive(), tensors={"front/semantic_attention": attention}))
    loop.wait_for_fate("malformed")
    goes_on(loop)


@pytest.mark.parametrize("message", [
    b"",
    b"nonsense",
    blob({}, {"sluice.message": "packet"}),
    blob({"front/semantic_attention": np.full(12, np.nan, np.float32)},
         {"sluice.message": "feedback", "sluice.schema": "1.1", "stream": "arm", "tick": "1",
          "episode": "0", "sources": "front"}),
])  # fmt: skip
def test_messages_that_are_no_feedback_are_survived(loop, model, message):
    model.send(message)
    loop.wait_for_metric("sluice_link_malformed_total", 1)
    model.answer(model.receive())
    loop.wait_for_fate("applied")


def test_oversized_feedback_costs_its_sender_the_connection_only(loop, model, zeromq):
    model.send(bytes(8 << 20))
    goes_on(loop)
    another = Model(zeromq, loop)
    wait_until(lambda: another.answer(another.receive()) or loop.feedback_of("applied") > 0,
               "applied feedback", loop)  # fmt: skip


def test_a_flood_of_feedback_does_not_stop_the_ticks(loop, model):
    packet = model.receive()
    message = feedback_on(packet)
    for _ in range(5000):
        model.send(message)
    goes_on(loop)
    assert loop.feedback_of("applied") == 1


@pytest.fixture
def live(tmp_path, free_port, zeromq):
    """A loop with a live camera, its first frame sent."""
    endpoint = f"tcp://127.0.0.1:{free_port}"
    config = write_config(
        tmp_path, [f"id = 'front'\nsource = '{endpoint}'\nmax_age_ms = 300\nmax_rows = 64"]
    )
    camera = Camera(zeromq, endpoint)
    camera.send()
    with Loop(config, "--log", tmp_path / "log") as loop:
        yield loop, camera, tmp_path / "log"


def test_a_camera_that_stops_is_not_believed_for_long_and_comes_back(live):
    loop, camera, _ = live
    loop.wait_for_metric('sluice_ticks_total{status="ok"}', 1)
    loop.wait_for_metric('sluice_ticks_total{status="no_tokens"}', 5)  # older than 300 ms
    before = loop.metrics()['sluice_ticks_total{status="ok"}']
    for _ in range(20):  # it stutters
        camera.send()
        time.sleep(0.02 if _ % 3 else 0.1)
    loop.wait_for_metric('sluice_ticks_total{status="ok"}', before + 5)


def test_frames_of_another_size_are_skipped(live):
    loop, camera, _ = live
    for index in range(20):
        camera.send(positions=POSITIONS + index % 2)
        time.sleep(0.02)
    loop.wait_for_metric('sluice_input_frames_total{input="front"}', 10)
    goes_on(loop, 1)
    loop.interrupt()
    loop.finish(130)
    assert "1x37 instead of 6x6 (10 times)" in loop.err()


def test_a_new_episode_of_the_camera_begins_one_of_the_loop(live, zeromq):
    loop, camera, log = live
    model = Model(zeromq, loop)
    camera.send()
    packet = model.receive()
    for _ in range(5):
        camera.send(episode=1)
        time.sleep(0.03)
    wait_until(lambda: model.receive().metadata["episode"] == "1", "episode 1", loop)
    model.answer(packet)
    loop.wait_for_fate("other_episode")


def test_the_loop_ends_with_its_cameras(live):
    loop, camera, _ = live
    camera.socket.send(END_OF_FEATURES)
    loop.finish()


def test_cameras_of_different_rates_share_every_tick(tmp_path, zeromq):
    slow = camera_file(tmp_path, "slow", fps=5, seed=2)
    fast = camera_file(tmp_path, "fast", fps=25, seed=3)
    config = write_config(
        tmp_path, [camera_input(slow, "slow"), camera_input(fast, "fast")], rate_hz=25.0
    )
    with Loop(config, "--ticks", 60, "--log", tmp_path / "log") as loop:
        model = Model(zeromq, loop)
        packet = model.receive()
        assert {name.split("/")[0] for name in packet.arrays} == {"slow", "fast"}
        loop.finish()
    records = [r for r in read_ticks(tmp_path / "log") if r["status"] == "ok"]
    frames = np.array([record["frames"] for record in records])
    assert (frames[-1] - frames[0])[1] > 2 * (frames[-1] - frames[0])[0]
    assert all(record["kept"] == 12 for record in records if min(record["frames"]) >= 0)


@pytest.mark.skipif(SANITIZED, reason="memory is counted in another way")
def test_memory_stays_flat_while_nobody_reads(tmp_path):
    config = write_config(tmp_path, [camera_input(camera_file(tmp_path))], rate_hz=1000.0)
    with Loop(config) as loop:
        wait_until(lambda: ticks(loop) > 300, "warm-up", loop)
        before = loop.own_memory()
        wait_until(lambda: ticks(loop) > 2000, "many ticks", loop)
        assert loop.own_memory() < before + (4 << 20)


def test_a_loop_ends_though_its_camera_is_silent(tmp_path, free_port, zeromq):
    endpoint = f"tcp://127.0.0.1:{free_port}"
    config = write_config(tmp_path, [f"id = 'front'\nsource = '{endpoint}'"])
    camera = Camera(zeromq, endpoint)
    camera.send()
    with Loop(config, "--ticks", 20) as loop:
        assert "20 ticks" in loop.finish()


def test_times_of_a_recording_may_begin_anywhere(tmp_path):
    features = np.ones((5, POSITIONS, 4), np.float32)
    path = tmp_path / "late.safetensors"
    path.write_bytes(clip_blob(features, pts=1.7e9 + np.arange(5) / 10))
    config = write_config(tmp_path, [f"id = 'front'\nsource = '{path}'"])
    with Loop(config, "--log", tmp_path / "log") as loop:
        loop.finish()
    assert [record["frames"][0] for record in read_ticks(tmp_path / "log")][-1] == 4


def test_a_single_frame_is_repeated_at_a_rate(tmp_path):
    path = tmp_path / "one.safetensors"
    path.write_bytes(clip_blob(np.ones((1, POSITIONS, 4), np.float32)))
    config = write_config(tmp_path, [camera_input(path)])
    with Loop(config, "--ticks", 50) as loop:
        loop.wait_for_metric('sluice_input_frames_total{input="front"}', 3)
        assert loop.metrics()['sluice_input_frames_total{input="front"}'] < 100
        loop.finish()


def test_feedback_with_many_sources_does_not_hold_up_the_tick(loop, model):
    packet = model.receive()
    names = ",".join(f"s{index}" for index in range(50_000))
    model.send(feedback_on(packet, tensors={}, sources=names))
    goes_on(loop)
    model.answer(model.receive())
    loop.wait_for_fate("applied")
    assert loop.metrics()["sluice_ticks_missed_total"] < 20


def test_a_log_folder_must_be_empty(tmp_path):
    config = write_config(tmp_path, [camera_input(camera_file(tmp_path))])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "ticks.jsonl").write_text("mine")
    done = sluice("loop", "--config", config, "--log", tmp_path / "mine", code=2)
    assert "not empty" in done.stderr
    assert (tmp_path / "mine" / "ticks.jsonl").read_text() == "mine"


def test_an_input_that_ends_leaves_the_others_going(tmp_path):
    short = camera_file(tmp_path, "short", frames=3)
    inputs = [camera_input(camera_file(tmp_path)), f"id = 'short'\nsource = '{short}'"]
    with Loop(write_config(tmp_path, inputs)) as loop:
        loop.wait_for_metric('sluice_input_ended{input="short"}', 1)
        goes_on(loop)


def test_frames_larger_than_reserved_for_are_refused_by_name(tmp_path, free_port, zeromq):
    endpoint = f"tcp://127.0.0.1:{free_port}"
    config = write_config(tmp_path, [f"id = 'front'\nsource = '{endpoint}'\nmax_rows = 30"])
    camera = Camera(zeromq, endpoint)
    camera.send()
    error = sluice("loop", "--config", config, code=2).stderr
    assert "input front" in error and "36 tokens" in error and "max_rows, 30" in error


def test_refused_feedback_is_told_of(loop, model):
    model.send(feedback_on(model.receive(), tensors={"front/action_attention": np.ones(3, np.float32)}))
    loop.wait_for_fate("malformed")
    loop.wait_for("feedback is refused \\(1 malformed\\)", where="err")
