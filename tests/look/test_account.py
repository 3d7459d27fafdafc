"""The account of a run: against its rows counted one by one, and as people read it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace as Namespace

import pytest

from curation.accounting.account import Count
from curation.accounting.ledger import Ledger
from curation.cli import main
from curation.filters.judge import judge_text
from curation.filters.rules import Label, Pass, Rule
from curation.look.errors import Disagreement
from curation.look.questions.account import account
from curation.look.questions.whatif import what_if
from curation.look.report import gather, render
from curation.look.run import open_run, read_changes
from curation.shards.tokens import train_tokenizer


def broken_rules(judging: Namespace) -> list[tuple[str, str, int, set[str]]]:
    """Source, language, characters and broken rules of every text, judged here once more."""
    found = []
    for source, language, text in judging.texts:
        verdict = judge_text(text, source, judging.passes, measure_all=True)
        found.append((source, language or "un", len(text), {str(each["name"]) for each in verdict.reasons}))
    return found


@pytest.mark.parametrize("by", [None, "source", "language"])
def test_every_number_is_that_of_the_rows(judging: Namespace, judged: Path, by: str | None) -> None:
    found = account(open_run(str(judged)))
    names = found.bounds.names
    for group, each in found.by(by).items():  # type: ignore[arg-type]
        mine = [
            row for row in broken_rules(judging) if by is None or row[0 if by == "source" else 1] == group
        ]
        assert mine
        assert each.received.tolist() == [len(mine), sum(row[2] for row in mine)]
        assert each.dropped.tolist() == [
            sum(bool(row[3]) for row in mine),
            sum(row[2] for row in mine if row[3]),
        ]
        for place, name in enumerate(names):
            hit = [row for row in mine if name in row[3]]
            assert each.broke[:, place].tolist() == [len(hit), sum(row[2] for row in hit)]
            only = [row for row in hit if len(row[3]) == 1]
            assert each.only[:, place].tolist() == [len(only), sum(row[2] for row in only)]
            assert each.shapley[0, place] == pytest.approx(sum(1 / len(row[3]) for row in hit))
            assert each.shapley[1, place] == pytest.approx(sum(row[2] / len(row[3]) for row in hit))
            for other, another in enumerate(names):
                assert each.pairs[0, place, other] == sum(another in row[3] for row in hit)


def test_the_ledger_and_the_account_say_the_same(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", str(judged), "--json"]) == 0
    (stage,) = json.loads(capsys.readouterr().out)["stages"]
    assert main(["account", str(judged), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (whole,) = found["accounts"]
    assert whole["in"]["documents"] == stage["in"]["records"]
    assert whole["dropped"]["documents"] == stage["dropped"]["records"]
    rules = {name: each for name, each in stage["reasons"].items() if not name.startswith("edit:")}
    assert {each["rule"] for each in whole["rules"]} == set(rules)
    for each in whole["rules"]:
        ledger = rules[each["rule"]]
        told = (ledger["records"], ledger["alone"], ledger["characters"])
        assert (each["breaks"]["documents"], each["only"]["documents"], each["breaks"]["characters"]) == told
    edits = [each for each in found["edits"] if each["stage"] == "filter"]
    assert edits == [
        {"stage": "filter", "source": "all", "edit": "house.mask_pii", "characters": stage["reasons"]["edit:house.mask_pii"]["characters"]}
    ]  # fmt: skip


def test_a_rule_that_removed_nothing_is_listed_with_zeros(
    judging: Namespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = [Rule(name="short", signal="word_count", min=2), Rule(name="long", signal="word_count", max=99)]
    rules.append(Rule(name="counted", signal="word_count"))
    texts = [("web", "en", "one"), ("web", "en", "one two")]
    run = str(judging.write(tmp_path, texts=texts, passes=[Pass(name="p", rules=tuple(rules))]))
    for command in ("account", "ledger"):
        assert main([command, run]) == 0
        lines = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines() if line}
        assert lines["p.short"][:2] == ["1", "1"]
        assert lines["p.long"][:2] == ["0", "0"]
        assert "p.counted" not in lines, "it has no bound that a document could break"
    page = re.sub(r"<wbr>|\s", "", render(gather(open_run(run))))
    assert page.count('<th>p.long</th><tdclass="n">0</td><tdclass="n">0</td>') == 2, "funnel and account"


def test_files_that_are_not_those_of_the_ledger_are_refused(
    judging: Namespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = judging.write(tmp_path)
    next((path / "filter").rglob("state=dropped/*.parquet")).unlink()
    with pytest.raises(
        Disagreement, match="Its files are not those that were published: run the stage again"
    ):
        account(open_run(str(path)))
    assert main(["account", str(path)]) == 1
    assert "the ledger says" in capsys.readouterr().err
    assert main(["report", str(path)]) == 1
    assert "the ledger says" in capsys.readouterr().err


def test_the_account_as_tables(judging: Namespace, judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["account", str(judged)]) == 0
    told = capsys.readouterr().out
    rows = broken_rules(judging)
    gone = sum(bool(row[3]) for row in rows)
    assert f"filter: dropped {gone} of {len(rows)} documents" in told
    assert "share:  what is dropped" in told
    assert "measure: needed" not in told
    assert main(["account", str(judged), "--by", "language", "--unit", "characters"]) == 0
    told = capsys.readouterr().out
    assert "language en: dropped" in told
    assert "language un: dropped" in told
    assert main(["account", str(judged), "--unit", "tokens"]) == 2
    assert "has no shards, so no tokenizer counts its tokens" in capsys.readouterr().err


def test_a_run_that_measured_in_order_says_so(in_order: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["account", str(in_order)]) == 0
    assert "The recipe says measure: needed." in " ".join(capsys.readouterr().out.split())


def test_an_empty_run_lost_nothing(
    judging: Namespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = judging.write(tmp_path, texts=[])
    assert main(["account", str(path)]) == 0
    assert "No document broke a rule." in capsys.readouterr().out
    assert main(["account", str(path), "--json", "--by", "source"]) == 0
    assert json.loads(capsys.readouterr().out)["accounts"] == []


def test_tokens_are_estimated_at_the_rate_of_the_dropped(judging: Namespace, tmp_path: Path) -> None:
    """A tokenizer of bytes: a Chinese character costs three tokens, an English one costs one."""
    texts = [("web", "zh", "天" * 6_000), ("web", "en", "x" * 6_000)] * 2
    texts += [("web", "en", "a good text of words " * 99), ("web", "de", "y" * 20)]
    whole = [replace(each, splitters="as_named") for each in judging.passes]
    path = judging.write(tmp_path, texts=texts, passes=whole)
    ledger = Ledger("shard", tokens={"in": 50, "kept": 50, "padding": 0})
    ledger.total.received = Count(1, 100)
    about: dict[str, object] = {"config": {"by": ["source"]}, "detail": {"streams": {}}}
    shard = judging.publish(path, "shard", [], ledger=ledger.to_json(), **about)
    (shard / "tokenizer.json").write_bytes(train_tokenizer([], 257))
    found = account(open_run(str(path)))
    groups = found.by("language")
    assert groups["zh"].dropped.tolist() == pytest.approx([2, 12_000, 36_000], rel=1e-3)
    assert groups["en"].dropped.tolist() == pytest.approx([2, 12_000, 12_000], rel=1e-3)
    assert groups["de"].dropped[2] == pytest.approx(20 * 2, rel=1e-2), "too few to have a rate: that of all"
    assert "5 dropped texts, a sample, were tokenized with the run's tokenizer" in " ".join(found.notes)
    assert "the kept documents: 0.500" in " ".join(found.notes)


def test_languages_with_bounds_of_their_own_are_judged_by_those(judging: Namespace, tmp_path: Path) -> None:
    gopher, house = judging.passes
    words, mean = gopher.rules
    own = {"de": (replace(words, min=2), replace(mean, max=5)), "fr": (), "en": (words,)}
    run = judging.write(tmp_path, passes=[replace(gopher, per_language=own), house])
    found = account(open_run(str(run))).by("language")
    by_rule = dict(zip(account(open_run(str(run))).bounds.names, found["de"].broke[0], strict=True))
    texts = [text for source, language, text in judging.texts if (source, language) == ("web", "de")]
    assert by_rule["gopher.word_count"] == sum(len(text.split()) < 2 for text in texts)
    assert (
        dict(zip(account(open_run(str(run))).bounds.names, found["en"].broke[0], strict=True))[
            "gopher.mean_word_length"
        ]
        == 0
    )
    assert (
        "stay as they are"
        in what_if(open_run(str(run)), read_changes(open_run(str(run)), ["gopher.word_count.min=9"])).notes[
            -2
        ]
    )


@pytest.fixture
def labelled(judging: Namespace, tmp_path: Path) -> Path:
    """A run that labels documents by their script, those of `web` only, in a pass before the rules."""
    script = Pass(
        name="names", edits=(), rules=(), only=("web",), labels=(Label(name="script", labeller="script"),)
    )
    texts = [
        *judging.texts,
        *(("web", "ru", "слово и дело " * n) for n in (1, 1, 9)),
        ("web", "el", "λόγος " * 9),
    ]
    return judging.write(tmp_path, texts=texts, passes=[script, *judging.passes])


def test_an_account_by_a_label_adds_up_to_the_whole(
    labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["account", str(labelled), "--json"]) == 0
    (whole,) = json.loads(capsys.readouterr().out)["accounts"]
    assert main(["account", str(labelled), "--by", "label.script", "--json"]) == 0
    parts = {each["label.script"]: each for each in json.loads(capsys.readouterr().out)["accounts"]}
    assert {"Latn", "Cyrl", "Grek", "unlabelled"} <= set(parts)
    assert parts["Cyrl"]["in"] == {"documents": 3, "characters": 11 * 13}
    assert parts["Cyrl"]["dropped"]["documents"] == 2, "three words are too few"
    assert parts["unlabelled"]["in"]["documents"] == 50, "the documents of docs"
    for name in ("in", "dropped"):
        for unit in ("documents", "characters"):
            assert sum(each[name][unit] for each in parts.values()) == whole[name][unit]
    for rule in whole["rules"]:
        mine = [each for part in parts.values() for each in part["rules"] if each["rule"] == rule["rule"]]
        assert sum(each["breaks"]["documents"] for each in mine) == rule["breaks"]["documents"]
        assert sum(each["shapley"]["documents"] for each in mine) == pytest.approx(
            rule["shapley"]["documents"]
        )


def test_a_label_names_its_tables(labelled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["account", str(labelled), "--by", "label.script"]) == 0
    told = capsys.readouterr().out
    assert "script Cyrl: dropped 2 of 3 documents (66.7 %)" in told
    assert "script unlabelled: dropped" in told


def test_an_account_by_what_is_no_label_says_what_there_is(
    labelled: Path, judged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["account", str(labelled), "--by", "label.topic"]) == 2
    said = "--by label.topic: the run has no such label; expected one of source, language, label.script\n"
    assert capsys.readouterr().err == said
    assert main(["account", str(judged), "--by", "site"]) == 2
    assert (
        capsys.readouterr().err == "--by site: the run has no such label; expected one of source, language\n"
    )


def test_the_report_tells_labels_apart(labelled: Path) -> None:
    page = " ".join(render(gather(open_run(str(labelled)))).split())
    assert "<h3>script Cyrl</h3>" in page
    assert "dropped 2 of 3 documents" in page
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    groups = [(each["kind"], each["name"]) for each in json.loads(data)["browsed"]["groups"]]
    assert ("by script", "Cyrl") in groups
    assert ("by script", "Grek") in groups
