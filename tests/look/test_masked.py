"""What the report shows of masked spans: counts as in the ledger, places with their context, never what stood there."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace as Namespace

import pytest

from curation.accounting.manifest import read_manifest
from curation.filters.rules import Edit, Pass, Rule
from curation.look import frames
from curation.look.report import gather, render
from curation.look.report.edits import edited, masked
from curation.look.run import open_run

KINDS = ("email", "phone", "iban", "secret")
HIDDEN = ("jane.doe@mail.org", "212-555-0187", "DE89370400440532013000", "ghp_" + "a1B2" * 9)
EMAIL, PHONE, IBAN, SECRET = HIDDEN
TEXTS = [
    ("web", "en", f"Write to {EMAIL} or to {EMAIL} before noon, she reads it."),
    ("docs", "en", f"The desk is at {PHONE} on week days, and at {EMAIL} on others."),
    ("docs", "en", f"Pay into {IBAN} at once, the token {SECRET} opens the door."),
    ("web", "en", f"short {PHONE}"),
    ("web", "en", "A text in which there is nothing that anybody would have to hide."),
]
PASSES = (
    Pass(name="first", edits=(), rules=(Rule(name="word_count", signal="word_count", min=3),)),
    Pass(
        name="privacy",
        edits=(Edit(name="mask_pii", options={"kinds": KINDS, "phone": "[NUMBER]"}),),
        rules=(),
    ),
)


class Read(HTMLParser):
    """The text of a page, what its scripts hold too."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.said = ""
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.said += data


@pytest.fixture
def run(judging: Namespace, tmp_path: Path) -> str:
    """A run with an extract stage, whose texts hold what the filter masked."""
    rows = [judging.document(n, source=s, text=text) for n, (s, _, text) in enumerate(TEXTS)]
    judging.publish(tmp_path, "extract", rows)
    return str(judging.write(tmp_path, texts=TEXTS, passes=PASSES, measure="needed"))


def test_counts_are_the_ledgers_by_kind_and_source(run: str) -> None:
    kinds = {kind["name"]: kind for kind in masked(open_run(run), frames.documents(run, "filter"))}
    assert {name: (kind["total"], kind["by_source"]) for name, kind in kinds.items()} == {
        "privacy.email": (3, {"docs": 1, "web": 2}),
        "privacy.phone": (1, {"docs": 1, "web": 0}),  # the short text went before it came to the pass
        "privacy.iban": (1, {"docs": 1, "web": 0}),
        "privacy.secret": (1, {"docs": 1, "web": 0}),
    }
    ledger = read_manifest(next(Path(run, "filter").glob("*/manifest.json")).parent.as_posix()).ledger
    assert ledger["counts"] == {name: kind["total"] for name, kind in kinds.items()}
    assert kinds["privacy.phone"]["placeholder"] == "[NUMBER]"


def test_places_have_their_context_and_not_what_stood_there(run: str) -> None:
    kinds = {kind["name"]: kind for kind in masked(open_run(run), frames.documents(run, "filter"))}
    (span,) = kinds["privacy.phone"]["examples"]
    assert (span["before"], span["after"]) == (
        "The desk is at ",
        " on week days, and at email@example.com on others.",
    )
    assert sorted(span["spans"] for span in kinds["privacy.email"]["examples"]) == [1, 2]
    assert not [hidden for hidden in HIDDEN if hidden in repr(kinds)]


def test_nothing_that_was_masked_is_anywhere_in_the_report(run: str) -> None:
    html = render(gather(open_run(run)))
    said = Read(html).said
    assert "What was masked" in said
    assert "<mark>[NUMBER]</mark> on week days" in html
    (data,) = [each for each in said.split("\n") if each.startswith('{"what_if"')]
    shown = json.loads(data)["browsed"]["documents"]
    assert len(shown) == len(TEXTS)
    for hidden in HIDDEN:
        assert hidden not in said
    assert "short [NUMBER]" in json.dumps(shown), "nor of what was dropped before it came to be masked"


def test_masking_alone_is_no_change_to_show_and_hides_in_others(judging: Namespace, tmp_path: Path) -> None:
    stripped = Pass(name="own", edits=(Edit(name="remove_citations"),), rules=())
    texts = [("web", "en", f"Write to {EMAIL} [1] today.\nAnd to nobody else [2].")]
    judging.publish(tmp_path, "extract", [judging.document(0, source="web", text=texts[0][2])])
    path = str(judging.write(tmp_path, texts=texts, passes=[*PASSES, stripped]))
    found = edited(open_run(path))
    assert list(found) == ["own.remove_citations"]
    assert EMAIL not in repr(found)
    assert "email@example.com" in repr(found)


def test_what_a_stage_before_the_filter_changed_is_masked_too(judging: Namespace, tmp_path: Path) -> None:
    text = f"the menu\nWrite to {EMAIL} today."
    judging.publish(tmp_path, "extract", [judging.document(0, source="web", text=text)])
    cut = judging.document(0, source="web", title="", text=text[9:], edits=[("lines.repeated", 9)])
    judging.publish(tmp_path, "lines", [cut])
    found = edited(open_run(str(judging.write(tmp_path, texts=[("web", "en", text[9:])], passes=PASSES))))
    assert list(found) == ["lines.repeated"]
    assert EMAIL not in repr(found)


def test_a_pass_for_some_sources_masks_in_those(judging: Namespace, tmp_path: Path) -> None:
    only = Pass(name="privacy", edits=PASSES[1].edits, rules=(), only=("web",))
    path = str(judging.write(tmp_path, texts=TEXTS, passes=[only]))
    mask = open_run(path).mask
    assert mask(PHONE, "web") == "[NUMBER]"
    assert mask(PHONE, "docs") == PHONE


def test_a_run_that_masks_nothing_says_so(small_run: Path) -> None:
    assert "No edit masked anything." in render(gather(open_run(str(small_run))))
