"""Inner merge and gates against layers run one by one, with plain attention and no cache."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import sluice  # noqa: E402
from by_hand import decoder_calls, decoder_of, expected_prompt, generate  # noqa: E402
from tiny_models import FAMILIES  # noqa: E402

RETAIN = 0.5
CASES = {
    "merge": {"inner_retain": 0.5, "inner_layer": 2},
    "merge in the last layer": {"inner_retain": 0.25, "inner_layer": 3},
    "gates": {"stages": [(1, 0.5), (3, 0.25)]},
    "a gate in front of all": {
        "stages": sluice.GateSchedule("all", 4, sluice.LayerPercents((60.0, 60.0, 30.0, 30.0)))
    },
    "both": {"stages": [(1, 0.7), (3, 0.3)], "inner_retain": 0.6, "inner_layer": 2},
}


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def models(family):
    return family.build("eager"), family.build("sdpa")


class Layers:
    """The decoder, layer by layer, for one row; stages decide once and are then repeated."""

    def __init__(self, model, span, knobs):
        self.decoder, self.head = decoder_of(model), model.get_output_embeddings()
        self.first = span
        self.knobs = knobs
        self.decisions = {}

    def logits(self, embeds, ids):
        """[V], of the last token. `ids` [A,1,L]."""
        hidden, span = embeds, self.first
        with torch.no_grad():
            cos, sin = self.decoder.rotary_emb(hidden, ids if len(ids) > 1 else ids[0])
            for index, layer in enumerate(self.decoder.layers):
                entered = hidden, cos, sin
                if index in self.steps():
                    if index not in self.decisions:
                        self.decisions[index] = self.decide(index, hidden, cos, sin, span)
                    keep, groups = self.decisions[index]
                    hidden, cos, sin, span = self.apply(hidden, cos, sin, span, keep, groups)
                    entered = hidden, cos, sin
                hidden = self.block(layer, *entered)
                self.previous = layer, entered
            return self.head(self.decoder.norm(hidden))[0, -1]

    def steps(self):
        gates = {layer for layer, _ in self.gates()}
        return gates | ({self.knobs["inner_layer"]} if "inner_layer" in self.knobs else set())

    def gates(self):
        stages = self.knobs.get("stages", [])
        if isinstance(stages, sluice.GateSchedule):
            percent = (100.0, *stages.plan.percent)
            return [
                (i, b / 100)
                for i, (a, b) in enumerate(zip(percent, percent[1:], strict=False))
                if a != b
            ]
        return stages

    def decide(self, index, hidden, cos, sin, span):
        """Kept rows of the span, ascending, and for each dropped one the kept one it joins."""
        start, stop = span
        gates = dict(self.gates())
        if index in gates:
            row = self.weights(self.decoder.layers[index], hidden, cos, sin)[0, :, -1].mean(0)
            count = min(stop - start, int((self.first[1] - self.first[0]) * gates[index]))
        else:
            layer, entered = self.previous
            row = self.weights(layer, *entered)[0, :, -1].mean(0)
            count = round((stop - start) * self.knobs["inner_retain"])
        order = sorted(range(stop - start), key=lambda token: (-float(row[start + token]), token))
        keep = sorted(order[:count])
        if index in gates:
            return keep, {}
        states = torch.nn.functional.normalize(hidden[0, start:stop].double(), dim=-1)
        dropped = [token for token in range(stop - start) if token not in keep]
        return keep, {t: keep[int((states[keep] @ states[t]).argmax())] for t in dropped}

    def apply(self, hidden, cos, sin, span, keep, groups):
        start, stop = span
        hidden = hidden.clone()
        source = hidden[0, start:stop].clone()
        for kept in set(groups.values()):
            members = [kept, *(token for token, centre in groups.items() if centre == kept)]
            hidden[0, start + kept] = source[members].double().mean(0).float()
        rows = [*range(start), *(start + k for k in keep), *range(stop, hidden.shape[1])]
        return hidden[:, rows], cos[:, rows], sin[:, rows], (start, start + len(keep))

    def weights(self, layer, hidden, cos, sin):
        return self.attend(layer, hidden, cos, sin)[1]

    def attend(self, layer, hidden, cos, sin):
        length = hidden.shape[1]
        mask = torch.full((length, length), float("-inf")).triu(1)[None, None]
        states = layer.input_layernorm(hidden)
        return layer.self_attn(
            hidden_states=states, position_embeddings=(cos, sin), attention_mask=mask
        )

    def block(self, layer, hidden, cos, sin):
        hidden = hidden + self.attend(layer, hidden, cos, sin)[0]
        return hidden + layer.mlp(layer.post_attention_layernorm(hidden))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("retain", [RETAIN, 1.0])
def test_prefill_and_decoding_are_as_made_by_hand(family, models, case, retain):
    eager, model = models
    knobs = CASES[case]
    clip = family.clip(6)
    inputs = family.prompt(5, clip, 7)
    start = 6 if family.mrope else 5
    spans = [(start, 6, clip.positions)] if retain < 1 else []
    expected = expected_prompt(model, inputs, spans, retain=retain)
    left = len(expected.columns) - (inputs["input_ids"].shape[1] - clip.tokens) + clip.newlines
    by_hand = Layers(eager, (start, start + left), knobs)
    last = decoder_calls(model, inputs)[0]["position_ids"][..., -1:]
    last = last if last.ndim == 3 else last[None]
    with sluice.prune(model, retain=retain, **knobs) as pruning:
        out = generate(model, inputs, tokens=4)

    embeds, ids = expected.embeds, expected.ids
    if len(ids) == 4:  # Text positions in front are not for the rotary embedding.
        ids, last = ids[1:], last[1:]
    table = decoder_of(model).get_input_embeddings()
    for step in range(4):
        logits = by_hand.logits(embeds, ids)
        torch.testing.assert_close(out.logits[step][0], logits, rtol=0, atol=3e-5)
        token = out.sequences[:, inputs["input_ids"].shape[1] + step]
        embeds = torch.cat([embeds, table(token)[None]], dim=1)
        ids = torch.cat([ids, last + 1 + step], dim=-1)

    (prompt,) = pruning.prompts
    columns, span = expected.columns, (start, start + left)
    lengths = []
    for layer in range(4):
        if layer in by_hand.decisions:
            keep, _ = by_hand.decisions[layer]
            rows = [*range(span[0]), *(span[0] + k for k in keep), *range(span[1], len(columns))]
            columns, span = columns[rows], (span[0], span[0] + len(keep))
            assert torch.equal(prompt.inner_columns[layer], columns)
        lengths.append(len(columns) + 3)
    assert set(prompt.inner_columns) == set(by_hand.decisions)
    assert [layer.get_seq_length() for layer in out.past_key_values.layers] == lengths


def test_running_out_of_tokens(family, models):
    """A gate may leave nothing of a video; text goes on."""
    clip = family.clip(6)
    inputs = family.prompt(5, clip, 7)
    with sluice.prune(models[1], retain=0.1, stages=[(1, 0.01)]) as pruning:
        out = generate(models[1], inputs, tokens=3)
    text = inputs["input_ids"].shape[1] - clip.tokens - clip.newlines
    assert len(pruning.prompts[0].inner_columns[1]) == text
    assert torch.cat(out.logits).isfinite().all()


def test_a_preset_needs_its_number_of_layers(family, models):
    name = next(iter(sluice.schedule_presets()))
    with pytest.raises(sluice.InputError):
        sluice.prune(models[1], stages=name)


@pytest.mark.parametrize(
    "knobs",
    [
        {"inner_retain": 0.5},
        {"inner_layer": 2},
        {"inner_retain": 0.0, "inner_layer": 2},
        {"inner_retain": 1.5, "inner_layer": 2},
        {"inner_retain": 0.5, "inner_layer": 0},
        {"inner_retain": 0.5, "inner_layer": 4},
        {"inner_retain": 0.5, "inner_layer": 2, "stages": [(2, 0.5)]},
        {"stages": [(2, 0.5), (1, 0.25)]},
        {"stages": 3},
        {"stages": [3]},
        {"stages": "no such preset"},
        {
            "stages": sluice.GateSchedule(
                "short", 3, sluice.StagedRatios((sluice.GateStage(1, 0.5),))
            )
        },
    ],
)
def test_wrong_stages_are_named(family, models, knobs):
    with pytest.raises(sluice.InputError, match="inner_|stage|layer|preset"):
        sluice.prune(models[1], **knobs)


def test_another_kind_of_attention_is_an_error(family):
    model = family.build()
    decoder_of(model).layers[0].self_attn.q_norm = torch.nn.Identity()
    with sluice.prune(model, retain=0.5):
        pass
    with pytest.raises(sluice.InputError, match="inner_layer, stages: .*attention"):
        sluice.prune(model, inner_retain=0.5, inner_layer=2)
