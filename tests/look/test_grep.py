"""Grep beside Python's own search, its counts, and patterns that would never end."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from curation.accounting.sample import position
from curation.cli import main
from curation.filters.rules import Pass, Rule
from curation.look import frames
from curation.look.questions import BadPattern, grep
from curation.look.render.terminal import as_text
from curation.look.run import open_run


@pytest.mark.parametrize("pattern", ["x{9,}", "^x$", "SOMEONE@", r"x x\nx", "never"])
def test_it_finds_what_a_plain_search_finds(pattern: str, judged: Path) -> None:
    found = grep(open_run(str(judged)), pattern, ignore_case=True, n=10_000)
    rows = frames.documents(str(judged), "filter").to_dict("records")
    expected = [row for row in rows if re.search(pattern, row["text"], re.IGNORECASE | re.MULTILINE)]
    assert Counter(found.counts) == Counter((row["source"], "filter", row["state"]) for row in expected)
    assert found.searched == len(rows)
    names = [{reason["name"] for reason in row["reasons"]} for row in expected]
    assert found.reasons == Counter(name for each in names for name in each)
    order = sorted(expected, key=lambda row: position(row["id"], "sample"))
    assert [each.card.id for each in found.shown] == [row["id"] for row in order]
    for each, row in zip(found.shown, order, strict=True):
        whole = each.before + each.text + each.after
        assert row["text"][each.start - len(each.before) :].startswith(whole)
        assert re.fullmatch(pattern.strip("^$"), each.text, re.IGNORECASE)
    assert [e.card.id for e in grep(open_run(str(judged)), pattern, ignore_case=True, n=2).shown] == [
        row["id"] for row in order[:2]
    ]


def test_case_stage_and_state(small_run: Path) -> None:
    assert grep(open_run(str(small_run)), "The Quick").matched == 0
    assert grep(open_run(str(small_run)), "The Quick", ignore_case=True).matched == 7
    assert grep(open_run(str(small_run)), "quick", state="merged").counts == {
        ("web", "dedup", "merged"): 1,
        ("docs", "dedup", "merged"): 1,
    }
    extracted = grep(open_run(str(small_run)), "quick", stage="extract")
    assert {stage for _, stage, _ in extracted.counts} == {"extract"}
    assert grep(open_run(str(small_run)), "x", stage=None).no_text == 2


def test_a_pattern_that_never_ends_is_stopped(
    judging: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("curation.look.questions.grep"), "TIMEOUT_S", 0.05)
    hard = [("web", "en", "a" * 4_000 + f"!{n}") for n in range(3)]
    judging.write(tmp_path / "few", texts=[*hard, ("web", "en", "a b c d e f 7")])
    found = grep(open_run(str(tmp_path / "few")), r"(a|aa)+\d$| 7")
    assert (found.matched, found.searched, found.timed_out_count) == (1, 1, 3)
    assert "3 documents took over 0.05 s and were not searched: 0000" in "".join(found.notes)
    judging.write(tmp_path / "many", texts=hard * 5)
    with pytest.raises(BadPattern, match=re.escape(r"(a|aa)+\d$: took over 0.05 s on 10 texts, 0000")):
        grep(open_run(str(tmp_path / "many")), r"(a|aa)+\d$")


def test_what_is_cut_around_a_match_and_in_a_list_says_so(judging: SimpleNamespace, tmp_path: Path) -> None:
    rules = tuple(Rule(name=f"r{n:02}", signal="word_count", max=1) for n in range(12))
    texts = [("web", "en", f"{'before ' * 20}needle{' after' * 20}"), ("web", "en", "a needle!")]
    run = judging.write(tmp_path, texts=texts, passes=[Pass(name="p", edits=(), rules=rules)])
    text = as_text(grep(open_run(str(run)), "needle"))
    assert "\nand 2 more: --json has them all\n" in text
    assert re.search(r"\n  …re (before )+«needle»( after)+ a…\n", text)
    assert "\n  a «needle»!\n" in text
    long = as_text(grep(open_run(str(run)), "before.*"))
    assert re.search(r"«before [^»]*…»\n", long)


def test_the_command(small_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grep", str(small_run), "RED", "--ignore-case"]) == 0
    told = capsys.readouterr().out
    assert "1 of 10 documents match; 1 shown" in told
    assert "⟨001B⟩[31m«red»⟨0000⟩" in told
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", told)
    assert main(["grep", str(small_run), "quick", "--json", "--n", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["matched"], found["no_text"], len(found["documents"])) == (7, 2, 1)
    assert found["documents"][0]["text"] == "quick"
    assert main(["grep", str(small_run), "(a"]) == 2
    assert capsys.readouterr().err.strip() == "(a: is no regular expression: missing ) at position 2"
