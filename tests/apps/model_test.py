"""sluice model, driven by a loop that is not ours: what it sends back, and what it survives."""

import re
import signal
import time

import numpy as np
import pytest
import zmq

from blobs import Blob, blob
from processes import Running, sluice, wait_until

SOURCES = {"front": (24, 32), "wrist": (7, 20)}  # id: tokens, feature width
TOTALS = ("frames seen available kept unspent packets dropped_packets dropped_tokens forced_cuts "
          "non_finite skipped_input").split()  # fmt: skip
SMALL = ("--layers", 2, "--width", 32, "--heads", 2)


def packet(tick, sources=SOURCES, valid=None, episode=0, stream="robot", seed=0, **keys):
    """One packet as docs/packet.md specifies it. `valid`: {source: mask} of a fixed shape."""
    rng = np.random.default_rng(seed)
    kept = sum(tokens for tokens, _ in sources.values())
    metadata = {
        "sluice.message": "packet", "sluice.schema": "1.1", "stream": stream,
        "sequence": tick, "tick": tick, "episode": episode, "forced_cut": "false",
        "end_of_stream": "false", "retain": "1", "budget": kept, "available": kept, "kept": kept,
        "settings_hash": "0", "sources": ",".join(sources),
    } | {f"totals.{name}": 0 for name in TOTALS}  # fmt: skip
    tensors = {}
    for name, (tokens, width) in sources.items():
        rows = int(valid[name].sum()) if valid else tokens
        metadata |= {f"{name}/grid": "16,16", f"{name}/image_size": "0,0",
                     f"{name}/feature_width": width, f"{name}/kept": rows}  # fmt: skip
        tensors[f"{name}/features"] = rng.standard_normal((tokens, width)).astype(np.float32)
        tensors[f"{name}/position"] = rng.permutation(256)[:tokens].astype(np.int32)
        if valid:
            tensors[f"{name}/valid"] = valid[name].astype(np.uint8)
    if valid:
        metadata |= {"sluice.requires": "mask", "kept": sum(int(m.sum()) for m in valid.values())}
        metadata |= {key: metadata["kept"] for key in ("budget", "available")}
    return blob(tensors, {key: str(value) for key, value in (metadata | keys).items()})


class Loop:
    """The engine's end of the wire: publishes packets, takes feedback on the next port."""

    def __init__(self, context, server_secret=None):
        for _ in range(50):
            self.packets, self.feedback = context.socket(zmq.PUB), context.socket(zmq.PULL)
            for socket in (self.packets, self.feedback) if server_secret else ():
                socket.curve_server, socket.curve_secretkey = True, server_secret
            port = self.packets.bind_to_random_port("tcp://127.0.0.1")
            try:
                self.feedback.bind(f"tcp://127.0.0.1:{port + 1}")
                break
            except zmq.ZMQError:  # somebody else has that port
                self.packets.close()
                self.feedback.close()
        self.endpoint = f"tcp://127.0.0.1:{port}"

    def ask(self, model, message):
        """The feedback on a packet. It is sent until the model, which may not be there yet, answers."""
        answered = []

        def found():
            self.packets.send(message)
            if self.feedback.poll(100):
                answered.append(Blob(self.feedback.recv()))
            return answered

        wait_until(found, "feedback", model)
        while self.feedback.poll(200):  # answers to the same packet, sent more than once
            self.feedback.recv()
        return answered[0]


@pytest.fixture
def loop(zeromq):
    return Loop(zeromq)


def test_feedback_is_what_the_format_says(loop):
    with Running("model", loop.endpoint) as model:
        answer = loop.ask(model, packet(tick=41, episode=3))
    assert answer.metadata["sluice.message"] == "feedback"
    assert answer.metadata["sluice.schema"].split(".")[0] == "1"
    assert answer.metadata["stream"] == "robot"
    assert (answer.count("tick"), answer.count("episode")) == (41, 3)
    assert float(answer.metadata["model_latency_ms"]) > 0
    assert answer.metadata["sources"] == "front,wrist"
    assert answer["action"].shape == (8, 7) and answer.types["action"] == "F32"
    assert np.abs(answer["action"]).max() <= 1
    for level in "semantic_attention", "action_attention":
        received = [answer[f"{name}/{level}"] for name in SOURCES]
        assert [attention.shape for attention in received] == [(24,), (7,)]
        assert all(np.isfinite(attention).all() and (attention > 0).all() for attention in received)
        assert sum(attention.sum(dtype=np.float64) for attention in received) <= 1


