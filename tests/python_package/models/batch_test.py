"""Batches of prompts that shrink by different amounts, several videos, beams, other decoding."""

import copy

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import sluice  # noqa: E402
from by_hand import (  # noqa: E402
    decoder_calls,
    expected_prompt,
    generate,
    greedy,
    without_pixels,
)
from tiny_models import FAMILIES, SPECIAL  # noqa: E402


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def model(family):
    return family.build()


def prompts(family):
    """Of different length, with one, two and one videos; the last one repeats its only frame."""
    return [
        family.prompt(5, family.clip(6), 7),
        family.prompt(2, family.clip(6, seed=1), 3, family.clip(6, seed=2), 4, seed=1),
        family.prompt(1, family.still_clip(), 11, seed=2),
    ]


@pytest.mark.parametrize("positions", ["original", "compacted"])
@pytest.mark.parametrize(
    "inner", [{}, {"inner_retain": 0.5, "inner_layer": 2, "stages": [(3, 0.25)]}]
)
def test_rows_are_as_alone(family, model, positions, inner):
    rows = prompts(family)
    with sluice.prune(model, retain=0.4, positions=positions, **inner) as pruning:
        alone, columns = [], []
        for inputs in rows:
            alone.append(generate(model, inputs))
            columns.append(pruning.prompts[0].columns)
        batch = generate(model, family.batch(*rows))
    lengths = {len(row) for row in columns}
    assert len(lengths) == 3  # The rows shrink to different lengths.
    width = max(inputs["input_ids"].shape[1] for inputs in rows)
    for row, inputs in enumerate(rows):
        padding = width - inputs["input_ids"].shape[1]
        assert torch.equal(pruning.prompts[row].columns - padding, columns[row])
        logits = torch.stack([step[row] for step in batch.logits])
        torch.testing.assert_close(logits, torch.cat(alone[row].logits), rtol=0, atol=2e-5)
    if not inner:
        assert batch.past_key_values.layers[0].get_seq_length() == max(lengths) + 4


def test_several_videos_are_independent(family, model):
    clips = [family.clip(6, seed=1), family.clip(6, seed=2)]
    inputs = family.prompt(2, clips[0], 3, clips[1], 4)
    edge = 1 if family.mrope else 0
    first = 2 + edge
    second = first + clips[0].tokens + clips[0].newlines + edge + 3 + edge
    spans = [(first, 6, clips[0].positions), (second, 6, clips[1].positions)]
    expected = expected_prompt(model, inputs, spans, retain=0.25)
    last = decoder_calls(model, inputs)[0]["position_ids"][..., -1:].flatten()
    with sluice.prune(model, retain=0.25) as pruning:
        out = generate(model, inputs)
    assert torch.equal(pruning.prompts[0].columns, expected.columns)
    assert [visual.start for visual in pruning.prompts[0].visuals] == [first, second]
    by_hand = greedy(model, expected, 5, last + 1)
    torch.testing.assert_close(torch.cat(out.logits), by_hand, rtol=0, atol=1e-5)


def test_videos_without_text_between_them(family, model):
    if family.mrope:
        pytest.skip("these models always put tokens between videos")
    inputs = family.prompt(2, family.clip(6, seed=1), family.clip(6, seed=2), 4)
    with sluice.prune(model, retain=0.25) as pruning:
        generate(model, inputs)
    visuals = pruning.prompts[0].visuals
    assert [visual.frames for visual in visuals] == [6, 6]
    assert [visual.reduction.kept for visual in visuals] == [14, 14]


def continuations(out):
    """The three best tokens and what they score."""
    scores = out.logits[0][0].log_softmax(-1)
    scores[SPECIAL] = float("-inf")
    best = scores.topk(3)
    return zip(best.indices.tolist(), best.values.tolist(), strict=True)


