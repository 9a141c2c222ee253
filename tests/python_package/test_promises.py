"""The promises of docs/promises.md, each as it reaches somebody who works in Python.

The engine keeps them; these tests see to it that the package does not break them.
"""

import json
import os
import platform
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import replayed
from samples import clip, needs_torch, resident_bytes, torch

import sluice
from sluice import _engine

HERE = Path(__file__).resolve().parent


def told_by_another_process(threads=1, cwd=None, **environment):
    """What `replayed` says there."""
    inherited = {key: value for key, value in os.environ.items() if key != "SLUICE_ISA"}
    path = os.pathsep.join(part for part in sys.path if part)
    run = subprocess.run(
        [sys.executable, "-B", HERE / "replayed.py", str(threads)],
        env=inherited | {"PYTHONPATH": path} | environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if "SLUICE_ISA" in environment and "SLUICE_ISA: " in run.stderr:
        pytest.skip(f"this machine does not run {environment['SLUICE_ISA']}")
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.fixture
def one_thread():
    """Short loops wait for each other's threads where a machine is busy."""
    sluice.set_threads(1)
    yield
    sluice.set_threads(0)


class Test1ExactBudget:
    @pytest.mark.parametrize("seed", range(12))
    def test_of_a_clip(self, seed):
        rng = np.random.default_rng(seed)
        frames, positions = int(rng.integers(1, 30)), int(rng.integers(1, 40))
        features, attention = clip(seed, frames, positions, 8)
        retain = float(rng.uniform(0.001, 1))
        result = sluice.reduce(features, attention, retain)
        assert result.kept == min(round(retain * frames * positions), result.available)
        budget = int(rng.integers(0, 2 * frames * positions))
        result = sluice.reduce(features, budget=budget)
        assert result.kept == min(budget, result.available) == len(result.features)

    @pytest.mark.parametrize("seed", range(6))
    def test_of_a_stream_at_every_segment(self, seed):
        rng = np.random.default_rng(seed)
        retain, latency = float(rng.uniform(0.01, 1)), int(rng.integers(1, 9))
        reducer = sluice.VideoReducer(retain=retain, latency=latency)
        for frame in clip(seed, 40)[0]:
            reducer.push(frame, copy=seed % 2 == 0)
            for segment in reducer.take():
                totals = segment.totals
                assert len(segment.tokens) == min(segment.available, segment.budget)
                assert totals.kept + totals.unspent == round(retain * totals.seen)

    def test_of_a_tick(self):
        sources = [sluice.TickSource("a", cap=5), sluice.TickSource("b", floor=2)]
        for budget in (2, 7, 11, 30):
            engine = sluice.TickEngine(sources, budget=sluice.BudgetOptions(tokens=budget))
            check = sluice.PacketCheck()
            for tick in range(5):
                rows = {"a": tick * 3, "b": 20 - 4 * tick}
                views = {name: clip(tick, 1, n, 8)[0][0] for name, n in rows.items() if n > 0}
                packet = engine.step(views).packet
                assert packet.kept == min(budget, min(5, rows["a"]) + rows["b"])
                assert packet.kept == sum(map(len, packet.batches.values()))
                assert check.check(sluice.decode(sluice.encode(packet))) == []

    def test_of_selections(self):
        features, attention = clip(1, 1, 30, 8)
        for keep in (0, 1, 17, 30):
            assert len(sluice.maxmin(features[0], keep)) == keep
            assert len(sluice.inner_merge(features[0], attention[0], (0, 30), keep).keep) == keep
            assert len(sluice.stage_gate(attention[0], (0, 30), keep).keep_in_span) == keep
        pooled = sluice.voxel_pool(features[0], np.eye(30, 3, dtype=np.float32), max_tokens=2)
        assert len(pooled.tokens) == min(2, pooled.voxels)


class Test2SameInputSameOutput:
    expected = replayed.run()

    @pytest.mark.parametrize("threads", [1, 2, 5])
    def test_over_runs_and_threads(self, threads):
        sluice.set_threads(threads)
        try:
            assert replayed.run() == self.expected
        finally:
            sluice.set_threads(0)

    @pytest.mark.parametrize("name", ["baseline", "avx2", "avx512"])
    def test_the_same_tokens_on_every_instruction_set(self, name):
        assert told_by_another_process(SLUICE_ISA=name)["sets"] == self.expected["sets"]

    def test_an_instruction_set_that_is_none_is_named(self):
        code = "import numpy, sluice; sluice.maxmin(numpy.ones((2, 2), 'f4'), 1)"
        environment = os.environ | {"SLUICE_ISA": "abacus", "PYTHONPATH": ":".join(sys.path)}
        run = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True
        )
        assert 'sluice.InputError: SLUICE_ISA: "abacus"; expected one of' in run.stderr


