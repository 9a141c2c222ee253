"""TickEngine: a hard budget every tick, feedback by key, errors as a status."""

import numpy as np
import pytest
import vla_pruner_oracle
from samples import as_numpy, needs_torch, torch

import sluice


def tokens(seed, n=40, width=16):
    return np.random.default_rng(seed).standard_normal((n, width)).astype(np.float32)


@pytest.mark.parametrize("selector", ["vla-pruner", "semantic", "uniform", "random", "downsample"])
@pytest.mark.parametrize("budget", [1, 13, 80, 1000])
def test_the_budget_is_exact(selector, budget):
    source = sluice.TickSource("front", grid=(5, 8))
    engine = sluice.TickEngine(["wrist", source], budget, selector=selector)
    for tick in range(4):
        result = engine.step({"wrist": tokens(tick), "front": tokens(tick + 9)})
        kept = min(budget, 80)
        assert result.status == "ok" and result.packet.kept == kept
        assert sum(len(batch) for batch in result.packet.batches.values()) == kept
        assert result.packet.totals.kept == (tick + 1) * kept
        assert result.packet.tick == tick


@pytest.mark.parametrize("seed", range(10))
def test_selection_equals_the_oracle(seed):
    rng = np.random.default_rng(seed)
    features, semantic = tokens(seed), rng.random(40).astype(np.float32)
    engine = sluice.TickEngine(budget=12, selector="vla-pruner-published", refresh_share=0.0)
    history = []
    for _ in range(4):
        entry = sluice.TickTokens(features, semantic=semantic)
        packet = engine.step({"camera": entry}).packet
        batch = packet.batches["camera"]
        past = np.array(history[::-1][:3]) if history else None
        kept, margin, _ = vla_pruner_oracle.select(features, semantic, past, 12)
        if margin > 1e-6:
            assert batch.key.tolist() == kept
        np.testing.assert_array_equal(batch.features, features[batch.key])
        seen = rng.random(len(batch)).astype(np.float32)
        row = np.zeros(40) if not history else 0.8 * history[-1]  # absent attention decays
        row[batch.key] = seen
        history.append(row)
        feedback = {"camera": sluice.SourceFeedback(action_attention=seen)}
        assert engine.feedback(sluice.feedback_on(packet, feedback)) == "applied"


@needs_torch
def test_torch_in_torch_out():
    features = torch.from_numpy(tokens(1)).bfloat16()
    packet = sluice.TickEngine(budget=7).step({"camera": features}).packet
    batch = packet.batches["camera"]
    assert batch.features.dtype == torch.bfloat16 and isinstance(batch.key, torch.Tensor)
    assert torch.equal(batch.features, features[batch.key])


def test_origin_travels():
    n = 30
    entry = sluice.TickTokens(
        tokens(2, n),
        key=np.arange(n) + 1000,
        xyz=np.random.default_rng(1).random((n, 3)),
        pts=np.full(n, 2.5),
        frame=np.full(n, 7),
        weight=np.full(n, 4),
        kind=np.full(n, sluice.TokenKind.SPATIAL, np.uint8),
        pinned=[3, 17],
    )
    batch = sluice.TickEngine("map", budget=6).step({"map": entry}).packet.batches["map"]
    rows = batch.key - 1000
    assert {3, 17} <= set(rows.tolist())
    np.testing.assert_allclose(batch.xyz, entry.xyz[rows], rtol=1e-6)
    assert set(batch.pts.tolist()) == {2.5} and set(batch.weight.tolist()) == {4}
    assert sluice.KeepReason.PINNED in batch.reason.tolist()


def test_a_source_may_be_silent():
    engine = sluice.TickEngine(["wrist", "front"], budget=10)
    packet = engine.step({"front": tokens(1)}).packet
    assert len(packet.batches["wrist"]) == 0 and len(packet.batches["front"]) == 10
    result = engine.step({})
    assert result.status == "no_tokens" and result.packet.kept == 0


def test_what_is_wrong_with_a_tick_is_a_status():
    engine = sluice.TickEngine(budget=4)
    good = engine.step({"camera": tokens(1)}, tick=5)
    assert good.status == "ok"
    old = engine.step({"camera": tokens(1)}, tick=5)
    assert (old.status, old.packet) == ("old_tick", None) and "tick 5" in old.problem
    twice = sluice.TickTokens(tokens(1), pinned=[3, 3])
    assert engine.step({"camera": twice}).status == "bad_input"
    many = sluice.TickTokens(tokens(1), pinned=list(range(5)))
    assert engine.step({"camera": many}).status == "over_budget"
    assert engine.step({"camera": tokens(1, n=2000)}).status == "bad_input"
    after = engine.step({"camera": tokens(1)})
    assert after.status == "ok" and after.packet.tick == 6
    assert after.packet.totals.kept == 8


