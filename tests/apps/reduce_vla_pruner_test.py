"""sluice reduce --method vla-pruner against an independent NumPy implementation."""

import os
import sys

import numpy as np
import pytest

from blobs import Blob, blob
from processes import SANITIZED, SOURCE_DIR, sluice

sys.path.insert(0, str(SOURCE_DIR / "tests" / "python"))
import vla_pruner_oracle as oracle  # noqa: E402

LONG = bool(os.environ.get("SLUICE_LONG_TESTS")) and not SANITIZED
CASES = 2000 if LONG else 100
CLEAR = 1e-9  # below it, rounding of the oracle itself decides
TYPES = ("F32", "F16", "BF16")


def stored(values, dtype):
    """What is left of f32 values in this type, as f32."""
    if dtype == "BF16":
        bits = np.ascontiguousarray(values, "<f4").view("<u4") & np.uint32(0xFFFF0000)
        return bits.view("<f4")
    return values.astype({"F32": "<f4", "F16": "<f2"}[dtype]).astype("<f4")


def file_of(tensors, types):
    """A safetensors file; `types` names those that are not stored as they are."""
    arrays, header_names = {}, []
    for name, array in tensors.items():
        dtype = types.get(name)
        if dtype == "BF16":
            # NumPy can't say bfloat16: its bits go in as U16, and the header is renamed.
            array = (np.ascontiguousarray(array, "<f4").view("<u4") >> 16).astype("<u2")
            header_names.append(name)
        elif dtype:
            array = array.astype({"F32": "<f4", "F16": "<f2", "F64": "<f8"}[dtype])
        arrays[name] = array
    written = blob(arrays)
    length = int.from_bytes(written[:8], "little")
    header = written[8 : 8 + length].replace(b'"U16"', b'"BF16"')
    return len(header).to_bytes(8, "little") + header + written[8 + length :]


def reduce(folder, tensors, *arguments, types=None, code=0, method="vla-pruner"):
    (folder / "in.safetensors").write_bytes(file_of(tensors, types or {}))
    out = folder / "out.safetensors"
    out.unlink(missing_ok=True)
    done = sluice("reduce", folder / "in.safetensors", "-o", out, "--method", method,
                  *arguments, code=code)  # fmt: skip
    return done.stderr if code else Blob(out)


def random_embeddings(rng, n, dtype):
    """Some rows are twins of others, exact or but for a little noise; some are zero."""
    rows = rng.standard_normal((n, int(rng.integers(2, 24)))).astype(np.float32)
    for i in range(1, n):
        kind = rng.random()
        if kind < 0.3:
            rows[i] = rows[rng.integers(0, i)]
            if kind < 0.2:
                rows[i] += rng.choice([1e-4, 1e-3, 1e-2]) * rng.standard_normal(rows.shape[1])
        elif kind < 0.33:
            rows[i] = 0
    return stored(rows, dtype)


def random_scores(rng, shape):
    """With ties or without."""
    if rng.random() < 0.5:
        return (rng.integers(0, 5, shape) / 8).astype(np.float32)
    return rng.random(shape).astype(np.float32)


def random_history(rng, n):
    kind = rng.random()
    if kind < 0.1:
        return None
    if kind < 0.2:
        return np.zeros((int(rng.integers(0, 4)), n), np.float32)
    history = random_scores(rng, (int(rng.integers(1, 6)), n))
    history[:, rng.random(n) < 0.3] = 0  # not sent then
    return history


def test_random_cases_give_what_the_oracle_gives(tmp_path):
    compared = filtered = zero = 0
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 40))
        dtype = TYPES[seed % 3]
        tensors = {"embeddings": random_embeddings(rng, n, dtype)}
        score_type = str(rng.choice([*TYPES, "F64"]))
        types = {"embeddings": dtype, "semantic": score_type}
        semantic = random_scores(rng, n)
        tensors["semantic"] = semantic if score_type == "F64" else stored(semantic, score_type)
        history = random_history(rng, n)
        if history is not None:
            types["history"] = str(rng.choice(TYPES))
            tensors["history"] = history = stored(history, types["history"])
        keep = int(rng.integers(1, n + 3))
        options = {}
        if rng.random() < 0.5:
            options = {"window": int(rng.integers(1, 6)), "decay": float(rng.choice([1, 0.5, 0.9]))}
        expected, margin, was_filtered = oracle.select(
            tensors["embeddings"], tensors["semantic"], history, keep, **options
        )
        if margin < CLEAR:
            continue
        arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
        found = reduce(tmp_path, tensors, "--keep", keep, *arguments, types=types)
        note = f"seed {seed}: {n} tokens, {dtype}, keep {keep}"
        assert found.types["keep"] == "I64"
        assert found.types["features"] == dtype
        assert found["keep"].tolist() == expected, note
        assert len(expected) == min(keep, n), "exactly"
        assert found["features"].tobytes() == tensors["embeddings"][expected].astype(
            found["features"].dtype).tobytes(), note  # fmt: skip
        compared += 1
        filtered += was_filtered
        zero += history is not None and not history.any()
    assert compared > CASES * 0.7
    assert filtered > CASES * 0.2
    assert zero > CASES * 0.03