class Test3OnlineEqualsOffline:
    @pytest.mark.parametrize("seed", range(4))
    def test_segments(self, seed):
        features, _ = clip(seed, frames=50)
        reducer = sluice.VideoReducer(latency=1000)
        online = []
        for frame in features:
            reducer.push(frame)
            online += [segment.segment for segment in reducer.take()]
        reducer.finish()
        online += [segment.segment for segment in reducer.take()]
        assert tuple(online) == sluice.reduce(features).segments

    def test_a_recording_pushed_frame_by_frame_is_the_clip(self):
        features, attention = clip(9, frames=30)
        reducer = sluice.VideoReducer(causal=False, retain=0.2)
        for frame, row in zip(features, attention):
            reducer.push(frame, row)
        reducer.finish()
        kept = b"".join(segment.features.tobytes() for segment in reducer.take())
        assert kept == sluice.reduce(features, attention, retain=0.2).features.tobytes()


class Test4CpuAndCuda:
    @needs_torch
    @pytest.mark.skipif(torch is None or not torch.cuda.is_available(), reason="needs a GPU")
    def test_the_same_set(self):  # and more of that in test_cuda.py
        if not hasattr(_engine, "reduce_on_cuda"):
            pytest.skip("this package was built without CUDA")
        features, attention = map(torch.from_numpy, clip(9, frames=30))
        found = sluice.reduce(features.cuda(), attention.cuda(), retain=0.2)
        expected = sluice.reduce(features, attention, retain=0.2)
        assert np.array_equal(found.assignment, expected.assignment.numpy())
        assert torch.equal(found.features.cpu(), expected.features)


class Test5OriginTravels:
    @pytest.mark.parametrize("ranked", [True, False])
    def test_both_accounts_agree(self, ranked):
        features, attention = clip(3, frames=20, positions=30)
        attention = attention if ranked else None
        result = sluice.reduce(features, attention, retain=0.3)
        tokens, where = result.tokens, result.assignment
        reasons = {int(reason) for reason in sluice.DropReason}
        assert set(where[where < 0].tolist()) <= reasons
        rows, counts = np.unique(where[where >= 0], return_counts=True)
        assert rows.tolist() == list(range(result.kept))
        frame, position = np.divmod(np.arange(where.size), 30)
        merged = tokens.kind == sluice.TokenKind.STATIC
        assert merged.any() and not merged.all()
        for row in range(result.kept):
            mine = np.flatnonzero(where.reshape(-1) == row)
            assert tokens.frame[row] == frame[mine].min()
            assert tokens.frame_last[row] == frame[mine].max()
            assert tokens.pts[row] == tokens.frame[row]
            assert tokens.position[row] in position[mine]
            assert tokens.reason[row] in list(sluice.KeepReason)
        assert (tokens.weight == counts)[~merged].all()
        copied = features[tokens.frame, tokens.position][~merged]
        np.testing.assert_array_equal(result.features[~merged], copied)

    def test_of_a_packet(self):
        features = clip(4, 1, 40, 8)[0][0]
        camera = sluice.Source("wrist", image_size=(640, 480), intrinsics=(500, 500, 320, 240))
        tokens = sluice.TickTokens(features, key=np.arange(40) + 7, source=camera)
        packet = sluice.TickEngine("wrist", budget=9).step({"wrist": tokens}).packet
        batch = sluice.decode(sluice.encode(packet)).batches["wrist"]
        np.testing.assert_array_equal(batch.features, features[batch.key - 7])
        assert batch.source.id == "wrist" and batch.source.intrinsics == (500, 500, 320, 240)


