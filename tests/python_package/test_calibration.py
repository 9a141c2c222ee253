"""calibrate and gate schedules against the NumPy oracle of AdaToken-3D's analysis."""

import adatoken_oracle as oracle
import numpy as np
import pytest
from samples import needs_torch, torch

import sluice


def causal_maps(seed, layers, heads, n):
    rng = np.random.default_rng(seed)
    maps = np.tril(rng.random((layers, heads, n, n)))
    return (maps / maps.sum(axis=-1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("borders", ["segments", "parity"])
@pytest.mark.parametrize("pool", [1, 7, 10])
def test_flow_and_contribution_equal_the_oracle(borders, pool, framework):
    layout = (13, 41, 9)
    samples = [causal_maps(seed, 6, 2, 63) for seed in range(2)]
    result = sluice.calibrate(map(framework, samples), layout, pool=pool, borders=borders)
    flows = [
        [oracle.layer_flow(layer, layout, pool, borders == "parity") for layer in sample]
        for sample in samples
    ]
    mean = np.mean(flows, axis=0)
    np.testing.assert_allclose(result.flow, mean, rtol=1e-5)
    contribution = oracle.contribution(mean[:, 0], mean[:, 1])
    np.testing.assert_allclose(result.contribution, contribution, atol=1e-5)
    assert result.samples == 2
    # The fitted rate is as good as any on a fine grid.
    errors = [oracle.fit_error(np.array(result.contribution), b) for b in np.linspace(-9, 9, 721)]
    assert result.error <= min(errors) * 1.001
    assert result.schedule.counts(41)[0] == 41 and result.schedule.counts(41)[-1] == 4


@needs_torch
def test_what_a_model_returns_as_attentions_is_a_sample():
    maps = causal_maps(1, 4, 2, 30)
    attentions = tuple(torch.from_numpy(layer)[None] for layer in maps)
    assert (
        sluice.calibrate([attentions], (5, 20, 5)).flow == sluice.calibrate([maps], (5, 20, 5)).flow
    )


def test_stages_are_honoured():
    result = sluice.calibrate([causal_maps(2, 8, 1, 30)], (5, 20, 5), stages=[2, 5])
    assert [stage.layer for stage in result.schedule.plan.stages] == [2, 5]


def test_equal_layers_leave_nothing_to_fit():
    maps = np.zeros((5, 30, 30), np.float32)
    result = sluice.calibrate([maps], (5, 20, 5))
    assert result.schedule is None and result.rate is None


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"samples": []}, "samples"),
        ({"samples": [causal_maps(0, 3, 1, 30), causal_maps(0, 4, 1, 30)]}, "samples"),
        ({"samples": [["map"]]}, "samples"),
        ({"layout": (5, 20)}, "layout"),
        ({"layout": (5, 20, 6)}, "attention map"),
        ({"layout": (5, 0, 25)}, "attention map"),
        ({"pool": 0}, "attention map"),
        ({"pool": 1.5}, "pool"),
        ({"borders": "none"}, "borders"),
        ({"stages": [9]}, "stages"),
        ({"stages": [2, 1]}, "stages"),
    ],
)
def test_what_is_wrong_is_named(change, name):
    arguments = {"samples": [causal_maps(0, 3, 1, 30)], "layout": (5, 20, 5)}
    with pytest.raises(sluice.InputError, match=f"^{name}"):
        sluice.calibrate(**arguments | change)


def test_presets_say_how_many_tokens_each_layer_sees():
    schedule = sluice.GateSchedule.preset("class-default")
    expected = oracle.staged_counts(1659, 32, [(8, 0.5), (16, 0.25), (24, 0.125)])
    assert list(schedule.counts(1659)) == list(expected)
    assert schedule.flops_left(1659) == pytest.approx(oracle.flops_left(expected, 1659))
    assert [tuple(step) for step in schedule.steps(1659)] == [
        (8, 1659, 829),
        (16, 829, 414),
        (24, 414, 207),
    ]


@pytest.mark.parametrize("name", sluice.schedule_presets())
def test_schedules_survive_their_file(name, tmp_path):
    schedule = sluice.GateSchedule.preset(name)
    path = tmp_path / "schedule.json"
    path.write_text(schedule.to_json(), "utf-8")
    assert sluice.GateSchedule.load(path) == schedule


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-10],
        lambda text: "[]",
        lambda text: text.replace("stages", "stage"),
        lambda text: text.replace('"layers": 32', '"layers": 3'),
        lambda text: text.replace('"layers": 32', '"layers": "many"'),
        lambda text: text.replace('"layers": 32,', ""),
        lambda text: text.replace('"layers": 32', '"layers": 32, "layers": 32'),
        lambda text: text.replace('"version": 1', '"version": 2'),
        lambda text: text.replace('"ratio": 0.5', '"ratio": 1.5'),
        lambda text: text.replace('"layer": 8', '"level": 8'),
        lambda text: text.replace('"layer": 8', '"layer": null'),
    ],
)
def test_damaged_schedule_files_are_refused(damage):
    text = sluice.GateSchedule.preset("class-default").to_json()
    with pytest.raises(sluice.InputError, match="^mine.json: "):
        sluice.GateSchedule.from_json(damage(text), "mine.json")
