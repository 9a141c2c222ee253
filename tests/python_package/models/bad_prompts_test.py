"""What can't be pruned is an error that names what is wrong, before anything is computed."""

import threading

import pytest

torch = pytest.importorskip("torch")
hf = pytest.importorskip("transformers")

import sluice  # noqa: E402
from by_hand import generate  # noqa: E402
from tiny_models import FAMILIES, TEXT  # noqa: E402


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def model(family):
    return family.build()


@pytest.mark.parametrize(
    ("knobs", "name"),
    [
        ({"retain": 0.0}, "retain"),
        ({"retain": 2.0}, "retain"),
        ({"retain": float("nan")}, "retain"),
        ({"tau": 3.0}, "tau"),
        ({"budget": -1}, "budget"),
        ({"positions": "new"}, "positions"),
        ({"order": "random"}, "order"),
        ({"order": "static-first"}, "order"),
        ({"rounding": "up"}, "rounding"),
    ],
)
def test_settings(family, model, knobs, name):
    with pytest.raises(sluice.InputError, match=name):
        sluice.prune(model, **knobs)
    with sluice.prune(model):  # The refused one left nothing behind.
        pass


@pytest.mark.parametrize(
    "other",
    [
        object(),
        torch.nn.Linear(2, 2),
        lambda: hf.LlamaForCausalLM(hf.LlamaConfig(**TEXT)),
    ],
)
def test_other_models(other):
    other = other() if callable(other) and not isinstance(other, torch.nn.Module) else other
    with pytest.raises(sluice.InputError, match="^model: .*expected"):
        sluice.prune(other)


def test_caches_that_can_not_shrink(family, model):
    inputs = family.prompt(5, family.clip(6), 7)
    with sluice.prune(model, retain=0.3):
        with pytest.raises(sluice.InputError, match="^(past_key_values|attention_mask): "):
            generate(model, inputs, cache_implementation="static")
        generate(model, inputs)


def test_videos_in_pieces(family, model):
    inputs = family.prompt(5, family.clip(6), 7)
    with sluice.prune(model, retain=0.3):
        with pytest.raises(sluice.InputError, match="^input_ids: .*prefill_chunk_size"):
            generate(model, inputs, prefill_chunk_size=9)
        generate(model, inputs)


def test_a_mask_of_another_length(family, model):
    inputs = family.prompt(5, family.clip(6), 7)
    with sluice.prune(model, retain=0.3), torch.no_grad():
        cache = model(**inputs, use_cache=True).past_key_values
        token = torch.tensor([[5]])
        short = torch.ones(1, cache.layers[0].get_seq_length() + 1)
        position_ids = torch.tensor([[60]])
        with pytest.raises(sluice.InputError, match="^attention_mask: .*columns"):
            model(
                input_ids=token,
                attention_mask=short,
                past_key_values=cache,
                position_ids=position_ids,
            )


def test_frames_with_no_numbers(family, model):
    """NaN in a video is no reason to stop: such tokens come last."""
    clip = family.clip(6)
    inputs = family.prompt(5, clip, 7)
    inputs["pixel_values_videos"] = inputs["pixel_values_videos"].clone()
    if family.mrope:
        inputs["pixel_values_videos"][:24] = float("nan")
    else:
        inputs["pixel_values_videos"][0, 0] = float("nan")
    with sluice.prune(model, retain=0.3) as pruning:
        out = generate(model, inputs)
    visual = pruning.prompts[0].visuals[0]
    assert visual.reduction.non_finite >= clip.positions
    assert visual.reduction.kept == min(round(0.3 * clip.tokens), visual.reduction.available)
    if visual.reduction.non_finite == clip.positions:
        assert torch.cat(out.logits).isfinite().all()


def test_calls_on_several_threads(family, model):
    prompts = [family.prompt(5, family.clip(6, seed=s), 7, seed=s) for s in range(4)]
    results = {}
    with sluice.prune(model, retain=0.3):
        alone = [generate(model, inputs).sequences for inputs in prompts]

        def run(index):
            results[index] = [generate(model, prompts[index]).sequences for _ in range(2)]

        threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for index, expected in enumerate(alone):
        assert all(torch.equal(ids, expected) for ids in results[index])
