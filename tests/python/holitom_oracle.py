"""HoliTom's outer stage in plain double precision: the oracle that `sluice reduce` is held against.

Slow and simple on purpose: no shared code with the engine, sums in NumPy's own order, distances
from differences instead of a matrix product. Indices are 0-based, ties go to the lowest index, and
`round` is Python's: half to even.
"""

import math
from dataclasses import dataclass

import numpy as np

STATIC, DYNAMIC = 0, 1
NOT_SELECTED, NO_CENTRE, NON_FINITE = -1, -2, -3


@dataclass(frozen=True)
class Parameters:
    retain: float = 0.10
    tau: float = 0.80
    beta: float = 0.60
    knn: int = 7
    contextual: float = 0.0
    max_window: int = 1024
    parity: bool = False  # the paper's own rounding instead of an exact budget
    plain_mean: bool = False  # mean of centre and members instead of the beta blend


@dataclass
class Reduction:
    features: np.ndarray  # [n,D] f64
    frame: np.ndarray  # [n]
    frame_last: np.ndarray  # [n]
    position: np.ndarray  # [n]
    weight: np.ndarray  # [n]
    kind: np.ndarray  # [n]
    segments: np.ndarray  # [m,2]
    assignment: np.ndarray  # [F,S]
    available: int
    ratio: float


def reduce(features: np.ndarray, attention: np.ndarray, parameters: Parameters) -> Reduction:
    """features [F,S,D], attention [F,S] (received; larger is better)."""
    features = np.asarray(features, np.float64)
    attention = np.asarray(attention, np.float64)
    finite = np.isfinite(features).all(axis=2)
    redundant = redundancy_map(features, finite, parameters.tau)
    segments, reduced = segment(redundant, features.shape[0], parameters.max_window)
    groups = list_groups(segments, redundant, features.shape[1])
    available = finite.size - reduced
    quota = parity_counts if parameters.parity else exact_counts
    counts, ratio = quota(groups, finite, available, parameters.retain)

    output = Output(features.shape[1], finite)
    for group, count in zip(groups, counts):
        if group.kind == STATIC:
            merge_static(output, features, group, count, parameters)
        else:
            select_dynamic(output, features, attention, finite, group, count, parameters)
    return output.finish(segments, features.shape[2], available, ratio)


# --- redundancy and segmentation ------------------------------------------------------------------


def redundancy_map(features, finite, tau):
    """[F-1,S]: is a token's cosine with the next frame's above tau? Never for zero or NaN rows."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        norm = np.sqrt((features**2).sum(axis=2))
        product = (features[:-1] * features[1:]).sum(axis=2)
        similarity = product / (norm[:-1] * norm[1:])
    usable = finite & (norm > 0)
    return (similarity > tau) & usable[:-1] & usable[1:]


def segment(redundant, frames, max_window):
    """The partition into windows that removes most tokens; and how many it removes."""

    def gain(start, end):
        return (end - start) * int(redundant[start:end].all(axis=0).sum())

    best = [0] * (frames + 1)  # best[i + 1] covers frames 0..i
    first = [0] * frames
    for i in range(frames):
        best[i + 1], first[i] = best[i], i
        for width in range(2, min(i + 1, max_window) + 1):
            value = best[i + 1 - width] + gain(i - width + 1, i)
            if value > best[i + 1]:
                best[i + 1], first[i] = value, i - width + 1
    segments, end = [], frames - 1
    while end >= 0:
        segments.insert(0, (first[end], end))
        end = first[end] - 1
    return segments, best[frames]


@dataclass(frozen=True)
class Group:
    """What shares one count: a segment's static positions, or one frame's dynamic ones."""

    kind: int
    first: int
    last: int
    positions: np.ndarray


def list_groups(segments, redundant, width):
    groups = []
    for start, end in segments:
        static = redundant[start:end].all(axis=0) if end > start else np.zeros(width, bool)
        groups.append(Group(STATIC, start, end, np.flatnonzero(static)))
        groups += [
            Group(DYNAMIC, f, f, np.flatnonzero(~static)) for f in range(start, end + 1)
        ]
    return groups


# --- budget ---------------------------------------------------------------------------------------


def apportion(sizes, ratio):
    """Each group's share: differences of the rounded running sum of its quotas."""
    counts, total, previous = [], 0.0, 0
    for size in sizes:
        total += size * ratio
        counts.append(round(total) - previous)
        previous = round(total)
    return counts


