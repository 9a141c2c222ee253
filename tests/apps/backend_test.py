"""sluice reduce --backend: the same file whatever computes, and a clear error where CUDA can't."""

import re

import pytest

from blobs import blob, clip_blob, random_clip
from processes import sluice

FRAMES, POSITIONS, WIDTH = 12, 30, 40
# Why CUDA can't be used: built without it, no driver, no device, one that is too old, and so on.
REASONS = (
    r"(built without CUDA|no CUDA driver|no CUDA device|the driver knows|CUDA device|CUDA finds)"
)


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.safetensors"
    path.write_bytes(clip_blob(random_clip(FRAMES, POSITIONS, WIDTH), "F16"))
    return path


@pytest.fixture(scope="module")
def cuda_works(tmp_path_factory):
    path = tmp_path_factory.mktemp("probe") / "clip.safetensors"
    path.write_bytes(blob({"features": random_clip(2, 3, 4)}))
    done = run(path, "--backend", "auto")
    return "note" not in done.stderr


def run(clip, *options, code=0, env=None):
    return sluice("reduce", clip, "-o", tokens_of(clip), *options, code=code, env=env)


def tokens_of(clip):
    return clip.parent / "tokens.safetensors"


def tokens(clip, *options, env=None):
    run(clip, *options, env=env)
    return tokens_of(clip).read_bytes()


@pytest.mark.parametrize("more", [[], ["--contextual", 0.3, "--order", "spatial"]])
def test_auto_writes_the_cpus_bytes(clip, more):
    expected = tokens(clip, "--backend", "cpu", *more)
    assert tokens(clip, *more) == expected
    assert tokens(clip, "--backend", "auto", *more) == expected
    assert tokens(clip, *more, env={"SLUICE_BACKEND": "auto"}) == expected


def test_cuda_writes_the_cpus_bytes(clip, cuda_works):
    if not cuda_works:
        pytest.skip("CUDA can't be used here")
    expected = tokens(clip, "--backend", "cpu")
    assert tokens(clip, "--backend", "cuda") == expected
    assert tokens(clip, env={"SLUICE_BACKEND": "cuda"}) == expected


@pytest.mark.parametrize("how", ["option", "environment"])
def test_cuda_that_is_not_there_is_an_error(clip, cuda_works, how):
    if cuda_works:
        pytest.skip("CUDA can be used here")
    by_option = how == "option"
    done = run(
        clip,
        *(["--backend", "cuda"] if by_option else []),
        code=1,
        env=None if by_option else {"SLUICE_BACKEND": "cuda"},
    )
    pattern = "sluice: backend cuda: .*" + REASONS + ".*; expected a CUDA device that can be used"
    assert_matches(pattern, done.stderr)
    assert not tokens_of(clip).exists()


def test_a_note_says_why_the_cpu_computed_if_auto_was_asked_for(clip, cuda_works):
    if cuda_works:
        pytest.skip("CUDA can be used here")
    assert_matches("^sluice: note: computed on the CPU: .*" + REASONS,
                   run(clip, "--backend", "auto").stderr)  # fmt: skip
    assert run(clip).stderr == ""
    assert run(clip, "--backend", "cpu").stderr == ""


def test_the_option_overrides_the_environment(clip):
    assert tokens(clip, "--backend", "cpu", env={"SLUICE_BACKEND": "cuda"})


def test_other_words_are_bad_input(clip):
    assert "--backend" in run(clip, "--backend", "gpu", code=2).stderr
    done = run(clip, code=2, env={"SLUICE_BACKEND": "gpu"})
    assert 'SLUICE_BACKEND: "gpu"; expected auto, cpu or cuda' in done.stderr


def test_other_methods_have_no_choice(clip):
    done = run(clip, "--method", "stage-gate", "--backend", "cpu", code=2)
    assert "--backend: is no option of --method stage-gate" in done.stderr


def assert_matches(pattern, text):
    assert re.search(pattern, text, re.MULTILINE), f"{text!r} does not match {pattern!r}"
