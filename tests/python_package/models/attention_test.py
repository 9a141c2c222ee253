"""The same tokens and answers whatever computes the attention."""

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import sluice  # noqa: E402
from by_hand import generate  # noqa: E402
from tiny_models import FAMILIES  # noqa: E402
from transformers.masking_utils import (
    ALL_MASK_ATTENTION_FUNCTIONS,
    flash_attention_mask,
)  # noqa: E402
from transformers.modeling_flash_attention_utils import _is_packed_sequence  # noqa: E402
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS  # noqa: E402

INNER = {"inner_retain": 0.5, "inner_layer": 2, "stages": [(1, 0.75)]}


def lengths_only(module, query, key, value, attention_mask, scaling=None, position_ids=None, **_):
    """What transformers hands to flash attention, and what that makes of it: no maps, only lengths.

    Causal from the end; padding by a mask of two dimensions; ids with gaps are packed sequences.
    """
    assert not _is_packed_sequence(position_ids, query.shape[0])
    key, value = (x.repeat_interleave(query.shape[1] // x.shape[1], dim=1) for x in (key, value))
    queries, keys = query.shape[2], key.shape[2]
    allowed = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)[None, None]
    if attention_mask is not None:
        assert attention_mask.shape == (query.shape[0], keys)
        allowed = allowed & attention_mask.bool()[:, None, None]
    scores = (query @ key.mT * scaling).masked_fill(~allowed, -1e9)
    return (scores.softmax(-1) @ value).transpose(1, 2), None


@pytest.fixture(scope="module", autouse=True)
def contract():
    ALL_ATTENTION_FUNCTIONS.register("lengths_only", lengths_only)
    ALL_MASK_ATTENTION_FUNCTIONS.register("lengths_only", flash_attention_mask)


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def family(request):
    return request.param


def with_attention(family, name):
    model = family.build()
    (model.model.language_model).set_attn_implementation(name)
    return model


@pytest.mark.parametrize("inner", [{}, INNER])
@pytest.mark.parametrize("other", ["eager", "lengths_only"])
def test_same_tokens_and_logits(family, inner, other):
    one = family.prompt(5, family.clip(6), 7)
    two = family.batch(one, family.prompt(2, family.clip(6, seed=3), 3, seed=1))
    for inputs in (one, two):
        kept, logits = [], []
        for name in ("sdpa", other):
            model = with_attention(family, name)
            with sluice.prune(model, retain=0.3, **inner) as pruning:
                out = generate(model, inputs)
            kept.append([row.columns.tolist() for row in pruning.prompts])
            kept[-1] += [c.tolist() for row in pruning.prompts for c in row.inner_columns.values()]
            logits.append(torch.stack(out.logits))
        assert kept[0] == kept[1]
        torch.testing.assert_close(logits[0], logits[1], rtol=0, atol=3e-5)


def test_two_turns_of_flash(family):
    model, other = with_attention(family, "lengths_only"), with_attention(family, "sdpa")
    inputs = family.prompt(5, family.clip(6), 7)
    answers = []
    for each in (model, other):
        with sluice.prune(each, retain=0.3, **INNER):
            out = generate(each, inputs, tokens=2)
            ids = torch.cat([out.sequences, torch.tensor([[5, 6, 7]])], dim=1)
            later = family.extended(inputs, ids)
            del later["pixel_values_videos"]
            later.pop("video_grid_thw", None)
            answers.append(generate(each, later, past_key_values=out.past_key_values))
    torch.testing.assert_close(
        torch.cat(answers[0].logits), torch.cat(answers[1].logits), rtol=0, atol=3e-5
    )
