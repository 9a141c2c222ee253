"""Options can be pickled, compared and copied, and are checked when they are made."""

import copy
import pickle
from dataclasses import is_dataclass, replace

import pytest
from samples import clip

import sluice

OPTIONS = [
    sluice.HolitomParameters(retain=0.2, rounding="parity"),
    sluice.VideoOptions(sluice.HolitomParameters(tau=0.6), latency=7),
    sluice.Source("wrist", (14, 14), intrinsics=(1.0, 1.0, 0.0, 0.0)),
    sluice.TickOptions((sluice.TickSource("a", cap=3), sluice.TickSource("b"))),
    sluice.BudgetOptions("deadline", latency=sluice.LatencyModelOptions(window=9)),
    sluice.GateSchedule.preset("ate"),
    sluice.GateSchedule.preset("quadratic", 12),
    sluice.GateSchedule("mine", 2, sluice.LayerCounts((9, 4), 9)),
    sluice.ModelSize(64, 128),
    sluice.Totals(frames=3),
    sluice.TickSource("wrist", (2, 3), floor=1, shape=6),
    sluice.AttentionHistoryOptions(window=5),
    sluice.NoveltyOptions(on=False),
    sluice.LatencyModelOptions(least=2),
    sluice.GateStage(3, 0.5),
    sluice.LayerPercents((100.0, 50.0), "down"),
    sluice.LayerCounts((9, 4), 9),
    sluice.StagedRatios((sluice.GateStage(3, 0.5),)),
    sluice.TokenLayout(5, 20, 5),
    sluice.Segment(3, 7, True),
    sluice.CurveClient("a" * 40, "b" * 40),
    sluice.MemoryChapter(0, 7, 0.0, 3.5, tokens=9, arrived=20, segments=2, recent=False),
    sluice.MemoryCounts(frames=8, arrived=20, segments=2, compactions=1, oversized=0),
]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: type(o).__name__)
def test_options_survive_pickling_and_copying(options, protocol):
    again = pickle.loads(pickle.dumps(options, protocol))
    assert again == options and type(again) is type(options) and repr(again) == repr(options)
    assert copy.deepcopy(options) == options
    assert hash(options) == hash(copy.deepcopy(options))


def test_no_options_were_forgotten():
    """Whatever is public, frozen, and compared by its values is an option."""
    public = [getattr(sluice, name) for name in sluice.__all__]
    options = {
        kind
        for kind in public
        if is_dataclass(kind) and kind.__dataclass_params__.frozen and kind.__dataclass_params__.eq
    }
    results = {sluice.Calibration}
    assert options - results <= {type(option) for option in OPTIONS}


def test_what_was_pickled_makes_the_same_engine():
    features, attention = clip(3)
    reduction = sluice.HolitomParameters(retain=0.3, tau=0.7)
    options = sluice.VideoOptions(reduction, causal=False)
    ticks = sluice.TickOptions(budget=sluice.BudgetOptions(tokens=5))

    def run(video, tick):
        reducer = sluice.VideoReducer(options=video)
        reducer.push(features, attention)
        reducer.finish()
        engine = sluice.TickEngine(options=tick)
        packet = sluice.encode(engine.step({"camera": features[0]}).packet)
        return [segment.features.tobytes() for segment in reducer.take()], packet

    assert run(*pickle.loads(pickle.dumps((options, ticks)))) == run(options, ticks)


@pytest.mark.parametrize("make", [sluice.VideoReducer, sluice.TickEngine, sluice.PacketCheck])
def test_what_is_at_work_is_not_pickled(make):
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(make())


def test_results_survive_pickling():
    features, attention = clip(3)
    result = sluice.reduce(features, attention)
    again = pickle.loads(pickle.dumps(result))
    assert again.features.tobytes() == result.features.tobytes()
    assert again.segments == result.segments and again.tokens.source == result.tokens.source


def test_errors_survive_pickling():
    error = pickle.loads(pickle.dumps(sluice.InputError("tau: 2")))
    assert isinstance(error, sluice.InputError) and str(error) == "tau: 2"


def test_a_changed_option_is_checked_again():
    with pytest.raises(sluice.InputError, match="retain: 3"):
        replace(sluice.HolitomParameters(), retain=3)
    with pytest.raises(sluice.InputError, match="layer 40"):
        sluice.GateSchedule("mine", 32, sluice.StagedRatios((sluice.GateStage(40, 0.5),)))


def test_everything_that_is_promised_is_there():
    assert all(hasattr(sluice, name) for name in sluice.__all__)
    assert sluice.__version__.count(".") == 2
