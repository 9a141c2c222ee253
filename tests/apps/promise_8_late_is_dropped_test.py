"""A slow, absent or killed consumer: a recording waits for it in bounded memory, and a live stream,
or a recording with --realtime, goes on without it, drops whole segments and counts them."""

import re
import time

import pytest
import zmq

from blobs import END_OF_FEATURES, Blob, clip_blob, feature_message, random_clip, read_packets
from conftest import SAMPLE_FPS, SAMPLE_FRAMES
from processes import SANITIZED, Running, wait_until

MIB = 1 << 20
PLAY_S = SAMPLE_FRAMES / SAMPLE_FPS


@pytest.fixture(scope="module")
def heavy(tmp_path_factory):
    """80 frames that give a packet of 1 MiB each: more than sockets buffer."""
    path = tmp_path_factory.mktemp("heavy") / "heavy.safetensors"
    path.write_bytes(clip_blob(random_clip(80, 64, 4096, calm=0)))
    return path


def stream_heavy(heavy, endpoint, *options, queue=2):
    return Running("stream", heavy, "--to", endpoint, "--retain", 1, "--queue", queue, *options)


@pytest.fixture
def consumer(zeromq):
    """Makes a socket that takes as little as possible in advance."""

    def connect(endpoint, kind=zmq.PULL):
        socket = zeromq.socket(kind)
        socket.set(zmq.RCVHWM, 1)
        socket.set(zmq.RCVBUF, 1 << 16)
        if kind == zmq.SUB:
            socket.subscribe(b"")
        socket.connect(endpoint)
        return socket

    return connect


def ended(packet):
    return packet.metadata["end_of_stream"] == "true"


def read_to_the_end(socket):
    packets = [Blob(socket.recv())]
    while not ended(packets[-1]):
        packets.append(Blob(socket.recv()))
    return packets


def sequences(packets):
    return [packet.count("sequence") for packet in packets]


def settle(process):
    """Waits until the process takes no more memory for half a second: far less than the recording."""
    history = [0]

    def settled():
        history.append(process.own_memory())
        return len(history) > 100 and max(history[-100:]) - min(history[-100:]) < MIB

    wait_until(settled, "its memory to settle", process)
    # A sanitizer keeps what was freed.
    assert SANITIZED or history[-1] < 40 * MIB, "of the recording's 80 MiB"


# --- a recording waits --------------------------------------------------------------------------


def test_a_recording_waits_for_an_absent_consumer(heavy, endpoint):
    with stream_heavy(heavy, endpoint) as stream:
        stream.endpoint()
        settle(stream)
        assert stream.is_running() and "kept in" not in stream.out()
        stream.interrupt()
        stream.finish(code=130)


def test_a_recording_waits_for_a_consumer_that_pauses(heavy, endpoint, consumer):
    with stream_heavy(heavy, endpoint) as stream:
        socket = consumer(stream.endpoint())
        packets = [Blob(socket.recv()) for _ in range(5)]
        settle(stream)
        assert "kept in" not in stream.out()
        packets += read_to_the_end(socket)
        stream.finish()
    assert sequences(packets) == list(range(81))
    assert packets[-1].count("totals.dropped_packets") == 0


def test_a_recordings_last_packets_wait_longer_than_a_live_streams(heavy, endpoint, consumer):
    with stream_heavy(heavy, endpoint, "--linger", 100, queue=8) as stream:
        socket = consumer(stream.endpoint())
        packets = []
        while "kept in" not in stream.out():  # until it has handed over everything
            if socket.poll(20):
                packets.append(Blob(socket.recv()))
        time.sleep(0.5)  # a model that thinks for longer than a live stream would linger
        packets += read_to_the_end(socket)
        stream.finish()
    assert sequences(packets) == list(range(81))


def test_ctrl_c_ends_the_wait_for_a_consumer_that_hangs(heavy, endpoint, consumer):
    with stream_heavy(heavy, endpoint, "--linger", 100) as stream:
        socket = consumer(stream.endpoint())
        socket.recv()
        settle(stream)
        stream.interrupt()
        printed = stream.finish(code=130)
    assert re.search(r"\b1 dropped", printed), "the packet that waited"


def test_ctrl_c_still_serves_a_consumer_that_pauses(heavy, endpoint, consumer):
    with stream_heavy(heavy, endpoint) as stream:
        socket = consumer(stream.endpoint())
        socket.recv()
        settle(stream)
        stream.interrupt()
        time.sleep(0.2)  # busy for a moment, but within the time that the sender lingers
        packets = read_to_the_end(socket)
        stream.finish(code=130)
    assert sequences(packets) == list(range(1, len(packets) + 1))
    assert len(packets) < 80 and packets[-1].count("totals.dropped_packets") == 0


def test_a_killed_consumer_costs_only_what_was_on_its_way(heavy, endpoint, consumer, tmp_path):
    with stream_heavy(heavy, endpoint) as stream:
        with Running("recv", stream.endpoint(), "-o", tmp_path) as first:
            wait_until(lambda: len(read_packets(tmp_path)) >= 3, "packets", first)
            first.kill()
        before = sequences(read_packets(tmp_path))
        after = read_to_the_end(consumer(stream.endpoint()))
        stream.finish()
    lost = after[0].count("sequence") - before[-1] - 1
    assert lost >= 0 and before == list(range(len(before)))
    assert sequences(after) == list(range(after[0].count("sequence"), 81))
    assert after[-1].count("totals.packets") == len(before) + lost + len(after)
    assert after[-1].count("totals.dropped_packets") == 0, "the sender dropped none itself"


# --- a live stream doesn't ------------------------------------------------------------------------


