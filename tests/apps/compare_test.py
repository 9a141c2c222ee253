"""sluice compare: several settings side by side, each as replay would do it."""

import json
import re

from processes import sluice


def test_one_summary_per_setting_and_one_page(video, tmp_path):
    arguments = ("-o", tmp_path, "--retain", ".05,.1", "--tau", ".7,.9")
    printed = sluice("compare", video, *arguments).stdout
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["compare.html", *(f"summary-{n}.json" for n in (1, 2, 3, 4))]
    settings = []
    for n in (1, 2, 3, 4):
        summary = json.loads((tmp_path / f"summary-{n}.json").read_text())
        settings.append((summary["tau"], summary["retain"]))
        assert summary["counts"]["kept"] == round(summary["retain"] * summary["counts"]["seen"])
        assert f"{summary['counts']['kept']} kept of {summary['counts']['seen']}" in printed
    assert settings == [(0.7, 0.05), (0.7, 0.1), (0.9, 0.05), (0.9, 0.1)]


def test_the_page_is_self_contained_and_names_every_setting(video, tmp_path):
    sluice("compare", video, "-o", tmp_path, "--retain", ".05,.25")
    text = (tmp_path / "compare.html").read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=\"(?!data:|#)", text) and "@import" not in text
    assert "retain 0.05" in text and "retain 0.25" in text and "<img" in text


def test_a_setting_counts_as_replay_does(video, tmp_path):
    sluice("compare", video, "-o", tmp_path / "compare", "--retain", ".2", "--causal")
    sluice("replay", video, "-o", tmp_path / "replay", "--retain", ".2", "--causal", "--no-overlay")
    compared = json.loads((tmp_path / "compare" / "summary-1.json").read_text())
    replayed = json.loads((tmp_path / "replay" / "summary.json").read_text())
    for summary in (compared, replayed):
        del summary["wall"]
    assert compared == replayed


def test_a_bad_setting_is_found_before_any_work(video, tmp_path):
    message = sluice("compare", video, "-o", tmp_path, "--retain", ".1,7", code=2).stderr
    assert "retain" in message and "7" in message
    assert list(tmp_path.iterdir()) == []
