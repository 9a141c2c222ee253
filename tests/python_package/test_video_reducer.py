"""VideoReducer: the offline result from a recording, an exact causal budget from a stream."""

import numpy as np
import pytest
from samples import as_numpy, clip

import sluice


def run(reducer, frames, attention=None):
    segments = []
    for f, frame in enumerate(frames):
        reducer.push(frame, None if attention is None else attention[f])
        segments += reducer.take()
    reducer.finish()
    return segments + list(reducer.take())


@pytest.mark.parametrize("seed", range(5))
def test_a_recording_gives_what_reduce_gives(framework, seed):
    features, attention = clip(seed, frames=20)
    whole = sluice.reduce(features, attention, retain=0.15)
    reducer = sluice.VideoReducer(causal=False, retain=0.15)
    segments = run(reducer, framework(features), framework(attention))
    assert tuple(segment.segment for segment in segments) == whole.segments
    kept = np.concatenate([as_numpy(segment.features) for segment in segments])
    np.testing.assert_array_equal(kept, as_numpy(whole.features))
    assert type(segments[0].features) is type(framework(features))
    assert reducer.totals.kept == whole.kept and reducer.totals.available == whole.available


@pytest.mark.parametrize("latency", [1, 4, 128])
@pytest.mark.parametrize("retain", [0.05, 0.3, 1.0])
def test_a_stream_keeps_to_its_budget_at_every_segment(latency, retain):
    features, attention = clip(7, frames=60)
    reducer = sluice.VideoReducer(retain=retain, latency=latency)
    last = -1
    for segment in run(reducer, features, attention):
        totals = segment.totals
        assert totals.kept + totals.unspent == round(retain * totals.seen)
        assert len(segment.tokens) == min(segment.available, segment.budget)
        assert segment.segment.first == last + 1
        assert segment.segment.last - segment.segment.first < latency
        last = segment.segment.last
    assert last == 59 and reducer.totals.seen == 60 * 12


def test_segmentation_online_equals_offline():
    features, _ = clip(8, frames=40)
    segments = run(sluice.VideoReducer(latency=1000), features)
    assert tuple(s.segment for s in segments) == sluice.reduce(features).segments


def test_several_frames_at_once_are_as_good_as_one_by_one():
    features, attention = clip(9, frames=12)
    one_by_one = run(sluice.VideoReducer(retain=0.2), features, attention)
    reducer = sluice.VideoReducer(retain=0.2)
    reducer.push(features[:7], attention[:7])
    reducer.push(features[7:], attention[7:])
    reducer.finish()
    at_once = list(reducer.take())
    assert [s.features.tobytes() for s in at_once] == [s.features.tobytes() for s in one_by_one]


def test_times_and_places_travel():
    features, _ = clip(10, frames=4)
    source = sluice.Source("door", grid=(2, 6), image_size=(640, 480))
    reducer = sluice.VideoReducer(retain=1.0, tau=1.0, source=source)
    for f, frame in enumerate(features):
        reducer.push(frame, pts=0.5 * f)
    reducer.finish()
    segments = list(reducer.take())
    assert [s.pts.tolist() for s in segments] == [[0.0], [0.5], [1.0], [1.5]]
    tokens = segments[2].tokens
    assert tokens.source.id == "door" and tokens.source.grid == (2, 6)
    assert set(tokens.frame.tolist()) == {2} and set(tokens.pts.tolist()) == {1.0}
    assert tokens.position.tolist() == list(range(12))
    assert segments[2].similarity.shape == segments[2].assignment.shape == (1, 12)


def test_nothing_in_gives_nothing_out():
    reducer = sluice.VideoReducer()
    assert list(reducer.take()) == []
    reducer.finish()
    assert list(reducer.take()) == [] and reducer.frames == 0
