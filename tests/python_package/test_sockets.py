"""Packets and feedback over ZeroMQ."""

import threading
import time

import numpy as np
import pytest
from samples import clip

import sluice

pytest.importorskip("zmq")
WAIT = 20.0


def ticks(count):
    engine = sluice.TickEngine(budget=6)
    features, _ = clip(1, frames=count)
    return [engine.step({"camera": frame}).packet for frame in features]


def test_everything_that_is_pushed_arrives_in_order():
    sent = ticks(40)
    sent[-1].end_of_stream = True
    with sluice.Sender("tcp://127.0.0.1:*", queue=2) as sender:
        received = []

        def receive():
            with sluice.Receiver(sender.endpoint, queue=2) as receiver:
                received.extend(receiver)

        thread = threading.Thread(target=receive)
        thread.start()
        for packet in sent:
            assert sender.send(packet, timeout=WAIT)
        thread.join(WAIT)
    assert [sluice.encode(packet) for packet in received] == [sluice.encode(p) for p in sent]


def test_without_a_receiver_nothing_is_sent_and_nobody_waits():
    with sluice.Sender("tcp://127.0.0.1:*") as sender:
        start = time.monotonic()
        assert not sender.send(ticks(1)[0], timeout=0.1)
        assert time.monotonic() - start < 5


def test_a_slow_model_sees_the_newest_packet_and_its_feedback_comes_back():
    with (
        sluice.Sender("tcp://127.0.0.1:*", pattern="pub") as packets,
        sluice.Receiver("tcp://127.0.0.1:*", bind=True) as answers,
        sluice.ModelLink(packets.endpoint, answers.endpoint) as link,
    ):
        engine = sluice.TickEngine(budget=6)
        features = clip(2)[0][0]
        deadline = time.monotonic() + WAIT
        while link.receive(timeout=0.05) is None:  # until the subscription has arrived
            assert time.monotonic() < deadline
            packets.send(engine.step({"camera": features}).packet)
        for _ in range(30):
            newest = engine.step({"camera": features}).packet
            packets.send(newest)
        while (packet := link.receive(timeout=WAIT)).tick != newest.tick:
            pass
        assert link.receive(timeout=0.05) is None
        attention = sluice.SourceFeedback(action_attention=np.ones(packet.kept))
        while not link.send(sluice.feedback_on(packet, {"camera": attention})):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert engine.feedback(answers.receive(timeout=WAIT)) == "applied"


def test_feedback_for_an_absent_loop_is_gone_and_nobody_waits():
    with sluice.ModelLink("tcp://127.0.0.1:9", "tcp://127.0.0.1:9") as link:
        start = time.monotonic()
        assert link.send(sluice.Feedback("sluice", 0, 0)) is False
        assert link.receive(timeout=0.05) is None
        assert time.monotonic() - start < 5


def test_damage_is_an_error_and_the_next_message_comes():
    import zmq

    raw = zmq.Context.instance().socket(zmq.PUSH)
    port = raw.bind_to_random_port("tcp://127.0.0.1")
    with sluice.Receiver(f"tcp://127.0.0.1:{port}") as receiver:
        raw.send(b"no packet")
        raw.send(sluice.encode(ticks(1)[0]))
        with pytest.raises(sluice.InputError, match="tcp://"):
            receiver.receive(timeout=WAIT)
        assert receiver.receive(timeout=WAIT).kept == 6
    raw.close(0)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: sluice.Sender("nonsense"), "endpoint"),
        (lambda: sluice.Sender("tcp://0.0.0.0:*"), "endpoint"),
        (lambda: sluice.Sender("tcp://*:5555"), "endpoint"),
        (lambda: sluice.Receiver("tcp://*:5555", bind=True), "endpoint"),
        (lambda: sluice.Sender(pattern="pull"), "pattern"),
        (lambda: sluice.Receiver(pattern="push"), "pattern"),
    ],
)
def test_endpoints_and_patterns_are_checked(make, name):
    with pytest.raises(sluice.InputError, match=f"^{name}: "):
        make()


def test_a_socket_refuses_a_second_thread():
    with sluice.Receiver("tcp://127.0.0.1:9") as receiver:
        thread = threading.Thread(target=receiver.receive, args=[1.0])
        thread.start()
        time.sleep(0.2)
        with pytest.raises(sluice.EngineError, match="another thread"):
            receiver.receive(timeout=0)
        thread.join()
