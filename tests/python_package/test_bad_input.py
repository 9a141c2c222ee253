"""Promise 9 from Python: bad input is an InputError that names the argument."""

import numpy as np
import pytest
from samples import clip, needs_torch, torch

import sluice

features, attention = clip(1)
ONE_FRAME = features[0]


def refusal(call, *arguments, **keywords):
    with pytest.raises(sluice.InputError) as caught:
        call(*arguments, **keywords)
    assert isinstance(caught.value, ValueError)
    return str(caught.value)


@pytest.mark.parametrize(
    "bad",
    [
        None,
        [[1.0, 2.0]],
        "features",
        object(),
        ONE_FRAME,
        features[None],
        features[:0],
        features[:, :0],
        features[:, :, :0],
        features.astype(np.float64),
        features.astype(np.int32),
        features.astype(np.int8),
        features.astype(np.complex64),
        features.astype(">f4"),
        features.astype(object),
        np.array(1.0),
        np.zeros(3, "datetime64[s]"),
    ],
    ids=lambda bad: f"{type(bad).__name__} {getattr(bad, 'dtype', '')} {np.shape(bad)}",
)
def test_features(bad):
    assert refusal(sluice.reduce, bad).startswith("features: ")
    if bad is not ONE_FRAME:
        assert refusal(sluice.VideoReducer().push, bad).startswith("features")


@needs_torch
@pytest.mark.parametrize(
    "bad",
    [lambda: torch.zeros(2, 3, 4, device="meta"), lambda: torch.zeros(2, 3, 4).to_sparse()],
)
def test_torch_tensors_that_have_no_dense_memory(bad):
    assert refusal(sluice.reduce, bad()).startswith("features: ")


@needs_torch
def test_a_device_is_named(monkeypatch):
    class OnDevice:
        device = torch.device("cuda:0")

    tensor = torch.zeros(2, 3, 4)
    monkeypatch.setattr("sluice.tensors.is_torch", lambda value: True)
    message = refusal(lambda: sluice.tensors.as_input(OnDevice(), "hidden"))
    assert message.startswith("hidden: is on cuda:0; expected host memory")
    assert tensor.device.type == "cpu"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("retain", 0),
        ("retain", 2),
        ("retain", -0.1),
        ("retain", float("nan")),
        ("retain", "0.1"),
        ("retain", None),
        ("tau", 1.5),
        ("tau", float("nan")),
        ("budget", -1),
        ("budget", 2.5),
        ("budget", 2**70),
        ("beta", 1.1),
        ("plain_mean", 1),
        ("knn", 0),
        ("knn", True),
        ("contextual", -1),
        ("max_window", 0),
        ("rounding", "nearest"),
        ("rounding", None),
        ("order", 3),
        ("grid", (3, 3)),
        ("grid", 12),
        ("attention", attention[:3]),
        ("attention", attention[:, :3]),
        ("attention", attention[0]),
        ("attention", attention.astype(np.int64)),
        ("attention", [1.0]),
    ],
)
def test_parameters(name, value):
    assert refusal(sluice.reduce, features, **{name: value}).startswith(f"{name}: ")


def test_a_frame_of_another_shape_or_type_leaves_the_stream_as_it_was():
    reducer = sluice.VideoReducer(retain=0.5)
    reducer.push(features[0])
    for bad in (features[1][:5], features[1].astype(np.float16)):
        assert refusal(reducer.push, bad).startswith("features")
    assert refusal(reducer.push, features[1], attention[1][:5]).startswith("attention: ")
    assert refusal(reducer.push, features[1], pts="soon").startswith("pts: ")
    assert refusal(reducer.push, features[1], pts=[1.0, 2.0]).startswith("pts: ")
    assert refusal(reducer.push, features[1], pts=float("inf")).startswith("pts: ")
    assert reducer.frames == 1
    reducer.push(features[1])
    reducer.finish()
    assert sum(len(s.tokens) for s in reducer.take()) == 12
    assert "finish" in refusal(reducer.push, features[2])


@pytest.mark.parametrize(
    ("name", "value"),
    [("latency", 0), ("latency", "8"), ("credit_frames", 0), ("retain", 0), ("nonsense", 1)],
)
def test_stream_options(name, value):
    assert name in refusal(sluice.VideoReducer, **{name: value})


def test_a_stream_has_no_total():
    assert "budget" in refusal(sluice.VideoReducer, budget=5)
    assert "grid" in refusal(lambda: sluice.VideoReducer(grid=(5, 5)).push(features[0]))


def test_broken_tokens_are_kept_last_and_counted():
    broken = features.copy()
    broken[2, 3, 1] = np.nan
    broken[4, 0, 0] = np.inf
    result = sluice.reduce(broken, attention, retain=0.5)
    assert result.non_finite == 2 and result.kept == 48
    assert result.assignment[2, 3] == sluice.DropReason.NON_FINITE
    everything = sluice.reduce(broken, attention, retain=1.0, tau=1.0)
    assert everything.kept == 96 and everything.assignment[2, 3] >= 0


def test_attention_of_nan_is_taken_for_the_least():
    ranks = attention.copy()
    ranks[:, ::2] = np.nan
    result = sluice.reduce(features, ranks, retain=0.25, tau=1.0)
    assert result.kept == 24
    assert (result.tokens.position % 2 == 1).all()


def test_numpy_has_no_bfloat16():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    message = refusal(sluice.reduce, features.astype(ml_dtypes.bfloat16))
    assert message.startswith("features: is bfloat16") and "PyTorch" in message


def test_unaligned_and_read_only_memory_is_read():
    raw = bytearray(features.nbytes + 1)
    raw[1:] = features.tobytes()
    unaligned = np.frombuffer(raw, np.float32, offset=1).reshape(features.shape)
    assert not unaligned.flags.aligned
    fixed = features.copy()
    fixed.flags.writeable = False
    expected = sluice.reduce(features).features
    np.testing.assert_array_equal(sluice.reduce(unaligned).features, expected)
    np.testing.assert_array_equal(sluice.reduce(fixed).features, expected)


class Foreign:
    """A tensor of a framework that the package does not know."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **keywords):
        return self.array.__dlpack__(**keywords)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_whatever_speaks_dlpack_is_read_in_place_or_refused():
    kept = sluice.reduce(Foreign(features), Foreign(attention))
    np.testing.assert_array_equal(kept.features, sluice.reduce(features, attention).features)
    assert refusal(sluice.reduce, Foreign(features[:, ::2])) == (
        "features: is strided; expected contiguous memory"
    )
    assert refusal(sluice.reduce, Foreign(features.astype(np.int16))).startswith("features: ")
