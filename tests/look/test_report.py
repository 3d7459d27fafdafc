from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from types import FrameType
from types import SimpleNamespace as Namespace
from typing import TypeVar

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.filters.rules import Edit, Pass, Rule
from curation.look import frames
from curation.look.questions.account import account
from curation.look.questions.why import why
from curation.look.report import MissingTraining, gather, render, write_report
from curation.look.run import open_run

#: Elements that open and stay open until closed; the rest of HTML's void elements never close.
VOID = {"meta", "br", "img", "link", "input", "hr", "wbr"}

T = TypeVar("T")


class Page(HTMLParser):
    """Every tag with its attributes, and whether the tags nest."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.scripts if self.open[-1:] == ["script"] else self.text).append(data)


@pytest.fixture(scope="module")
def html(small_run: Path) -> str:
    return render(gather(open_run(str(small_run))))


def test_the_page_is_well_formed(html: str) -> None:
    assert Page(html).open == []


def test_nothing_of_a_document_can_act(html: str) -> None:
    page = Page(html)
    tags = [tag for tag, _ in page.tags]
    assert not set(tags) & {"img", "iframe", "object", "embed", "link", "form", "base"}
    assert tags.count("script") == 2  # the data, which is not run, and the page's own
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("href") or "#").startswith("#")
        assert "src" not in attributes
    assert not re.search("[\x00\x1b\u202e]", html)
    shown = json.dumps(json.loads(page.scripts[0])["browsed"], ensure_ascii=False)
    assert "document.title='owned'" in shown  # as text
    assert "⟨202E⟩" in shown


def test_only_the_script_of_the_page_may_run(html: str) -> None:
    own = Page(html).scripts[1]
    digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
    (policy,) = (each["content"] for _, each in Page(html).tags if "http-equiv" in each)
    parts = ["default-src 'none'", "style-src 'unsafe-inline'", f"script-src 'sha256-{digest}'"]
    assert policy == "; ".join([*parts, "base-uri 'none'", "form-action 'none'"])
    assert "innerHTML" not in own
    assert not re.search("https?:", own)


def test_the_page_asks_for_nothing(html: str) -> None:
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_every_section_says_what_the_run_holds(html: str) -> None:
    text = " ".join("".join(Page(html).text).split())
    for said in (
        "10 of 12 kept",
        "all sources · table cells 1,100 of 1,200 kept (91.7 %)",
        "extract.timeout",
        "kept now 8 of 10",
        "extract.timeout–1 (1)",
        "2 of 10 measured break it",
        "dedup.near, Jaccard 0.850, a cluster of 3",
        "No training run is attached.",
        "0123456789abcdef",
    ):
        assert said in text


def test_an_edit_is_told_by_its_characters(judged: Path) -> None:
    text = " ".join("".join(Page(render(gather(open_run(str(judged))))).text).split())
    reasons = frames.reasons(str(judged))
    ledger = frames.ledgers(str(judged)).iloc[0]
    (edit,) = reasons[(reasons.source == "all") & (reasons.reason == "edit:house.mask_pii")].itertuples()
    share = 100 * edit.characters / ledger["in_characters"]
    assert f"house.mask_pii{edit.characters} {share:.1f} %" in text
    assert edit.characters > 0
    assert "edit:" not in text


def test_the_account_of_the_rules_is_shown(judged: Path, html: str) -> None:
    page = Page(render(gather(open_run(str(judged)))))
    assert page.open == []
    text = " ".join("".join(page.text).split())
    found = account(open_run(str(judged)))
    (whole,) = found.by().values()
    assert f"all documents dropped {whole.dropped[0]:.0f} of 150 documents" in text
    for name in (
        "source web",
        "language un",
        "Which rules drop the same documents",
        "share of dropped characters",
    ):
        assert name in text
    assert "share of dropped tokens" not in text, "no tokenizer was named"
    assert "The recipe says measure: needed." in " ".join("".join(Page(html).text).split())


def test_a_run_whose_rules_dropped_nothing(judging: Namespace, tmp_path: Path) -> None:
    assert "No document broke a rule." in render(gather(open_run(str(judging.write(tmp_path, texts=[])))))


def test_a_training_run_is_drawn_with_its_phases(small_run: Path, metrics: Path) -> None:
    text = " ".join(
        "".join(Page(render(gather(open_run(str(small_run)), training=str(metrics)))).text).split()
    )
    assert "100 steps; loss 7.950 at the first, 3.000 at the last." in text
    assert "main & <late>" in text


def test_a_training_run_that_was_named_must_be_there(small_run: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingTraining):
        render(gather(open_run(str(small_run)), training=str(tmp_path)))


def test_a_run_that_stopped_after_extract_has_a_report(small_run: Path, tmp_path: Path) -> None:
    (tmp_path / "extract").symlink_to(small_run / "extract")
    path = write_report(open_run(str(tmp_path)))
    assert path == str(tmp_path / "report.html")
    assert "The filter stage has not run." in Path(path).read_text(encoding="utf-8")


def test_the_same_run_gives_the_same_page(small_run: Path, html: str) -> None:
    assert render(gather(open_run(str(small_run)))) == html


def test_a_run_in_an_object_store_is_read_and_written_by_its_url(small_run: Path, html: str) -> None:
    store = fsspec.filesystem("memory")
    store.put(str(small_run), "/look_run", recursive=True)
    assert _undated(render(gather(open_run("memory://look_run")))) == _undated(html)
    (life,) = why(open_run("memory://look_run"), f"{3:032x}").lives
    assert len(life.steps) == 3
    assert len(life.places) == 2
    assert write_report(open_run("memory://look_run")) == "memory://look_run/report.html"
    assert _undated(store.cat("/look_run/report.html").decode()) == _undated(html)


def _undated(html: str) -> str:
    """A copy of a run was published when it was copied."""
    return re.sub("<time>.*?</time>", "", html)


def test_documents_are_chosen_in_every_way(html: str) -> None:
    browsed = json.loads(Page(html).scripts[0])["browsed"]
    groups = {(each["kind"], each["name"]): each["items"] for each in browsed["groups"]}
    for kind in ("random", "near a bound", "removed by", "by source", "by language", "by site", "by length"):
        assert kind in {found for found, _ in groups}
    assert ("dropped by this rule only", "gopher.word_count") in groups
    near = groups["near a bound", "gopher.word_count, min 5"]
    assert [note for _, note in near][-2:] == ["2, breaks it", "2, breaks it"]
    documents = browsed["documents"]
    ids = [each["id"] for each in documents]
    assert len(ids) == len(set(ids))
    assert all(0 <= place < len(ids) for items in groups.values() for place, _ in items)
    (broke, *_) = (each for each in documents if each["id"] == f"{8:032x}")
    assert broke["reasons"] == [["gopher.word_count", "gopher.word_count: 2, allowed is at least 5"]]
    assert broke["page"] is None
    assert "cannot be read" in broke["missing"]  # its WARC never was there


def test_a_page_shows_best_and_worst_where_the_recipe_measures_quality(
    judging: Namespace, tmp_path: Path, html: str
) -> None:
    said = "The recipe measures no quality, so none are chosen as best and worst"
    quality = Pass(name="quality", edits=(), rules=(Rule(name="quality", signal="word_count", min=1),))
    with_it = render(gather(open_run(str(judging.write(tmp_path, passes=[quality])))))
    assert (said in html, said in with_it) == (True, False)
    assert "Quality goes by quality.quality." in with_it
    groups = json.loads(Page(with_it).scripts[0])["browsed"]["groups"]
    assert {"highest quality", "lowest quality"} <= {each["name"] for each in groups}


def test_what_breaks_a_rule_is_shown_however_far_down_it_stands(judging: Namespace, tmp_path: Path) -> None:
    rule = Rule(name="brackets", signal="phrase_count", max=0, options={"phrases": ("{",)})
    code = Pass(name="code", edits=(Edit(name="mask_pii"),), rules=(rule,))
    prose, mail = "A line of prose that says little.\n" * 720, "write to someone@example.org\n"
    texts = [("web", "en", f"{prose}{mail}int main() {{ return 0; }}\n{prose}")]
    run = judging.write(tmp_path, texts=texts, passes=[code])
    judging.publish(run, "extract", [judging.document(0, source="web", text=texts[0][2])])
    (found,) = json.loads(Page(render(gather(open_run(str(run))))).scripts[0])["browsed"]["documents"]
    assert [part for part, reasons in found["text"] if reasons] == ["int main() { return 0; }"]
    (gap,) = [part.split()[0] for part, reasons in found["text"] if reasons is None]
    shown = sum(len(part) for part, reasons in found["text"] if reasons is not None)
    assert shown + int(gap.replace(",", "")) + found["rest"] == found["characters"], "masked as it is shown"
    assert found["received"] == len(texts[0][2]) > found["characters"]


def test_a_page_stays_small_whatever_its_documents_hold(
    small_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.look.report.documents.BUDGET_BYTES", 10)
    short = json.loads(Page(render(gather(open_run(str(small_run))))).scripts[0])["browsed"]["documents"]
    assert all(sum(len(part) for part, _ in each["text"] or ()) <= 200 for each in short)
    assert any(each["rest"] for each in short)


def test_a_report_stays_small_whatever_its_documents_hold(judging: Namespace, tmp_path: Path) -> None:
    """Marks of HTML take six bytes each in the page, and a text without spaces is one word."""
    texts = [("web", "en", f"{'<' * 40_000}{n}") for n in range(200)]
    run = judging.write(tmp_path, texts=texts)
    whole = [judging.document(n, text=text, title=text, url=text) for n, (_, _, text) in enumerate(texts)]
    path = judging.publish(
        run,
        "dedup",
        [{**row, "merged_into": f"{0:032x}"} if row["id"] != f"{0:032x}" else row for row in whole],
    )
    pairs = [
        {
            "id": f"{n:032x}",
            "kept_id": f"{n - 1:032x}",
            "kept_in": None,
            "jaccard": 0.9,
            "bands_shared": 1,
            "cluster_size": 2,
            "reason": "dedup.near",
        }
        for n in range(1, 200)
    ]
    (path / "clusters").mkdir()
    pq.write_table(pa.Table.from_pylist(pairs), path / "clusters" / "part-0.parquet")
    assert len(render(gather(open_run(str(run)))).encode()) < 10_000_000


def test_the_page_goes_by_the_name_of_its_recipe(judging: Namespace, tmp_path: Path) -> None:
    run = judging.write(tmp_path)
    assert "<h1>What became of every page</h1>" in render(gather(open_run(str(run))))
    (tmp_path / "recipe.yaml").write_text("# made\nname: web <en>\ninputs: {}\n", encoding="utf-8")
    assert "<h1>web &lt;en&gt;: what became of every page</h1>" in render(gather(open_run(str(run))))


def test_a_page_is_drawn_from_what_was_gathered(small_run: Path, metrics: Path) -> None:
    """Gathering reads and counts; drawing then crosses few modules, and opens no run."""
    gathered, gathering = _modules(lambda: gather(open_run(str(small_run)), training=str(metrics)))
    html, drawing = _modules(lambda: render(gathered))
    assert html.endswith("</html>")
    assert len(drawing) <= 10, drawing
    assert not [name for name in drawing if name.startswith("curation.look.run")]
    assert len(gathering | drawing) <= 28, gathering | drawing


def _modules(work: Callable[[], T]) -> tuple[T, set[str]]:
    """Return what `work` returns, and the modules of curation.look whose functions it entered."""
    entered: set[str] = set()

    def enter(frame: FrameType, event: str, _: object) -> None:
        name = frame.f_globals.get("__name__", "")
        if event == "call" and name.startswith("curation.look."):
            entered.add(name)

    sys.setprofile(enter)
    try:
        return work(), entered
    finally:
        sys.setprofile(None)
