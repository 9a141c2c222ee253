"""Features on a CUDA device: reduced there where that can be done, else refused by name."""

import ctypes
import subprocess
import sys

import numpy as np
import pytest

import sluice
from samples import as_numpy, clip, needs_torch, torch
from sluice import _engine
from sluice.cuda import cuda_device

BUILT = hasattr(_engine, "reduce_on_cuda")
ON_GPU = BUILT and torch is not None and torch.cuda.is_available()

needs_gpu = pytest.mark.skipif(
    not ON_GPU,
    reason=(
        "this package was built without CUDA"
        if not BUILT
        else "PyTorch is not installed" if torch is None else "PyTorch finds no GPU"
    ),
)


def refusal(call, *arguments, error=sluice.InputError, **options):
    with pytest.raises(error) as raised:
        call(*arguments, **options)
    return str(raised.value)


class Pretended:
    """An array in host memory whose DLPack export says that it is on a CUDA device.

    Nobody may read it: what is tested is who refuses it, and how.
    """

    def __init__(self, array, device=0):
        self.array = array
        self.device = device

    def __dlpack_device__(self):
        return 2, self.device

    def __dlpack__(self, **_):
        capsule = self.array.__dlpack__()
        pointer = ctypes.pythonapi.PyCapsule_GetPointer
        pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        # DLManagedTensor begins with the address, then the kind of device and its number.
        fields = (ctypes.c_int32 * 4).from_address(pointer(capsule, b"dltensor"))
        fields[2], fields[3] = 2, self.device
        return capsule


def pretended(*shape, dtype=np.float32, device=0):
    return Pretended(np.zeros(shape, dtype), device)


def test_where_a_tensor_lies():
    assert cuda_device(np.zeros(3)) is None
    assert cuda_device([1.0]) is None
    assert cuda_device(None) is None
    assert cuda_device(pretended(3, device=2)) == 2


@needs_torch
def test_where_torchs_tensors_lie():
    assert cuda_device(torch.zeros(3)) is None
    assert cuda_device(torch.zeros(3, device="meta")) is None


@pytest.mark.skipif(BUILT, reason="this package was built with CUDA")
def test_a_build_without_cuda_says_so():
    message = refusal(sluice.reduce, pretended(2, 3, 4))
    assert message.startswith("features: is on cuda:0; expected host memory (.cpu()): ")
    assert "built without CUDA" in message


@pytest.mark.skipif(not BUILT or ON_GPU, reason="is about a build with CUDA where no GPU is")
def test_a_device_that_can_not_be_used_is_named():
    message = refusal(sluice.reduce, pretended(2, 3, 4), error=sluice.EngineError)
    assert message.startswith("features: ")
    assert "CUDA" in message and "or host memory (.cpu())" in message


def test_attention_on_a_device_without_the_features():
    features, attention = clip(1)
    message = refusal(sluice.reduce, features, Pretended(attention))
    assert message.startswith("attention: is on CUDA device 0; expected host memory")


@pytest.mark.skipif(not BUILT, reason="this package was built without CUDA")
def test_attention_on_another_device():
    message = refusal(sluice.reduce, pretended(2, 3, 4), pretended(2, 3, device=1))
    assert message.startswith("attention: is on cuda:1; expected cuda:0, where the features are")


def test_what_computes_on_the_host_refuses_devices():
    message = refusal(sluice.maxmin, pretended(3, 4), 1)
    assert message.startswith("features: is on CUDA device 0; expected host memory (.cpu())")


def test_importing_touches_no_driver():
    # /proc/self/maps names every library that is loaded: the driver is loaded by the first call.
    program = "import sluice; print(open('/proc/self/maps').read().count('libcuda.so'))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.returncode, run.stdout.strip()) == (0, "0"), run.stderr


def on_gpu(array, dtype=None):
    return torch.from_numpy(array).to("cuda", dtype)


def same_as_on_the_cpu(features, attention=None, **options):
    """Reduces on both; everything must be the same, bit for bit."""
    found = sluice.reduce(features, attention, **options)
    host = None if attention is None else attention.cpu()
    expected = sluice.reduce(features.cpu(), host, **options)
    assert found.features.device == features.device
    assert found.features.dtype == features.dtype
    assert torch.equal(found.features.cpu().view(torch.uint8), expected.features.view(torch.uint8))
    assert found.segments == expected.segments
    assert (found.kept, found.available) == (expected.kept, expected.available)
    assert isinstance(found.assignment, np.ndarray)
    assert np.array_equal(found.assignment, expected.assignment.numpy())
    for name in ("key", "frame", "frame_last", "pts", "position", "weight", "kind", "reason"):
        column = getattr(found.tokens, name)
        assert isinstance(column, np.ndarray)
        assert np.array_equal(column, getattr(expected.tokens, name).numpy()), name
    np.testing.assert_allclose(found.tokens.score, expected.tokens.score.numpy(), rtol=1e-6)
    return found


