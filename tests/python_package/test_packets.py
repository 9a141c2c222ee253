"""Packets and feedback as blobs: round trips, other readers, damage."""

import dataclasses

import numpy as np
import pytest
from samples import as_numpy, clip, needs_torch, torch

import sluice


def packet(frames=6, dtype=np.float32):
    features, attention = clip(1, frames=frames)
    result = sluice.reduce(features.astype(dtype), attention, retain=0.3)
    tokens = result.tokens
    return sluice.Packet(
        {"camera": tokens},
        stream="door",
        sequence=4,
        segment_first=0,
        segment_last=frames - 1,
        retain=0.3,
        budget=result.kept,
        available=result.available,
        kept=result.kept,
        totals=sluice.Totals(
            frames=frames, seen=12 * frames, available=result.available, kept=result.kept, packets=1
        ),
        settings_hash="abc",
    )


def feedback():
    attention = np.linspace(0, 1, 5).astype(np.float32)
    return sluice.Feedback(
        "door",
        3,
        7,
        {"camera": sluice.SourceFeedback(attention, attention[::-1])},
        np.arange(14, dtype=np.float32).reshape(2, 7),
        12.5,
    )


def fields(message):
    return {f.name: getattr(message, f.name) for f in dataclasses.fields(message)}


def test_a_packet_survives_the_wire():
    sent = packet()
    blob = sluice.encode(sent)
    received = sluice.decode(blob)
    assert isinstance(received, sluice.Packet)
    before, after = fields(sent), fields(received)
    tokens, again = before.pop("batches")["camera"], after.pop("batches")["camera"]
    assert before == after
    assert again.source == tokens.source
    for name, column in tokens.columns().items():
        np.testing.assert_array_equal(getattr(again, name), column)
    assert sluice.encode(received) == blob


def test_feedback_survives_the_wire():
    sent = feedback()
    received = sluice.decode(sluice.encode(sent))
    assert isinstance(received, sluice.Feedback)
    assert (received.stream, received.episode, received.tick) == ("door", 3, 7)
    assert received.model_latency_ms == 12.5
    np.testing.assert_array_equal(received.action, sent.action)
    source = received.sources["camera"]
    np.testing.assert_array_equal(source.semantic_attention, np.linspace(0, 1, 5, dtype="f4"))
    np.testing.assert_array_equal(source.action_attention, source.semantic_attention[::-1])


def test_bytes_bytearrays_and_memoryviews_are_read():
    blob = sluice.encode(packet())
    for kind in (bytes, bytearray, memoryview):
        assert sluice.decode(kind(blob)).stream == "door"


def test_a_decoded_packet_does_not_hang_on_its_blob():
    blob = bytearray(sluice.encode(packet()))
    received = sluice.decode(blob)
    expected = received.batches["camera"].features.copy()
    blob[:] = bytes(len(blob))
    np.testing.assert_array_equal(received.batches["camera"].features, expected)


def test_other_readers_of_safetensors_can_read_it():
    load = pytest.importorskip("safetensors.numpy").load
    sent = packet(dtype=np.float16)
    tensors = load(sluice.encode(sent))
    np.testing.assert_array_equal(tensors["camera/features"], sent.batches["camera"].features)
    np.testing.assert_array_equal(tensors["camera/weight"], sent.batches["camera"].weight)


@needs_torch
def test_bfloat16_needs_torch():
    features = torch.from_numpy(clip(1)[0]).bfloat16()
    tokens = sluice.reduce(features, retain=0.2).tokens
    count = len(tokens)
    sent = sluice.Packet({"camera": tokens}, budget=count, available=count, kept=count)
    blob = sluice.encode(sent)
    with pytest.raises(sluice.InputError, match="bfloat16.*framework='torch'"):
        sluice.decode(blob)
    received = sluice.decode(blob, "torch").batches["camera"]
    assert torch.equal(received.features, tokens.features)
    assert received.features.dtype == torch.bfloat16


def test_damaged_blobs_are_refused_and_never_crash():
    blob = sluice.encode(packet(frames=2))
    rng = np.random.default_rng(0)
    for _ in range(500):
        damaged = bytearray(blob)
        for at in rng.integers(0, min(len(blob), 3000), rng.integers(1, 6)):
            damaged[at] = rng.integers(0, 256)
        damaged = damaged[: rng.integers(0, len(blob) + 1)] if rng.random() < 0.3 else damaged
        try:
            sluice.decode(damaged, where="tcp://x")
        except sluice.InputError as error:
            assert str(error)


@pytest.mark.parametrize("blob", [b"", b"hello", 3, "text", None, np.zeros(3)[::2]])
def test_what_is_no_blob_is_refused(blob):
    with pytest.raises(sluice.InputError):
        sluice.decode(blob)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"kept": 1}, "tokens; expected .* 1"),
        ({"budget": -1}, "budget"),
        ({"stream": ""}, "stream"),
        ({"stream": 3}, "stream"),
        ({"sequence": None}, "sequence"),
        ({"retain": "all"}, "retain"),
        ({"end_of_stream": 1}, "end_of_stream"),
        ({"tick": 1.5}, "tick"),
    ],
)
def test_packets_that_contradict_themselves_are_not_sent(change, name):
    with pytest.raises(sluice.InputError, match=name):
        sluice.encode(dataclasses.replace(packet(), **change))


def test_tokens_that_contradict_themselves_are_not_sent():
    for name, value in [("weight", np.ones(3, np.int64)), ("frame", np.full(2, -1))]:
        sent = packet()
        setattr(sent.batches["camera"], name, value)
        with pytest.raises(sluice.InputError, match=name):
            sluice.encode(sent)


def test_feedback_that_contradicts_itself_is_not_sent():
    wrong = feedback()
    wrong.sources["camera"] = sluice.SourceFeedback(np.array([np.nan], np.float32))
    with pytest.raises(sluice.InputError):
        sluice.encode(wrong)
    with pytest.raises(sluice.InputError, match="framework"):
        sluice.decode(sluice.encode(packet()), "jax")


def test_a_check_finds_what_does_not_add_up():
    engine = sluice.TickEngine(budget=5)
    check = sluice.PacketCheck()
    for tick in range(4):
        sent = engine.step({"camera": clip(tick)[0][0]}).packet
        if tick != 2:
            assert check.check(sluice.decode(sluice.encode(sent))) == []
    assert check.missing == 1
    sent.totals = dataclasses.replace(sent.totals, kept=3)
    sent.sequence += 1
    assert check.check(sent)


def test_columns_are_converted_to_their_types():
    sent = packet()
    tokens = sent.batches["camera"]
    tokens.weight = tokens.weight.astype(np.int32)
    tokens.pts = tokens.pts.astype(np.float32)
    received = sluice.decode(sluice.encode(sent)).batches["camera"]
    assert received.weight.dtype == np.int64 and received.pts.dtype == np.float64
    np.testing.assert_array_equal(as_numpy(received.weight), as_numpy(tokens.weight))
