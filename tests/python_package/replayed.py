"""One run of everything, told by its digests: two processes must tell the same.

As a program, `replayed.py [THREADS]` prints them.
"""

import hashlib
import json
import sys

import numpy as np

import sluice


def digest(*parts):
    whole = hashlib.blake2b(digest_size=16)
    for part in parts:
        whole.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).tobytes())
    return whole.hexdigest()


def clip(seed, frames, positions, width):
    """features [F,S,D] f32 with much that repeats, and attention [F,S]. Whole numbers of 1/64 only,
    so that they do not depend on how this machine rounds."""
    rng = np.random.default_rng(seed)
    features = rng.integers(-128, 129, (frames, positions, width)) / 64
    for f in range(1, frames):
        repeats = rng.random(positions) < 0.6
        noise = rng.integers(-4, 5, (positions, width)) / 64
        features[f, repeats] = (features[f - 1] + noise)[repeats]
    return features.astype(np.float32), rng.random((frames, positions)).astype(np.float32)


def segment_packets():
    """Packets of a stream, as a sender would send them."""
    features, attention = clip(1, 60, 49, 64)
    reducer = sluice.VideoReducer(retain=0.15, latency=8, source=sluice.Source("door"))

    def packets(sequence):
        for segment in reducer.take():
            yield sluice.Packet(
                {"door": segment.tokens},
                stream="door",
                sequence=sequence + segment.totals.packets,
                segment_first=segment.segment.first,
                segment_last=segment.segment.last,
                forced_cut=segment.segment.forced,
                retain=0.15,
                budget=segment.budget,
                available=segment.available,
                kept=len(segment.tokens),
                totals=segment.totals,
            )

    for frame, row in zip(features, attention):
        reducer.push(frame, row)
        yield from packets(-1)
    reducer.finish()
    yield from packets(-1)


def tick_packets(ticks=30):
    """A control loop whose model looks at what it likes."""
    features, attention = clip(2, ticks, 64, 32)
    sources = [sluice.TickSource(name, max_rows=64, max_width=32) for name in ("wrist", "front")]
    engine = sluice.TickEngine(sources, budget=20, controller="deadline")
    for tick in range(ticks):
        views = {"wrist": features[tick], "front": features[-tick - 1]}
        packet = engine.step(views, deadline=0.05).packet
        yield packet
        looked = {
            name: sluice.SourceFeedback(action_attention=attention[tick, : len(batch)])
            for name, batch in packet.batches.items()
        }
        action = np.full((2, 7), tick / 64, np.float32)
        engine.feedback(sluice.feedback_on(packet, looked, action, 10.0 + packet.kept))


def kept_sets():
    """What was decided, without features: those may differ by rounding between machines."""
    features, attention = clip(3, 40, 100, 48)
    for ranks in (attention, None):
        result = sluice.reduce(features, ranks, retain=0.2, contextual=0.2)
        yield result.assignment, result.tokens.weight
    yield (sluice.maxmin(features[0], 30),)
    merge = sluice.inner_merge(features[1], attention[1], (10, 80), 33)
    yield merge.keep, merge.assignment
    yield (sluice.stage_gate(attention, (10, 80), 33).keep,)
    places = np.round(64 * attention.reshape(-1)[:3000].reshape(-1, 3)) / 64
    pooled = sluice.voxel_pool(features.reshape(-1, 48)[:1000], places, 0.25, max_tokens=20)
    yield pooled.tokens.key, pooled.assignment
    for packet in (*segment_packets(), *tick_packets()):
        yield tuple(batch.key for batch in packet.batches.values())


def blobs():
    return [sluice.encode(packet) for packet in (*segment_packets(), *tick_packets())]


def run():
    sets = [part for parts in kept_sets() for part in parts]
    return {"sets": digest(*sets), "packets": digest(*blobs())}


if __name__ == "__main__":
    sluice.set_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print(json.dumps(run()))
