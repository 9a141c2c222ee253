"""Memory of the caller's: read where it lies, held exactly as long as needed, never written."""

import gc
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from samples import clip, needs_torch, peak_growth, resident_bytes, torch
from test_bad_input import Foreign

import sluice

FRAMES, ATTENTION = clip(5, frames=24, positions=10, width=32)


def everything(**options):
    """A reducer that keeps every token as it came."""
    return sluice.VideoReducer(retain=1.0, tau=1.0, **options)


def taken(reducer):
    return [(s.segment, s.features.tobytes(), s.assignment.tobytes()) for s in reducer.take()]


def is_gone(owner):
    if owner() is not None:
        gc.collect()  # an error's traceback may be all that refers to it
    return owner() is None


@pytest.mark.parametrize("causal", [True, False])
def test_borrowed_frames_give_what_copied_ones_give(framework, causal):
    def run(**how):
        reducer = sluice.VideoReducer(retain=0.3, latency=6, causal=causal)
        segments = []
        reducer.push(framework(FRAMES[:9]), framework(ATTENTION[:9]), **how)
        for frame, attention in zip(FRAMES[9:], ATTENTION[9:]):
            reducer.push(framework(frame), framework(attention), **how)
            segments += [s.segment for s in reducer.take()]
        reducer.finish()
        rest = list(reducer.take())
        return segments, [bytes(np.asarray(s.features)) for s in rest], reducer.totals

    assert run(copy=False) == run(copy=True) == run()


def test_what_is_written_to_a_borrowed_frame_shows():
    """Why copying is the default; and the proof that nothing was copied."""
    for copy, expected in ((True, 1.0), (False, 2.0)):
        frame = np.ones((4, 8), np.float32)
        reducer = everything()
        reducer.push(frame, copy=copy)
        frame[:] = 2
        reducer.finish()
        (segment,) = reducer.take()
        assert (segment.features == expected).all()


