"""Layout tables become paragraphs, tables of data stay; the words are the same either way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from curation.extract.engines import trafilatura
from curation.extract.layout import CELLS, has_text, unwrap_layout

#: 400 characters with two breaks.
PROSE = "words " * 66 + "e<lb/><lb/>end"


def unwrapped(inside: str) -> tuple[int, str]:
    body = etree.fromstring(f"<body>{inside}</body>")
    cells = unwrap_layout(body)
    return cells, etree.tostring(body, encoding="unicode")[6:-7]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # one filled cell a row
        ("<table><row><cell>a</cell></row><row><cell/><cell> b </cell></row></table>", "<p>a</p><p> b </p>"),
        ("<table><row><cell role='head'>a</cell></row></table>tail", "<p>a</p>tail"),
        ("<p>x</p><table><row><cell> </cell></row></table>tail", "<p>x</p><p/>tail"),
        # blocks stay blocks, breaks stay breaks, inline marks stay where they were
        ("<table><row><cell>a <hi>b</hi>\n c<lb/>d<p>e\n f</p>g<list><item>h</item></list></cell></row></table>",
         "<p>a <hi>b</hi> c<lb/>d</p><p>e f</p><p>g</p><list><item>h</item></list>"),
        ("<table><row><cell>a</cell>b<cell/></row></table>", "<p>a</p><p>b</p>"),
        ("<table><row><cell><head><lb/> a<lb/>b</head></cell></row></table>", "<head>a b</head>"),
        ("<table><row><cell><p><hi><hi/></hi>a</p><head><hi/>b</head></cell></row></table>", "<p>a</p><head>b</head>"),
        ("<table><row><cell><code>a\n  b</code> c <code>d</code></cell></row></table>",
         "<code>a\n  b</code><p> c <code>d</code></p>"),
    ],
)  # fmt: skip
def test_a_column_of_cells_is_unwrapped(before: str, after: str) -> None:
    assert unwrapped(before)[1] == after


@pytest.mark.parametrize(
    ("cell", "filled"),
    [
        ("<cell>a</cell>", True),
        ("<cell><hi>a</hi></cell>", True),  # its only text is in an element inside it
        ("<cell><p><hi> </hi></p></cell>", False),
        ("<cell><hi/>a</cell>", True),
        ("<cell><table><row><cell>a</cell></row></table></cell>", False),  # a cell's own is not this one's
    ],
)
def test_a_cell_is_filled_by_what_stands_anywhere_in_it(cell: str, filled: bool) -> None:
    assert has_text(etree.fromstring(cell), but=CELLS) is filled


DATA = "<row><cell>a</cell><cell>b</cell></row>"


def test_rows_of_data_between_prose_stay_a_table() -> None:
    prose = f"<row><cell>{PROSE}x</cell><cell>c</cell></row>"
    cells, after = unwrapped(f"<table>{DATA}{prose}{DATA}{DATA}</table>tail")
    assert cells == 2
    assert after == (f"<table>{DATA}</table><p>{PROSE}x</p><p>c</p><table>{DATA}{DATA}</table>tail")


@pytest.mark.parametrize(
    "table",
    [
        f"<table>{DATA}</table>",
        f"<table>{DATA}<row><cell>group</cell><cell/></row></table>",
        f"<table>{DATA}<row><cell>{PROSE}</cell><cell>400 characters, not one more</cell></row></table>",
        f"<table>{DATA}<row><cell>{'words ' * 80}</cell><cell>no break</cell></row></table>",
        f"<table><row><cell role='head'>a</cell><cell>b</cell></row><row><cell>{PROSE}x</cell><cell>c</cell></row></table>",
        f"<table>{DATA}<row><cell>{PROSE}x</cell><cell>{'half of it is elsewhere ' * 20}</cell></row></table>",
        "<list><item><table><row><cell>a</cell></row></table></item></list>",
        "<table/>",
    ],
)
def test_data_stays_a_table(table: str) -> None:
    assert unwrapped(table) == (0, table.replace("'", '"'))


def tree(tag: str, children: Any) -> Any:
    return st.tuples(
        st.text("ab \n", max_size=5), st.lists(children, max_size=3), st.text("cd ", max_size=3)
    ).map(lambda made: f"<{tag}>{made[0]}{''.join(made[1])}</{tag}>{made[2]}")


INLINE = st.sampled_from(["<lb/>", "<hi>e</hi>f", "<p>g</p>", "<head>h</head>", "<code>i\nj</code>", PROSE])
TABLES = tree("table", tree("row", tree("cell", INLINE)))


@given(st.lists(TABLES, max_size=3))
def test_no_visible_character_is_added_lost_or_moved(tables: list[str]) -> None:
    # Text between a table's rows is not the engine's to leave, nor ours to keep.
    body = etree.fromstring(f"<body>{''.join(tables)}</body>")
    for element in body.iter("table", "row"):
        element.text = None
        if element.tag == "row":
            element.tail = None
    before = "".join("".join(body.itertext()).split())
    unwrap_layout(body)
    assert "".join("".join(body.itertext()).split()) == before


def test_an_article_in_a_table_has_its_lines_and_counts_as_kept() -> None:
    paragraphs = "".join(f"<p>Sentence number {i} stands by itself in the old page.</p>" for i in range(12))
    html = f"<html><body><table><tr><td>{paragraphs}first<br>second</td></tr></table></body></html>"
    found = trafilatura(html)
    lines = found.text.split("\n")
    assert "Sentence number 3 stands by itself in the old page." in lines
    assert {"first", "second"} <= set(lines)
    assert "|" not in found.text
    assert (found.counts["layout_cells"], found.counts["table_cells_kept"]) == (1.0, 1.0)


@pytest.mark.slow
def test_a_hundred_thousand_rows_take_linear_time() -> None:
    rows = "<row><cell>a</cell></row>" * 100_000
    cells, after = unwrapped(f"<table>{rows}</table>")
    assert cells == 100_000
    assert after.count("<p>a</p>") == 100_000
