"""One prompt: exactly the tokens of `sluice.reduce`, in the right places, rightly answered."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import sluice  # noqa: E402
from by_hand import decoder_calls, expected_prompt, generate, greedy  # noqa: E402
from tiny_models import FAMILIES  # noqa: E402

TEXT, MORE = 5, 7


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def model(family):
    return family.build()


def start_of(family):
    return TEXT + (1 if family.mrope else 0)


@pytest.mark.parametrize("retain", [0.1, 0.25, 0.5, 0.9])
def test_keeps_exactly_the_budget(family, model, retain):
    clip = family.clip(6)
    inputs = family.prompt(TEXT, clip, MORE)
    with sluice.prune(model, retain=retain) as pruning:
        out = generate(model, inputs)
    (prompt,) = pruning.prompts
    (visual,) = prompt.visuals
    assert (visual.frames, visual.positions) == (clip.frames, clip.positions)
    assert visual.reduction.available < clip.tokens  # The clip has something to merge.
    assert visual.reduction.kept == min(round(retain * clip.tokens), visual.reduction.available)
    text = inputs["input_ids"].shape[1] - clip.tokens
    assert len(prompt.columns) == text + visual.reduction.kept
    for layer in out.past_key_values.layers:
        assert layer.get_seq_length() == len(prompt.columns) + 4
    assert out.past_key_values.get_seq_length() == inputs["input_ids"].shape[1] + 4


@pytest.mark.parametrize("knobs", [{}, {"tau": 0.5, "beta": 0.3}, {"budget": 11}, {"knn": 2}])
def test_tokens_positions_and_logits_are_those_made_by_hand(family, model, knobs):
    clip = family.clip(6)
    inputs = family.prompt(TEXT, clip, MORE)
    spans = [(start_of(family), clip.frames, clip.positions)]
    expected = expected_prompt(model, inputs, spans, retain=0.3, **knobs)
    assert len(expected.columns) < expected.length
    last = decoder_calls(model, inputs)[0]["position_ids"][..., -1:]
    with sluice.prune(model, retain=0.3, **knobs) as pruning:
        call = decoder_calls(model, inputs)[0]
        out = generate(model, inputs)
    assert torch.equal(pruning.prompts[0].columns, expected.columns)
    assert torch.equal(call["inputs_embeds"], expected.embeds)
    assert torch.equal(call["position_ids"].view(expected.ids.shape), expected.ids)
    by_hand = greedy(model, expected, 5, last.flatten() + 1)
    torch.testing.assert_close(torch.cat(out.logits), by_hand, rtol=0, atol=1e-5)


def test_pruning_changes_the_answer(family, model):
    """Else the comparisons above would hold for a model that does not look at its video."""
    inputs = family.prompt(TEXT, family.clip(6), MORE)
    whole = generate(model, inputs)
    with sluice.prune(model, retain=0.1):
        out = generate(model, inputs)
    assert (whole.logits[0] - out.logits[0]).abs().max() > 1e-2


def test_compacted_positions_have_no_gaps(family, model):
    clip = family.clip(6)
    inputs = family.prompt(TEXT, clip, MORE)
    original = decoder_calls(model, inputs)[0]["position_ids"]
    with sluice.prune(model, retain=0.2, positions="compacted") as pruning:
        calls = decoder_calls(model, inputs, tokens=3)
    columns = pruning.prompts[0].columns
    ids = [call["position_ids"] for call in calls]
    if not family.mrope:
        assert ids[0].tolist() == [list(range(len(columns)))]
        assert [step.item() for step in ids[1:]] == [len(columns), len(columns) + 1]
        return
    # Independently: per axis, the ids of the video's kept tokens by rank; later ones follow.
    start, stop = start_of(family), start_of(family) + clip.tokens
    inside = (columns >= start) & (columns < stop)
    for axis in range(1, 4):
        kept = original[axis, 0, columns[inside]].tolist()
        values = sorted(set(kept))
        assert ids[0][axis, 0, inside].tolist() == [start + values.index(id) for id in kept]
    spatial = [len(set(original[axis, 0, columns[inside]].tolist())) for axis in (2, 3)]
    assert max(spatial) <= 3
    after = (ids[0][1:, 0, columns >= stop] - start - max(spatial)).tolist()
    assert after == [list(range(MORE + 1))] * 3
    assert ids[1][1:].flatten().tolist() == [start + max(spatial) + MORE + 1] * 3


def test_compacted_answers_are_those_made_by_hand(family, model):
    clip = family.clip(6)
    inputs = family.prompt(TEXT, clip, MORE)
    expected = expected_prompt(model, inputs, [(start_of(family), 6, clip.positions)], retain=0.2)
    with sluice.prune(model, retain=0.2, positions="compacted"):
        ids = decoder_calls(model, inputs)[0]["position_ids"]
        out = generate(model, inputs)
    expected.ids = ids if ids.ndim == 3 else ids[None]
    first = expected.ids[..., -1].flatten() + 1
    by_hand = greedy(model, expected, 5, first)
    torch.testing.assert_close(torch.cat(out.logits), by_hand, rtol=0, atol=1e-5)


def test_one_forward_without_cache_or_mask(family, model):
    """Gaps in position ids must not be taken for packed sequences."""
    clip = family.clip(6)
    inputs = family.prompt(TEXT, clip, MORE)
    expected = expected_prompt(model, inputs, [(start_of(family), 6, clip.positions)], retain=0.2)
    del inputs["attention_mask"]
    with torch.no_grad(), sluice.prune(model, retain=0.2):
        logits = model(**inputs, use_cache=False).logits
        cached = model(**inputs, use_cache=True)
    assert logits.shape[1] == len(expected.columns)
    by_hand = greedy(model, expected, 1, expected.ids[..., -1].flatten())
    torch.testing.assert_close(logits[0, -1:], by_hand, rtol=0, atol=1e-5)
    torch.testing.assert_close(cached.logits, logits, rtol=0, atol=1e-5)
    assert cached.past_key_values.get_seq_length() == inputs["input_ids"].shape[1]


def test_text_alone_is_left_alone(family, model):
    inputs = family.prompt(9)
    whole = generate(model, inputs)
    with sluice.prune(model, retain=0.1) as pruning:
        out = generate(model, inputs)
    assert torch.equal(torch.cat(out.logits), torch.cat(whole.logits))
    assert pruning.prompts == ()


def test_the_same_every_time(family, model):
    inputs = family.prompt(TEXT, family.clip(6), MORE)
    with sluice.prune(model, retain=0.2):
        first, second = generate(model, inputs), generate(model, inputs)
    assert torch.equal(torch.cat(first.logits), torch.cat(second.logits))


@pytest.mark.parametrize("type", [torch.bfloat16, torch.float16, torch.float64])
def test_types(family, type):
    model = family.build().to(type)
    clip = family.clip(6)
    inputs = family.prompt(TEXT, clip, MORE)
    inputs["pixel_values_videos"] = inputs["pixel_values_videos"].to(type)
    with sluice.prune(model, retain=0.2) as pruning:
        generate(model, inputs, tokens=2)
    assert pruning.prompts[0].visuals[0].reduction.kept == round(0.2 * clip.tokens)
