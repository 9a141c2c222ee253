"""`sluice.bench`: real runs, exact counts, times that add up, and nothing left behind."""

import json

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import sluice  # noqa: E402
from by_hand import generate  # noqa: E402
from restore_test import state  # noqa: E402
from sluice.benchmarks import plan  # noqa: E402
from sluice.benchmarks.result import BenchResult  # noqa: E402
from tiny_models import FAMILIES  # noqa: E402
from tiny_processor import TinyProcessor, moving_frames  # noqa: E402

RETAINS = [1.0, 0.5, 0.25, 0.1]
BASELINES = ["uniform frames", "downsampling", "adjacent frames"]
FRAMES, TEXT, TOKENS, REPEATS = 8, "What happens?", 4, 2


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def model(family):
    return family.build()


@pytest.fixture(scope="module")
def video(family):
    """5 pairs of frames of 12 tokens for Qwen, 8 frames of 9 for the others."""
    return moving_frames(10, 24, 32) if family.mrope else moving_frames(FRAMES, 48, 48)


@pytest.fixture(scope="module")
def result(family, model, video):
    return sluice.bench(
        model,
        TinyProcessor(family),
        video,
        prompt=TEXT,
        retain=RETAINS,
        new_tokens=TOKENS,
        repeats=REPEATS,
        warmup=0,
    )


def test_rows_are_all_ways_at_all_budgets(family, result):
    ways = [(row.method, row.retain) for row in result.rows]
    assert ways[0] == ("unpruned", 1.0)
    assert ways[1:] == [(m, r) for r in RETAINS[1:] for m in ["sluice", *BASELINES]]
    assert (result.frames, result.positions) == ((5, 12) if family.mrope else (8, 9))
    between = 2 if family.mrope else family.newlines  # Start and end, or newlines.
    assert result.text_tokens == len(TEXT) + 1 + between  # One line break.


def test_token_counts_are_exact(family, model, video, result):
    total = result.frames * result.positions
    assert result.unpruned.visual_tokens == total
    inputs = TinyProcessor(family)(["<video>\n" + TEXT], [video], "pt")
    for row in result.pruned:
        with sluice.prune(model, retain=row.retain) as pruning:
            generate(model, inputs, TOKENS)
        reduction = pruning.prompts[0].visuals[0].reduction
        assert row.visual_tokens == min(round(row.retain * total), reduction.available)
        assert row.prompt_tokens == len(pruning.prompts[0].columns)


def test_baselines_have_as_many_tokens(result):
    for ours in result.pruned:
        others = result.baselines(ours.retain)
        assert [row.method for row in others] == BASELINES
        for row in others:
            assert row.visual_tokens == ours.visual_tokens
            assert row.prompt_tokens == ours.prompt_tokens
            assert row.kv_bytes == ours.kv_bytes


