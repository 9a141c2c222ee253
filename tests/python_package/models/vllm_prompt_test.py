"""Prompts of pruned models as vLLM takes them: what enters the decoder, and nothing more is run."""

import json
import urllib.request

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import sluice  # noqa: E402
from by_hand import decoder_calls, decoder_of, generate  # noqa: E402
from restore_test import state  # noqa: E402
from sluice import vllm  # noqa: E402
from tiny_models import FAMILIES  # noqa: E402
from tiny_vla import step, tiny_vla  # noqa: E402
from vllm_server import Vllm, image_tensor, prompt_tensor, serving  # noqa: E402


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def model(family):
    return family.build()


def rows_of(model, inputs, **knobs):
    return vllm.prompt_embeds(model, inputs, text_positions=True, **knobs)


KNOBS = [
    {"retain": 0.2},
    {"retain": 1.0},
    {"budget": 17, "retain": 1.0},
    {"retain": 0.3, "attention": "encoder"},
    {"retain": 0.3, "order": "static-first"},
]


@pytest.mark.parametrize("knobs", KNOBS)
def test_it_is_what_the_decoder_gets(family, model, knobs):
    short = family.prompt(5, family.clip(6), 7)
    long = family.prompt(3, family.clip(6, seed=1), 9, family.clip(6, seed=2), 20)
    inputs = family.batch(short, long)
    with sluice.prune(model, positions="compacted", **knobs):
        (call,) = decoder_calls(model, inputs)
    mask = call["attention_mask"]
    rows = rows_of(model, inputs, **knobs)
    assert [len(row.visuals) for row in rows] == [1, 2]
    for row, embeds, valid in zip(rows, call["inputs_embeds"], mask.bool(), strict=True):
        assert torch.equal(row.embeds, embeds[valid])
        assert torch.equal(prompt_tensor(row.completion()["prompt_embeds"], 64), embeds[valid])


def test_rows_that_are_padded_are_those_that_stand_alone(family, model):
    short = family.prompt(5, family.clip(6), 7)
    long = family.prompt(3, family.clip(6, seed=1), 20)
    (alone,) = rows_of(model, short, retain=0.2)
    padded = rows_of(model, family.batch(short, long), retain=0.2)[0]
    assert torch.equal(padded.embeds, alone.embeds)
    (expected,), (found,) = alone.visuals, padded.visuals
    assert torch.equal(found, expected)


def test_videos_come_with_their_newlines(family, model):
    clip = family.clip(6)
    inputs = family.prompt(5, clip, 7, clip, 4)
    with sluice.prune(model, retain=0.2) as pruning:
        generate(model, inputs, tokens=1)
    (row,) = rows_of(model, inputs, retain=0.2)
    start = 5 + family.mrope
    for video, known in zip(row.visuals, pruning.prompts[0].visuals, strict=True):
        kept = known.reduction.kept
        assert len(video) == kept + clip.newlines
        assert torch.equal(video, row.embeds[start : start + len(video)])
        start += len(video) + 7 + 2 * family.mrope
        features = known.reduction.features
        for token in features:
            assert bool((video == token).all(1).any())
        if clip.newlines:
            assert torch.equal(video[-1], model.model.image_newline)
        read = image_tensor(vllm.image_embeds(video)["image_embeds"])
        assert torch.equal(read, video)


def test_a_server_that_counts_positions_answers_the_same(family, model):
    """Not so for time, row and column: hence text_positions."""
    inputs = family.prompt(5, family.clip(6), 7)
    with sluice.prune(model, retain=0.2, positions="compacted"):
        expected = generate(model, inputs, tokens=1).logits[0]
    (row,) = rows_of(model, inputs, retain=0.2)
    with torch.no_grad():
        states = decoder_of(model)(inputs_embeds=row.embeds[None]).last_hidden_state
        logits = model.get_output_embeddings()(states[:, -1])
    same = torch.allclose(logits, expected, rtol=0, atol=1e-5)
    assert same == (not family.mrope)


def test_positions_of_text_must_be_agreed_to(family, model):
    inputs = family.prompt(5, family.clip(6), 7)
    if not family.mrope:
        assert len(vllm.prompt_embeds(model, inputs, retain=0.2)) == 1
        return
    with pytest.raises(sluice.InputError, match="^model: .*text_positions=True"):
        vllm.prompt_embeds(model, inputs, retain=0.2)


def test_no_layer_of_the_decoder_runs(family, model):
    ran = []
    layers = decoder_of(model).layers
    handles = [layer.register_forward_pre_hook(lambda *_: ran.append(1)) for layer in layers]
    rows_of(model, family.prompt(5, family.clip(6), 7), retain=0.2)
    for handle in handles:
        handle.remove()
    assert ran == []


def test_a_prompt_without_pictures(family, model):
    inputs = family.prompt(9)
    (row,) = rows_of(model, inputs, retain=0.2)
    assert row.visuals == ()
    assert torch.equal(row.embeds, model.get_input_embeddings()(inputs["input_ids"])[0].detach())


def test_everything_is_restored(family, model):
    inputs = family.prompt(5, family.clip(6), 7)
    whole = generate(model, inputs)
    before = state(model)
    rows_of(model, inputs, retain=0.2, attention="encoder")
    with pytest.raises(Exception):  # noqa: B017 - whatever transformers or we say
        rows_of(model, dict(inputs, attention_mask=torch.ones(1, 4)), retain=0.2)
    after = state(model)
    for values in (before["model"], after["model"]):
        values.pop("rope_deltas", None)
    assert after == before
    assert torch.equal(torch.cat(generate(model, inputs).logits), torch.cat(whole.logits))


def test_what_a_server_cannot_do_is_an_error(family, model):
    inputs = family.prompt(5, family.clip(6), 7)
    for knobs, name in [
        ({"inner_retain": 0.5, "inner_layer": 2}, "inner_retain"),
        ({"stages": [(1, 0.5)]}, "stages"),
        ({"positions": "original"}, "positions"),
        ({"retain": 2.0}, "retain"),
    ]:
        with pytest.raises(sluice.InputError, match=f"^{name}: "):
            rows_of(model, inputs, **knobs)
    with pytest.raises(sluice.InputError, match="^inputs: have past_key_values"):
        rows_of(model, {**inputs, "past_key_values": object()}, retain=0.2)
    with sluice.prune(model, retain=0.2):
        with pytest.raises(sluice.InputError, match="^model: .*being pruned already"):
            rows_of(model, inputs, retain=0.2)


def test_openvla_style_models():
    model, inputs = tiny_vla(), step()
    (row,) = vllm.prompt_embeds(model, inputs, retain=0.5)
    with sluice.prune(model, retain=0.5, positions="compacted"):
        (call,) = decoder_calls(model, inputs)
    assert torch.equal(row.embeds, call["inputs_embeds"][0])
    assert len(row.visuals) == 1


def test_completions_over_http(family, model):
    (row,) = rows_of(model, family.prompt(5, family.clip(6), 7), retain=0.2)
    with serving(Vllm(width=64)) as address:
        body = json.dumps({"model": "tiny", "max_tokens": 8, **row.completion()}).encode()
        with urllib.request.urlopen(f"{address}/v1/completions", body) as answer:
            text = json.load(answer)["choices"][0]["text"]
    assert text == f"0 <image>, {len(row.embeds)} <embeds>"