@needs_gpu
class TestOnTheDevice:
    @pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
    @pytest.mark.parametrize("ranked", ["by saliency", "on the device", "on the host"])
    def test_the_same_as_on_the_cpu(self, dtype, ranked):
        for seed in range(5):
            features, attention = clip(seed, frames=20, positions=49, width=64 + seed)
            scores = on_gpu(attention)
            if ranked != "on the device":
                scores = None if ranked == "by saliency" else scores.cpu()
            same_as_on_the_cpu(
                on_gpu(features, getattr(torch, dtype)), scores, retain=0.3, contextual=0.2
            )

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
    def test_attention_of_other_types(self, dtype):
        features, attention = clip(3)
        same_as_on_the_cpu(on_gpu(features), on_gpu(attention, getattr(torch, dtype)))

    def test_views_and_tensors_with_a_gradient(self):
        features, _ = clip(4, frames=9)
        tensor = on_gpu(features)
        same_as_on_the_cpu(tensor[1:])
        same_as_on_the_cpu(tensor.transpose(0, 1).contiguous().transpose(0, 1))
        same_as_on_the_cpu(tensor.requires_grad_())

    def test_nothing_kept(self):
        result = sluice.reduce(on_gpu(clip(5)[0]), budget=0)
        assert result.features.shape == (0, 16) and result.features.is_cuda

    def test_a_grid(self):
        assert sluice.reduce(on_gpu(clip(6)[0]), grid=(3, 4)).tokens.source.grid == (3, 4)

    def test_pytorch_copies_nothing(self):
        tensor = on_gpu(clip(6, frames=64, positions=196, width=512)[0])
        scores = torch.ones(64, 196, device="cuda")
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        sluice.reduce(tensor, scores)
        assert torch.cuda.max_memory_allocated() == before

    def test_work_of_the_callers_stream_comes_first(self):
        features, _ = clip(7, frames=40, positions=100, width=512)
        expected = sluice.reduce(features)
        source = on_gpu(features)
        stream = torch.cuda.Stream()
        torch.cuda.synchronize()
        for _ in range(10):
            with torch.cuda.stream(stream):
                late = torch.full_like(source, float("nan"))
                torch.cuda._sleep(50_000_000)  # cycles: tens of milliseconds
                late.copy_(source)
                found = sluice.reduce(late)
            assert np.array_equal(as_numpy(found.features.cpu()), as_numpy(expected.features))

    def test_results_outlive_everything_and_memory_is_given_back(self):
        features = on_gpu(clip(8, frames=32, positions=196, width=1024)[0])
        kept = [sluice.reduce(features, retain=0.5).features for _ in range(3)]
        copies = [tensor.clone() for tensor in kept]
        torch.cuda.synchronize()
        before = torch.cuda.mem_get_info()[0]
        for _ in range(50):
            sluice.reduce(features, retain=0.5)
        assert before - torch.cuda.mem_get_info()[0] < 64 << 20
        assert all(torch.equal(tensor, copy) for tensor, copy in zip(kept, copies))

    @pytest.mark.parametrize(
        ("features", "attention", "name"),
        [
            ((3, 4), None, "features: has shape"),
            ((0, 3, 4), None, "features: has shape"),
            ((2, 3, 4), (3, 2), "attention: has shape"),
        ],
    )
    def test_bad_shapes(self, features, attention, name):
        scores = None if attention is None else torch.zeros(attention, device="cuda")
        tensor = torch.zeros(features, device="cuda")
        assert refusal(sluice.reduce, tensor, scores).startswith(name)

    def test_bad_types(self):
        integers = torch.zeros(2, 3, 4, dtype=torch.int64, device="cuda")
        assert refusal(sluice.reduce, integers).startswith("features: has type i64")
        message = refusal(sluice.reduce, integers.float(), integers[..., 0])
        assert message.startswith("attention: has type i64")

    @pytest.mark.skipif(not ON_GPU or torch.cuda.device_count() < 2, reason="needs two GPUs")
    def test_another_device_than_the_current_one(self):
        features, attention = clip(9)
        second = torch.device("cuda:1")
        same_as_on_the_cpu(torch.from_numpy(features).to(second))
        message = refusal(sluice.reduce, on_gpu(features), torch.zeros(8, 12, device=second))
        assert message.startswith("attention: is on cuda:1; expected cuda:0")