def worked_example():
    """Tokens 0 and 1 look alike, 2 and 3 don't."""
    return {
        "embeddings": np.array([[1, 0, 0], [1, 0.001, 0], [0, 1, 0], [0, 0, 1]], np.float32),
        "semantic": np.array([4, 3, 2, 1], np.float32),
    }


def test_what_actions_looked_at_is_united_and_twins_go(tmp_path):
    tensors = worked_example()
    assert reduce(tmp_path, tensors, "--keep", 3)["keep"].tolist() == [0, 1, 2], "semantic alone"
    tensors["history"] = np.array([[0, 0, 0.2, 0.3]], np.float32)
    assert reduce(tmp_path, tensors, "--keep", 3)["keep"].tolist() == [0, 2, 3], "of all four"


def test_the_newest_row_comes_first_and_weighs_most(tmp_path):
    tensors = worked_example() | {"embeddings": np.zeros((4, 1), np.float32)}
    tensors["semantic"] = np.array([0, 0, 1, 1], np.float32)
    for rows, options, chosen in (
        ([[0, 1, 0, 0], [1, 0, 0, 0]], [], 1),  # γ over γ²
        ([[0, 1, 0, 0], [1.2, 0, 0, 0]], [], 1),
        ([[0, 1, 0, 0], [1.3, 0, 0, 0]], [], 0),
        ([[0, 1, 0, 0], [1.3, 0, 0, 0]], ["--decay", 0.5], 1),
        ([[0, 1, 0, 0], [1.3, 0, 0, 0]], ["--window", 1], 1),
        ([[0, 1, 0, 0]] + [[0, 0, 0, 0]] * 2 + [[9, 0, 0, 0]], [], 1),  # outside the window
        ([[0, 1, 0, 0]] + [[0, 0, 0, 0]] * 2 + [[9, 0, 0, 0]], ["--window", 4], 0),
    ):
        tensors["history"] = np.array(rows, np.float32)
        found = reduce(tmp_path, tensors, "--keep", 1, *options)
        # United with 2, which is as far from it as it is from 2: the lower index stays.
        assert found["keep"].tolist() == [chosen], (rows, options)


def test_a_history_of_zeros_or_of_no_rows_is_none(tmp_path):
    tensors = worked_example()
    for rows in (0, 1, 5):
        tensors["history"] = np.zeros((rows, 4), np.float32)
        assert reduce(tmp_path, tensors, "--keep", 3)["keep"].tolist() == [0, 1, 2]


def test_as_many_as_there_are_or_more_keeps_all(tmp_path):
    tensors = worked_example() | {"history": np.ones((2, 4), np.float32)}
    for keep in (4, 5, 2**62):
        found = reduce(tmp_path, tensors, "--keep", keep)
        assert found["keep"].tolist() == [0, 1, 2, 3]
        assert found["features"].tolist() == tensors["embeddings"].tolist()
        assert found.count("kept") == 4


def test_rows_and_scores_that_are_not_finite_come_last(tmp_path):
    tensors = worked_example()
    tensors["embeddings"][0, 1] = np.nan
    tensors["semantic"][1] = np.nan
    for keep, expected in ((1, [2]), (2, [2, 3]), (3, [1, 2, 3]), (4, [0, 1, 2, 3])):
        found = reduce(tmp_path, tensors, "--keep", keep)
        assert found["keep"].tolist() == expected
        assert found.count("non_finite") == 1


def test_the_file_says_how_it_was_made(tmp_path):
    tensors = worked_example() | {"history": np.ones((5, 4), np.float32)}
    first = reduce(tmp_path, tensors, "--keep", 2).metadata
    settings = {"method": "vla-pruner", "keep": "2", "window": "3", "decay": "0.8"}
    totals = {"seen": "4", "kept": "2", "non_finite": "0", "history_rows": "3"}
    assert {k: v for k, v in first.items() if k != "settings_hash"} == settings | totals
    hashes = {first["settings_hash"]}
    for other in (["--keep", 3], ["--keep", 2, "--window", 2], ["--keep", 2, "--decay", 0.7]):
        hashes.add(reduce(tmp_path, tensors, *other).metadata["settings_hash"])
    assert len(hashes) == 4


