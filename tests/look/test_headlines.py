"""The first screen of a report: a run in a few numbers."""

from __future__ import annotations

import json
import os
import re
from html import unescape
from pathlib import Path
from types import SimpleNamespace as Namespace
from typing import Any

from curation.accounting.account import Count
from curation.accounting.ledger import Ledger
from curation.look.questions.account import account
from curation.look.report import gather, render
from curation.look.report.accounts import headlines, rule_account, stage_accounts
from curation.look.run import open_run
from curation.shards.tokens import train_tokenizer


def summed_up(path: Path) -> dict[str, Any]:
    run = open_run(str(path))
    result = headlines(run, stage_accounts(run), rule_account(run) if "filter" in run.manifests else None)
    assert result is not None
    return result


def first_screen(path: Path) -> str:
    html = re.search(r'<section id="headlines".*?</section>', render(gather(open_run(str(path)))), re.DOTALL)
    assert html is not None
    return " ".join(unescape(re.sub("<[^>]*>", "", html[0])).split())


def test_it_says_what_came_in_what_is_left_and_what_was_lost(small_run: Path) -> None:
    result = summed_up(small_run)
    assert (result["received"], result["left"], result["left_out"]) == (12, 6, "")
    assert result["lost"] == {"dropped": 3, "merged": 2, "failed": 1}
    assert result["received"] == result["left"] + sum(result["lost"].values())
    assert (result["tokens_received"], result["tokens_left"]) == ("", ""), "nothing was tokenized"
    text = first_screen(small_run)
    assert "Came in12 records Left6 documents 50.0 % Lost6 records 3 dropped 2 merged 1 failed" in text
    assert "Costliest rules gopher.word_count 100.0 % of what the filter dropped; all rules" in text
    assert "~" not in text


def test_the_costliest_rules_are_those_of_the_account(judged: Path) -> None:
    (whole,) = account(open_run(str(judged))).by().values()
    rules = summed_up(judged)["rules"]
    assert [share for _, share in rules] == sorted((whole.shapley[0] / whole.dropped[0])[:3], reverse=True)
    assert {name for name, _ in rules} == set(account(open_run(str(judged))).bounds.names)
    assert "none failed" in first_screen(judged)


def test_tokens_are_counted_where_they_were_and_estimated_before(judging: Namespace, tmp_path: Path) -> None:
    judging.write(tmp_path, texts=[("web", "en", "a good text of words " * 99), ("web", "en", "few")])
    ledger = Ledger("shard", tokens={"in": 1_050, "kept": 1_050, "padding": 0})
    ledger.total.received = ledger.total.states["kept"] = Count(1, 2_100)
    about = {"config": {"by": ["source"]}, "detail": {"streams": {}}}
    shard = judging.publish(tmp_path, "shard", [], ledger=ledger.to_json(), **about)
    (shard / "tokenizer.json").write_bytes(train_tokenizer([], 257))
    text = first_screen(tmp_path)
    assert "Came in2 records ~1,040 tokens of text Left1 documents 50.0 %, 1,050 tokens" in text
    assert text.endswith("~ is estimated from characters")


def test_a_stage_of_other_data_is_not_counted(small_run: Path, tmp_path: Path) -> None:
    for stage in ("extract", "filter"):
        (tmp_path / stage).symlink_to(small_run / stage)
    (tmp_path / "dedup" / "other").mkdir(parents=True)
    manifest = json.loads(next((small_run / "dedup").glob("*/manifest.json")).read_text())
    manifest |= {"inputs": {"filter": "other"}, "fingerprint": "other"}
    (tmp_path / "dedup" / "other" / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "dedup" / "current.json").write_text('{"fingerprint": "other"}')
    run = open_run(str(tmp_path))
    result = headlines(run, stage_accounts(run), None)
    assert result is not None
    assert (result["left"], result["lost"]) == (8, {"dropped": 3, "failed": 1})
    assert result["left_out"].startswith(
        "dedup other was made from filter other, not from the 0123456789abcdef"
    )

    (tmp_path / "dedup" / "other" / "manifest.json").write_text(
        json.dumps(manifest | {"inputs": {"extract": "0123456789abcdef"}})
    )
    _, note = open_run(str(tmp_path)).funnel()
    assert " was made without " in note


def test_the_date_is_that_of_the_newest_manifest(judging: Namespace, tmp_path: Path) -> None:
    judging.write(tmp_path)
    judging.publish(tmp_path, "sites", [judging.document(1)])
    for stage, seconds in (("filter", 0), ("sites", 86_400 * 365)):
        (manifest,) = (tmp_path / stage).glob("*/manifest.json")
        os.utime(manifest, (seconds, seconds))
    assert summed_up(tmp_path)["published"] == "1971-01-01 00:00 UTC"
    assert "Published 1971-01-01 00:00 UTC · recipe" in first_screen(tmp_path)


def test_the_same_recipe_has_the_same_fingerprint(judging: Namespace, tmp_path: Path) -> None:
    def recipe(name: str, **changes: object) -> str:
        return summed_up(judging.write(tmp_path / name, **changes))["recipe"]

    assert recipe("a") == recipe("b", texts=judging.texts[:9]) != recipe("c", measure="needed")


def test_a_run_without_accounts_has_no_headlines(small_run: Path) -> None:
    assert headlines(open_run(str(small_run)), [], None) is None