@pytest.mark.parametrize("latency", [1, 3])
def test_a_borrowed_frame_is_held_until_its_segment_has_left(framework, latency):
    reducer = sluice.VideoReducer(latency=latency)
    owners, left = [], -1
    for number in range(24):
        # Still for a while, so that the latency bound cuts behind the newest frame.
        array = FRAMES[number // 4].copy()
        owners.append(weakref.ref(array))
        reducer.push(framework(array), copy=False)
        del array
        for segment in reducer.take():
            left = segment.segment.last
        # All that have left but the newest, with which the next one is compared.
        assert all(is_gone(owner) for owner in owners[: min(left + 1, number)])
        assert owners[-1]() is not None
    reducer.finish()
    for _ in reducer.take():
        pass
    assert all(is_gone(owner) for owner in owners)


def test_a_recording_holds_all_of_its_frames_until_they_are_taken():
    reducer = everything(causal=False)
    array = FRAMES.copy()
    owner = weakref.ref(array)
    reducer.push(array, copy=False)
    del array
    assert owner() is not None
    reducer.finish()
    kept = np.concatenate([segment.features for segment in reducer.take()])
    np.testing.assert_array_equal(kept, FRAMES.reshape(-1, 32))
    assert is_gone(owner)


def test_a_reducer_that_is_dropped_lets_go():
    reducer = everything()
    array = FRAMES.copy()
    owner = weakref.ref(array)
    reducer.push(array, copy=False)
    del array
    assert owner() is not None
    del reducer
    assert is_gone(owner)


def test_a_frame_that_was_refused_is_not_held():
    reducer = everything()
    reducer.push(FRAMES[0], copy=False)
    for make in (lambda: FRAMES[1][:5].copy(), lambda: FRAMES[1].astype(np.float16)):
        bad = make()
        owner = weakref.ref(bad)
        with pytest.raises(sluice.InputError):
            reducer.push(bad, copy=False)
        del bad
        assert is_gone(owner)
    assert reducer.frames == 1


def test_strided_frames_are_borrowed_as_their_copy():
    frame = np.ones((4, 16), np.float32)[:, ::2]
    reducer = everything()
    reducer.push(frame, copy=False)
    frame[:] = 2
    reducer.finish()
    (segment,) = reducer.take()
    assert (segment.features == 1).all()


def test_a_finalizer_may_use_python():
    """Frames are let go of while the engine works without the GIL."""
    seen = []
    reducer = everything(latency=2)
    for number in range(20):
        array = FRAMES[number].copy()
        weakref.finalize(array, seen.append, number)
        reducer.push(array, copy=False)
        del array
        for _ in reducer.take():
            pass
    del reducer
    gc.collect()
    assert sorted(seen) == list(range(20))


def test_many_threads_may_borrow_one_array():
    before = sys.getrefcount(FRAMES)

    def run(number):
        reducer = sluice.VideoReducer(retain=0.2, latency=1 + number % 5)
        reducer.push(FRAMES, ATTENTION, copy=number % 3 == 0)
        reducer.finish()
        return taken(reducer)

    alone = [run(number) for number in range(5)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(run, [n % 5 for n in range(40)])) == alone * 8
    gc.collect()
    assert sys.getrefcount(FRAMES) == before


def test_a_tick_reads_features_where_they_lie():
    """What is never written costs no memory: a copy would."""
    rows, width = 4096, 4096
    engine = sluice.TickEngine(
        [sluice.TickSource("camera", max_rows=rows, max_width=width)],
        budget=8,
        selector="uniform",
        novelty=sluice.NoveltyOptions(on=False),
    )
    features = np.zeros((rows, width), np.float32)
    engine.step({"camera": features[:1]})  # the engine takes its own memory
    assert peak_growth(lambda: engine.step({"camera": features})) < features.nbytes / 2


def test_a_packet_is_written_from_where_its_features_lie():
    features = np.zeros((4096, 4096), np.float32)
    tokens = sluice.Tokens(sluice.Source(), features)
    packet = sluice.Packet({"camera": tokens}, budget=4096, available=4096, kept=4096)
    # The blob twice: as the engine writes it, and as Python's bytes.
    assert peak_growth(lambda: sluice.encode(packet)) < 2.5 * features.nbytes


def test_borrowed_frames_take_no_memory():
    frames = np.zeros((64, 256, 1024), np.float32)
    reducer = sluice.VideoReducer(causal=False)
    assert peak_growth(lambda: reducer.push(frames, copy=False)) < frames.nbytes / 2


def test_a_tick_holds_nothing_however_it_ends():
    engine = sluice.TickEngine(["a", "b"], budget=4)
    good = FRAMES[0].copy()
    owner = weakref.ref(good)
    assert engine.step({"a": good, "b": good}).status == "ok"
    with pytest.raises(sluice.InputError, match="^features"):
        engine.step({"a": good, "b": good.astype(np.float64)})
    twice = sluice.TickTokens(good, pinned=[3, 3])
    assert engine.step({"a": twice}).status == "bad_input"
    del good, twice
    assert is_gone(owner)


def test_encoding_and_checking_hold_nothing():
    features = FRAMES[0].copy()
    owner = weakref.ref(features)
    tokens = sluice.Tokens(sluice.Source(), features, key=np.arange(10))
    packet = sluice.Packet({"camera": tokens}, budget=10, available=10, kept=10)
    blob = sluice.encode(packet)
    features[:] = 0
    check = sluice.PacketCheck()
    check.check(packet)
    received = sluice.decode(blob).batches["camera"].features
    np.testing.assert_array_equal(received, FRAMES[0])
    tokens.key = np.arange(3)
    with pytest.raises(sluice.InputError, match="key"):
        sluice.encode(packet)
    del features, tokens, packet
    assert is_gone(owner)


def test_a_capsule_that_nobody_consumes_frees_its_memory():
    result = sluice.reduce(FRAMES, retain=1.0, tau=1.0)
    tensor = _engine_tensor()
    for _ in range(200):
        tensor.__dlpack__()
    gc.collect()
    before = resident_bytes()
    for _ in range(2000):  # a leak of each would be 2000 times 400 kB
        _engine_tensor().__dlpack__()
    gc.collect()
    assert resident_bytes() - before < 20_000_000
    assert result.kept == 240


def _engine_tensor():
    """What the engine hands over, before a framework wraps it: [100,1024] f32."""
    rows = np.ones((100, 1024), np.float32)
    return sluice._engine.inner_merge(rows, None, 0, 100, 100, False)["hidden"]


def test_a_consumed_capsule_outlives_what_it_came_from():
    tensor = _engine_tensor()
    array = np.from_dlpack(tensor)
    del tensor
    gc.collect()
    for _ in range(50):  # whatever was freed is used again
        _engine_tensor()
    assert (array == 1).all()


def test_a_foreign_tensor_is_let_go_of_with_its_segment():
    array = FRAMES[0].copy()
    owner = weakref.ref(array)
    reducer = everything(latency=1)
    frames = Foreign(array[None])
    frames.shape = (1, 10, 32)
    reducer.push(frames, copy=False)
    del frames
    del array
    assert owner() is not None
    reducer.finish()
    (segment,) = reducer.take()
    np.testing.assert_array_equal(segment.features, FRAMES[0])
    assert is_gone(owner)


def test_a_foreign_tensor_that_was_refused_is_let_go_of():
    array = FRAMES[0].astype(np.int32)
    owner = weakref.ref(array)
    with pytest.raises(sluice.InputError):
        sluice.reduce(Foreign(array))
    del array
    assert is_gone(owner)


@needs_torch
def test_a_bare_capsule_is_refused_and_can_still_be_used():
    tensor = torch.ones(3, 4, 5)
    capsule = torch.utils.dlpack.to_dlpack(tensor)
    with pytest.raises(sluice.InputError, match="^features: is a PyCapsule"):
        sluice.reduce(capsule)
    assert torch.utils.dlpack.from_dlpack(capsule).data_ptr() == tensor.data_ptr()


@needs_torch
def test_a_borrowed_tensor_outlives_its_encoder():
    """Views of views of a tensor that needs gradients, as encoders return them."""
    reducer = everything(latency=2)
    for number in range(6):
        output = torch.from_numpy(FRAMES[number].copy()).requires_grad_() * 2
        reducer.push(output[None][0], copy=False)
        del output
        torch.ones(10, 32).mul_(-1)  # whatever was freed is used again
    reducer.finish()
    kept = torch.cat([segment.features for segment in reducer.take()])
    np.testing.assert_array_equal(kept.numpy(), 2 * FRAMES[:6].reshape(-1, 32))
