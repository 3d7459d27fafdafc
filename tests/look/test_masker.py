"""Nothing that a recipe masks is printed or exported by any question, whenever the document was dropped."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace as Namespace

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.cli import main
from curation.filters.pii.mask import mask_pii
from curation.filters.rules import Edit, Pass, Rule
from curation.look import frames
from curation.look.label import page as labelling
from curation.look.label.marks import HumanLabel, export, write_labels
from curation.look.questions.grep import grep
from curation.look.render import cells
from curation.look.run import Original, View, open_run

EMAIL, PHONE, IBAN, SECRET = HIDDEN = (
    "jane.doe@mail.org",
    "212-555-0187",
    "DE89370400440532013000",
    "ghp_" + "a1B2" * 9,
)
TEXTS = [
    ("web", "en", f"short {PHONE}"),
    ("docs", "en", f"gone {EMAIL}"),
    ("web", "en", f"Write to {EMAIL}, or pay into {IBAN} before noon and bring {SECRET}."),
    ("docs", "en", "A text in which there is nothing that anybody would have to hide."),
]
PASSES = (
    Pass(name="first", edits=(), rules=(Rule(name="word_count", signal="word_count", min=3),)),
    Pass(
        name="privacy",
        edits=(Edit(name="mask_pii", options={"kinds": ("email", "phone", "iban", "secret")}),),
        rules=(),
    ),
)
FIRST, SECOND, THIRD = (f"{n:032x}" for n in range(3))


@pytest.fixture
def run(judging: Namespace, tmp_path: Path) -> str:
    """A run that drops two documents before it comes to mask them; their titles have something to hide too."""
    said = {"title": f"Of {EMAIL}", "metadata": [("author", f"Jane, {PHONE}")]}
    rows = [judging.document(n, source=s, text=text, **said) for n, (s, _, text) in enumerate(TEXTS)]
    judging.publish(tmp_path / "run", "extract", rows)
    return str(judging.write(tmp_path / "run", texts=TEXTS, passes=PASSES, measure="needed"))


@pytest.mark.parametrize(
    "asked",
    [
        ["sample"],
        ["sample", "--json"],
        ["sample", "--stage", "extract"],
        ["sample", "--rate", "1", "--stratify", "source"],
        ["sample", "--near", "first.word_count", "--json"],
        ["sample", "--where", "text like '%555%'"],
        ["grep", "[a-z]", "--json"],
        ["grep", "[a-z]", "--stage", "extract"],
        ["why", FIRST],
        ["why", SECOND, "--json"],
        ["why", THIRD],
        ["whatif", "first.word_count.min=1", "--json"],
        ["whatif", "first.word_count.min=1"],
        ["profile"],
        ["account", "--json"],
        ["report"],
    ],
    ids=" ".join,
)
def test_no_answer_holds_what_the_recipe_masks(
    asked: list[str], run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([asked[0], run, *asked[1:]]) == 0
    told = capsys.readouterr().out
    if asked == ["report"]:
        told += Path(run, "report.html").read_text(encoding="utf-8")
    assert not [hidden for hidden in HIDDEN if hidden in told]


def test_a_difference_between_runs_is_masked_on_both_sides(
    judging: Namespace, run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = [("web", "en", f"short {PHONE} again"), *TEXTS[1:]]
    judging.write(tmp_path / "other", texts=other, passes=PASSES, measure="needed")
    for more in ([], ["--json"]):
        assert main(["diff", run, str(tmp_path / "other"), *more]) == 0
        told = capsys.readouterr().out
        assert "<phone>" in told
        assert PHONE not in told


@pytest.mark.parametrize("name", ["all.parquet", "all.jsonl"])
@pytest.mark.parametrize("more", [[], ["--rate", "1"], ["--stage", "extract"]], ids=" ".join)
def test_a_sample_in_a_file_is_masked(name: str, more: list[str], run: str, tmp_path: Path) -> None:
    assert main(["sample", run, "--out", str(tmp_path / name), *more]) == 0
    rows = (
        pq.read_table(tmp_path / name).to_pylist()
        if name.endswith("parquet")
        else [json.loads(line) for line in (tmp_path / name).read_text(encoding="utf-8").splitlines()]
    )
    assert len(rows) == len(TEXTS)
    assert not [hidden for hidden in HIDDEN if hidden in repr(rows)]
    assert "short <phone>" in {row["text"] for row in rows}
    if "extract" in more:
        assert {dict(row["metadata"])["author"] for row in rows} == {"Jane, <phone>"}


def test_documents_to_mark_and_marked_ones_are_masked(
    run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Original(html=f"<p>Call {PHONE}")
    monkeypatch.setattr(labelling, "read_originals", lambda run, rows: [page for _ in rows])
    monkeypatch.setattr(labelling, "visible_texts", list)
    drawn = labelling.draw(open_run(run), 10)
    html, _ = labelling.label_page(open_run(run), drawn, labelling.LabelStore(run, drawn.strata))
    assert "Call " in html
    write_labels(
        run, {id: HumanLabel(id=id, mark="keep", note="", weight=1, marked_at="") for id in (FIRST, THIRD)}
    )
    assert export(open_run(run), str(tmp_path / "marked.jsonl")) == 2
    written = (tmp_path / "marked.jsonl").read_text(encoding="utf-8")
    assert "Write to email@example.com, or pay into <iban> before noon" in written
    assert not [hidden for hidden in HIDDEN if hidden in html or hidden in written]


def test_frames_and_their_cells_are_masked(judging: Namespace, run: str) -> None:
    for columns in (None, ["text"], ["title", "source"]):
        frame = frames.documents(run, "extract", columns=columns)
        assert frame.attrs["rate"] == 1
        assert columns is None or list(frame.columns) == ["id", *columns]
        assert not [hidden for hidden in HIDDEN if hidden in repr(frame.to_dict())]
    html = cells.documents(frames.documents(run, "filter", "dropped")).html
    assert "short &lt;phone&gt;" in html
    assert PHONE in "".join(frames.stored(run, "filter", "dropped")["text"]), "it lies there as it was"


def test_what_matches_is_counted_as_stored_and_shown_masked(run: str) -> None:
    for pattern in ("jane.d", "doe@mail.org", "@", "^gone jane", r"(?<=gone ).*", "ane.doe@mail.or"):
        found = grep(open_run(run), pattern)
        assert found.matched >= 1, "texts that went before the mask are searched as they are stored"
        (one,) = (each for each in found.shown if each.card.id == SECOND)
        assert "email@example.com" in one.text
        assert one.before + one.text + one.after == one.card.excerpt == "gone email@example.com"
    (one,) = grep(open_run(run), "gone ").shown
    assert (one.before, one.text, one.after) == ("", "gone ", "email@example.com")


@given(
    st.lists(st.sampled_from([*HIDDEN, "2000::", "://a:", " ", ".", "@", "x ", "tel "])).map("".join),
    st.integers(0, 80),
    st.integers(0, 40),
)
def test_every_place_of_a_text_has_its_place_in_the_masked_one(text: str, start: int, length: int) -> None:
    made = mask_pii(text, kinds=("email", "ip", "phone", "card", "iban", "secret"))
    view = View(made.text, made.replaced)
    first, last = min(start, len(text)), min(start + length, len(text))
    assert (view.start(0), view.end(len(text))) == (0, len(made.text))
    assert 0 <= view.start(first) <= view.end(first) <= view.end(last) <= len(made.text)
    if not made.replaced:
        assert (view.start(first), view.end(last)) == (first, last)


def test_a_run_without_a_mask_shows_what_is_stored(small_run: Path) -> None:
    assert open_run(str(small_run)).mask.edits == ()
    assert grep(open_run(str(small_run)), "quick").shown[0].text == "quick"