def exact_counts(groups, finite, available, retain):
    kept = min(round(retain * finite.size), available)
    usable = [int(finite[g.first, g.positions].sum()) for g in groups]
    unusable = [len(g.positions) - n for g, n in zip(groups, usable)]
    if kept <= sum(usable):
        ratio = kept / sum(usable) if kept else 0.0
        counts = apportion(usable, ratio)
    else:
        extra = kept - sum(usable)
        counts = [
            n + more for n, more in zip(usable, apportion(unusable, extra / sum(unusable)))
        ]
    assert sum(counts) == kept
    return counts, kept / available


def parity_counts(groups, finite, available, retain):
    ratio = min(retain / (available / finite.size), 1)
    counts = [
        round(len(g.positions) * ratio)
        if g.kind == STATIC
        else math.ceil(len(g.positions) * ratio)
        for g in groups
    ]
    return counts, ratio


# --- merging and selecting ------------------------------------------------------------------------


def merge_static(output, features, group, count, parameters):
    if count == 0:
        output.drop(group, group.positions, NO_CENTRE)
        return
    means = features[group.first : group.last + 1, group.positions].mean(axis=0)
    for row, members in cluster(means, count, parameters):
        output.keep(row, group, group.positions[members])


def select_dynamic(output, features, attention, finite, group, count, parameters):
    frame = group.first
    usable = group.positions[finite[frame, group.positions]]
    unusable = group.positions[~finite[frame, group.positions]]
    sound = min(count, len(usable))
    dominant = round(sound * (1 - parameters.contextual))
    # Stable: by descending attention, then ascending position.
    order = usable[np.argsort(-attention[frame, usable], kind="stable")]
    chosen = order[:dominant]
    rest = np.sort(order[dominant:])
    extra = unusable[: count - sound]  # only where nothing else is left
    output.drop(group, np.concatenate([rest, unusable]), NOT_SELECTED)

    def keep_unchanged(positions):
        for p in np.sort(positions):
            output.keep(features[frame, p], group, np.array([p]))

    if sound == dominant:
        keep_unchanged(np.concatenate([chosen, extra]))
        return
    keep_unchanged(chosen)
    for row, members in cluster(features[frame, rest], sound - dominant, parameters):
        output.keep(row, group, rest[members])
    keep_unchanged(extra)


def cluster(rows, count, parameters):
    """DPC-KNN: yields (merged row, member indices with the centre first), centres ascending."""
    distance = np.sqrt(((rows[:, None] - rows[None]) ** 2).sum(axis=2) / rows.shape[1])
    nearest = np.sort(distance, axis=1)[:, : min(parameters.knn, count)]
    density = np.exp(-(nearest**2).mean(axis=1))
    index = np.arange(len(rows))
    denser = (density[None] > density[:, None]) | (
        (density[None] == density[:, None]) & (index[None] < index[:, None])
    )
    separation = np.where(denser, distance, distance.max()).min(axis=1)
    centres = np.sort(np.lexsort((index, -density * separation))[:count])
    nearest_centre = distance[:, centres].argmin(axis=1)
    for c, centre in enumerate(centres):
        members = np.setdiff1d(np.flatnonzero(nearest_centre == c), centres)
        together = np.concatenate([[centre], members]).astype(int)
        if len(members) == 0:
            yield rows[centre], together
        elif parameters.plain_mean:
            yield rows[together].mean(axis=0), together
        else:
            blend = parameters.beta
            yield blend * rows[centre] + (1 - blend) * rows[members].mean(axis=0), together


class Output:
    """Collects kept rows in output order, and where every input token went."""

    def __init__(self, width, finite):
        self.rows = []
        self.origin = []  # frame, frame_last, position, weight, kind
        self.finite = finite
        self.assignment = np.full((finite.shape[0], width), NOT_SELECTED)

    def keep(self, row, group, positions):
        frames = group.last - group.first + 1
        self.assignment[group.first : group.last + 1, positions] = len(self.rows)
        self.rows.append(row)
        self.origin.append(
            (group.first, group.last, positions[0], frames * len(positions), group.kind)
        )

    def drop(self, group, positions, reason):
        self.assignment[group.first : group.last + 1, positions] = reason

    def finish(self, segments, dimension, available, ratio):
        dropped = self.assignment < 0
        self.assignment[dropped & ~self.finite] = NON_FINITE
        origin = np.array(self.origin, dtype=np.int64).reshape(-1, 5)
        return Reduction(
            np.array(self.rows, dtype=np.float64).reshape(-1, dimension),
            *(origin[:, i] for i in range(5)),
            np.array(segments),
            self.assignment,
            available,
            ratio,
        )
