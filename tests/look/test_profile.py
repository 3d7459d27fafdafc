"""The profile of a run, counted by hand, and from a sample where the run is large."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

from curation.accounting.sample import sampled
from curation.cli import main
from curation.look import frames
from curation.look.questions import profile
from curation.look.questions.strata import jensen_shannon
from curation.look.run import open_run


def test_it_counts_what_came_in_and_what_each_stage_kept(small_run: Path) -> None:
    found = profile(open_run(str(small_run)))
    assert [(each.at, each.documents, each.merged) for each in found.points] == [
        ("in", 12, 0),
        ("extract", 10, 0),
        ("filter", 8, 0),
        ("dedup", 6, 2),
    ]
    assert found.top["source"] == {"docs": (6, 5, 4, 3), "web": (6, 5, 4, 3)}
    assert found.top["site"]["pages.example"] == (10, 9, 7, 5)
    assert found.top["year"] == {"2025": (12, 10, 8, 6)}
    assert found.top["length"] == {"under 100": (10, 8, 6, 5), "100 to 999": (2, 2, 2, 1)}
    assert found.rate == 1


def test_shares_and_shifts_are_those_of_the_rows(judged: Path) -> None:
    found = profile(open_run(str(judged)), n=100)
    frame = frames.documents(str(judged), "filter")
    kept = frame[frame["state"] == "kept"]
    before, after = (Counter(each["language"].replace("", "–")) for each in (frame, kept))
    assert found.top["language"] == {
        value: (before[value], after[value]) for value in sorted(before, key=lambda v: (-before[v], v))
    }
    shifts = {(each.source, each.aspect): each.bits for each in found.shifts}
    assert shifts["all", "language"] == pytest.approx(jensen_shannon(before, after))
    web = [Counter(each[each["source"] == "web"]["language"]) for each in (frame, kept)]
    assert shifts["web", "language"] == pytest.approx(jensen_shannon(*web))
    grams: Counter[str] = Counter()
    for text in kept["text"]:
        words = re.findall(r"\w+", text.lower())
        grams.update({" ".join(words[i : i + 5]) for i in range(len(words) - 4)})
    assert found.ngrams == {
        gram: count for gram, count in sorted(grams.items(), key=lambda item: (-item[1], item[0])) if count > 1
    }  # fmt: skip


def test_a_large_run_is_counted_on_a_sample(judged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("curation.look.questions.profile"), "COUNTED_RECORDS", 60)
    found = profile(open_run(str(judged)))
    assert found.rate == 60 / 150
    frame = frames.documents(str(judged), "filter")
    taken = frame[[sampled(i, found.rate, "sample") for i in frame["id"]]]
    counts = taken.groupby("source").size().to_dict()
    assert {source: each[0] for source, each in found.top["source"].items()} == {
        source: round(count / found.rate) for source, count in counts.items()
    }
    assert found.points[0].documents == 150, "sizes are never estimated"


def test_the_command(small_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", str(small_run)]) == 0
    told = capsys.readouterr().out
    assert "after dedup" in told
    assert "old oak tree for a" in told
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", told)
    assert main(["profile", str(small_run), "--json", "--n", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["top"]["site"] == {"pages.example": [10, 9, 7, 5]}