def test_baselines_encode_what_they_need(family, result):
    total = result.frames * result.positions
    for ours in result.pruned:
        uniform, smaller, adjacent = result.baselines(ours.retain)
        frames = -(-ours.visual_tokens // result.positions)
        assert uniform.encoded_tokens == frames * result.positions
        assert adjacent.encoded_tokens == ours.encoded_tokens == total
        assert ours.visual_tokens <= smaller.encoded_tokens <= total
        assert (smaller.encoded_tokens < total) == family.mrope


def test_times_are_positive_and_add_up(result):
    for row in result.rows:
        assert len(row.runs) == REPEATS
        for run in row.runs:
            stages = [run.vision, run.reduction, run.prefill, run.decode]
            assert all(stage > 0 for stage in stages)
            assert run.total == pytest.approx(sum(stages))
            assert run.total == pytest.approx(run.tokens[-1])
            assert len(run.tokens) == TOKENS
            assert list(run.tokens) == sorted(run.tokens)
            assert run.tokens[0] > run.vision + run.reduction + run.prefill
        assert row.total.lower <= row.total.median <= row.total.upper
    reductions = [row.reduction.median for row in result.pruned]
    assert min(reductions) > result.unpruned.reduction.median


def test_one_new_token_is_enough(family, model, video):
    result = sluice.bench(
        model, TinyProcessor(family), video, retain=[0.2], new_tokens=1, repeats=1, warmup=0
    )
    for row in result.rows:
        assert len(row.runs[0].tokens) == 1
        assert row.runs[0].decode > 0


def test_at_one_it_is_the_unpruned_model(family, model, video, result):
    inputs = TinyProcessor(family)(["<video>\n" + TEXT], [video], "pt")
    whole = generate(model, inputs, TOKENS)
    cache = [t for layer in whole.past_key_values.layers for t in (layer.keys, layer.values)]
    assert result.unpruned.kv_bytes == sum(t.nbytes for t in cache)
    assert result.unpruned.prompt_tokens == inputs["input_ids"].shape[1]
    assert result.unpruned.encoded_tokens == result.unpruned.visual_tokens

    logits = []
    handle = model.register_forward_hook(lambda m, a, out: logits.append(out.logits[:, -1]))
    try:
        sluice.bench(
            model,
            TinyProcessor(family),
            video,
            prompt=TEXT,
            retain=[1.0],
            new_tokens=TOKENS,
            repeats=1,
            warmup=0,
        )
    finally:
        handle.remove()
    assert torch.equal(torch.stack(logits[-TOKENS:]), torch.stack(whole.logits))


def test_the_model_is_left_as_it_was(family, model, video):
    before = state(model)
    sluice.bench(model, TinyProcessor(family), video, retain=[0.2], new_tokens=2, repeats=1)
    after = state(model)
    for values in (before["model"], after["model"]):
        values.pop("rope_deltas", None)  # Qwen keeps its last ones, pruned or not.
    assert after == before


@pytest.mark.parametrize("calls", [0, 1, 9])
def test_the_model_is_left_as_it_was_after_an_exception(family, model, video, calls):
    """In the first call, in those that count tokens, and in the measured ones of a baseline."""
    before = state(model)
    left = [calls]

    def boom(*_):
        left[0] -= 1
        if left[0] < 0:
            raise KeyError("boom")

    handle = model.model.language_model.layers[2].register_forward_pre_hook(boom)
    try:
        with pytest.raises(KeyError, match="boom"):
            sluice.bench(model, TinyProcessor(family), video, retain=[0.2], new_tokens=2, repeats=1)
    finally:
        handle.remove()
    after = state(model)
    for values in (before["model"], after["model"]):
        values.pop("rope_deltas", None)
    assert after == before
    with sluice.prune(model, retain=0.2):  # Not taken for being pruned already.
        pass


def test_ways_take_turns(family, model, video, monkeypatch):
    order = []
    measure = plan.Plan._measure

    def noted(self, way, tokens):
        order.append(way.method)
        return measure(self, way, tokens)

    monkeypatch.setattr(plan.Plan, "_measure", noted)
    sluice.bench(
        model, TinyProcessor(family), video, retain=[0.2], new_tokens=2, repeats=2, warmup=1
    )
    ways = ["unpruned", "sluice", *BASELINES]
    rounds = [ways[-1:] + ways[:-1], ways, ways[1:] + ways[:1]]
    assert order == ["", "sluice", *sum(rounds, [])]


def test_options_are_those_of_prune(family, model, video):
    result = sluice.bench(
        model,
        TinyProcessor(family),
        video,
        retain=[0.5],
        new_tokens=2,
        repeats=1,
        baselines=["adjacent frames"],
        positions="compacted",
        inner_retain=0.5,
        inner_layer=2,
    )
    ours, adjacent = result.rows[1:]
    assert ours.visual_tokens == adjacent.visual_tokens
    assert ours.kv_bytes < adjacent.kv_bytes  # From layer 2 on, half of them.


def test_json_and_back(result):
    assert BenchResult.from_json(result.to_json()) == result
    assert len(json.loads(result.to_json())["rows"]) == 1 + 4 * (len(RETAINS) - 1)