def test_realtime_plays_at_the_recordings_pace(video, endpoint, consumer):
    with Running("stream", video, "--to", endpoint, "--realtime", "--latency", 4) as stream:
        socket = consumer(stream.endpoint())
        start = time.monotonic()
        while not ended(packet := Blob(socket.recv())):
            played = packet.count("segment_last") / SAMPLE_FPS
            assert time.monotonic() - start > played - 0.1, "it came before its time"
        assert packet.count("totals.frames") == SAMPLE_FRAMES
        stream.finish()


def test_realtime_goes_on_without_a_consumer(video, endpoint):
    start = time.monotonic()
    with Running("stream", video, "--to", endpoint, "--realtime", "--linger", 0) as stream:
        printed = stream.finish()
    # The end mark is offered for two seconds more.
    assert time.monotonic() - start < PLAY_S + 2 + 20
    counts = r"(\d+) kept in (\d+) segments; (\d+) dropped as late \((\d+) tokens\)"
    kept, segments, dropped, tokens = map(int, re.search(counts, printed).groups())
    assert segments == dropped > 0 and kept == tokens > 0


def test_realtime_drops_whole_segments_for_a_slow_consumer(heavy, endpoint, consumer):
    with stream_heavy(heavy, endpoint, "--realtime", "--fps", 40) as stream:
        socket = consumer(stream.endpoint())
        start = time.monotonic()
        packets = []
        while not packets or not ended(packets[-1]):
            packets.append(Blob(socket.recv()))
            time.sleep(0.2)  # slow: 5 of 40 packets per second
        printed = stream.finish()
    assert len(packets) < 60
    gaps = packets[0].count("sequence")
    for before, packet in zip(packets, packets[1:]):
        gaps += packet.count("sequence") - before.count("sequence") - 1
        assert packet.count("totals.dropped_packets") == gaps
    assert gaps > 10
    assert packets[-1].count("totals.dropped_tokens") == 64 * gaps
    assert packets[-1].count("totals.frames") == 80, "dropped segments count as seen"
    assert f"{gaps} dropped as late" in printed


class Camera:
    """Feeds frames of features to `sluice stream` as an encoder does; tests decide on its pace."""

    def __init__(self, zeromq, endpoint):
        self._socket = zeromq.socket(zmq.PUSH)
        self._socket.connect(endpoint)
        self._frames = random_clip(64, 16, 8, calm=0)
        self.sent = 0

    def send(self):
        frame = self._frames[self.sent % len(self._frames)]
        self._socket.send(feature_message(frame, self.sent / 30))
        self.sent += 1

    def send_until(self, condition, what, process):
        def step():
            self.send()
            return condition()

        wait_until(step, what, process)

    def end(self):
        self._socket.send(END_OF_FEATURES)


@pytest.fixture
def camera(zeromq, socket_folder):
    camera = Camera(zeromq, f"ipc://{socket_folder}/features")
    return camera


@pytest.fixture
def live(camera, endpoint, socket_folder):
    """Starts a live stream of the camera's features."""

    def start(*options):
        features = f"ipc://{socket_folder}/features"
        stream = Running("stream", features, "--to", endpoint, "--latency", 4, *options)
        camera.send()
        return stream

    return start


def test_a_killed_consumer_is_replaced_while_the_stream_goes_on(live, camera, endpoint, tmp_path):
    def received(name):
        return read_packets(tmp_path / name)

    with live() as stream:
        sender = stream.endpoint()
        with Running("recv", sender, "-o", tmp_path / "a") as first:
            camera.send_until(lambda: len(received("a")) >= 3, "packets", first)
            first.kill()
        for _ in range(50):
            camera.send()
        with Running("recv", sender, "-o", tmp_path / "b") as second:
            camera.send_until(lambda: len(received("b")) >= 3, "packets", second)
            camera.end()
            said = second.finish()
        printed = stream.finish()
    a, b = received("a"), received("b")
    lost_before = a[0].count("sequence")
    lost_between = b[0].count("sequence") - a[-1].count("sequence") - 1
    assert lost_between > 0, "nobody received the 50 frames"
    assert "0 missing" in said and "Every packet kept its promises" in said
    total = b[-1].count("totals.packets")
    assert total == lost_before + len(a) + lost_between + len(b)
    assert b[-1].count("totals.frames") == camera.sent
    dropped = b[-1].count("totals.dropped_packets")
    assert 0 < dropped <= lost_before + lost_between
    assert f"{dropped} dropped as late" in printed


def test_a_subscriber_may_join_late_and_others_are_not_disturbed(live, camera, endpoint, tmp_path):
    def received(name):
        return read_packets(tmp_path / name)

    options = ("--pattern", "sub")
    with live("--pattern", "pub") as stream:
        sender = stream.endpoint()
        with Running("recv", sender, "-o", tmp_path / "a", *options) as early:
            camera.send_until(lambda: len(received("a")) >= 3, "packets", early)
            with Running("recv", sender, "-o", tmp_path / "b", *options) as late:
                camera.send_until(lambda: len(received("b")) >= 3, "packets", late)
                camera.end()
                said = [early.finish(), late.finish()]
        stream.finish()
    assert all("0 missing" in text and "kept its promises" in text for text in said)
    late_first = received("b")[0].count("sequence")
    assert late_first > received("a")[0].count("sequence")
    common = [p.bytes for p in received("a") if p.count("sequence") >= late_first]
    assert common == [packet.bytes for packet in received("b")]


def test_live_packets_tell_when_they_were_sent(live, camera, endpoint, consumer):
    with live("--pattern", "pub") as stream:
        socket = consumer(stream.endpoint(), zmq.SUB)
        camera.send_until(lambda: socket.poll(0), "a packet", stream)
        sent = Blob(socket.recv()).count("sent_unix_ns")
    assert abs(time.time() - sent * 1e-9) < 60
