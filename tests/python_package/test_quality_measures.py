"""The measures and simple methods of bench/quality, against cases that one can work out by hand."""

import sys
from pathlib import Path

import numpy as np
import pytest
from samples import clip as make_clip

BENCH = Path(__file__).resolve().parents[2] / "bench"
if not BENCH.is_dir():
    pytest.skip("bench/ is not here", allow_module_level=True)
sys.path.insert(0, str(BENCH))

from quality import measures, methods, queries  # noqa: E402: once the path is set


def kept_of(features, unchanged, assignment, first=None, last=None):
    unchanged = np.asarray(unchanged)
    first = np.zeros(len(unchanged), int) if first is None else np.asarray(first)
    last = first if last is None else np.asarray(last)
    return measures.Kept(np.asarray(features), unchanged, np.asarray(assignment), first, last)


def clip_of(seed=3, frames=6, positions=16):
    features, attention = make_clip(seed, frames, positions)
    return methods.Tokens(features, attention)


def angles(*degrees):
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], 1)


def test_spread_of_flat_and_one_hot_attention():
    assert measures.spread_of(np.full((3, 8), 1 / 8)) == pytest.approx(1)
    assert measures.spread_of(np.eye(8)) == pytest.approx(1 / 8)


@pytest.mark.parametrize("size", [0.01, 1, 1e4])
@pytest.mark.parametrize("spread", [1 / 4, 1 / 16])
def test_sharpness_gives_the_spread_that_was_asked_for(size, spread):
    logits = size * np.random.default_rng(1).standard_normal((20, 200))
    scale = measures.sharpness(logits, spread)
    assert measures.spread_of(measures.softmax(logits * scale)) == pytest.approx(spread, rel=1e-3)


def test_a_weight_counts_as_so_many_equal_tokens():
    rng = np.random.default_rng(2)
    asked, tokens = rng.standard_normal((5, 4)), rng.standard_normal((3, 4))
    repeated = tokens[[0, 1, 1, 1, 2, 2]]
    np.testing.assert_allclose(
        measures.attention_output(asked, tokens, 0.7, np.array([1, 3, 2])),
        measures.attention_output(asked, repeated, 0.7),
        rtol=1e-12,
    )
    one_gone = measures.attention_output(asked, tokens, 0.7, np.array([1, 0, 1]))
    np.testing.assert_allclose(
        one_gone, measures.attention_output(asked, tokens[[0, 2]], 0.7), rtol=1e-12
    )


def test_attention_output_of_two_tokens():
    tokens = np.array([[1.0, 0.0], [0.0, 1.0]])
    output = measures.attention_output(np.array([[np.log(3), 0.0]]), tokens, 1.0)
    np.testing.assert_allclose(output, [[0.75, 0.25]], rtol=1e-12)


def test_relative_error_is_the_mean_over_queries():
    reference = np.array([[2.0, 0.0], [0.0, 4.0]])
    outputs = np.array([[1.0, 0.0], [0.0, 4.0]])
    assert measures.relative_error(outputs, reference) == pytest.approx(0.25)


def test_mass_of_what_is_there_as_it_was_and_of_what_was_merged():
    # Tokens 0 and 2 became row 1, token 3 is row 0, token 1 is gone.
    kept = kept_of(np.zeros((2, 1)), [3, -1], [1, -1, 1, 0])
    alone, merged = measures.mass_kept(np.array([1.0, 2.0, 3.0, 4.0]), kept)
    assert (alone, merged) == pytest.approx((0.4, 0.8))
    assert kept.weight.tolist() == [1, 2]
    alone, merged = measures.mass_kept(np.array([[1.0, 0, 0, 1], [0, 1, 0, 0]]), kept)
    assert (alone, merged) == pytest.approx((0.25, 0.5))


def test_coverage_of_directions():
    features = angles(0, 10, 40, 90)
    kept = kept_of(features[[0, 3]], [0, 3], [0, -1, -1, 1])
    covered = measures.coverage(features, kept, worst_share=0.5)
    near, far = np.cos(np.deg2rad([10, 40]))
    assert covered.mean == pytest.approx((near + far) / 2)
    assert covered.worst == pytest.approx(far)
    assert covered.nearest.tolist() == [3, 1]


def test_coverage_counts_members_of_a_merged_row_as_dropped():
    features = angles(0, 20, 90)
    kept = kept_of(np.concatenate([angles(10), features[2:]]), [-1, 2], [0, 0, 1])
    covered = measures.coverage(features, kept, worst_share=0.5)
    assert covered.mean == pytest.approx(np.cos(np.deg2rad(10)))
    assert covered.nearest.tolist() == [2, 1]


