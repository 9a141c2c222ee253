"""Voxel tokens of views with depth and pose, in plain NumPy and double precision: what
`sluice reduce --method voxel` is held against. Written from the definitions (AdaToken-3D on
LLaVA-3D, arXiv 2505.12782), slow and simple on purpose.

Single precision appears where the method is defined in it: the world coordinates that are rounded
to cells, and the band of depths around a patch's median.
"""

import numpy as np

NON_FINITE, NO_DEPTH, OUTSIDE, OVER_CAP = -3, -5, -6, -9

MIN_DEPTH, MAX_DEPTH = np.float32(0.05), np.float32(20)
BAND = np.float32(0.03)  # metres, and share of the median
CELLS = 2**20  # a coordinate of a cell lies in [-CELLS, CELLS)


class Margin:
    """How far the closest decision was from going the other way; relative."""

    def __init__(self):
        self.least = np.inf

    def saw(self, gap):
        self.least = min(self.least, float(gap))


def patch_pixels(pixels, patches):
    """For each patch along an axis, the pixels whose centre lies in it."""
    owner = np.floor((np.arange(pixels) + 0.5) * patches / pixels).astype(int)
    return [np.flatnonzero(owner == patch) for patch in range(patches)]


def camera_points(depth, camera, rows, cols):
    """[n,3] in the camera's frame, of the pixels (rows[i], cols[i])."""
    z = depth[rows, cols].astype(np.float64)
    x = (cols - camera[0, 2]) * z / camera[0, 0]
    y = (rows - camera[1, 2]) * z / camera[1, 1]
    return np.stack([x, y, z], axis=-1)


