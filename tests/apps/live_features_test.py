"""sluice stream fed by another process's encoder, in Python, as docs/packet.md specifies."""

import numpy as np
import pytest
import zmq

from blobs import END_OF_FEATURES, blob, feature_message, random_clip, read_packets, tensors_of
from processes import Running, sluice, wait_until

FRAMES = random_clip(10, 12, 8, calm=0.5)


def message(f, **keys):
    return feature_message(FRAMES[f % len(FRAMES)], 0.5 * f, **keys)


class LiveRun:
    """What becomes of live frames: the packets, and what the commands printed.

    A live stream drops what nobody receives. So frames are sent until the first packet arrives,
    then `extra` messages, then ten frames more.
    """

    def __init__(self, zeromq, endpoint, folder, extra=(), end=True, options=(), **keys):
        socket = zeromq.socket(zmq.PUSH)
        socket.connect(endpoint)
        socket.send(message(0, **keys))
        self.frames = 1

        def send():
            socket.send(message(self.frames, **keys))
            self.frames += 1

        arguments = ("stream", endpoint, "--to", "tcp://127.0.0.1:*", "--latency", 4, *options)
        with Running(*arguments) as stream:
            with Running("recv", stream.endpoint(), "-o", folder) as recv:
                wait_until(lambda: send() or read_packets(folder), "a packet", recv)
                for unusual in extra:
                    socket.send(unusual)
                for _ in FRAMES:
                    send()
                if end:
                    socket.send(END_OF_FEATURES)
                self.received = recv.finish()
            self.sent = stream.finish()
        self.packets = read_packets(folder)
        self.last = self.packets[-1]

    def tensor(self, name):
        return np.concatenate([tensors_of(p)[name] for p in self.packets if p.count("kept")])


@pytest.fixture(params=["tcp", "ipc"])
def encoder_endpoint(request, free_port, socket_folder):
    tcp = request.param == "tcp"
    return f"tcp://127.0.0.1:{free_port}" if tcp else f"ipc://{socket_folder}/features"


@pytest.fixture
def live(zeromq, encoder_endpoint, tmp_path):
    return lambda *extra, **keys: LiveRun(zeromq, encoder_endpoint, tmp_path, *extra, **keys)


def test_features_come_out_as_packets(live):
    run = live(source="wrist", grid="4,3")
    assert run.last.metadata["end_of_stream"] == "true"
    assert run.last.count("totals.frames") == run.frames
    assert run.last.count("totals.seen") == run.frames * FRAMES.shape[1]
    first = run.packets[0].metadata
    assert first["sources"] == "wrist" and first["wrist/grid"] == "4,3"
    assert "Every packet kept its promises" in run.received


def test_dynamic_tokens_are_the_features_that_were_sent(live):
    run = live(options=["--retain", 1, "--queue", 100])
    dynamic = run.tensor("kind") == 1
    frames, positions = run.tensor("frame")[dynamic], run.tensor("position")[dynamic]
    assert dynamic.sum() >= 6
    sent = FRAMES[frames % len(FRAMES), positions]
    assert np.array_equal(run.tensor("features")[dynamic], sent)
    assert np.array_equal(run.tensor("pts"), 0.5 * run.tensor("frame"))


def test_messages_that_do_not_fit_are_skipped_and_counted(live):
    bad = [b"garbage", feature_message(FRAMES[0][:, :5], 1), blob({"features": FRAMES[0]})]
    run = live(bad)
    assert run.last.count("totals.skipped_input") == len(bad)
    assert run.last.count("totals.frames") == run.frames


def test_a_silent_encoder_ends_the_stream(live):
    run = live(end=False, options=["--timeout", 0.5])
    assert run.last.count("totals.frames") == run.frames
    assert run.last.metadata["end_of_stream"] == "true"


@pytest.mark.parametrize("option", [["--fps", 5], ["--grid", "3,4"], ["--size", "64,64"]], ids=str)
def test_options_for_videos_are_refused(option):
    done = sluice("stream", "tcp://127.0.0.1:*", "--to", "tcp://127.0.0.1:*", *option, code=2)
    assert option[0] in done.stderr and "expected a video" in done.stderr
