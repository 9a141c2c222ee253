"""sluice recv against senders that are not ours: gaps, lies and garbage are reported, no crash."""

import re
import struct

import numpy as np
import pytest
import zmq
from safetensors.numpy import save

from blobs import Blob, read_packets
from processes import Running, sluice


@pytest.fixture(scope="module")
def packets(video, tmp_path_factory):
    """What a real stream sends, the end mark last."""
    folder = tmp_path_factory.mktemp("packets")
    with Running("stream", video, "--to", "tcp://127.0.0.1:*", "--latency", 3) as stream:
        sluice("recv", stream.endpoint(), "-o", folder)
    packets = read_packets(folder)
    assert len(packets) >= 7
    return packets


@pytest.fixture
def recv_of(zeromq):
    """Runs `sluice recv` on these messages (bytes, or parts of one); returns what it printed."""

    def run(messages, *options, code=0):
        socket = zeromq.socket(zmq.PUSH)
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        with Running("recv", f"tcp://127.0.0.1:{port}", *options) as recv:
            for message in messages:
                socket.send_multipart(message if isinstance(message, list) else [message])
            out = recv.finish(code)
            return out, recv.err()

    return run


def changed(packet, **metadata):
    """The same packet with other metadata (dots in keys as double underscores)."""
    keys = {key.replace("__", "."): value for key, value in metadata.items()}
    return save(dict(packet.arrays), packet.metadata | keys)


def raw(packets):
    return [packet.bytes for packet in packets]


def test_a_complete_stream_is_fine(recv_of, packets):
    out, err = recv_of(raw(packets))
    assert f"{len(packets)} packets" in out and "0 missing" in out and err == ""


def test_missing_packets_are_counted(recv_of, packets):
    out, _ = recv_of(raw(packets[:2] + packets[3:4] + packets[6:]))
    assert "3 missing" in out and f"{len(packets) - 3} packets" in out


@pytest.mark.parametrize(
    "garbage, complaint",
    [
        (b"garbage", "7 bytes"),
        (b"", "0 bytes"),
        (bytes(1000), "header"),
        (struct.pack("<Q", (1 << 63) - 1) + b"{}", "9223372036854775807"),
        (save({"features": np.zeros((2, 2), np.float32)}), "sluice.message"),
        ([b"part one", b"part two"], "2 parts"),
    ],
    ids=["text", "nothing", "zeros", "huge header", "another safetensors", "multipart"],
)
def test_garbage_is_reported_and_survived(recv_of, packets, garbage, complaint):
    out, err = recv_of([garbage, *raw(packets)], code=2)
    assert "not a packet" in err and complaint in err
    assert f"{len(packets)} packets" in out and "0 missing" in out


def test_a_packet_of_another_schema_is_reported(recv_of, packets):
    other = changed(packets[0], sluice__schema="2.0")
    _, err = recv_of([other, *raw(packets)], code=2)
    assert "2.0" in err and "schema" in err


def test_a_packet_that_asks_for_more_than_we_know_is_reported(recv_of, packets):
    other = changed(packets[0], sluice__requires="delta")
    _, err = recv_of([other, *raw(packets)], code=2)
    assert "delta" in err


@pytest.mark.parametrize("cut", [10, 0.5, -1])
def test_a_truncated_packet_is_reported(recv_of, packets, cut):
    whole = packets[0].bytes
    length = int(cut * len(whole)) if isinstance(cut, float) else cut
    _, err = recv_of([whole[:length], *raw(packets[1:])], code=2)
    assert "not a packet" in err


def test_a_packet_that_lies_about_its_budget_breaks_a_promise(recv_of, packets):
    lie = changed(packets[1], budget=str(packets[1].count("budget") + 1))
    assert packets[1].count("available") > packets[1].count("kept")
    _, err = recv_of([packets[0].bytes, lie, *raw(packets[2:])], code=1)
    assert re.search(r"packet 1: kept \d+ of \d+ with a budget", err) and "violation" in err


def test_totals_that_do_not_add_up_break_a_promise(recv_of, packets):
    lie = changed(packets[1], totals__unspent=str(packets[1].count("totals.unspent") + 5))
    _, err = recv_of([packets[0].bytes, lie, *raw(packets[2:])], code=1)
    assert "unspent" in err


def test_a_message_larger_than_allowed_is_cut_off(recv_of, packets):
    _, err = recv_of([bytes(2 << 20)], "--max-message", 1, "--timeout", 1, code=1)
    assert "no packet within" in err


def test_another_stream_follows_if_asked_to_keep_going(recv_of, packets):
    twice = raw(packets) * 2
    out, err = recv_of(twice, "--keep-going", "-n", len(twice))
    assert f"{len(twice)} packets" in out and "0 missing" in out and err == ""


def test_files_hold_only_packets(recv_of, packets, tmp_path):
    recv_of([b"garbage", *raw(packets)], "-o", tmp_path, code=2)
    assert [Blob(path).bytes for path in sorted(tmp_path.iterdir())] == raw(packets)
