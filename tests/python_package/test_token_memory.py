"""TokenMemory: a budget that holds at any moment, however long the video."""

import dataclasses
import gc
import threading

import numpy as np
import pytest
from samples import address, as_numpy, clip, needs_torch, resident_bytes, torch

import sluice


def segments_of(features, **options):
    """What a VideoReducer makes of a clip."""
    reducer = sluice.VideoReducer(**{"retain": 1.0, "latency": 6} | options)
    reducer.push(features)
    reducer.finish()
    return list(reducer.take())


def tokens_of(n, frame=0, width=4, **others):
    """n tokens of one frame."""
    rng = np.random.default_rng(frame)
    columns = {
        "features": rng.standard_normal((n, width)).astype(np.float32),
        "key": np.arange(n),
        "frame": np.full(n, frame, np.int32),
        "frame_last": np.full(n, frame, np.int32),
        "pts": np.full(n, float(frame)),
        "pts_last": np.full(n, float(frame)),
        "weight": np.ones(n, np.int64),
    }
    return sluice.Tokens(sluice.Source(id="test"), **columns | others)


def weight_of(tokens):
    return int(as_numpy(tokens.weight).sum())


@pytest.mark.parametrize("budget", [1, 7, 40, 200])
@pytest.mark.parametrize("seed", range(3))
def test_its_guarantees_hold_after_every_segment(framework, budget, seed):
    features, _ = clip(seed, frames=80)
    memory = sluice.TokenMemory(budget)
    weight = 0
    recent_seen = False
    added = []
    for segment in segments_of(framework(features)):
        memory.add(segment)
        added.append(segment)
        weight += weight_of(segment.tokens)
        tokens, chapters = memory.tokens, memory.chapters
        assert len(tokens) == len(memory) == sum(c.tokens for c in chapters) <= budget
        assert weight_of(tokens) == weight
        assert chapters[0].first_frame == 0 and chapters[-1].last_frame == segment.segment.last
        for one, next_one in zip(chapters, chapters[1:], strict=False):
            assert one.last_frame + 1 == next_one.first_frame
        assert all(chapter.tokens > 0 for chapter in chapters)
        if chapters[-1].recent:
            recent_seen = True
            came = as_numpy(added[-1].features)
            np.testing.assert_array_equal(as_numpy(tokens.features)[-len(came) :], came)
    assert type(tokens.features) is type(framework(features))
    assert memory.counts.frames == 80 and memory.counts.arrived == sum(len(s.tokens) for s in added)
    assert memory.counts.compactions > 0 and memory.counts.segments == len(added)
    assert recent_seen or budget < 200


def test_without_a_full_memory_nothing_changes():
    segments = segments_of(clip(3, frames=20)[0])
    memory = sluice.TokenMemory(10_000)
    for segment in segments:
        memory.add(segment)
    for column in ("features", "key", "frame", "frame_last", "pts", "weight", "score", "reason"):
        came = np.concatenate([np.asarray(getattr(s.tokens, column)) for s in segments])
        np.testing.assert_array_equal(np.asarray(getattr(memory.tokens, column)), came)
    assert memory.tokens.source == segments[0].tokens.source
    assert [chapter.frames for chapter in memory.chapters] == [len(s.pts) for s in segments]


def test_the_same_segments_give_the_same_tokens():
    segments = segments_of(clip(4, frames=60)[0])
    memories = []
    for threads in (1, 2, 4):
        sluice.set_threads(threads)
        memories.append(sluice.TokenMemory(50))
    sluice.set_threads(0)
    for memory in memories:
        for segment in segments:
            memory.add(segment)
    first, *others = (memory.tokens for memory in memories)
    for other in others:
        assert first.features.tobytes() == other.features.tobytes()
        assert first.key.tobytes() == other.key.tobytes()
        assert memories[0].chapters == memories[1].chapters


def test_merging_keeps_the_mean_of_all():
    segments = segments_of(clip(5, frames=60)[0])
    memory = sluice.TokenMemory(25)
    for segment in segments:
        memory.add(segment)

    def total(tokens):
        return as_numpy(tokens.weight) @ as_numpy(tokens.features)

    np.testing.assert_allclose(
        total(memory.tokens), sum(total(s.tokens) for s in segments), atol=1e-2
    )


@needs_torch
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_type_stays(dtype):
    dtype = getattr(torch, dtype)
    memory = sluice.TokenMemory(64, recent=0.5)
    segments = segments_of(torch.from_numpy(clip(6, frames=40)[0]).to(dtype), latency=2)
    for segment in segments:
        memory.add(segment)
    newest = segments[-1].features
    assert memory.chapters[-1].recent and memory.tokens.features.dtype == dtype
    assert torch.equal(memory.tokens.features[-len(newest) :], newest)


def test_tokens_of_another_origin():
    memory = sluice.TokenMemory(budget=6, recent=0.5)
    memory.add(tokens_of(4), first_frame=0, pts=[0.0])
    memory.add(tokens_of(4, frame=1), pts=[1.0, 1.5])
    memory.add(tokens_of(0, frame=3), pts=np.array([2.0]))
    assert len(memory) == 6 and memory.counts.frames == 4
    assert memory.chapters[-1].last_pts == 2.0 and memory.tokens.position is None


def test_what_was_asked_for_stays_as_it_is():
    memory = sluice.TokenMemory(8)
    memory.add(tokens_of(6), pts=[0.0])
    before = memory.tokens
    kept = before.features.copy()
    memory.add(tokens_of(8, frame=1), pts=[1.0])
    after = memory.tokens
    del memory
    gc.collect()
    np.testing.assert_array_equal(before.features, kept)
    assert address(before.features) != address(after.features) and len(after) <= 8