def test_stale_foreign_and_malformed_feedback_is_never_applied():
    engine = sluice.TickEngine(budget=4, stale_after=2)
    packets = [engine.step({"camera": tokens(t)}).packet for t in range(4)]
    answer = {"camera": sluice.SourceFeedback(action_attention=np.ones(4))}
    assert engine.feedback(sluice.feedback_on(packets[0], answer)) == "stale"
    short = {"camera": sluice.SourceFeedback(action_attention=np.ones(3))}
    assert engine.feedback(sluice.feedback_on(packets[3], short)) == "malformed"
    assert engine.feedback(sluice.feedback_on(packets[3], answer)) == "applied"
    assert engine.feedback(sluice.feedback_on(packets[3], answer)) == "duplicate"
    assert engine.feedback(sluice.Feedback("other", 0, 3, answer)) == "other_stream"
    assert engine.feedback(sluice.Feedback("sluice", 0, 9, answer)) == "future"
    engine.reset(1)
    assert engine.feedback(sluice.feedback_on(packets[3], answer)) == "other_episode"
    assert engine.feedback_counts["applied"] == 1
    first = engine.step({"camera": tokens(0)}).packet
    assert (first.tick, first.episode) == (0, 1)


def test_the_same_inputs_give_the_same_packets():
    def run():
        engine = sluice.TickEngine(["wrist", "front"], budget=20)
        blobs = []
        for tick in range(6):
            packet = engine.step({"wrist": tokens(tick), "front": tokens(-tick - 1 + 99)}).packet
            answer = {
                name: sluice.SourceFeedback(action_attention=np.linspace(0, 1, len(batch)))
                for name, batch in packet.batches.items()
            }
            engine.feedback(sluice.feedback_on(packet, answer, np.ones((2, 7)), 30.0))
            blobs.append(sluice.encode(packet))
        return blobs

    assert run() == run()


@pytest.mark.parametrize("shape", ["pad", "hold"])
def test_a_fixed_shape_always_has_the_same_rows(shape):
    engine = sluice.TickEngine(
        [sluice.TickSource("camera", shape=16)], budget=16, fixed_shape=shape
    )
    for n in (40, 10, 3, 40):
        batch = engine.step({"camera": tokens(n, n)}).packet.batches["camera"]
        assert len(batch) == 16 and int(batch.valid.sum()) >= min(n, 16)


def test_a_deadline_is_learned_from_feedback():
    engine = sluice.TickEngine(budget=100, controller="deadline")
    kept = []
    for tick in range(40):
        packet = engine.step({"camera": tokens(tick, 100)}, deadline=0.05).packet
        kept.append(packet.kept)
        attention = {"camera": sluice.SourceFeedback(semantic_attention=np.ones(packet.kept))}
        engine.feedback(sluice.feedback_on(packet, attention, model_latency_ms=10.0 + packet.kept))
    assert kept[0] == 16 and max(kept[20:]) <= 40 and max(kept[20:]) >= 30


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"sources": []}, "source"),
        ({"sources": ["a", "a"]}, "source"),
        ({"sources": ["a b"]}, "a b"),
        ({"sources": [3]}, "id"),
        ({"budget": 0}, "budget tokens: 0"),
        ({"budget": 1.5}, "tokens"),
        ({"selector": "best"}, "selector"),
        ({"controller": "none"}, "controller"),
        ({"refresh_share": 2}, "refresh"),
        ({"stale_after": 0}, "0"),
        ({"fixed_shape": True}, "fixed_shape"),
        ({"nonsense": 1}, "nonsense"),
        ({"sources": [sluice.TickSource(floor=300)], "budget": 10}, "floor"),
    ],
)
def test_options_are_checked(arguments, name):
    with pytest.raises(sluice.InputError, match=name):
        sluice.TickEngine(**arguments)


@pytest.mark.parametrize(
    ("inputs", "name"),
    [
        (tokens(1), "inputs"),
        ({"wrist": tokens(1)}, "inputs"),
        ({"camera": tokens(1).astype(np.float64)}, "features"),
        ({"camera": [1.0]}, "features of camera"),
        ({"camera": np.float32(1)}, "features"),
        ({"camera": sluice.TickTokens(tokens(1), key=[1, 2])}, "key"),
        ({"camera": sluice.TickTokens(tokens(1), position=np.zeros(40))}, "position"),
        ({"camera": sluice.TickTokens(tokens(1), semantic=np.ones(3))}, "semantic"),
        ({"camera": sluice.TickTokens(tokens(1), xyz=np.ones((40, 2)))}, "xyz"),
    ],
)
def test_inputs_that_are_no_tokens_are_refused(inputs, name):
    engine = sluice.TickEngine(budget=4)
    with pytest.raises(sluice.InputError, match=f"^{name}"):
        engine.step(inputs)
    assert engine.step({"camera": tokens(1)}).packet.tick == 0


@pytest.mark.parametrize(
    "arguments", [{"tick": "now"}, {"tick": -1}, {"deadline": float("nan")}, {"deadline": "soon"}]
)
def test_tick_numbers_and_deadlines_are_checked(arguments):
    engine = sluice.TickEngine(budget=4)
    if arguments == {"tick": -1}:
        assert engine.step({"camera": tokens(1)}, **arguments).status == "bad_input"
        return
    with pytest.raises(sluice.InputError, match=next(iter(arguments))):
        engine.step({"camera": tokens(1)}, **arguments)


def test_float16_features_are_sent_as_they_are():
    features = tokens(5).astype(np.float16)
    batch = sluice.TickEngine(budget=9).step({"camera": features}).packet.batches["camera"]
    assert batch.features.dtype == np.float16
    np.testing.assert_array_equal(as_numpy(batch.features), as_numpy(features[batch.key]))