def robust_point(depth, camera, rows, cols, margin):
    """The measured point nearest to the mean of the dominant surface; None without depth."""
    rows, cols = (index.ravel() for index in np.meshgrid(rows, cols, indexing="ij"))
    z = depth[rows, cols]
    with np.errstate(invalid="ignore"):
        valid = (z >= MIN_DEPTH) & (z <= MAX_DEPTH)
    if not valid.any():
        return None
    rows, cols, z = rows[valid], cols[valid], z[valid]
    median = np.sort(z)[(len(z) - 1) // 2]
    median = (median.view(np.uint32) & np.uint32(0xFFFFF000)).view(np.float32)  # 12 bits of it
    band = max(BAND, BAND * median)
    surface = (z >= median - band) & (z <= median + band)
    points = camera_points(depth, camera, rows[surface], cols[surface])
    distances = np.linalg.norm(points - points.mean(axis=0), axis=1)
    order = np.argsort(distances, kind="stable")
    if len(order) > 1:
        margin.saw((distances[order[1]] - distances[order[0]]) / points[0, 2])
    return points[order[0]]


def published_point(depth, camera, row, col, grid):
    """The patch's top left pixel, with or without depth."""
    v, u = row * depth.shape[0] // grid[0], col * depth.shape[1] // grid[1]
    if not (np.isfinite(depth[v, u]) and depth[v, u] > 0):
        return np.zeros(3)  # not masked: it lands on the camera
    return camera_points(depth, camera, np.array([v]), np.array([u]))[0]


def places(depth, pose, camera, grid, parity, margin):
    """[h·w,3] f32 metres in the world; NaN for patches without a place."""
    if not np.isfinite(pose).all():
        return np.full((grid[0] * grid[1], 3), np.nan, np.float32)
    rows, cols = patch_pixels(depth.shape[0], grid[0]), patch_pixels(depth.shape[1], grid[1])
    result = []
    for r in range(grid[0]):
        for c in range(grid[1]):
            point = (
                published_point(depth, camera, r, c, grid)
                if parity
                else robust_point(depth, camera, rows[r], cols[c], margin)
            )
            result.append(
                np.full(3, np.nan) if point is None else pose[:3, :3] @ point + pose[:3, 3]
            )
    return np.array(result, np.float32)


def farthest(points, count, margin):
    """Greedy: first the one farthest from the centroid. Indices, ascending."""
    chosen, gaps = [], np.linalg.norm(points - points.mean(axis=0), axis=1)
    for _ in range(min(count, len(points))):
        best = int(np.argmax(gaps))
        if len(points) > 1:
            margin.saw(gaps[best] - np.max(np.delete(gaps, best)))
        distances = np.linalg.norm(points - points[best], axis=1)
        gaps = distances if not chosen else np.minimum(gaps, distances)
        gaps[best] = -1
        chosen.append(best)
    return sorted(chosen)


def pool(features, xyz, frame, voxel_size):
    """Voxels in the order of their cells, as dictionaries, and the assignment [N] to them."""
    assignment = np.full(len(xyz), NO_DEPTH)
    placed = np.isfinite(xyz).all(axis=1)
    cells = np.full(xyz.shape, np.inf)
    cells[placed] = np.rint(xyz[placed] / np.float32(voxel_size))
    inside = placed & ((cells >= -CELLS) & (cells < CELLS)).all(axis=1)
    finite = np.isfinite(features).all(axis=1)
    assignment[placed & ~inside] = OUTSIDE
    assignment[inside & ~finite] = NON_FINITE
    voxels = []
    for cell in sorted({tuple(cell) for cell in cells[inside & finite]}):
        members = np.flatnonzero((cells == cell).all(axis=1) & inside & finite)
        assignment[members] = len(voxels)
        voxels.append(
            {
                "cell": cell,
                "features": features[members].mean(axis=0),
                "xyz": xyz[members].astype(np.float64).mean(axis=0),
                "weight": len(members),
                "views": len(set(frame[members])),
                "frame": frame[members].min(),
                "frame_last": frame[members].max(),
            }
        )
    return voxels, assignment


def border_margin(xyz, voxel_size):
    """How near a coordinate is to the border between two cells, in cells."""
    cells = xyz[np.isfinite(xyz)].astype(np.float64) / voxel_size
    cells = cells[np.abs(cells) < CELLS]
    return np.min(np.abs(np.abs(cells - np.rint(cells)) - 0.5), initial=0.5)


def reduce(features, depth, pose, intrinsics, voxel_size=0.2, max_tokens=2560, parity=False):
    """Everything the command writes, as arrays, with `cells [n,3]` instead of keys; and the margin.

    `voxels` counts those before the cap. With `parity` the cap is left to the caller: the published
    choice is random.
    """
    margin = Margin()
    views, rows, cols, width = features.shape
    cameras = np.broadcast_to(intrinsics, (views, 3, 3))
    xyz = np.concatenate(
        [
            places(depth[v], pose[v], cameras[v], (rows, cols), parity, margin)
            for v in range(views)
        ]
    )
    frame = np.repeat(np.arange(views), rows * cols)
    flat = features.reshape(-1, width).astype(np.float64)
    voxels, assignment = pool(flat, xyz, frame, voxel_size)
    count = len(voxels)
    if not parity and 0 < max_tokens < count:
        kept = farthest(np.array([voxel["xyz"] for voxel in voxels]), max_tokens, margin)
        row_of = np.full(count, OVER_CAP)
        row_of[kept] = np.arange(len(kept))
        assignment = np.where(assignment < 0, assignment, row_of[np.maximum(assignment, 0)])
        voxels = [voxels[i] for i in kept]
    margin.saw(border_margin(xyz, voxel_size))
    empty = {"features": (0, width), "xyz": (0, 3), "cell": (0, 3)}
    result = {
        name: np.array([voxel[name] for voxel in voxels]).reshape(empty.get(name, (0,)))
        if not voxels
        else np.array([voxel[name] for voxel in voxels])
        for name in ("cell", "features", "xyz", "weight", "views", "frame", "frame_last")
    }
    result["assignment"] = assignment.reshape(views, rows * cols)
    result["voxels"] = count
    return result, margin.least


def cells_of_keys(keys):
    """[n,3] cell of each key: three numbers of 21 bits, offset by 2^20."""
    parts = [(keys >> shift) & (2**21 - 1) for shift in (42, 21, 0)]
    return np.stack(parts, axis=-1).reshape(-1, 3) - CELLS
