"""The rules that `sluice.bench` compares with, against loops over single tokens."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from sluice.benchmarks.baselines import AdjacentFrames, EvenTokens, Pooled  # noqa: E402

FRAMES, ROWS, COLUMNS, WIDTH = 5, 4, 6, 8
TOTAL = FRAMES * ROWS * COLUMNS
COUNTS = [1, 3, 5, 12, 23, 24, 25, 61, 119, 120]


def features(seed=0):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(FRAMES, ROWS * COLUMNS, WIDTH, generator=random)


@pytest.mark.parametrize("count", COUNTS)
def test_adjacent_frames_keeps_the_least_similar(count):
    video = features()
    video[2] = video[1]  # Nothing new.
    values = video.double().numpy()
    similarity = {}
    for frame in range(FRAMES):
        for position in range(ROWS * COLUMNS):
            now, token = values[frame, position], frame * ROWS * COLUMNS + position
            before = values[frame - 1, position]
            norms = np.linalg.norm(now) * np.linalg.norm(before)
            similarity[token] = now @ before / norms if frame else -np.inf
    expected = sorted(sorted(similarity, key=lambda token: (similarity[token], token))[:count])
    tokens, kept = AdjacentFrames(count).choose(video)
    if count <= TOTAL - 2 * ROWS * COLUMNS:  # Frame 2's are equal but for their last bits.
        assert tokens.tolist() == expected
    assert len(set(tokens.tolist())) == count
    assert torch.equal(kept, video.flatten(0, 1)[tokens])


@pytest.mark.parametrize("count", COUNTS)
def test_even_tokens_are_at_equal_distances(count):
    video = features()
    tokens, kept = EvenTokens(count).choose(video)
    assert len(tokens) == count and 0 <= int(tokens[0]) and int(tokens[-1]) < TOTAL
    steps = set(tokens.diff().tolist())
    assert steps <= {TOTAL // count, TOTAL // count + 1}
    assert torch.equal(kept, video.flatten(0, 1)[tokens])


@pytest.mark.parametrize("count", COUNTS)
def test_pooled_tokens_are_means_of_blocks(count):
    """Found by pooling one token at a time: where it shows is its block."""
    rule = Pooled(count, FRAMES, (ROWS, COLUMNS), torch.device("cpu"))
    pixels = torch.eye(TOTAL).unflatten(0, (FRAMES, ROWS * COLUMNS))
    centres, shares = rule.choose(pixels)  # shares [count,TOTAL]
    assert len(centres) == count == len(set(centres.tolist()))
    assert centres.tolist() == sorted(centres.tolist())
    covered = np.zeros(TOTAL, int)
    for centre, share in zip(centres.tolist(), shares.numpy(), strict=True):
        (inside,) = share.nonzero()
        covered[inside] += 1
        assert centre in inside
        assert np.allclose(share[inside], 1 / len(inside))
        frames, positions = np.divmod(inside, ROWS * COLUMNS)
        rows, columns = np.divmod(positions, COLUMNS)
        assert len(set(frames)) == 1
        block = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        assert len(inside) == block  # A rectangle.
    per_frame = np.bincount(centres.numpy() // (ROWS * COLUMNS), minlength=FRAMES)
    assert per_frame.max() - per_frame.min() <= 1
    whole = covered.reshape(FRAMES, -1)[per_frame > 0]
    assert (whole == 1).all()


@pytest.mark.parametrize(
    "grid, count",
    [((4, 20), 61), ((2, 10), 1), ((1, 7), 3), ((9, 1), 4), ((14, 14), 167), ((3, 50), 101)],
)
def test_blocks_of_any_grid_are_disjoint_and_cover_a_frame(grid, count):
    """Also where the squarest number of bands would leave more blocks in one than columns."""
    rule = Pooled(count, 1, grid, torch.device("cpu"))
    _, shares = rule.choose(torch.eye(grid[0] * grid[1])[None])
    assert len(shares) == count and (shares > 0).any(1).all()
    assert ((shares > 0).sum(0) == 1).all()


def test_pooling_to_all_is_the_identity():
    video = features()
    rule = Pooled(TOTAL, FRAMES, (ROWS, COLUMNS), torch.device("cpu"))
    centres, means = rule.choose(video)
    assert centres.tolist() == list(range(TOTAL))
    assert torch.equal(means, video.flatten(0, 1))


def test_pooling_to_a_quarter_is_two_by_two():
    video = features()
    rule = Pooled(TOTAL // 4, FRAMES, (ROWS, COLUMNS), torch.device("cpu"))
    _, means = rule.choose(video)
    maps = video.unflatten(1, (ROWS, COLUMNS)).permute(0, 3, 1, 2)
    expected = torch.nn.functional.avg_pool2d(maps, 2).flatten(2).transpose(1, 2).flatten(0, 1)
    assert torch.allclose(means, expected, atol=1e-6)