class Test6AttentionIsOptional:
    def test_what_appears_is_kept(self):
        """A still, noisy scene into which something comes."""
        rng = np.random.default_rng(0)
        scene = rng.standard_normal((1, 64, 32)) + 4
        features = scene + 0.02 * rng.standard_normal((16, 64, 32))
        features[8:, 20:24] = rng.standard_normal((8, 4, 32)) - 4
        result = sluice.reduce(features.astype(np.float32), retain=0.1)
        arrived = (result.tokens.frame >= 8) & (result.tokens.position // 4 == 5)
        assert arrived.any() and result.kept == min(round(0.1 * 1024), result.available)
        reasons = set(result.tokens.reason.tolist())
        assert sluice.KeepReason.ATTENTION not in reasons

    def test_a_tick_without_any_feedback(self):
        rng = np.random.default_rng(1)
        features = (rng.standard_normal(32) + 0.05 * rng.standard_normal((100, 32))).astype("f4")
        features[[11, 57, 93]] = rng.standard_normal((3, 32))
        engine = sluice.TickEngine(budget=10)
        for _ in range(3):
            packet = engine.step({"camera": features}).packet
            assert packet.kept == 10
            assert {11, 57, 93} <= set(packet.batches["camera"].key.tolist())


class Test7NoSurpriseInTheLoop:
    def test_ticks_do_not_grow(self, one_thread):
        features, attention = clip(5, 16, 64, 64)
        sources = [
            sluice.TickSource(name, max_rows=64, max_width=64) for name in ("wrist", "front")
        ]
        engine = sluice.TickEngine(sources, budget=32)

        def tick(number):
            views = {"wrist": features[number % 16], "front": features[-number % 16]}
            packet = engine.step(views).packet
            looked = {
                name: sluice.SourceFeedback(action_attention=attention[0, : len(batch)])
                for name, batch in packet.batches.items()
            }
            engine.feedback(sluice.feedback_on(packet, looked, np.ones((1, 7)), 20.0))
            sluice.encode(packet)

        for number in range(200):
            tick(number)
        before = resident_bytes()
        for number in range(1000):  # a packet that leaks has 17 kB
            tick(number)
        assert resident_bytes() - before < 1_000_000
        assert engine.feedback_counts["applied"] == 1200

    def test_an_error_inside_a_tick_is_a_status(self):
        engine = sluice.TickEngine(budget=4)
        features = clip(6)[0][0]
        assert engine.step({"camera": sluice.TickTokens(features, pinned=[99])}).packet is None
        assert engine.step({"camera": features}).status == "ok"


class Test8LateIsDropped:
    def test_nobody_waits_for_an_absent_model(self):
        pytest.importorskip("zmq")
        packet = next(replayed.tick_packets(1))
        with (
            sluice.Sender("tcp://127.0.0.1:*", pattern="pub") as everyone,
            sluice.Sender("tcp://127.0.0.1:*", pattern="push", linger=0) as one,
        ):
            begin = time.monotonic()
            for _ in range(200):
                everyone.send(packet)
            assert not one.send(packet, timeout=0)
            assert time.monotonic() - begin < 2

    def test_a_slow_model_gets_the_newest_packet(self):
        pytest.importorskip("zmq")
        packets = list(replayed.tick_packets(40))
        with sluice.Sender("tcp://127.0.0.1:*", pattern="pub", queue=100) as loop:
            with sluice.ModelLink(loop.endpoint, None) as model:
                deadline = time.monotonic() + 20
                while model.receive(timeout=0.02) is None:  # until it is connected
                    assert time.monotonic() < deadline
                    loop.send(packets[0])
                for packet in packets:
                    loop.send(packet)
                newest = -1
                while (packet := model.receive(timeout=0.5)) is not None:
                    newest = packet.tick
                assert newest == 39

    def test_stale_feedback_changes_nothing(self):
        features = clip(7, 8, 40, 16)[0]

        def run(late):
            engine = sluice.TickEngine(budget=8, stale_after=3)
            first = engine.step({"camera": features[0]}).packet
            blobs = []
            for frame in features[1:7]:
                blobs.append(sluice.encode(engine.step({"camera": frame}).packet))
            looked = {"camera": sluice.SourceFeedback(action_attention=np.ones(8))}
            if late:
                assert engine.feedback(sluice.feedback_on(first, looked)) == "stale"
            return [*blobs, sluice.encode(engine.step({"camera": features[7]}).packet)]

        assert run(late=True) == run(late=False)

    def test_a_loop_is_not_held_up_by_a_slow_reader_in_another_thread(self):
        pytest.importorskip("zmq")
        packet = next(replayed.tick_packets(1))
        done = threading.Event()
        with sluice.Sender("tcp://127.0.0.1:*", pattern="pub", queue=2) as loop:

            def read():
                with sluice.ModelLink(loop.endpoint, None) as model:
                    while not done.is_set():
                        model.receive(timeout=0.01)
                        time.sleep(0.05)

            reader = threading.Thread(target=read)
            reader.start()
            begin = time.monotonic()
            for _ in range(300):
                loop.send(packet)
            took = time.monotonic() - begin
            done.set()
            reader.join()
        assert took < 2


FEATURES, ATTENTION = clip(8)
ROWS, ROW_ATTENTION = FEATURES[0], ATTENTION[0]


class Test9BadInput:
    """test_bad_input.py has more of it for clips and streams."""

    CALLS = {
        "reduce": ("features", lambda bad: sluice.reduce(bad)),
        "push": ("features", lambda bad: sluice.VideoReducer().push(bad)),
        "borrow": ("features", lambda bad: sluice.VideoReducer().push(bad, copy=False)),
        "step": ("features", lambda bad: sluice.TickEngine().step({"camera": bad})),
        "maxmin": ("features", lambda bad: sluice.maxmin(bad, 1)),
        "voxel_pool": ("features", lambda bad: sluice.voxel_pool(bad, np.ones((12, 3), "f4"))),
        "places": ("xyz", lambda bad: sluice.voxel_pool(ROWS, bad)),
        "inner_merge": ("hidden", lambda bad: sluice.inner_merge(bad, None, (0, 2), 1)),
        "heads": ("attention", lambda bad: sluice.inner_merge(ROWS, bad, (0, 2), 1)),
        "stage_gate": ("attention", lambda bad: sluice.stage_gate(bad, (0, 2), 1)),
        "calibrate": ("", lambda bad: sluice.calibrate([[bad]], (2, 5, 5))),
    }
    BAD = {
        "no tensor": lambda: [[1.0, 2.0]],
        "rank": lambda: np.ones((2, 2, 2, 2, 2), np.float32),
        "type": lambda: np.ones((12, 12), np.complex64),
        "whole numbers": lambda: np.ones((12, 12), np.int32),
        "device": lambda: torch.ones(12, 12, device="meta"),
    }

    @pytest.mark.parametrize("kind", BAD)
    @pytest.mark.parametrize("name", CALLS)
    def test_wrong_rank_type_and_device(self, name, kind):
        if kind == "device" and torch is None:
            pytest.skip("PyTorch is not installed")
        argument, call = self.CALLS[name]
        with pytest.raises(sluice.InputError) as caught:
            call(self.BAD[kind]())
        assert str(caught.value).startswith(argument), str(caught.value)

    @pytest.mark.parametrize("retain", [0, 2, -1, float("nan")])
    @pytest.mark.parametrize("make", [sluice.HolitomParameters, sluice.VideoReducer])
    def test_retain(self, make, retain):
        with pytest.raises(sluice.InputError, match="^retain: "):
            make(retain=retain)
        with pytest.raises(sluice.InputError, match="^retain: "):
            sluice.reduce(FEATURES, retain=retain)

    def test_zero_frames(self):
        for call in (sluice.reduce, sluice.VideoReducer().push):
            with pytest.raises(sluice.InputError, match="^features"):
                call(FEATURES[:0])
        reducer = sluice.VideoReducer()
        reducer.finish()
        assert list(reducer.take()) == []
        assert sluice.TickEngine().step({"camera": ROWS[:0]}).status == "no_tokens"
        assert len(sluice.maxmin(ROWS[:0], 0)) == 0

    def test_nan_is_kept_last_and_the_work_goes_on(self):
        broken = FEATURES.copy()
        broken[:, 4] = np.nan
        result = sluice.reduce(broken, ATTENTION, retain=0.5)
        assert result.non_finite == 8 and np.isfinite(result.features).all()
        reducer = sluice.VideoReducer(retain=0.5)
        reducer.push(broken)
        reducer.finish()
        assert all(np.isfinite(segment.features).all() for segment in reducer.take())
        packet = sluice.TickEngine(budget=11).step({"camera": broken[0]}).packet
        assert packet.totals.non_finite == 1 and 4 not in packet.batches["camera"].key
        assert 4 not in sluice.maxmin(broken[0], 11)
        assert 4 not in sluice.inner_merge(broken[0], None, (0, 12), 11).keep


class Test10ReplayIsExact:
    def test_in_another_process_from_another_place_and_time_zone(self, tmp_path):
        told = told_by_another_process(2, tmp_path, PYTHONHASHSEED="7", TZ="Asia/Tokyo")
        assert told == Test2SameInputSameOutput.expected

    def test_nothing_of_this_machine_is_in_a_packet(self):
        whole = b"".join(replayed.blobs())
        for secret in (os.getcwd(), platform.node(), str(HERE), str(Path.home())):
            if len(secret) > 2:
                assert secret.encode() not in whole
        assert b"unix" not in whole
