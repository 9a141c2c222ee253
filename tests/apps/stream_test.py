"""sluice stream to sluice recv: packets arrive complete, checked, and as specified."""

import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
import zmq

from blobs import Blob, read_packets, tensors_of
from conftest import SAMPLE_FRAMES
from processes import DEADLINE_S, SOURCE_DIR, Running, sluice, wait_until

READER = SOURCE_DIR / "docs" / "examples" / "packet_reader.py"


def pull(zeromq, endpoint):
    """Everything up to the end mark, as raw messages."""
    socket = zeromq.socket(zmq.PULL)
    socket.connect(endpoint)
    messages = []
    while not messages or Blob(messages[-1]).metadata["end_of_stream"] == "false":
        messages.append(socket.recv())
    socket.close()
    return messages


def check_stream(packets):
    """What docs/packet.md promises of a complete stream, from the packets alone."""
    kept = seen = 0
    next_frame = 0
    for number, packet in enumerate(packets):
        info = packet.metadata
        assert info["sluice.message"] == "packet" and info["sluice.schema"] == "1.2"
        assert packet.count("sequence") == number
        if info["end_of_stream"] == "true":
            assert number == len(packets) - 1 and packet.count("kept") == 0
        else:
            first, last = packet.count("segment_first"), packet.count("segment_last")
            assert first == next_frame and packet.count("camera/kept") == packet.count("kept")
            assert packet.count("kept") == min(packet.count("budget"), packet.count("available"))
            tensors = tensors_of(packet)
            assert all(len(tensor) == packet.count("kept") for tensor in tensors.values())
            assert (tensors.get("frame", [first]) >= np.int32(first)).all()
            assert (tensors.get("frame_last", [last]) <= np.int32(last)).all()
            next_frame = last + 1
            kept += packet.count("kept")
            seen = next_frame * 14 * 14
        assert packet.count("totals.kept") == kept
        assert packet.count("totals.seen") == seen
        assert packet.count("totals.packets") == number + 1
        assert kept + packet.count("totals.unspent") == round(float(info["retain"]) * seen)


def test_all_packets_arrive_and_keep_their_promises(video, any_endpoint, tmp_path):
    with Running("stream", video, "--to", any_endpoint, "--retain", 0.2) as stream:
        with Running("recv", stream.endpoint(), "-o", tmp_path) as recv:
            received = recv.finish()
        sent = stream.finish()
    packets = read_packets(tmp_path)
    check_stream(packets)
    assert packets[-1].count("totals.frames") == SAMPLE_FRAMES
    assert f"{len(packets)} packets" in received and "0 missing" in received
    assert "Every packet kept its promises" in received
    assert f"{packets[-1].metadata['totals.kept']} kept" in sent


def test_tcp_endpoint_is_printed_as_it_was_given(video, free_port):
    given = f"tcp://127.0.0.1:{free_port}"
    with Running("stream", video, "--to", given) as stream:
        assert stream.endpoint() == given


def test_a_wildcard_port_is_printed_as_a_number(video):
    with Running("stream", video, "--to", "tcp://127.0.0.1:*") as stream:
        assert re.fullmatch(r"tcp://127\.0\.0\.1:[1-9]\d+", stream.endpoint())


def test_a_taken_address_is_a_clear_failure(video, free_port):
    endpoint = f"tcp://127.0.0.1:{free_port}"
    with Running("stream", video, "--to", endpoint) as stream:
        stream.endpoint()
        message = sluice("stream", video, "--to", endpoint, code=1).stderr
        assert endpoint in message and "in use" in message


def test_the_receiver_may_listen_and_the_sender_connect(video, ipc_endpoint):
    with Running("recv", ipc_endpoint, "--bind") as recv:
        sluice("stream", video, "--to", ipc_endpoint, "--connect")
        assert "Every packet kept its promises" in recv.finish()


def test_two_runs_send_the_same_bytes(video, any_endpoint, zeromq):
    runs = []
    for _ in range(2):
        with Running("stream", video, "--to", any_endpoint) as stream:
            runs.append(pull(zeromq, stream.endpoint()))
            stream.finish()
    assert runs[0] == runs[1]
    assert not any("sent_unix_ns" in Blob(message).metadata for message in runs[0])


def test_recv_writes_what_came_over_the_wire(video, endpoint, zeromq, tmp_path):
    with Running("stream", video, "--to", endpoint) as stream:
        messages = pull(zeromq, stream.endpoint())
        stream.finish()
    with Running("stream", video, "--to", endpoint) as stream:
        sluice("recv", stream.endpoint(), "-o", tmp_path)
    files = sorted(tmp_path.iterdir())
    assert [path.read_bytes() for path in files] == messages
    assert files[0].name == "packet-000000.safetensors"


def test_recv_stops_after_the_packets_asked_for(video, endpoint, tmp_path):
    with Running("stream", video, "--to", endpoint) as stream:
        received = sluice("recv", stream.endpoint(), "-n", 2, "-o", tmp_path).stdout
    assert len(list(tmp_path.iterdir())) == 2 and received.startswith("2 packets")


def test_recv_gives_up_when_nobody_sends(ipc_endpoint):
    message = sluice("recv", ipc_endpoint, "--timeout", 0.2, code=1).stderr
    assert ipc_endpoint in message and "0.2 s" in message


def test_ctrl_c_ends_recv(ipc_endpoint):
    with Running("recv", ipc_endpoint, "--bind") as recv:
        wait_until(pathlib.Path(ipc_endpoint.removeprefix("ipc://")).exists, "its socket", recv)
        recv.interrupt()
        recv.finish(code=130)


def test_ctrl_c_during_stream_still_tells_the_receiver(long_video, endpoint, tmp_path):
    with Running("stream", long_video, "--to", endpoint, "--latency", 8) as stream:
        with Running("recv", stream.endpoint(), "-o", tmp_path) as recv:
            wait_until(lambda: len(read_packets(tmp_path)) >= 3, "packets", recv)
            stream.interrupt()
            recv.finish()
            stream.finish(code=130)
    packets = read_packets(tmp_path)
    check_stream(packets)
    assert packets[-1].metadata["end_of_stream"] == "true"


def test_the_documented_python_reader_reads_every_packet(video, any_endpoint):
    with Running("stream", video, "--to", any_endpoint) as stream:
        command = [sys.executable, str(READER), stream.endpoint()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)
        sent = stream.finish()
    assert done.returncode == 0, done.stderr
    lines = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == [str(number) for number in range(len(lines))]
    assert all(line[1] == "camera" and re.fullmatch(r"\(\d+, 256\)", line[2]) for line in lines)
    assert f"in {len(lines)} segments" in sent


def test_a_stream_keeps_what_a_causal_replay_keeps(video, endpoint, tmp_path):
    options = ("--retain", 0.2, "--latency", 6)
    with Running("stream", video, "--to", endpoint, *options) as stream:
        sluice("recv", stream.endpoint(), "-o", tmp_path / "packets")
    sluice("replay", video, "-o", tmp_path, "--causal", "--no-overlay", "--no-report", *options)
    replayed = Blob(tmp_path / "tokens.safetensors")
    parts = [tensors_of(p) for p in read_packets(tmp_path / "packets") if p.count("kept")]
    for name in ("features", "frame", "frame_last", "position", "weight", "kind", "pts"):
        streamed = np.concatenate([part[name] for part in parts])
        assert np.array_equal(streamed, replayed[name]), name
