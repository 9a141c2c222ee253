"""sluice calibrate against an independent NumPy implementation, and against what goes wrong."""

import json
import os
import resource
import signal
import sys

import numpy as np
import pytest

from blobs import blob
from processes import SOURCE_DIR, Running, sluice, wait_until

sys.path.insert(0, str(SOURCE_DIR / "tests" / "python"))
import adatoken_oracle as oracle  # noqa: E402

PRESETS = {
    "class-default": [(8, 0.5), (16, 0.25), (24, 0.125)],
    "scanqa": [(8, 0.8), (16, 0.6), (24, 0.4)],
    "sqa3d": [(8, 0.8), (16, 0.6), (24, 0.4)],
    "run-llava-3d": [(8, 0.8), (16, 0.5), (24, 0.25)],
    "ate": list(
        zip(
            (4, 8, 12, 16, 18, 20, 22, 24, 26, 28),
            (0.9, 0.8, 0.75, 0.7, 0.6, 0.55, 0.5, 0.45, 0.4, 0.25),
        )
    ),
    "plot3d": list(zip((4, 8, 12, 16, 18, 20), (0.75, 0.5, 0.4, 0.3, 0.25, 0.15))),
}


def random_maps(rng, layers, layout, heads=0, dtype=np.float32, fade=0.6):
    """Causal attention whose flow among spatial tokens fades with depth."""
    n = sum(layout)
    maps = np.tril(rng.random((layers, heads, n, n) if heads else (layers, n, n)))
    maps /= maps.sum(axis=-1, keepdims=True)
    spatial = slice(layout[0], layout[0] + layout[1])
    for layer in range(layers):
        maps[layer, ..., spatial, spatial] *= np.exp(-fade * layer)
        maps[layer, ..., spatial, : layout[0]] *= np.exp(-0.1 * layer)
    return maps.astype(dtype)


def write_maps(path, maps, layout=None):
    path.write_bytes(
        blob({"attention": maps}, layout and {"layout": ",".join(map(str, layout))})
    )
    return path


def read(path):
    return json.loads(path.read_text())


def calibrate(*arguments, **options):
    return sluice("calibrate", *arguments, **options)


