from __future__ import annotations

import pytest

from curation.extract.engines import ENGINES, engine_named, linear, resiliparse, trafilatura
from curation.extract.extraction import Engine
from curation.extract.metadata import title

SENTENCE = "The committee met on Tuesday to review the proposal about the water supply. "
NAVIGATION = "<nav><ul><li><a href=/>Home page link</a></li><li><a href=/x>Other link</a></li></ul></nav>"
TABLE = (
    "<table><tr><th>Name</th><th>Count</th></tr><tr><td>apples</td><td>12</td></tr>"
    "<tr><td>pears</td><td>7</td></tr></table>"
)
PAGE = (
    f"<!DOCTYPE html><html><head><title>Water &amp; land</title></head><body>{NAVIGATION}"
    f"<article><h1>Water</h1><p>{SENTENCE * 4}</p>{TABLE}<p>{SENTENCE * 3}</p>"
    f"<pre><code>def f():\n    return 1\n</code></pre></article></body></html>"
)


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_every_engine_keeps_the_text_and_drops_the_navigation(name: str) -> None:
    found = ENGINES[name](PAGE)
    assert SENTENCE.strip() in found.text
    assert "Home page link" not in found.text
    assert found.title == "Water & land"
    assert found.engine.startswith(("blocks-", "trafilatura-2", "resiliparse-2"))
    assert ENGINES[name](PAGE) == found


def test_tables_and_code_are_kept_and_counted() -> None:
    found = trafilatura(PAGE)
    assert "| apples | 12 |" in found.text
    assert found.counts == {
        "table_cells_seen": 6.0,
        "table_cells_kept": 6.0,
        "code_blocks_seen": 1.0,
        "code_blocks_kept": 1.0,
        "layout_cells": 0.0,
        "list_items_seen": 2.0,
        "list_items_kept": 0.0,
    }


@pytest.mark.parametrize("engine", [resiliparse, linear])
def test_plain_text_counts_what_it_kept(engine: Engine) -> None:
    """Two tabs stand between the cells of a row; code has no mark at all, so it is counted with its tags."""
    assert engine(PAGE).counts == {
        "table_cells_seen": 6.0,
        "table_cells_kept": 6.0,
        "code_blocks_seen": 1.0,
        "code_blocks_kept": 1.0,
    }
    lost = PAGE.replace("<article>", f"<nav>{TABLE}<pre>code();</pre></nav><article>")
    counts, more = engine(lost).counts, 1 if engine is resiliparse else 2
    assert (counts["table_cells_seen"], counts["table_cells_kept"]) == (12.0, 6.0 * more)
    assert (counts["code_blocks_seen"], counts["code_blocks_kept"]) == (2.0, 1.0 * more)


def test_thousands_of_code_blocks_are_counted_in_linear_time() -> None:
    """Resiliparse's own lists of elements take quadratic time: this page took more than ten minutes."""
    page = f"<html><body>{'<pre>x &lt;pre> y</pre>' * 50_000}</body></html>"
    assert linear(page).counts["code_blocks_kept"] == linear(page).counts["code_blocks_seen"] == 50_000


@pytest.mark.parametrize(
    "html",
    [
        f"<p>{SENTENCE * 4}</p>",  # a fragment with one root
        f'<?xml version="1.0" encoding="shift_jis"?><html><body><p>{SENTENCE * 4}</p></body></html>',
        f"<html lang=en/>\n<body><p>{SENTENCE * 4}</p></body></html>",
        f"<html><body>\0<p>{SENTENCE * 4}\x0b\ufffe</p></body></html>",
        "<html><body>" + "<div>" * 1000 + f"<p>{SENTENCE * 4}</p></body></html>",
        "<html><body>" + "<b><i>" * 5000 + f"<p>{SENTENCE * 4}</p></body></html>",
        f"<html><body><p title='{'x' * 11_000_000}'>{SENTENCE * 4}</p></body></html>",
        f"<html><body><p>{SENTENCE * 4}</p>\ud800</body></html>",
    ],
    ids=["fragment", "xml", "closed", "control", "deep", "unclosed", "attribute", "surrogate"],
)
def test_odd_pages_keep_their_text(html: str) -> None:
    assert SENTENCE.strip() in trafilatura(html).text


@pytest.mark.parametrize("html", ["", " ", "<html></html>", "<!-- only -->", "<p></p>", "\0"])
@pytest.mark.parametrize("name", sorted(ENGINES))
def test_pages_without_text_have_none(html: str, name: str) -> None:
    assert ENGINES[name](html).text.strip() == ""


def test_resiliparse_rescues_what_trafilatura_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    from curation.extract import engines

    full = resiliparse(PAGE).text
    quarter = len(full) / 4
    assert quarter > 1
    for kept, rescued in ((int(quarter) + 1, False), (int(quarter) - 1, True)):
        monkeypatch.setattr(
            engines, "_trafilatura_text", lambda tree, items, favour, fast, n=kept: engines._Main("x" * n)
        )
        found = trafilatura(PAGE)
        assert (found.text == full) == rescued
        assert ("+resiliparse-" in found.engine) == rescued
        assert found.counts.get("rescued") == (1.0 if rescued else None)


