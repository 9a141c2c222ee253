"""Retain 1.0 changes nothing, and nothing is left behind."""

import copy

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import sluice  # noqa: E402
from by_hand import decoder_calls, generate  # noqa: E402
from tiny_models import FAMILIES  # noqa: E402


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def model(family):
    return family.build()


def state(model):
    """Hooks of all modules, and what is set on them."""

    def summary(value):
        return tuple(value) if isinstance(value, dict) else id(value)

    return {
        name: {key: summary(value) for key, value in vars(module).items()}
        for name, module in model.named_modules()
    }


def test_at_one_the_logits_are_the_same_bits(family, model):
    inputs = family.prompt(5, family.clip(6), 7)
    whole = generate(model, inputs)
    with sluice.prune(model, retain=1.0):
        out = generate(model, inputs)
    assert torch.equal(out.sequences, whole.sequences)
    assert torch.equal(torch.cat(out.logits), torch.cat(whole.logits))


def test_everything_is_restored(family, model):
    inputs = family.prompt(5, family.clip(6), 7)
    whole = generate(model, inputs)
    before = state(model)
    with sluice.prune(model, retain=0.1, inner_retain=0.5, inner_layer=2, stages=[(1, 0.5)]):
        assert state(model) != before
        generate(model, inputs)
    after = state(model)
    if family.mrope:  # Qwen keeps its last rope_deltas in the model, pruned or not.
        assert after["model"].pop("rope_deltas") != before["model"].pop("rope_deltas")
    assert after == before
    again = generate(model, inputs)
    assert torch.equal(torch.cat(again.logits), torch.cat(whole.logits))


def test_restored_after_an_exception(family, model):
    before = state(model)
    inputs = family.prompt(5, family.clip(6), 7)
    layer = model.model.language_model.layers[2]
    with pytest.raises(KeyError, match="boom"):
        with sluice.prune(model, retain=0.1) as pruning:

            def boom(*args):
                raise KeyError("boom")

            handle = layer.register_forward_pre_hook(boom)
            try:
                generate(model, inputs)
            finally:
                handle.remove()
    after = state(model)
    for values in (before["model"], after["model"]):
        values.pop("rope_deltas", None)
    assert after == before
    assert pruning.prompts == ()
    whole = generate(model, inputs)
    with sluice.prune(model, retain=1.0):
        assert torch.equal(torch.cat(generate(model, inputs).logits), torch.cat(whole.logits))


def test_a_text_after_an_exception_in_a_layer(family, model):
    text = family.prompt(9)
    whole = generate(model, text)
    layer = model.model.language_model.layers[2]
    with sluice.prune(model, retain=0.1, inner_retain=0.5, inner_layer=2):
        handle = layer.register_forward_pre_hook(lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            generate(model, family.prompt(5, family.clip(6), 7))
        handle.remove()
        out = generate(model, text)
    assert torch.equal(torch.cat(out.logits), torch.cat(whole.logits))


def test_works_on_after_an_exception_inside(family, model):
    inputs = family.prompt(5, family.clip(6), 7)
    with sluice.prune(model, retain=0.2):
        right = generate(model, inputs)
        with pytest.raises(sluice.InputError, match="^labels: "):
            model(**inputs, labels=inputs["input_ids"])
        broken = dict(inputs, attention_mask=torch.ones(1, 4))
        with pytest.raises(Exception):  # noqa: B017 - whatever transformers or we say
            model(**broken)
        again = generate(model, inputs)
    assert torch.equal(torch.cat(right.logits), torch.cat(again.logits))


@pytest.mark.parametrize("inner", [0.1, 1.0])
def test_nested_use_is_an_error(family, model, inner):
    with sluice.prune(model, retain=0.1):
        with pytest.raises(sluice.InputError, match="^model: .*being pruned already"):
            with sluice.prune(model, retain=inner):
                pass
        assert len(decoder_calls(model, family.prompt(5, family.clip(6), 7))) == 1
    with sluice.prune(model, retain=0.1):
        pass


def test_one_context_can_be_used_again_but_not_twice_at_once(family, model):
    pruning = sluice.prune(model, retain=0.1)
    for _ in range(2):
        with pruning:
            with pytest.raises(sluice.InputError, match="^model: "):
                pruning.__enter__()
            generate(model, family.prompt(5, family.clip(6), 7), tokens=1)
    assert len(pruning.prompts) == 1


def test_two_models_at_once(family, model):
    other = copy.deepcopy(model)
    inputs = family.prompt(5, family.clip(6), 7)
    with sluice.prune(model, retain=0.2):
        alone = generate(model, inputs)
        with sluice.prune(other, retain=0.2):
            both = generate(other, inputs)
    assert torch.equal(torch.cat(alone.logits), torch.cat(both.logits))
