"""The dedup section: every mistake at once, in words, before Spark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curation.accounting.manifest import Manifest
from curation.cli import main
from curation.recipe.config import ConfigError
from curation.recipe.recipe import read_recipe
from curation.recipe.sections.dedup import Dedup, Near

BASE = """name: n
inputs: {a: {format: jsonl, path: a, text: text}}
shard: {tokenizer: {train: {vocab: 300}}}
dedup:
"""


def mistakes(tmp_path: Path, dedup: str) -> list[str]:
    path = tmp_path / "r.yaml"
    path.write_text(BASE + dedup)
    with pytest.raises(ConfigError) as error:
        read_recipe(str(path))
    return [line.replace(f"{path}:", "") for line in str(error.value).splitlines()]


def test_what_cannot_be_is_refused_all_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = """  near:
    permutations: 128
    jaccard: 0
    containment: 1.5
    mode: sideways
  prefer: [loveliness desc]
"""
    assert mistakes(tmp_path, wrong) == [
        "6:19: permutations is 128, but 14 bands of 8 rows need 112; leave it out, or make it bands "
        "times rows_per_band",
        "7:14: jaccard is 0, so every document would be a duplicate; expected above 0, at most 1",
        "8:18: containment is 1.5; the most is 1.0",
        "9:11: expected one of leader, transitive, unverified, found 'sideways'",
        "10:12: 'loveliness' is measured by no passes; known: characters",
    ]
    assert main(["check", str(tmp_path / "r.yaml")]) == 2
    assert "permutations is 128" in capsys.readouterr().err
    assert mistakes(tmp_path, "  prefer: [loveliness desc]\n") == [
        "5:12: 'loveliness' is measured by no passes; known: characters"
    ]
    assert mistakes(tmp_path, "  near: {mode: unverified, containment: 0.9}\n") == [
        "5:41: mode unverified compares no texts, so it cannot measure containment"
    ]


def test_settings_that_say_nothing_together_are_refused(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "  history: loses\n") == [
        "5:12: history needs earlier runs to compare with; name them in 'against'"
    ]
    assert mistakes(tmp_path, "  exact: false\n  near: null\n  index: true\n") == [
        "6:9: without exact and near there is nothing to compare with another run"
    ]
    assert mistakes(tmp_path, "  scope: per_snapshot\n  against: gone\n") == [
        "5:10: per_snapshot never compares two snapshots, so 'against' would do nothing",
        "6:12: gone/dedup/current.json: not found, so no dedup was published in gone; run the stage first",
    ]


def test_a_key_and_whole_clusters(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "  keep: latest\n  drop_all: true\n  index: true\n") == [
        "5:9: keep chooses among documents with the same 'key'; name that column",
        "6:13: drop_all leaves nothing of a cluster that another run could be compared with; leave out 'against' "
        "and 'index'",
    ]
    assert mistakes(tmp_path, "  key: url\n  time: date\n") == [
        "6:9: time is for keep: latest or keep: earliest"
    ]
    path = tmp_path / "r.yaml"
    path.write_text(BASE + "  key: url\n  keep: latest\n  drop_all: true\n")
    assert read_recipe(str(path)).dedup == Dedup(key="url", keep="latest", drop_all=True)


def test_earlier_runs_are_not_searched_for_meanings_or_runs_of_tokens(tmp_path: Path) -> None:
    wrong = "  near: {jaccard: 2}\n  substring: {}\n  against: [gone]\n  prefer: [best]\n"
    assert mistakes(tmp_path, wrong) == [
        "5:19: jaccard is 2.0; the most is 1.0",
        "6:14: substring compares the documents of this run only, and the index of an earlier run has nothing to "
        "compare them with; leave out 'against', or run substring in a recipe of its own",
        "7:13: gone/dedup/current.json: not found, so no dedup was published in gone; run the stage first",
        "8:12: expected 'MEASURE asc' or 'MEASURE desc', found 'best'",
    ]


def publish(directory: Path, dedup: dict[str, Any], scheme_id: str, files: dict[str, int]) -> None:
    path = directory / "dedup" / "0123"
    path.mkdir(parents=True)
    made = {"inputs": {}, "resources": {}, "versions": {}, "output_version": 1}
    manifest = Manifest(
        stage="dedup",
        fingerprint="0123",
        config={"dedup": dedup},
        files=files,
        detail={"scheme": scheme_id},
        **made,
    )
    (path / "manifest.json").write_text(manifest.to_json())
    (directory / "dedup" / "current.json").write_text(json.dumps({"fingerprint": "0123"}))


def test_a_history_that_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    ours = Near().id
    held = {"scope": "global", "exact": True, "prefer": ["characters desc"]}
    good, other, bare, gone = (tmp_path / name for name in ("good", "other", "bare", "gone"))
    publish(good, held, ours, {"index/bands/part=1/a.parquet": 1})
    publish(
        other,
        held | {"scope": "per_source", "exact": False, "prefer": []},
        "affine32/v0(words=5)",
        {"index/bands/part=1/a.parquet": 1},
    )
    publish(bare, held, ours, {})
    section = f"  history: by_priority\n  against:\n  - {good}\n  - {other}\n  - {bare}\n  - {gone}\n"
    assert mistakes(tmp_path, section) == [
        f"8:5: {other}: its bands are affine32/v0(words=5), this recipe's {ours}; bands of different schemes "
        "cannot be compared: use the same near settings, or make that run again",
        f"8:5: {other}: its scope is per_source, this recipe's is global",
        f"8:5: {other}: prefers nothing, this recipe characters desc; history: by_priority needs the same",
        f"8:5: {other}: was made with exact: false, so it cannot be searched for equal texts",
        f"9:5: {bare}: has no index; run its dedup again with dedup.index: true",
        f"10:5: {gone}/dedup/current.json: not found, so no dedup was published in {gone}; run the stage first",
    ]
    path = tmp_path / "r.yaml"
    path.write_text(f"{BASE}  against: {good}\n")
    assert read_recipe(str(path)).dedup.earlier == (str(good),)