@pytest.mark.parametrize("borders", ["segments", "parity"])
@pytest.mark.parametrize("heads", [0, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_several_samples_give_what_the_oracle_gives(tmp_path, borders, heads, dtype):
    seed = 7 + heads
    rng = np.random.default_rng(seed)
    layers, pool = 9, 4
    layouts = [(5, 40, 7), (3, 33, 9), (8, 51, 2)]
    flows = []
    for i, layout in enumerate(layouts):
        maps = random_maps(rng, layers, layout, heads, dtype)
        write_maps(tmp_path / f"{i}.safetensors", maps, layout)
        flows.append([oracle.layer_flow(m, layout, pool, borders == "parity") for m in maps])
    intra, inter = np.mean(flows, axis=0).T
    expected = oracle.contribution(intra, inter)

    out = tmp_path / "schedule.json"
    done = calibrate(tmp_path, "-o", out, "--pool", pool, "--borders", borders)
    schedule = read(out)
    details = schedule["details"]
    found = details["calibration"]
    np.testing.assert_allclose(found["intra"], intra, rtol=1e-9)
    np.testing.assert_allclose(found["inter"], inter, rtol=1e-9)
    np.testing.assert_allclose(found["contribution_normalised"], expected, atol=1e-9)
    assert found["samples"] == 3
    assert found["layout"] == [5, 41, 6], "means, rounded"

    # No rate is better, and the schedule is the curve of that rate.
    fit = found["fit"]
    best = min(oracle.fit_error(expected, b) for b in np.linspace(-10, 10, 8001) if b != 0)
    assert oracle.fit_error(expected, fit["rate"]) <= best * (1 + 1e-6)
    percent = oracle.curve(fit["rate"], layers, np.arange(1, layers + 1))
    np.testing.assert_allclose(schedule["percent"], percent, rtol=1e-7)
    counts = [int(41 * p / 100) for p in schedule["percent"]]
    assert details["counts"] == counts
    assert counts[0] == 41 and counts[-1] == 4
    left = oracle.flops_left(counts, 41, other=11)
    assert details["flops_left"] == pytest.approx(left, rel=1e-12)
    assert f"FLOPs left: {100 * left:.1f} %" in done.stdout


def test_the_result_does_not_depend_on_threads_or_on_the_order_in_a_folder(tmp_path):
    rng = np.random.default_rng(1)
    for i in (3, 1, 2):
        write_maps(tmp_path / f"{i}.safetensors", random_maps(rng, 6, (3, 21, 4)), (3, 21, 4))
    files = [tmp_path / f"{i}.safetensors" for i in (1, 2, 3)]
    results = []
    for threads, inputs in ((1, [tmp_path]), (3, [tmp_path]), (2, files)):
        out = tmp_path / f"{threads}.json"
        calibrate(*inputs, "-o", out, "--threads", threads)
        results.append((out.read_bytes(), out.with_suffix(".html").read_bytes()))
    assert results[0] == results[1] == results[2]


def test_maps_that_were_averaged_before_give_the_same(tmp_path):
    rng = np.random.default_rng(2)
    maps = random_maps(rng, 5, (20, 60, 10))
    write_maps(tmp_path / "tokens.safetensors", maps)
    blocks = maps.reshape(5, 9, 10, 9, 10).mean(axis=(2, 4), dtype=np.float64)
    (tmp_path / "blocks.safetensors").write_bytes(
        blob({"blocks": blocks.astype(np.float32)}, {"layout": "2,6,1"})
    )
    calibrate(tmp_path / "tokens.safetensors", "-o", tmp_path / "a.json", "--layout", "20,60,10")
    calibrate(tmp_path / "blocks.safetensors", "-o", tmp_path / "b.json")
    a, b = (read(tmp_path / f"{name}.json")["details"] for name in "ab")
    np.testing.assert_allclose(a["calibration"]["intra"], b["calibration"]["intra"], rtol=1e-5)
    np.testing.assert_allclose(a["calibration"]["inter"], b["calibration"]["inter"], rtol=1e-5)
    assert a["counts"] == b["counts"], "60 spatial tokens, however they are stored"


def test_stages_hold_the_curve_from_where_they_begin(tmp_path):
    maps = write_maps(
        tmp_path / "m.safetensors", random_maps(np.random.default_rng(3), 8, (3, 50, 4))
    )
    calibrate(maps, "-o", tmp_path / "all.json", "--layout", "3,50,4")
    calibrate(maps, "-o", tmp_path / "few.json", "--layout", "3,50,4", "--stages", "2,5")
    percent = read(tmp_path / "all.json")["percent"]
    few = read(tmp_path / "few.json")
    assert [stage["layer"] for stage in few["stages"]] == [2, 5]
    assert [stage["ratio"] for stage in few["stages"]] == [percent[2] / 100, percent[5] / 100]
    assert few["details"]["counts"] == oracle.staged_counts(
        50, 8, [(s["layer"], s["ratio"]) for s in few["stages"]]
    )
    for stages, what in (("5,2", "strictly increase"), ("2,8", "0 to 7"), ("2,2", "layer 2")):
        bad = calibrate(maps, "-o", tmp_path / "x.json", "--layout", "3,50,4", "--stages", stages,
                        code=2)  # fmt: skip
        assert what in bad.stderr and "--stages" in bad.stderr
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize("name", PRESETS)
def test_presets_count_as_published(tmp_path, name):
    for tokens in (1659, 1, 0, 777):
        out = tmp_path / f"{tokens}.json"
        calibrate("--preset", name, "-o", out, "--spatial-tokens", tokens)
        details = read(out)["details"]
        counts = oracle.staged_counts(tokens, 32, PRESETS[name])
        assert details["counts"] == counts
        assert details["flops_left"] == pytest.approx(oracle.flops_left(counts, tokens), rel=1e-12)
        assert out.with_suffix(".html").exists()


def test_curves_count_as_published(tmp_path):
    calibrate("--preset", "quadratic", "-o", tmp_path / "q.json")
    x = np.linspace(0, 1, 32)
    assert read(tmp_path / "q.json")["details"]["counts"] == [
        round(y) for y in 1659 - (1659 - 166) * x**2
    ]
    calibrate("--preset", "exponential", "-o", tmp_path / "e.json", "--layers", 24)
    percent = oracle.curve(0.1, 24, np.arange(1, 25))
    np.testing.assert_allclose(read(tmp_path / "e.json")["percent"], percent, rtol=1e-12)


def test_the_list_of_presets_has_the_published_costs():
    lines = calibrate("--list-presets").stdout.splitlines()[1:]
    left = {line.split()[0]: line.split()[1] for line in lines}
    assert left == {
        "class-default": "47.8", "scanqa": "70.0", "sqa3d": "70.0", "run-llava-3d": "64.0",
        "ate": "66.3", "plot3d": "43.1", "exponential": "36.6", "quadratic": "69.7",
    }  # fmt: skip
    assert "too shallow" in calibrate("--list-presets", "--layers", 20).stdout


def test_a_preset_beside_maps_shows_what_they_say(tmp_path):
    maps = write_maps(
        tmp_path / "m.safetensors", random_maps(np.random.default_rng(4), 32, (3, 50, 4)), (3, 50, 4)
    )
    calibrate(maps, "-o", tmp_path / "s.json", "--preset", "scanqa")
    schedule = read(tmp_path / "s.json")
    assert schedule["details"]["counts"][-1] == 20
    assert schedule["details"]["calibration"]["samples"] == 1


def test_the_plot_stands_beside_the_schedule(tmp_path):
    maps = write_maps(
        tmp_path / "m.safetensors", random_maps(np.random.default_rng(5), 6, (3, 50, 4)), (3, 50, 4)
    )
    calibrate(maps, "-o", tmp_path / "s.json")
    page = (tmp_path / "s.html").read_text()
    left = read(tmp_path / "s.json")["details"]["flops_left"]
    assert f"{100 * left:.1f}" in page
    for what in ("Spatial tokens per layer", "Contribution", "Information flow", "<polyline"):
        assert what in page
    assert "http" not in page.replace("http://www.w3.org", ""), "needs no network"


def test_a_contribution_that_rises_is_called_that(tmp_path):
    rng = np.random.default_rng(6)
    maps = write_maps(
        tmp_path / "m.safetensors", random_maps(rng, 8, (3, 50, 4), fade=0), (3, 50, 4)
    )
    done = calibrate(maps, "-o", tmp_path / "s.json")
    assert "No decay follows" in done.stderr and "preset" in done.stderr
    assert read(tmp_path / "s.json")["details"]["calibration"]["fit"]["explained"] < 0


# --- what goes wrong ------------------------------------------------------------------------------


def test_a_constant_contribution_gives_no_schedule(tmp_path):
    silent = write_maps(tmp_path / "m.safetensors", np.zeros((4, 20, 20), np.float32), (4, 12, 4))
    done = calibrate(silent, "-o", tmp_path / "s.json", code=2)
    assert "the same" in done.stderr and "--preset" in done.stderr
    assert not (tmp_path / "s.json").exists()
    calibrate(silent, "-o", tmp_path / "s.json", "--preset", "quadratic")


LAYOUT = (3, 20, 4)
BAD_MAPS = {
    "not square": ({"attention": np.ones((4, 27, 26), np.float32)}, {}, ["27, 26", "27"]),
    "of another size": ({"attention": np.ones((4, 28, 28), np.float32)}, {}, ["28, 28", "27, 27"]),
    "of one layer": ({"attention": np.ones((1, 27, 27), np.float32)}, {}, ["two layers"]),
    "of no heads": ({"attention": np.ones((4, 0, 27, 27), np.float32)}, {}, ["[4, 0, 27, 27]"]),
    "of integers": ({"attention": np.ones((4, 27, 27), np.int32)}, {}, ["i32", "f16"]),
    "under another name": ({"maps": np.ones((4, 27, 27), np.float32)}, {}, ["attention", "maps"]),
    "with a broken layout": (
        {"attention": np.ones((4, 27, 27), np.float32)}, {"layout": "3,20"}, ["layout", "3,20"],
    ),
    "without spatial tokens": (
        {"attention": np.ones((4, 27, 27), np.float32)}, {"layout": "20,0,7"}, ["layer 0", "spatial"],
    ),
    "without a layout": ({"attention": np.ones((4, 27, 27), np.float32)}, None, ["--layout"]),
    "with NaN": (
        {"attention": np.full((4, 27, 27), np.nan, np.float32)}, {}, ["layer 0", "NaN"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_MAPS)
def test_bad_maps_are_named_and_the_others_count(tmp_path, name):
    tensors, metadata, words = BAD_MAPS[name]
    if metadata is not None:
        metadata = {"layout": ",".join(map(str, LAYOUT))} | metadata
    bad = tmp_path / "b.safetensors"
    bad.write_bytes(blob(tensors, metadata))
    done = calibrate(bad, "-o", tmp_path / "s.json", code=2)
    for word in [str(bad), *words]:
        assert word in done.stderr
    assert not (tmp_path / "s.json").exists()

    rng = np.random.default_rng(8)
    good = [
        write_maps(tmp_path / f"{i}.safetensors", random_maps(rng, 4, LAYOUT), LAYOUT) for i in "ac"
    ]
    calibrate(*good, "-o", tmp_path / "good.json")
    done = calibrate(tmp_path, "-o", tmp_path / "all.json", code=2)
    assert str(bad) in done.stderr and "1 of 3 files left out" in done.stderr
    assert (tmp_path / "all.json").read_bytes() == (tmp_path / "good.json").read_bytes()


def test_damaged_and_missing_files_are_named_and_the_others_count(tmp_path):
    rng = np.random.default_rng(9)
    good = write_maps(tmp_path / "good.safetensors", random_maps(rng, 4, LAYOUT), LAYOUT)
    truncated = tmp_path / "truncated.safetensors"
    truncated.write_bytes(good.read_bytes()[:-100])
    deeper = write_maps(tmp_path / "deeper.safetensors", random_maps(rng, 5, LAYOUT), LAYOUT)
    missing = tmp_path / "missing.safetensors"
    done = calibrate(good, truncated, missing, deeper, "-o", tmp_path / "s.json", code=2)
    for path, what in ((truncated, "truncated"), (missing, "No such file"), (deeper, "5 layers")):
        assert any(str(path) in line and what in line for line in done.stderr.splitlines()), what
    assert read(tmp_path / "s.json")["details"]["calibration"]["samples"] == 1


def test_wrong_options_say_what_was_expected(tmp_path):
    out = tmp_path / "s.json"
    maps = write_maps(
        tmp_path / "m.safetensors", random_maps(np.random.default_rng(10), 4, LAYOUT), LAYOUT
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, words in (
        ([], ["nothing to do", "--list-presets"]),
        ([maps], ["-o", "missing"]),
        ([maps, "-o", maps], ["is the input itself"]),
        ([maps, "-o", tmp_path / "s.html"], ["plot"]),
        ([maps, "-o", tmp_path / "no" / "s.json"], ["s.json"]),
        ([empty, "-o", out], ["no *.safetensors"]),
        ([maps, "-o", out, "--layout", "1,2"], ["--layout", "37,1659,24"]),
        ([maps, "-o", out, "--layout", "-1,2,3"], ["--layout"]),
        ([maps, "-o", out, "--layout", "3,20,4x"], ["--layout"]),
        ([maps, "-o", out, "--layout", "3,20,5"], ["28"]),
        ([maps, "-o", out, "--pool", 0], ["--pool"]),
        ([maps, "-o", out, "--borders", "none"], ["--borders", "parity"]),
        ([maps, "-o", out, "--preset", "scan"], ["scan", "scanqa"]),
        ([maps, "-o", out, "--preset", "scanqa"], ["scanqa, stage 1", "0 to 3"]),
        (["--preset", "scanqa", "-o", out, "--layers", 20], ["stage 3", "layer 24"]),
        (["--preset", "scanqa", "-o", out, "--spatial-tokens", -1], ["--spatial-tokens"]),
        ([maps, "-o", out, "--preset", "scanqa", "--stages", "1"], ["--stages"]),
    ):
        done = calibrate(*arguments, code=2)
        for word in words:
            assert word in done.stderr, (arguments, done.stderr)
        assert not out.exists()


def test_an_old_schedule_survives_a_full_disk(tmp_path):
    maps = write_maps(
        tmp_path / "m.safetensors", random_maps(np.random.default_rng(11), 4, LAYOUT), LAYOUT
    )
    out = tmp_path / "s.json"
    out.write_text("old")
    calibrate(maps, "-o", out, limits={resource.RLIMIT_FSIZE: 64}, code=1)
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.safetensors", "s.json"]


def test_ctrl_c_leaves_the_schedule_of_what_was_measured_or_none(tmp_path):
    layout = (37, 1400, 24)
    maps = random_maps(np.random.default_rng(12), 3, layout, dtype=np.float16)
    first = write_maps(tmp_path / "0.safetensors", maps, layout)
    for i in range(1, 400):
        os.link(first, tmp_path / f"{i:03}.safetensors")
    out = tmp_path / "s.json"
    with Running("calibrate", tmp_path, "-o", out, terminal=True) as run:
        run.wait_for(r"sample ([2-9]|\d\d+) of 400", "err")
        run.interrupt()
        run.finish(130)
        stopped = run.err()
    assert "stopped after" in stopped
    samples = read(out)["details"]["calibration"]["samples"]
    assert 0 < samples < 400
    assert out.with_suffix(".html").exists()
    assert not [path for path in tmp_path.iterdir() if path.suffix not in (".json", ".html",
                ".safetensors")]  # fmt: skip
