"""Options can be pickled, compared and copied, and are checked when they are made."""

import copy
import pickle
from dataclasses import replace

import pytest

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
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: type(o).__name__)
def test_options_survive_pickling_and_copying(options):
    assert pickle.loads(pickle.dumps(options)) == options
    assert copy.deepcopy(options) == options
    assert hash(options) == hash(copy.deepcopy(options))


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
