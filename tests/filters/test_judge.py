"""Judging a batch: order, skipping, counts that close, errors that name the document."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.document import DOCUMENT
from curation.filters.judge import judge_batch
from curation.filters.registry import EDITS, Masked
from curation.filters.rules import Edit, Label, Pass, Rule
from curation.signals import SIGNALS

WORDS = Rule(name="words", signal="word_count", min=2, max=4)
LENGTH = Rule(name="length", signal="text_length", max=10)
FIRST = Pass(name="first", edits=(), rules=(WORDS, LENGTH))
SECOND = Pass(
    name="second",
    edits=(Edit(name="remove_citations"), Edit(name="mask_pii", options={"email": "<email>"})),
    rules=(Rule(name="length", signal="text_length", max=3),),
)
NONE = {field.name: None for field in DOCUMENT}


def batch(*texts, **columns):
    rows = [
        {**NONE, "id": f"id{i}", "source": "crawl", "file": "a.warc.gz", "offset": i, "text": text}
        | {name: values[i] for name, values in columns.items()}
        for i, text in enumerate(texts)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=DOCUMENT)


def judged(documents, passes, *, measure_all=False):
    out = judge_batch(documents, passes, measure_all=measure_all)
    assert out.schema == DOCUMENT
    out.validate(full=True)
    assert out.column("id") == documents.column("id")
    rows = out.to_pylist()
    for row in rows:
        row["edits"], row["measures"] = dict(row["edits"]), dict(row["measures"])
        row["names"] = [reason["name"] for reason in row["reasons"]]
    return rows


def test_a_document_that_breaks_nothing_has_no_reasons():
    [row] = judged(batch("a b"), [FIRST])
    assert row["reasons"] == []
    assert row["measures"] == {"first.words": 2.0, "first.length": 3.0}
    assert (row["characters_in"], row["characters"], row["edits"]) == (3, 3, {})


def test_every_broken_rule_is_a_reason_with_value_and_bounds():
    [row] = judged(batch("abcdefghijk"), [FIRST])
    assert row["reasons"] == [
        {"name": "first.words", "state": "dropped", "value": 1.0, "min": 2.0, "max": 4.0, "detail": None},
        {"name": "first.length", "state": "dropped", "value": 11.0, "min": None, "max": 10.0, "detail": None},
    ]
    assert row["text"] == "abcdefghijk"


def test_later_passes_are_skipped_once_a_rule_is_broken():
    [row] = judged(batch("abc[1]"), [FIRST, SECOND])
    assert row["names"] == ["first.words"]
    assert row["text"] == "abc[1]"
    assert row["edits"] == {}
    assert "second.length" not in row["measures"]


def test_measure_all_runs_every_pass():
    [row] = judged(batch("abcde[1]"), [FIRST, SECOND], measure_all=True)
    assert row["names"] == ["first.words", "second.length"]
    assert row["text"] == "abcde"
    assert row["edits"] == {"second.remove_citations": 3, "second.mask_pii": 0}
    assert row["measures"]["second.length"] == 5.0


def test_rules_see_the_text_as_the_edits_before_them_left_it():
    [row] = judged(batch("a[1] b@c.org[2]"), [SECOND])
    assert row["text"] == "a <email>"
    assert row["edits"] == {"second.remove_citations": 6, "second.mask_pii": 0}
    [row] = judged(batch("x@y.de z"), [SECOND])
    assert row["edits"]["second.mask_pii"] == -1  # a placeholder may be longer
    assert row["measures"] == {"second.length": 9.0, "spans.second.email": 1.0}


def test_a_pass_is_for_its_sources():
    only = Pass(name="first", edits=(), rules=(WORDS,), only=("wiki",))
    crawl, wiki = judged(batch("a", "a", source=["crawl", "wiki"]), [only, SECOND])
    assert (crawl["names"], list(crawl["measures"])) == ([], ["second.length"])
    assert (wiki["names"], list(wiki["measures"])) == (["first.words"], ["first.words"])


def test_counts_start_anew_and_measures_add_up():
    [row] = judged(
        batch(
            "a b", characters_in=[99], edits=[[("extract.markup", 96)]], measures=[[("extract.cells", 3.0)]]
        ),
        [FIRST],
    )
    assert (row["characters_in"], row["edits"]) == (3, {})
    assert row["measures"] == {"extract.cells": 3.0, "first.words": 2.0, "first.length": 3.0}


def test_a_row_with_reasons_is_not_judged_and_a_null_text_counts_as_empty():
    reason = {"name": "x.y", "state": "failed", "value": None, "min": None, "max": None, "detail": "why"}
    removed, empty = judged(batch("abc[1]", None, reasons=[[reason], []]), [FIRST, SECOND])
    assert (removed["reasons"], removed["measures"], removed["text"]) == ([reason], {}, "abc[1]")
    assert (removed["characters_in"], removed["characters"]) == (6, 6)
    assert (empty["names"], empty["text"], empty["characters"]) == (["first.words"], None, 0)


def test_an_empty_batch_stays_one():
    assert judged(batch(), [FIRST]) == []


def test_an_error_names_rule_document_and_place():
    bad = Pass(
        name="p", edits=(), rules=(Rule(name="r", signal="word_count", options={"splitter": "spacy"}, min=1),)
    )
    with pytest.raises(ValueError, match="spacy") as error:
        judge_batch(batch("a"), [bad], measure_all=False)
    assert error.value.__notes__ == [
        "while measuring rule 'r' (signal word_count)",
        "of document id0 (from a.warc.gz at 0)",
    ]


TEXTS = st.lists(
    st.lists(st.sampled_from(["a", "b@c.org", "8.8.8.8", "[1]", " ", "\n", "é", "👍"])).map("".join),
    max_size=6,
)


@given(TEXTS, st.booleans())
def test_characters_close_and_batches_do_not_matter(texts, measure_all):
    passes = [FIRST, SECOND]
    together = judged(batch(*texts), passes, measure_all=measure_all)
    for row, text in zip(together, texts, strict=True):
        assert row["characters_in"] == len(text)
        assert row["characters"] == len(row["text"])
        assert row["characters_in"] == row["characters"] + sum(row["edits"].values())
    for i, text in enumerate(texts):
        [alone] = judged(batch(text), passes, measure_all=measure_all)
        names = ("text", "edits", "measures", "reasons")
        assert [alone[name] for name in names] == [together[i][name] for name in names]


LOST = Rule(name="lost", signal="removed_word_fraction", max=0.3)
CITED = Pass(name="cited", edits=(Edit(name="remove_citations"),), rules=(LOST,))
MASKED = Pass(name="masked", edits=(Edit(name="mask_pii"),), rules=(LOST,))
AFTER = Pass(name="after", edits=(), rules=(LOST,))


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("a b [1] c [2]", {"cited.lost": 0.4, "masked.lost": 0.0, "after.lost": 0.0}),
        ("a b", {"cited.lost": 0.0, "masked.lost": 0.0, "after.lost": 0.0}),
        ("", {"cited.lost": 0.0, "masked.lost": 0.0, "after.lost": 0.0}),
    ],
)
def test_what_a_pass_took_out_is_measured_in_it_and_forgotten_by_the_next_edits(text, lost):
    (row,) = judged(batch(text), [CITED, MASKED, AFTER], measure_all=True)
    assert dict(row["measures"]) == pytest.approx(lost)


def test_a_pass_without_edits_sees_what_the_last_edits_took_out():
    (row,) = judged(batch("a b [1] c [2]"), [CITED, AFTER], measure_all=True)
    assert dict(row["measures"]) == pytest.approx({"cited.lost": 0.4, "after.lost": 0.4})


BY_SCRIPT = Pass(name="names", edits=(), rules=(), labels=(Label(name="script", labeller="script"),))
LATIN = Pass(name="latin", edits=(), rules=(LENGTH,), when={"script": ("Latn",)})


def test_a_label_is_written_down_and_chooses_later_passes():
    rows = judged(batch("abc", "где", "abcdefghijk", ""), [LATIN, BY_SCRIPT, LATIN])
    assert [dict(row["metadata"]) for row in rows] == [
        {"label.script": name} for name in ("Latn", "Cyrl", "Latn", "Zyyy")
    ]
    assert [row["measures"] for row in rows] == [{"latin.length": 3.0}, {}, {"latin.length": 11.0}, {}]
    assert [row["names"] for row in rows] == [[], [], ["latin.length"], []]


def test_metadata_stay_beside_labels():
    documents = batch("abc", metadata=[[("site", "x")]])
    assert judged(documents, [BY_SCRIPT])[0]["metadata"] == [("site", "x"), ("label.script", "Latn")]
    assert judged(documents, [FIRST])[0]["metadata"] == [("site", "x")]


def test_what_a_label_calls_language_is_the_language():
    spoken = Pass(name="l", edits=(), rules=(), labels=(Label(name="language", labeller="script"),))
    [row] = judged(batch("abc", language=["de"]), [spoken])
    assert (row["language"], row["metadata"]) == ("Latn", None)
    [row] = judged(batch("abc", language=["de"]), [FIRST])
    assert row["language"] == "de"


def test_a_language_has_its_own_rules():
    strict = Rule(name="length", signal="text_length", max=2)
    step = Pass(name="p", edits=(), rules=(LENGTH,), per_language={"de": (strict,), "fr": ()})
    rows = judged(batch(*["abc"] * 4, language=["de", "en", "fr", None]), [step])
    assert [row["names"] for row in rows] == [["p.length"], [], [], []]
    assert [row["measures"] for row in rows] == [{"p.length": 3.0}] * 2 + [{}, {"p.length": 3.0}]
    assert rows[0]["reasons"][0]["max"] == 2.0


def test_replaced_stretches_are_counted(monkeypatch):
    monkeypatch.setitem(EDITS, "cut", lambda text: Masked(text.replace("b", ""), {"b": text.count("b")}))
    twice = Pass(name="p", edits=(Edit(name="cut"), Edit(name="cut")), rules=())
    rows = judged(batch("abba", None), [twice])
    assert [row["text"] for row in rows] == ["aa", None]
    assert rows[0]["measures"] == {"spans.p.b": 2.0}
    assert rows[0]["edits"] == {"p.cut": 2}


def test_an_address_reaches_the_signals(monkeypatch):
    monkeypatch.setitem(SIGNALS, "address_length", lambda text: float(len(text.url)))
    rule = Rule(name="url", signal="address_length", max=5)
    step = Pass(name="p", edits=(Edit(name="remove_citations"),), rules=(rule,))
    rows = judged(batch("a", "b [1]", url=["http://a.b/", None]), [step])
    assert [row["names"] for row in rows] == [["p.url"], []]
