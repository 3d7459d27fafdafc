from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.accounting.account import Account
from curation.accounting.ledger import Ledger
from curation.cli import main
from curation.look.questions.ledger import Funnel
from curation.look.render.counted import phrases
from curation.look.render.terminal import as_text


def test_what_was_kept_stands_beside_what_was_seen() -> None:
    counts = {
        "table_cells_seen": 12480, "table_cells_kept": 12345, "code_blocks_seen": 312, "code_blocks_kept": 311,
        "rescued": 12, "retried": 0, "replaced_characters": 1200,
    }  # fmt: skip
    assert phrases(counts) == [
        "code blocks 311 of 312 kept (99.7 %)",
        "replaced characters 1,200",
        "rescued 12",
        "table cells 12,345 of 12,480 kept (98.9 %)",
    ]
    assert phrases({"table_cells_seen": 7}) == ["table cells 0 of 7 kept (0.0 %)"], "all of them lost"
    assert phrases({"table_cells_seen": 0, "table_cells_kept": 3}) == ["table cells 3 of 0 kept"]
    assert phrases({}) == []


def test_sources_have_lines_of_their_own_where_there_are_several() -> None:
    web, wiki = Account(counts={"rescued": 2}), Account(counts={"rescued": 1})
    ledger = Ledger("extract", Account(counts={"rescued": 3}), {"wiki": wiki, "web": web, "text": Account()})
    assert counted(ledger, Ledger("filter")) == [
        "extract: rescued 3",
        "  web: rescued 2",
        "  wiki: rescued 1",
    ]
    assert counted(Ledger("extract", web, {"web": web})) == ["extract: rescued 2"]


def counted(*ledgers: Ledger) -> list[str]:
    """The lines of a funnel that say what stages counted in documents."""
    lines = as_text(Funnel(ledgers=ledgers, left_out="", failed_files=(), estimate=None)).splitlines()
    return [line for line in lines if "rescued" in line]


def test_the_ledger_command_tells_it(small_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", str(small_run)]) == 0
    assert "\nextract: table cells 1,100 of 1,200 kept (91.7 %)\n" in capsys.readouterr().out
    assert main(["ledger", str(small_run), "--json"]) == 0
    extract, *_ = json.loads(capsys.readouterr().out)["stages"]
    assert extract["counts"] == {"table_cells_kept": 1100, "table_cells_seen": 1200}
    assert extract["sources"]["web"]["counts"] == extract["counts"]