@pytest.mark.parametrize("name", ["trafilatura", "fast", "precision"])
def test_a_page_too_deep_for_the_library_is_rescued(name: str) -> None:
    found = ENGINES[name]("<html><body>" + "<b><i>" * 5000 + f"<p>{SENTENCE * 4}</p></body></html>")
    assert SENTENCE.strip() in found.text
    assert found.counts["rescued"] == 1.0
    assert "+resiliparse-" in found.engine


@pytest.mark.parametrize("name", ["trafilatura", "fast", "precision"])
def test_a_page_on_which_the_library_recurses_too_deep_is_rescued(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from curation.extract import engines

    def deep(*arguments: object, **named: object) -> None:
        raise RecursionError

    monkeypatch.setattr(engines, "_trafilatura_text", deep)
    found = ENGINES[name](PAGE)
    assert SENTENCE.strip() in found.text
    assert found.counts["rescued"] == 1.0


def test_engines_have_names_or_addresses() -> None:
    assert engine_named("trafilatura") is trafilatura
    assert engine_named("curation.extract.engines:resiliparse") is resiliparse
    with pytest.raises(ValueError, match="no extraction engine") as caught:
        engine_named("readability")
    assert str(caught.value) == (
        "no extraction engine 'readability'; there are trafilatura, blocks, fast, precision, resiliparse,"
        " and any function written as package.module:function"
    )


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<title>A &lt;b&gt;\n  c</title>", "A <b> c"),
        ("<TITLE lang=en>A</TITLE>", "A"),
        ("<title> </title><title>second</title>", "second"),
        ('<meta property="og:title" content="It\'s og">', "It's og"),
        ("<meta content='x' name=twitter:title>", "x"),
        ('<meta name="description" content="x">', ""),
        ("", ""),
        ("<title>" + "a" * 2000 + "</title>", "a" * 1000),
    ],
)
def test_titles(html: str, expected: str) -> None:
    assert title(html) == expected


def test_characters_of_prose_stay_as_they_are() -> None:
    """Text to learn from is no page to render: no backslashes that the author did not write."""
    words = "The constant BORDER_NONE_DEFAULT and a[0] were 2 * 3 wide, he [sic] wrote, ~5 in x\\_1 of all. "
    page = (
        f"<html><body><article><h1>On_names</h1><p>{words * 4}</p><p>{words * 3}</p></article></body></html>"
    )
    text = ENGINES["trafilatura"](page).text
    assert words.strip() in text
    assert "On_names" in text


PROSE = f"<p>{SENTENCE * 3}</p>"


@pytest.mark.parametrize("name", sorted(ENGINES))
@pytest.mark.parametrize(
    "body",
    [
        f"{PROSE}<pre>| a | b |\n|---|---|\n| c | d |</pre>{PROSE}",  # bars of the page's own, and no table
        f"{PROSE}<p>|x| and |y|</p><p>| begins with a bar</p>{PROSE}",
        f"{PROSE}<pre>a\t\tb\n1\t\t2\n3\t\t4</pre><table><tr><td>one</td></tr></table>{PROSE}",
        f"{PROSE}<table><tr><td colspan=3>wide</td></tr><tr><td>1</td><td>2|3</td><td></td></tr></table>{PROSE}",
        f"{PROSE}<table><caption>C</caption><tr><td rowspan=2>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
        f"<table><tr><td>out{PROSE}<table><tr><td>in</td><td>too</td></tr></table></td></tr></table>{PROSE}",
        f"{PROSE}<pre>```\na\n```\n```\nb\n```</pre>{PROSE}",
    ],
)
def test_no_more_is_kept_than_was_seen(name: str, body: str) -> None:
    counts = ENGINES[name](f"<html><body><article>{body}</article></body></html>").counts
    assert counts["table_cells_kept"] <= counts["table_cells_seen"]
    assert counts["code_blocks_kept"] <= counts["code_blocks_seen"]


def test_cells_with_text_are_counted_on_both_sides() -> None:
    """Markdown pads rows, and its lines may have bars of their own: neither is a cell."""
    table = (
        "<table><caption>Fruit</caption><tr><th>name</th><th colspan=2>number</th></tr>"
        "<tr><td>pears</td><td>1|2</td><td> </td></tr><tr><td></td><td>3</td><td>4</td></tr></table>"
    )
    found = trafilatura(f"<html><body><article>{PROSE}{table}<pre>| a |\n| b |</pre></article></body></html>")
    assert "3 | 4" in found.text
    assert (found.counts["table_cells_seen"], found.counts["table_cells_kept"]) == (7.0, 7.0)
    lost = trafilatura(f"<html><body><article>{PROSE}</article><nav>{table}</nav></body></html>")
    assert (lost.counts["table_cells_seen"], lost.counts["table_cells_kept"]) == (7.0, 0.0)