def test_an_empty_memory():
    memory = sluice.TokenMemory(8)
    assert len(memory) == 0 and len(memory.tokens) == 0 and memory.chapters == ()
    assert memory.counts == sluice.MemoryCounts(0, 0, 0, 0, 0)
    memory.add(tokens_of(6), pts=[0.0])
    memory.clear()
    assert len(memory.tokens) == 0 and memory.counts.frames == 0
    memory.add(tokens_of(6, width=9), pts=[5.0])
    assert memory.tokens.features.shape == (6, 9)


def without(tokens, column):
    return dataclasses.replace(tokens, **{column: None})


@pytest.mark.parametrize(
    "tokens, first_frame, pts, message",
    [
        (tokens_of(4, frame=2), 2, [1.0], "one that follows frame 0"),
        (tokens_of(4, frame=1), 1, [-1.0], "one that follows 0 s"),
        (tokens_of(4, frame=1), 1, [2.0, 1.0], "don't decrease"),
        (tokens_of(4, frame=1), 1, [np.nan], "finite times"),
        (tokens_of(4, frame=1), 1, [], "a segment of 0 frames"),
        (tokens_of(4, frame=1), 1, None, "pts: is None"),
        (tokens_of(4, frame=1), 1, "now", "pts: is 'now'"),
        (tokens_of(4, frame=1), 1, [[1.0]], "pts: "),
        (tokens_of(4, frame=1), "1", [1.0], "first_frame: is '1'"),
        (tokens_of(4, frame=1, width=5), 1, [1.0], "features of width 5"),
        (tokens_of(4, frame=2), 1, [1.0], "those of its segment"),
        (without(tokens_of(4, frame=1), "weight"), 1, [1.0], "tokens of unknown origin"),
        (tokens_of(4, frame=1, weight=np.zeros(4, np.int64)), 1, [1.0], "weight below 1"),
        (tokens_of(4, frame=1, valid=np.ones(4, np.uint8)), 1, [1.0], "fixed shape"),
        (tokens_of(4, frame=1, score=np.ones(4, np.float32)), 1, [1.0], "other columns"),
        (np.zeros((4, 4), np.float32), 1, [1.0], "segment: is a ndarray"),
        (None, None, None, "segment: is a NoneType"),
    ],
)
def test_a_refused_segment_changes_nothing(tokens, first_frame, pts, message):
    memory = sluice.TokenMemory(8)
    memory.add(tokens_of(4), pts=[0.0])
    features, chapters, counts = memory.tokens.features.copy(), memory.chapters, memory.counts
    with pytest.raises(sluice.InputError, match=message):
        memory.add(tokens, first_frame, pts)
    np.testing.assert_array_equal(memory.tokens.features, features)
    assert memory.chapters == chapters and memory.counts == counts
    memory.add(tokens_of(4, frame=1), pts=[1.0])


def test_a_segment_brings_its_own_times():
    segment = segments_of(clip(7)[0])[0]
    with pytest.raises(sluice.InputError, match="segment's own"):
        sluice.TokenMemory().add(segment, pts=[0.0])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"budget": 0}, "a budget of 0 tokens"),
        ({"budget": 2.5}, "budget: is 2.5"),
        ({"budget": True}, "budget: is True"),
        ({"budget": 2**31}, "2\\^31"),
        ({"recent": -0.1}, "recent share of -0.1"),
        ({"recent": 1.5}, "recent share of 1.5"),
        ({"recent": float("nan")}, "recent share"),
        ({"recent": "all"}, "recent: is 'all'"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(sluice.InputError, match=message):
        sluice.TokenMemory(**options)


def test_one_thread_at_a_time():
    memory = sluice.TokenMemory(600)
    large = tokens_of(20_000, width=64)
    errors = []
    started = threading.Event()

    def add():
        started.set()
        memory.add(large, pts=[0.0])

    thread = threading.Thread(target=add)
    thread.start()
    started.wait()
    while thread.is_alive():
        try:
            _ = memory.chapters
        except sluice.EngineError as error:
            errors.append(str(error))
    thread.join()
    assert errors and "token memory" in errors[0]
    assert len(memory) == 563


def test_memory_stays_flat_over_a_long_stream():
    memory = sluice.TokenMemory(256)
    tokens = tokens_of(20, width=128)

    def add(times):
        for _ in range(times):
            frame = memory.counts.frames
            for column in ("frame", "frame_last", "pts", "pts_last"):
                getattr(tokens, column)[:] = frame
            memory.add(tokens, pts=[frame])

    add(300)
    _ = memory.tokens
    before = resident_bytes()
    add(3000)
    _ = memory.tokens
    assert resident_bytes() - before < 8 << 20
    assert len(memory) <= 256 and memory.counts.frames == 3300


def test_the_loop_of_the_readme_remembers_every_frame():
    reducer, memory = sluice.VideoReducer(retain=1.0, latency=16), sluice.TokenMemory(64)
    frames = np.random.default_rng(5).standard_normal((40, 9, 8), dtype=np.float32)
    for features in frames:
        reducer.push(features)
        for segment in reducer.take():
            memory.add(segment)
    reducer.finish()
    for segment in reducer.take():
        memory.add(segment)
    assert memory.chapters[0].first_frame == 0 and memory.chapters[-1].last_frame == 39
    assert 0 < len(memory) <= 64
