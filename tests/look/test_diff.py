"""The difference of two runs, beside a join in plain Python."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from curation.accounting.manifest import MissingManifest
from curation.accounting.sample import SALT, sampled
from curation.cli import main
from curation.look import frames
from curation.look.questions import diff, fates
from curation.look.run import open_run


@pytest.fixture(scope="module")
def changed(judging: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The judged run without its last ten texts, and with another one in place of the next."""
    folder = tmp_path_factory.mktemp("changed")
    kept = [*judging.texts[:140], ("web", "en", "a new text of five words")]
    judging.write(folder, texts=kept)
    return folder


def records(run: Path) -> dict[str, tuple[str, frozenset[str], str]]:
    return {
        row["id"]: (row["state"], frozenset(each["name"] for each in row["reasons"]), row["text"])
        for row in frames.documents(str(run), "filter").to_dict("records")
    }


def test_a_run_does_not_differ_from_itself(small_run: Path, judged: Path) -> None:
    for run in (small_run, judged):
        found = diff(open_run(str(run)), open_run(str(run)))
        assert (found.settings, found.reasons, found.moves, found.rewritten) == ((), (), (), 0)
    assert diff(open_run(str(small_run)), open_run(str(small_run))).same == 12


@pytest.mark.parametrize("held", [7, 2_000_000])
def test_fates_and_texts_are_those_of_a_plain_join(
    held: int, judged: Path, changed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fates, "HELD_RECORDS", held)
    found = diff(open_run(str(judged)), open_run(str(changed)), n=1_000)
    first, second = records(judged), records(changed)
    expected: Counter[tuple[str, str]] = Counter()
    same = rewritten = 0
    for document in first.keys() | second.keys():
        names = tuple(
            "absent"
            if document not in run
            else {"dropped": "dropped in filter"}.get(run[document][0], "kept")
            for run in (first, second)
        )
        if names[0] != names[1]:
            expected[names] += 1
        elif first[document][2] != second[document][2]:
            rewritten += 1
        else:
            same += 1
    assert {(each.before, each.after): each.documents for each in found.moves} == expected
    assert (found.same, found.rewritten) == (same, rewritten)
    for move in found.moves:
        assert len(move.examples) == move.documents
        lost: Counter[str] = Counter()
        for each in move.examples:
            document = (each.before or each.after).id  # type: ignore[union-attr]
            old, new = (run.get(document, ("", frozenset(), ""))[1] for run in (first, second))
            lost.update(old - new)
        assert move.lost == lost


def moved_run(judged: Path, target: Path, change: Any) -> Path:
    """A copy of the run whose manifest's rules were changed."""
    shutil.copytree(judged, target)
    (path,) = target.glob("filter/*/manifest.json")
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    return target


def test_settings_are_told_by_their_names(judged: Path, tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        gopher, house = manifest["config"]["filter"]
        gopher["rules"][0]["min"] = 6
        house["rules"].clear()
        manifest["output_version"] += 1

    found = diff(open_run(str(judged)), open_run(str(moved_run(judged, tmp_path / "b", change))))
    told = {name: (old, new) for name, old, new in found.settings}
    assert told["filter: filter.gopher.rules.word_count.min"] == (5, 6)
    assert told["filter: output_version"] == (1, 2)
    assert told["filter: filter.house.rules.line_count.max"] == (4, None)
    assert not any("mean_word_length" in name for name in told)


def test_a_changed_text_shows_what_changed(judging: SimpleNamespace, tmp_path: Path) -> None:
    for name, word in (("a", "brown"), ("b", "red\x1b[31m")):
        judging.write(
            tmp_path / name, texts=[("docs", "en", f"the quick {word} fox"), ("docs", "en", "same")]
        )
    found = diff(open_run(str(tmp_path / "a")), open_run(str(tmp_path / "b")))
    assert (found.same, found.rewritten, found.moves) == (1, 1, ())
    assert dict(found.rewritten_examples[0].pieces) == {
        "same": "fox", "missing": "brown ", "added": "red\x1b[31m "
    }  # fmt: skip


def test_stages_that_only_one_run_has(small_run: Path, judged: Path, tmp_path: Path) -> None:
    found = diff(open_run(str(small_run)), open_run(str(judged)))
    assert found.until == "filter"
    assert ("dedup", "published", None) in found.settings
    shutil.copytree(small_run / "extract", tmp_path / "extract")
    with pytest.raises(MissingManifest, match="no stage in common, so their documents cannot be compared"):
        diff(open_run(str(tmp_path)), open_run(str(judged)))


def test_the_command(
    small_run: Path, judged: Path, changed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", str(judged), str(changed), "--n", "1"]) == 0
    told = capsys.readouterr().out
    assert "The settings are the same." in told
    assert "kept → absent" in told
    assert main(["diff", str(judged), str(small_run), "--n", "100"]) == 0
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", capsys.readouterr().out)
    assert main(["diff", str(judged), str(changed), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["after"] for each in found["moves"]].count("absent") >= 1
    assert main(["diff", str(judged), str(judged / "none")]) == 2


def test_what_a_sample_left_out_is_no_change(
    judging: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run on a sample has the documents of that sample; one that it should have and has not is a change."""
    names = [f"{n:032x}" for n in range(60)]
    inside = [n for n, name in enumerate(names) if sampled(name, 0.5, SALT)]
    rows = [judging.document(n, source="web" if n < 50 else "docs") for n in range(60)]
    inputs = {"web": {"sample": None}, "docs": {}}
    judging.publish(tmp_path / "whole", "extract", rows, config={"inputs": inputs})
    part = [row for n, row in enumerate(rows) if n >= 50 or n in inside][1:]  # one is missing for no reason
    judging.publish(tmp_path / "part", "extract", part, config={"inputs": {**inputs, "web": {"sample": 0.5}}})
    left_out = sum(n not in inside for n in range(50))
    assert 10 < left_out < 40
    for sides in (("whole", "part"), ("part", "whole")):
        found = diff(*(open_run(str(tmp_path / side)) for side in sides))
        assert found.outside == left_out
        assert found.same == len(part)
        assert [each.documents for each in found.moves] == [1]
    assert main(["diff", str(tmp_path / "whole"), str(tmp_path / "part")]) == 0
    told = f"{left_out} more are in one run only, for the other read a sample without them."
    assert told in capsys.readouterr().out