def test_the_same_packet_gets_the_same_answer_and_another_seed_another(loop):
    question = packet(tick=1)

    def actions(*options):
        with Running("model", loop.endpoint, *SMALL, *options) as model:
            return loop.ask(model, question)["action"]

    first = actions()
    assert np.array_equal(first, actions())
    assert not np.array_equal(first, actions("--seed", 2))


def test_padding_is_masked(loop):
    masks = {"front": np.arange(24) < 20, "wrist": np.arange(7) < 3}
    with Running("model", loop.endpoint, *SMALL) as model:
        answer = loop.ask(model, packet(tick=1, valid=masks))
    for name, mask in masks.items():
        for level in "semantic_attention", "action_attention":
            assert np.array_equal(answer[f"{name}/{level}"] > 0, mask)


def test_options_shape_the_model(loop):
    with Running("model", loop.endpoint, *SMALL, "--action", "3,2", "--semantic", "last") as model:
        answer = loop.ask(model, packet(tick=1))
    assert answer["action"].shape == (3, 2)


def test_an_empty_packet_is_answered(loop):
    with Running("model", loop.endpoint, *SMALL) as model:
        answer = loop.ask(model, packet(tick=1, sources={}))
    assert list(answer.arrays) == ["action"]


def test_latency_is_at_least_what_is_asked_for(loop):
    with Running("model", loop.endpoint, *SMALL, "--min-latency", 60.5) as model:
        answer = loop.ask(model, packet(tick=1))
    assert float(answer.metadata["model_latency_ms"]) >= 60.5


def test_it_stops_after_a_count_and_says_what_it_saw(loop):
    with Running("model", loop.endpoint, *SMALL, "-n", 2) as model:
        first = None
        while model.is_running():
            loop.packets.send(packet(tick=10))
            if loop.feedback.poll(50):
                first = Blob(loop.feedback.recv())
                break
        assert first.count("tick") == 10
        loop.packets.send(packet(tick=14))
        out = model.finish()
        assert loop.feedback.poll(5000), "the last answer leaves, too"
    assert re.search(r"2 packets, 62 tokens; [03] ticks skipped, 0 messages malformed", out)
    assert re.search(r"Feedback: 2 sent, 0 refused", out)
    assert re.search(r"^ +31 +2( +\d+\.\d\d){3}$", out, re.MULTILINE)


def test_gaps_between_ticks_are_counted(loop):
    with Running("model", loop.endpoint, *SMALL) as model:
        for tick in 10, 14, 15, 3, 5:  # a smaller tick is another run of the loop
            assert loop.ask(model, packet(tick)).count("tick") == tick
        loop.ask(model, packet(9, episode=1))
        model.interrupt()
        out = model.finish(130)
    assert "; 4 ticks skipped" in out


@pytest.mark.parametrize(
    "garbage, complaint",
    [
        (b"garbage", "7 bytes"),
        (blob({"features": np.zeros((2, 2), np.float32)}), "sluice.message"),
        (packet(1, sources={"front": (3, 17000)}), "width 17000"),
        (packet(1, sources={"front": (41, 8)}), "41 tokens; expected at most 40"),
        (packet(1, budget="many"), "budget"),
    ],
    ids=["text", "another safetensors", "too wide", "too many", "no number"],
)
def test_what_is_no_packet_is_counted_and_survived(loop, garbage, complaint):
    with Running("model", loop.endpoint, *SMALL, "--max-tokens", 40) as model:
        loop.ask(model, packet(1))
        loop.packets.send(garbage)
        model.wait_for(r"not a packet to answer: ", "err")
        assert loop.ask(model, packet(2)).count("tick") == 2
        model.interrupt()
        out = model.finish(130)
        assert complaint in model.err() and "1 messages malformed" in out


def test_a_packet_without_a_tick_gets_no_answer(loop):
    video = packet(1, sequence=77).replace(b'"tick":"1"', b'"tock":"1"')
    with Running("model", loop.endpoint, *SMALL) as model:
        loop.ask(model, packet(1))
        loop.packets.send(video)
        assert not loop.feedback.poll(300)
        model.interrupt()
        assert "1 packets without a tick" in model.finish(130)


def test_the_end_of_a_stream_is_not_answered(loop):
    with Running("model", loop.endpoint, *SMALL) as model:
        loop.ask(model, packet(1))
        loop.packets.send(packet(2, sources={}, end_of_stream="true"))
        assert not loop.feedback.poll(300)
        assert loop.ask(model, packet(2, seed=1)).count("tick") == 2  # the loop is back
        model.interrupt()
        assert "; 0 ticks skipped, 0 messages malformed" in model.finish(130)