@pytest.mark.parametrize("inner", [{}, {"inner_retain": 0.5, "inner_layer": 2}])
def test_beams(family, model, inner):
    """Beam search by hand: of all continuations of the best beams, the best by total score."""
    inputs = family.prompt(5, family.clip(6), 7)
    options = {"max_new_tokens": 4, "do_sample": False, "num_beams": 3, "length_penalty": 0.0}
    with torch.no_grad(), sluice.prune(model, retain=0.3, **inner):
        out = model.generate(**inputs, **options, eos_token_id=None)
        prefill = generate(model, inputs, tokens=1)
        beams = [([token], score) for token, score in continuations(prefill)]
        for _ in range(3):
            longer = []
            for tokens, score in beams:
                ids = torch.cat([inputs["input_ids"], torch.tensor([tokens])], dim=1)
                cache = copy.deepcopy(prefill.past_key_values)
                grown = without_pixels(family.extended(inputs, ids))
                step = generate(model, grown, tokens=1, past_key_values=cache)
                longer += [(tokens + [t], score + value) for t, value in continuations(step)]
            beams = sorted(longer, key=lambda beam: -beam[1])[:3]
    assert out[0, inputs["input_ids"].shape[1] :].tolist() == beams[0][0]


def test_other_ways_to_decode(family, model):
    inputs = family.prompt(5, family.clip(6), 7)
    options = {"max_new_tokens": 6, "do_sample": False}
    with torch.no_grad(), sluice.prune(model, retain=0.3):
        greedy_ids = model.generate(**inputs, **options)
        assert torch.equal(model.generate(**inputs, **options, use_cache=False), greedy_ids)
    with torch.no_grad(), sluice.prune(model, retain=0.3, inner_retain=0.5, inner_layer=2):
        greedy_ids = model.generate(**inputs, **options)
        guessed = model.generate(**inputs, **options, prompt_lookup_num_tokens=3)
        assert torch.equal(guessed, greedy_ids)
        several = model.generate(**inputs, max_new_tokens=3, do_sample=True, num_return_sequences=2)
        assert several.shape[0] == 2


def test_equal_videos_are_reduced_once(family, model, monkeypatch):
    from sluice.adapters import prompt_pruning

    calls = []
    reduce_with = prompt_pruning.reduce_with
    monkeypatch.setattr(
        prompt_pruning, "reduce_with", lambda *args: calls.append(1) or reduce_with(*args)
    )
    with torch.no_grad(), sluice.prune(model, retain=0.3):
        model.generate(**family.prompt(5, family.clip(6), 7), max_new_tokens=2, num_beams=4)
    assert len(calls) == 1


def test_a_token_masked_in_the_middle_is_not_looked_at(family, model):
    inputs = family.prompt(5, family.clip(6), 7)
    column = inputs["input_ids"].shape[1] - 4
    inputs["attention_mask"][0, column] = 0
    answers = []
    for token in (11, 44):
        inputs["input_ids"][0, column] = token
        with sluice.prune(model, retain=0.3, inner_retain=0.5, inner_layer=2):
            out = generate(model, inputs)
        answers.append(torch.cat(out.logits))
    torch.testing.assert_close(*answers, rtol=0, atol=1e-5)


def test_rows_of_one_length_that_shrink_differently(family, model):
    """No row is padded before, so `generate()` drops the mask; afterwards one is."""
    rows = prompts(family)
    still = family.prompt(1, family.still_clip(), 11, seed=2)
    rows = [rows[0], still]
    assert len({inputs["input_ids"].shape[1] for inputs in rows}) == 1
    with sluice.prune(model, retain=0.4, inner_retain=0.5, inner_layer=2) as pruning:
        alone = [torch.cat(generate(model, inputs).logits) for inputs in rows]
        batch = generate(model, family.batch(*rows))
    assert len({len(prompt.columns) for prompt in pruning.prompts}) == 2
    for row, logits in enumerate(alone):
        step_logits = torch.stack([step[row] for step in batch.logits])
        torch.testing.assert_close(step_logits, logits, rtol=0, atol=2e-5)


def test_a_video_at_the_end_of_a_prompt(family, model):
    clip = family.clip(6)
    with sluice.prune(model, retain=0.3) as pruning:
        generate(model, family.prompt(5, clip))
    assert pruning.prompts[0].visuals[0].reduction.kept == round(0.3 * clip.tokens)