def test_of_equal_tokens_each_kept_one_covers_itself():
    features = np.ones((3, 2))
    kept = kept_of(features[:2], [0, 1], [0, 1, -1])
    assert measures.coverage(features, kept, 1.0).nearest.tolist() == [2, 1]


@pytest.mark.parametrize(
    "first, last, frames, gap",
    [
        ([0, 1, 2], [0, 1, 2], 3, 0),
        ([0, 4], [0, 4], 6, 3),
        ([0, 4], [3, 4], 6, 1),
        ([2], [2], 10, 7),
        ([5], [5], 6, 5),
        ([0, 0], [5, 1], 6, 0),
    ],
)
def test_longest_gap(first, last, frames, gap):
    kept = kept_of(np.zeros((len(first), 1)), [-1] * len(first), [0], first, last)
    assert measures.longest_gap(kept, frames) == gap


def test_nothing_is_lost_where_everything_is_kept():
    clip = clip_of()
    kept = methods.select(clip, np.arange(len(clip.flat)))
    covered = measures.coverage(clip.flat, kept, 0.05)
    assert (covered.mean, covered.worst) == (1, 1)
    assert covered.nearest.tolist() == [1] * len(clip.flat)
    assert measures.mass_kept(clip.attention.ravel(), kept) == pytest.approx((1, 1))
    assert measures.longest_gap(kept, clip.frames) == 0


@pytest.mark.parametrize("name", methods.METHODS)
@pytest.mark.parametrize("budget", [1, 7, 16, 23, 40])
def test_every_method_keeps_exactly_so_many_and_says_which(name, budget):
    clip = clip_of()
    kept = methods.METHODS[name](clip, budget)
    assert len(kept) == len(kept.features) == len(kept.first) == len(kept.last) == budget
    same = kept.unchanged >= 0
    np.testing.assert_array_equal(kept.features[same], clip.flat[kept.unchanged[same]])
    np.testing.assert_array_equal(kept.first[same], kept.unchanged[same] // clip.positions)
    np.testing.assert_array_equal(kept.assignment[kept.unchanged[same]], np.flatnonzero(same))
    assert (kept.weight[same] == 1).all() and (kept.weight[~same] > 1).all()


def test_ours_merges_something_in_these_tests():
    assert (methods.ours(clip_of(), 40).unchanged < 0).any()


def test_uniform_frames_are_whole_and_spread():
    clip = clip_of(frames=8)
    kept = methods.uniform_frames(clip, 36)
    assert np.bincount(kept.first, minlength=8).tolist() == [0, 16, 0, 0, 16, 0, 4, 0]


def test_uniform_grid_takes_the_same_places_of_every_frame():
    clip = clip_of()
    kept = methods.uniform_grid(clip, 4 * clip.frames)
    places = (kept.unchanged % clip.positions).reshape(clip.frames, 4)
    assert (places == places[0]).all()


def test_even_positions_begin_spread():
    order = methods.even_positions(25)
    assert sorted(order) == list(range(25))
    assert order[0] == 12 and sorted(order[1:5]) == [0, 4, 20, 24]


def test_adjacent_dropping_keeps_the_first_frame_and_what_changes():
    features = np.tile(angles(0, 30, 60, 90), (3, 1, 1)).astype(np.float32)
    features[1, 2] = -features[1, 2]  # and back again in frame 2
    clip = methods.Tokens(features, np.ones((3, 4), np.float32))
    assert methods.adjacent_dropping(clip, 6).unchanged.tolist() == [0, 1, 2, 3, 6, 10]


def test_most_attended_is_the_best_of_every_frame():
    attention = np.array([[1, 3, 2], [9, 8, 7]], np.float32)
    clip = methods.Tokens(np.ones((2, 3, 4), np.float32), attention)
    assert methods.most_attended(clip, 3).unchanged.tolist() == [1, 2, 3]


def test_random_queries_have_mean_and_covariance_of_the_tokens():
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((300, 3)) @ np.array([[2, 1, 0], [0, 1, 0], [0, 0, 0.1]]) + [5, 0, 1]
    drawn = queries.gaussian_like(rows, 20_000, rng)
    np.testing.assert_allclose(drawn.mean(0), rows.mean(0), atol=0.06)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(rows.T), atol=0.15)


def test_a_changed_region_is_the_mean_of_what_is_least_like_before():
    features = np.tile(angles(0, 30, 60, 90), (3, 1, 1))
    features[1, :2] = [[-1, 0.5], [-1, -0.5]]
    held_out = np.array([False, True, False])
    np.testing.assert_allclose(queries.changed_regions(features, held_out, 0.5), [[-1, 0]])
