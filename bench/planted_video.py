"""Feature tensors with planted structure, bit for bit those of planted_video.cpp.

Scenes of 5 to 16 frames; inside a scene about 58 % of the positions barely change (adjacent cosine
near 0.98), the rest does (near 0.2), so about half of all tokens are redundant at tau 0.8. Positions
of one scene fall into 12 clusters. Every value comes from an integer hash, so any frame can be made
on its own and in any language.
"""

import numpy as np

CLUSTERS = 12
STATIC_PER_MILLE = 580
CENTRE, OWN, CHANGE, STATIC, ATTENTION, SCENE = range(6)  # the streams of random numbers


def mix(x):
    """The finaliser of splitmix64: 64 well-mixed bits from any 64-bit integer."""
    x = np.asarray(x, np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def stream_key(seed, stream, a, b):
    """[...] u64: the key of one row of random numbers."""
    with np.errstate(over="ignore"):
        key = mix(np.uint64(seed * 8 + stream + 1))
        key = mix(key ^ np.asarray(a, np.uint64) * np.uint64(0x9E3779B97F4A7C15))
        return mix(key ^ np.asarray(b, np.uint64) * np.uint64(0xD1B54A32D192ED03))


def uniform(key, width):
    """[..., width] f32 in [-1, 1), 24 bits each."""
    counter = np.arange(1, width + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    bits = mix(np.asarray(key)[..., None] + counter) >> np.uint64(40)
    return bits.astype(np.float32) * np.float32(2.0**-23) - np.float32(1)


def scene_starts(seed, frames):
    starts, frame = [], 0
    while frame < frames:
        starts.append(frame)
        frame += 5 + int(stream_key(seed, SCENE, len(starts) - 1, 0) % np.uint64(12))
    return starts


def planted_video(frames, positions, width, seed=1):
    """features [F,S,D] f32 and attention [F,S] f32."""
    features = np.empty((frames, positions, width), np.float32)
    attention = np.empty((frames, positions), np.float32)
    p = np.arange(positions, dtype=np.uint64)
    starts = scene_starts(seed, frames)
    for scene, (start, end) in enumerate(zip(starts, starts[1:] + [frames])):
        centres = uniform(stream_key(seed, CENTRE, scene, np.arange(CLUSTERS)), width)
        own = uniform(stream_key(seed, OWN, scene, p), width)
        base = np.float32(0.8) * centres[np.arange(positions) % CLUSTERS] + np.float32(0.6) * own
        static = stream_key(seed, STATIC, scene, p) % np.uint64(1000) < STATIC_PER_MILLE
        keep = np.where(static, np.float32(1), np.float32(0.5))[:, None]
        vary = np.where(static, np.float32(0.15), np.float32(1))[:, None]
        for f in range(start, end):
            features[f] = keep * base + vary * uniform(stream_key(seed, CHANGE, f, p), width)
            attention[f] = uniform(stream_key(seed, ATTENTION, f, 0), positions)
    return features, attention


def checksum(array):
    """Sum of the bit patterns modulo 2^64: equal inputs, equal number."""
    return int(np.ascontiguousarray(array).view(np.uint32).sum(dtype=np.uint64))
