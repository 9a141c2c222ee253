"""OpenVLA-style models: the projector's tokens are found, and pruned as one frame."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import sluice  # noqa: E402
from by_hand import Expected, decoder_calls, generate, greedy  # noqa: E402
from sluice.adapters.projector_model import ProjectorModel  # noqa: E402
from tiny_models import SPECIAL  # noqa: E402
from tiny_vla import step, tiny_vla  # noqa: E402

PATCHES = 36


@pytest.fixture(scope="module")
def model():
    return tiny_vla()


def expected_step(model, inputs, retain):
    embeds = decoder_calls(model, inputs)[0]["inputs_embeds"]
    reduced = sluice.reduce(embeds[:, 1 : 1 + PATCHES], retain=retain)
    kept = 1 + torch.sort(reduced.tokens.position.long()).values
    length = embeds.shape[1]
    columns = torch.cat([torch.tensor([0]), kept, torch.arange(1 + PATCHES, length)])
    return Expected(embeds[:, columns], columns, columns[None, None], length)


@pytest.mark.parametrize("retain", [0.125, 0.25, 0.5])
def test_actions_are_those_made_by_hand(model, retain):
    inputs = step()
    expected = expected_step(model, inputs, retain)
    with sluice.prune(model, retain=retain) as pruning:
        out = generate(model, inputs, tokens=7)
    (prompt,) = pruning.prompts
    assert prompt.visuals[0].reduction.kept == round(retain * PATCHES)
    assert torch.equal(prompt.columns, expected.columns)
    by_hand = greedy(model, expected, 7, torch.tensor([expected.length]))
    torch.testing.assert_close(torch.cat(out.logits), by_hand, rtol=0, atol=1e-5)
    physical = out.past_key_values.layers[0].get_seq_length()
    assert physical == len(expected.columns) + 6
    assert out.past_key_values.get_seq_length() == expected.length + 6


def test_compacted(model):
    inputs = step()
    expected = expected_step(model, inputs, 0.25)
    left = len(expected.columns)
    expected.ids = torch.arange(left)[None, None]
    with sluice.prune(model, retain=0.25, positions="compacted"):
        out = generate(model, inputs, tokens=7)
    by_hand = greedy(model, expected, 7, torch.tensor([left]))
    torch.testing.assert_close(torch.cat(out.logits), by_hand, rtol=0, atol=1e-5)


def test_at_one_the_same_bits(model):
    whole = generate(model, step(), tokens=7)
    with sluice.prune(model, retain=1.0):
        out = generate(model, step(), tokens=7)
    assert torch.equal(torch.cat(out.logits), torch.cat(whole.logits))
    with sluice.prune(model, retain=0.25):
        out = generate(model, step(), tokens=7)
    assert (out.logits[0] - whole.logits[0]).abs().max() > 1e-2


def test_steps_one_after_the_other_and_rows_of_a_batch(model):
    with torch.no_grad(), sluice.prune(model, retain=0.25, inner_retain=0.5, inner_layer=2):
        rows = [model(**step(seed)).logits[:, -1] for seed in (1, 2)]
        both = {k: torch.cat([step(1)[k], step(2)[k]]) for k in step()}
        batch = model(**both).logits[:, -1]
    torch.testing.assert_close(batch, torch.cat(rows), rtol=0, atol=1e-5)


def test_gates_without_the_outer_stage(model):
    inputs = step()
    with sluice.prune(model, retain=1.0, stages=[(1, 0.5), (2, 0.25)]) as pruning:
        out = generate(model, inputs, tokens=3)
    text = inputs["input_ids"].shape[1]
    assert len(pruning.prompts[0].columns) == text + PATCHES
    lengths = [layer.get_seq_length() - 2 - text for layer in out.past_key_values.layers]
    assert lengths == [36, 18, 9, 9]
    assert all(token not in SPECIAL for token in out.sequences[0, text:].tolist())


def test_tokens_that_are_not_the_projectors_are_an_error(model):
    handle = model.projector.register_forward_hook(lambda *_: None)
    changed = model.language_model.model.register_forward_pre_hook(
        lambda _, args, kwargs: (args, {**kwargs, "inputs_embeds": kwargs["inputs_embeds"] * 2}),
        with_kwargs=True,
    )
    try:
        with sluice.prune(model, retain=0.25):
            with pytest.raises(sluice.InputError, match="^model: .*projector"):
                generate(model, step())
    finally:
        handle.remove()
        changed.remove()
    with sluice.prune(model, retain=0.25):
        generate(model, step())


def test_a_step_after_an_exception_behind_the_projector(model):
    with torch.no_grad(), sluice.prune(model, retain=0.25):
        out = model(**step(), use_cache=True)
        with pytest.raises(TypeError):
            model(pixel_values=step()["pixel_values"])  # No ids: the embedding fails.
        seen = out.past_key_values.get_seq_length()
        # Straight to the language model, as a control loop may do.
        token = torch.tensor([[5]])
        model(input_ids=token, past_key_values=out.past_key_values, use_cache=True)
    assert out.past_key_values.get_seq_length() == seen + 1


def test_a_token_that_looks_like_the_first_patch_is_no_start(model):
    visual = torch.randn(1, 4, 64)
    adapter = ProjectorModel(model)
    embeds = torch.cat([visual[:, :1], torch.randn(1, 2, 64), visual, torch.randn(1, 3, 64)], 1)
    (span,) = adapter.spans({"visual": visual}, embeds, torch.arange(10)[None, None], False)
    assert (span.start, span.stop, span.frames, span.positions) == (3, 7, 1, 4)
