"""Tensors in and out share memory, live as long as they are used, and nothing leaks."""

import gc
import sys
import weakref

import numpy as np
import pytest
from samples import address, clip, needs_torch, resident_bytes, torch

import sluice

features, attention = clip(2, frames=6, positions=20, width=64)


def test_a_result_outlives_everything_it_came_with(framework):
    result = sluice.reduce(framework(features.copy()), retain=0.5)
    expected = np.asarray(result.features).copy()
    kept = result.features
    weight = result.tokens.weight
    owner = weakref.ref(result)
    del result
    gc.collect()
    assert owner() is None
    for seed in range(50):  # whatever was freed is used again
        sluice.reduce(features + seed, retain=0.5)
    np.testing.assert_array_equal(np.asarray(kept), expected)
    assert int(weight.sum()) > 0


def test_results_share_the_engines_memory_and_can_be_written(framework):
    tokens = sluice.reduce(framework(features), retain=0.5).tokens
    again = framework(np.asarray(tokens.features))
    assert address(again) == address(tokens.features)
    tokens.features[0] = 1
    assert float(tokens.features[0].sum()) == 64


@needs_torch
def test_a_tensor_of_one_framework_is_the_others_without_a_copy():
    kept = sluice.reduce(torch.from_numpy(features), retain=0.5).features
    assert address(np.from_dlpack(kept)) == address(kept)
    kept = sluice.reduce(features, retain=0.5).features
    assert address(torch.from_dlpack(kept)) == address(kept)


@needs_torch
def test_an_input_is_read_in_place():
    """Twice the memory of a large input would show."""
    large = torch.zeros(64, 196, 1024)
    before = resident_bytes()
    result = sluice.reduce(large, retain=0.01)
    grown = resident_bytes() - before
    assert result.kept > 0 and grown < large.nbytes / 2


def test_an_input_is_let_go_when_the_call_is_over(framework):
    tensor = framework(features.copy())
    before = sys.getrefcount(tensor)
    results = [sluice.reduce(tensor), sluice.maxmin(tensor[0], 3)]
    reducer = sluice.VideoReducer()
    reducer.push(tensor)
    engine = sluice.TickEngine()
    engine.step({"camera": tensor[0]})
    assert results and sys.getrefcount(tensor) == before
    owner = weakref.ref(tensor)
    del tensor
    gc.collect()
    assert owner() is None


def test_frames_may_be_overwritten_after_they_were_pushed():
    frame = np.empty_like(features[0])
    reducer = sluice.VideoReducer(retain=1.0, tau=1.0, causal=False)
    for source in features:
        frame[:] = source
        reducer.push(frame)
        frame[:] = -1
    reducer.finish()
    kept = np.concatenate([segment.features for segment in reducer.take()])
    np.testing.assert_array_equal(kept, features.reshape(-1, 64))


def test_a_packet_is_not_changed_by_the_next_tick():
    engine = sluice.TickEngine(budget=5)
    first = engine.step({"camera": features[0]}).packet
    before = first.batches["camera"].features.copy()
    for tick in range(20):
        engine.step({"camera": features[tick % 6] + 1})
    np.testing.assert_array_equal(first.batches["camera"].features, before)


def test_a_packet_is_as_large_as_what_it_holds():
    """And not as the most that its sources might ever offer."""
    camera = sluice.TickSource(max_rows=4096, max_width=4096)
    engine = sluice.TickEngine([camera], budget=4)
    packets = [engine.step({"camera": features[0]}).packet]
    before = resident_bytes()
    packets += [engine.step({"camera": features[0]}).packet for _ in range(50)]
    assert resident_bytes() - before < 50_000_000  # of 3 GB


def one_of_everything(engine, reducer, borrower, number):
    sluice.reduce(features, attention, retain=0.2)
    sluice.maxmin(features[0], 4)
    sluice.inner_merge(features[0], attention[0], (2, 10), 5)
    sluice.stage_gate(attention[0], (2, 10), 5)
    packet = engine.step({"camera": features[number % 6]}).packet
    engine.feedback(
        sluice.feedback_on(packet, {"camera": sluice.SourceFeedback(np.ones(packet.kept))})
    )
    sluice.decode(sluice.encode(packet))
    reducer.push(features[number % 6])
    for _ in reducer.take():
        pass
    borrower.push(features[number % 6], copy=False)
    for _ in borrower.take():
        pass
    with pytest.raises(sluice.InputError):
        sluice.reduce(features, retain=2)


def test_ten_thousand_calls_leak_nothing():
    references = sys.getrefcount(features)
    # Memory that is reserved and not used comes and goes as the system likes.
    camera = sluice.TickSource(max_rows=20, max_width=64)
    engine = sluice.TickEngine([camera], budget=8)
    objects = engine, sluice.VideoReducer(latency=4), sluice.VideoReducer()
    for number in range(500):
        one_of_everything(*objects, number)
    gc.collect()
    before = resident_bytes()
    for number in range(1000):  # ten calls each
        one_of_everything(*objects, number)
    gc.collect()
    # One leaked result of any of them would be at least 1000 times 1.5 kB.
    assert resident_bytes() - before < 1_000_000
    del objects, engine
    assert sys.getrefcount(features) == references