def test_without_feedback_nothing_is_sent(loop):
    with Running("model", loop.endpoint, *SMALL, "--no-feedback", "-n", 1) as model:
        wait_until(lambda: loop.packets.send(packet(1)) or not model.is_running(), "the end")
        out = model.finish()
    assert "1 packets" in out and "Feedback: 0 sent, 0 refused" in out
    assert not loop.feedback.poll(0)


def test_a_loop_that_takes_nothing_does_not_stop_it(loop, free_port):
    with Running("model", loop.endpoint, *SMALL, "--feedback", f"tcp://127.0.0.1:{free_port}",
                 "-n", 3) as model:  # fmt: skip
        wait_until(lambda: loop.packets.send(packet(1)) or time.sleep(0.02)
                   or not model.is_running(), "the end")  # fmt: skip
        out = model.finish()
    assert "Feedback: 0 sent, 3 refused" in out


def test_quiet_prints_nothing(loop):
    with Running("model", loop.endpoint, *SMALL, "--quiet", "--timeout", 3, terminal=True) as model:
        loop.ask(model, packet(1))
        assert model.finish() == "" and model.err() == ""


def test_a_terminal_shows_what_goes_on(loop):
    with Running("model", loop.endpoint, *SMALL, terminal=True) as model:
        model.wait_for("Waiting for packets", "err")
        wait_until(lambda: loop.ask(model, packet(6)) and "tick 6: 31 tokens" in model.err(),
                   "the status line", model)  # fmt: skip


def test_silence_is_an_error_only_if_nothing_ever_came(loop, free_port):
    silent = sluice("model", f"tcp://127.0.0.1:{free_port}", "--timeout", 0.3, code=1)
    assert "no packet within 0.3 s" in silent.stderr
    with Running("model", loop.endpoint, *SMALL, "--timeout", 2) as model:
        loop.ask(model, packet(1))
        assert "packets, " in model.finish()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_ends_when_asked_to(loop, end):
    with Running("model", loop.endpoint, *SMALL) as model:
        loop.ask(model, packet(1))
        model.process.send_signal(end)
        assert "packets, " in model.finish(130)


def test_ends_when_asked_to_while_it_plays_a_slow_model(loop):
    with Running("model", loop.endpoint, *SMALL, "--min-latency", 3600000) as model:
        for _ in range(20):
            loop.packets.send(packet(1))
            time.sleep(0.02)
        model.interrupt()
        assert "0 packets, " in model.finish(130)


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["nonsense"], "tcp://"),
        (["tcp://127.0.0.1"], "port"),
        (["tcp://*:5560"], "tcp://*:5560"),
        (["inproc://loop"], "no other process"),
        (["tcp://127.0.0.1:65535"], "--feedback"),
        (["ipc://packets"], "--feedback"),
        (["tcp://127.0.0.1:5560", "--feedback", "nonsense"], "nonsense"),
        (["tcp://127.0.0.1:5560", "--feedback", "tcp://127.0.0.1:1", "--no-feedback"], "--feedback"),
        (["tcp://127.0.0.1:5560", "--width", 36], "multiple of 8"),
        (["tcp://127.0.0.1:5560", "--heads", 3], "3 heads"),
        (["tcp://127.0.0.1:5560", "--action", "8"], "--action"),
        (["tcp://127.0.0.1:5560", "--key", "ours.secret"], "--server-key"),
        (["tcp://127.0.0.1:5560", "--server-key", "missing.public"], "missing.public"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else None,
)
def test_what_cannot_work_is_refused(arguments, complaint):
    done = sluice("model", *arguments, code=2)
    assert complaint in done.stderr + done.stdout


@pytest.fixture
def curve(zeromq, tmp_path):
    """A loop that encrypts; its public key, and a key pair of ours, as files."""
    if not zmq.has("curve"):
        pytest.skip("needs CURVE")
    (server, server_secret), (ours, our_secret) = zmq.curve_keypair(), zmq.curve_keypair()
    for name, key in ("loop.public", server), ("ours.public", ours), ("ours.secret", our_secret):
        (tmp_path / name).write_text(key.decode() + "\n")
    (tmp_path / "ours.secret").chmod(0o600)
    return Loop(zeromq, server_secret), tmp_path


@pytest.mark.parametrize("own_key", [True, False])
def test_an_encrypted_loop_is_answered(curve, own_key):
    loop, keys = curve
    options = ["--server-key", keys / "loop.public"]
    options += ["--key", keys / "ours.secret"] if own_key else []
    with Running("model", loop.endpoint, *SMALL, *options) as model:
        assert loop.ask(model, packet(5)).count("tick") == 5
