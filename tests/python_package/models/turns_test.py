"""Later turns with the cache of earlier ones are as if all had been said at once."""

import copy

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import sluice  # noqa: E402
from by_hand import generate, without_pixels  # noqa: E402
from tiny_models import FAMILIES  # noqa: E402

INNER = {"inner_retain": 0.5, "inner_layer": 2, "stages": [(1, 0.75)]}


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def model(family):
    return family.build()


def say_more(family, inputs, out, tokens, seed=9):
    """All ids so far and `tokens` new ones; pixels were given before."""
    random = torch.Generator().manual_seed(seed)
    rows = len(out.sequences)
    new = torch.randint(3, 80, (rows, tokens), generator=random)
    ids = torch.cat([out.sequences, new], dim=1)
    return family.extended(inputs, ids)


@pytest.mark.parametrize("positions", ["original", "compacted"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_turns_equal_one_shot(family, positions, attention):
    model = family.build(attention)
    inputs = family.prompt(5, family.clip(6), 7)
    with sluice.prune(model, retain=0.3, positions=positions):
        out = generate(model, inputs)
        for turn in range(3):
            whole = say_more(family, inputs, out, 4, seed=turn)
            once = generate(model, whole)
            cache = out.past_key_values
            out = generate(model, without_pixels(whole), past_key_values=cache)
            assert torch.equal(out.sequences, once.sequences)
            torch.testing.assert_close(
                torch.cat(out.logits), torch.cat(once.logits), rtol=0, atol=2e-5
            )


def test_turns_of_a_batch(family, model):
    rows = [family.prompt(5, family.clip(6), 7), family.prompt(2, family.clip(6, seed=3), 3)]
    inputs = family.batch(*rows)
    with sluice.prune(model, retain=0.3):
        out = generate(model, inputs)
        whole = say_more(family, inputs, out, 4)
        once = generate(model, whole)
        later = generate(model, without_pixels(whole), past_key_values=out.past_key_values)
    torch.testing.assert_close(torch.cat(later.logits), torch.cat(once.logits), rtol=0, atol=2e-5)


def test_new_ids_alone(family, model):
    """transformers takes only the new ids, too, with the mask of all."""
    inputs = family.prompt(5, family.clip(6), 7)
    with sluice.prune(model, retain=0.3):
        out = generate(model, inputs)
        cache = copy.deepcopy(out.past_key_values)
        whole = without_pixels(say_more(family, inputs, out, 4))
        full = generate(model, whole, past_key_values=out.past_key_values)
        seen = cache.get_seq_length()
        new = {"input_ids": whole["input_ids"][:, seen:], "attention_mask": whole["attention_mask"]}
        short = generate(model, new, past_key_values=cache)
    assert torch.equal(torch.cat(full.logits), torch.cat(short.logits))


def test_a_later_video(family, model):
    first, second = family.clip(6), family.clip(6, seed=8)
    opening = family.prompt(5, first, 7)
    both = family.prompt(5, first, 7, 3, second, 4)
    with sluice.prune(model, retain=0.3) as pruning:
        once = generate(model, both)
        columns = pruning.prompts[0].columns
        out = generate(model, opening, tokens=1)
        cache = out.past_key_values
        later = family.later_video(model, both, second)
        opened = opening["input_ids"].shape[1]
        assert torch.equal(both["input_ids"][:, :opened], opening["input_ids"])
        out = generate(model, later, past_key_values=cache)
        seen = pruning.prompts[0].columns
    assert torch.equal(seen, columns[columns >= opened])
    torch.testing.assert_close(torch.cat(out.logits), torch.cat(once.logits), rtol=0, atol=2e-5)


def test_text_first_then_a_video(family, model):
    if family.mrope:
        pytest.skip("transformers gives these models no positions for the first turn's text alone")
    clip = family.clip(6)
    whole = family.prompt(9, 3, clip, 4)
    start = {"input_ids": whole["input_ids"][:, :9]}
    with sluice.prune(model, retain=0.3):
        once = generate(model, whole)
        cache = generate(model, start, tokens=1).past_key_values
        later = generate(model, whole, past_key_values=cache)
    torch.testing.assert_close(torch.cat(later.logits), torch.cat(once.logits), rtol=0, atol=2e-5)


def test_a_cache_copied_before_the_question(family, model):
    inputs = family.prompt(5, family.clip(6), 7)
    with sluice.prune(model, retain=0.3, **INNER):
        out = generate(model, inputs)
        answers = []
        for seed in (1, 2, 1):
            whole = without_pixels(say_more(family, inputs, out, 4, seed))
            cache = copy.deepcopy(out.past_key_values)
            answers.append(generate(model, whole, past_key_values=cache))
    assert torch.equal(torch.cat(answers[0].logits), torch.cat(answers[2].logits))
    assert not torch.equal(torch.cat(answers[0].logits), torch.cat(answers[1].logits))


def test_a_cache_lives_on_in_the_next_context(family, model):
    inputs = family.prompt(5, family.clip(6), 7)
    with sluice.prune(model, retain=0.3):
        out = generate(model, inputs)
        whole = without_pixels(say_more(family, inputs, out, 4))
        right = generate(model, whole, past_key_values=copy.deepcopy(out.past_key_values))
    before = out.past_key_values.get_seq_length()
    with pytest.raises(sluice.InputError, match="^past_key_values: .*inside"):
        generate(model, whole, past_key_values=out.past_key_values)
    assert out.past_key_values.get_seq_length() == before
    with sluice.prune(model, retain=0.5):
        again = generate(model, whole, past_key_values=out.past_key_values)
    assert torch.equal(torch.cat(again.logits), torch.cat(right.logits))


def test_a_cache_with_other_stages_is_an_error(family, model):
    inputs = family.prompt(5, family.clip(6), 7)
    with sluice.prune(model, retain=0.3):
        out = generate(model, inputs)
    whole = without_pixels(say_more(family, inputs, out, 4))
    with sluice.prune(model, retain=0.3, **INNER):
        with pytest.raises(sluice.InputError, match="^past_key_values: .*layers"):
            generate(model, whole, past_key_values=out.past_key_values)


def test_generated_tokens_can_be_taken_back_but_not_pruned_ones(family, model):
    inputs = family.prompt(5, family.clip(6), 7)
    with sluice.prune(model, retain=0.3):
        cache = generate(model, inputs).past_key_values
        cache.crop(-3)
        seen = inputs["input_ids"].shape[1] + 1
        assert cache.get_seq_length() == seen
        with pytest.raises(sluice.InputError, match="^past_key_values: can't take back"):
            cache.crop(-20)
        assert cache.get_seq_length() == seen
        cache.reset()
        assert cache.get_seq_length() == 0
        fresh = generate(model, inputs, past_key_values=cache)
        assert torch.equal(fresh.sequences, generate(model, inputs).sequences)


def test_later_turns_with_inner_stages(family, model):
    """What a later turn may look at differs by layer.

    One shot would decide by its own last token; so it is compared with feeding token by token.
    """
    inputs = family.prompt(5, family.clip(6), 7)
    with sluice.prune(model, retain=0.5, **INNER) as pruning:
        out = generate(model, inputs)
        (prompt,) = pruning.prompts
        cache = out.past_key_values
        lengths = [layer.get_seq_length() for layer in cache.layers]
        whole = without_pixels(say_more(family, inputs, out, 4))
        later = generate(model, whole, past_key_values=cache)
        grown = [layer.get_seq_length() for layer in cache.layers]
        assert cache.get_seq_length() == whole["input_ids"].shape[1] + 4
        # By hand, token by token: masks are then trivial in every layer.
        cache = generate(model, inputs).past_key_values
        for column in range(cache.get_seq_length(), whole["input_ids"].shape[1]):
            part = {name: value[:, : column + 1] for name, value in whole.items()}
            step = generate(model, part, tokens=1, past_key_values=cache)
    assert lengths[0] > lengths[1] > lengths[2] == lengths[3]
    assert lengths[1] - 4 == len(prompt.inner_columns[1])
    assert lengths[2] - 4 == len(prompt.inner_columns[2])
    assert [b - a for a, b in zip(lengths, grown, strict=True)] == [9] * 4
    torch.testing.assert_close(later.logits[0], step.logits[0], rtol=0, atol=2e-5)


@pytest.mark.parametrize("inner", [{}, INNER])
def test_rows_of_a_cache_can_be_reordered(family, model, inner):
    """As beam search does, but with rows that differ in length and padding."""
    rows = [family.prompt(5, family.clip(6), 7), family.prompt(2, family.clip(6, seed=3), 3)]
    inputs = family.batch(*rows)
    swap = torch.tensor([1, 0])
    with sluice.prune(model, retain=0.3, positions="compacted", **inner):
        out = generate(model, inputs)
        caches = [out.past_key_values, copy.deepcopy(out.past_key_values)]
        whole = without_pixels(say_more(family, inputs, out, 4))
        right = torch.stack(generate(model, whole, past_key_values=caches[0]).logits)
        if family.mrope:
            model.model.rope_deltas = model.model.rope_deltas[swap]
        swapped = {name: value[swap] for name, value in whole.items()}
        for reorder in ("reorder_cache", "batch_select_indices"):
            cache = copy.deepcopy(caches[1])
            getattr(cache, reorder)(swap)
            again = torch.stack(generate(model, swapped, past_key_values=cache).logits)
            torch.testing.assert_close(again[:, swap], right, rtol=0, atol=2e-5)
        caches[1].batch_repeat_interleave(2)
        if family.mrope:
            model.model.rope_deltas = model.model.rope_deltas[swap].repeat_interleave(2, dim=0)
        twice = {name: value.repeat_interleave(2, dim=0) for name, value in whole.items()}
        again = torch.stack(generate(model, twice, past_key_values=caches[1]).logits)
        torch.testing.assert_close(again[:, ::2], right, rtol=0, atol=2e-5)
        torch.testing.assert_close(again[:, 1::2], right, rtol=0, atol=2e-5)


def test_what_a_later_video_is_merged_by(family):
    """Against the weights that plain attention gives away: they are over the cache, too."""
    model = family.build("eager")
    first, second = family.clip(6), family.clip(6, seed=8)
    opening, both = family.prompt(5, first, 7), family.prompt(5, first, 7, 3, second, 4)
    weights = []
    knobs = {"inner_retain": 0.5, "inner_layer": 3, "stages": [(2, 0.5)]}
    with sluice.prune(model, retain=0.5, **knobs) as pruning:
        out = generate(model, opening, tokens=1)
        earlier = pruning.prompts[0]
        handle = model.model.language_model.layers[2].self_attn.register_forward_hook(
            lambda module, args, output: weights.append(output[1])
        )
        with torch.no_grad():
            later = family.later_video(model, both, second)
            generate(model, later, tokens=1, past_key_values=out.past_key_values)
        handle.remove()
        prompt = pruning.prompts[0]
    row = weights[0][0, :, -1].mean(0)
    assert len(row) == len(earlier.inner_columns[2]) + len(prompt.inner_columns[2])
    scores = dict(zip(prompt.inner_columns[2].tolist(), row[-len(prompt.inner_columns[2]) :]))
    (visual,) = prompt.visuals
    assert visual.start > opening["input_ids"].shape[1]
    span = range(visual.start, visual.stop)
    candidates = sorted((c for c in scores if c in span), key=lambda c: (-scores[c], c))
    kept = [c for c in prompt.inner_columns[3].tolist() if c in span]
    assert kept == sorted(candidates[: round(0.5 * len(candidates))])