def test_threads_change_nothing(tmp_path):
    rng = np.random.default_rng(3)
    tensors = {
        "embeddings": rng.standard_normal((200, 64)).astype(np.float32),
        "semantic": rng.random(200).astype(np.float32),
        "history": rng.random((3, 200)).astype(np.float32),
    }
    one, four = (
        reduce(tmp_path, tensors, "--keep", 50, "--threads", threads).bytes for threads in (1, 4)
    )
    assert one == four


E32 = np.ones((4, 2), np.float32)
S32 = np.ones(4, np.float32)
GOOD = {"embeddings": E32, "semantic": S32}
ONE = ["--keep", 1]


@pytest.mark.parametrize(
    "tensors, arguments, words",
    [
        (GOOD, [], ["--method vla-pruner", "--keep"]),
        (GOOD, ["--keep", 0], ["--keep", "is 0", "1 or more"]),
        (GOOD, ["--keep", -1], ["--keep", "-1"]),
        (GOOD, ["--keep", 1.5], ["--keep", "1.5"]),
        (GOOD, [*ONE, "--window", 0], ["--window", "0"]),
        (GOOD, [*ONE, "--decay", 0], ["--decay", "above 0"]),
        (GOOD, [*ONE, "--decay", 1.01], ["--decay", "1.01"]),
        (GOOD, [*ONE, "--decay", "nan"], ["--decay", "nan"]),
        (GOOD, [*ONE, "--schedule", "ate"], ["--schedule"]),
        (GOOD, [*ONE, "--span", "0,4"], ["--span", "no option of --method vla-pruner"]),
        (GOOD, [*ONE, "--retain", 0.5], ["--retain", "no option of --method vla-pruner"]),
        ({"semantic": S32}, ONE, ["embeddings", '"semantic"']),
        ({"embeddings": E32}, ONE, ["semantic", '"embeddings"']),
        (GOOD | {"embeddings": S32}, ONE, ["embeddings", "[4]", "[any, any]"]),
        (GOOD | {"embeddings": E32.astype(np.float64)}, ONE, ["embeddings", "f64"]),
        (GOOD | {"embeddings": E32[:, :0]}, ONE, ["embeddings", "[4, 0]", "at least one"]),
        ({"embeddings": E32[:0], "semantic": S32[:0]}, ONE, ["embeddings", "[0, 2]"]),
        (GOOD | {"semantic": S32[:3]}, ONE, ["semantic", "[3]", "[4]"]),
        (GOOD | {"semantic": E32}, ONE, ["semantic", "[4, 2]", "[4]"]),
        (GOOD | {"semantic": np.ones(4, np.int64)}, ONE, ["semantic", "i64", "f64"]),
        (GOOD | {"history": S32}, ONE, ["history", "[4]", "[any, 4]"]),
        (GOOD | {"history": np.ones((3, 5), np.float32)}, ONE, ["history", "[3, 5]", "[any, 4]"]),
        (GOOD | {"history": np.ones((0, 5), np.float32)}, ONE, ["history", "[0, 5]"]),
        (GOOD | {"history": np.ones((1, 4), np.int32)}, ONE, ["history", "i32"]),
        (
            GOOD | {"history": np.float32([[1, 1, 1, 1], [1, -2, 1, 1]])}, ONE,
            ["history", "-2", "token 1 in row 1", "0 or more"],
        ),
        (GOOD | {"history": np.float32([[1, 1, np.nan, 1]])}, ONE, ["history", "nan", "token 2"]),
        (GOOD | {"history": np.float32([[np.inf, 1, 1, 1]])}, ONE, ["history", "inf", "token 0"]),
    ],
)  # fmt: skip
def test_bad_input_says_what_was_expected(tmp_path, tensors, arguments, words):
    error = reduce(tmp_path, tensors, *arguments, code=2)
    for word in words:
        assert word in error, error
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize("option", ["--window", "--decay"])
@pytest.mark.parametrize("method", ["holitom", "voxel", "stage-gate"])
def test_other_methods_refuse_its_options(tmp_path, method, option):
    error = reduce(tmp_path, GOOD, option, 1, method=method, code=2)
    assert option in error and f"no option of --method {method}" in error


@pytest.mark.parametrize("method", ["holitom", "voxel"])
def test_methods_without_a_count_refuse_keep(tmp_path, method):
    error = reduce(tmp_path, GOOD, *ONE, method=method, code=2)
    assert "--method stage-gate or vla-pruner" in error
