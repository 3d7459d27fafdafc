"""The lift on serialised trees: the same things, and nothing else of the page is touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree

from curation.extract.render.source import lift_source
from tests.extract.render.article import article
from tests.extract.render.layouts import LAYOUTS, LISTING
from tests.extract.render.notations import NOTATIONS


def serialised(body: str) -> str:
    return str(HTMLTree.parse(article(body)))


@pytest.mark.parametrize(
    ("html", "language"), [layout[1:] for layout in LAYOUTS], ids=[name for name, *_ in LAYOUTS]
)
def test_a_listing_is_lifted_out_of_the_source(html: str, language: str) -> None:
    source, items = lift_source(serialised(html))
    assert [item.markdown for item in items.items] == [f"```{language}\n{LISTING}\n```"]
    assert source.count("def area") == source.count("<pre>") == 1
    before, after = serialised("\0").replace("\ufffd", "").split("and a few minutes are enough")
    assert source.startswith(before)
    assert source.endswith(after[-200:])


@pytest.mark.parametrize(
    ("html", "latex", "alone"), [each[1:] for each in NOTATIONS], ids=[name for name, *_ in NOTATIONS]
)
def test_a_formula_is_lifted_out_of_the_source(html: str, latex: str, alone: bool) -> None:
    source, items = lift_source(serialised(html))
    marks = "$$" if alone else "$"
    assert [item.markdown for item in items.items] == [f"{marks}{latex}{marks}"]
    assert "mathnormal" not in source


def test_a_page_without_anything_is_the_same_object() -> None:
    source = serialised("<ul><li>one</li></ul><table><tr><td>1</td><td>2</td></tr></table>")
    lifted, items = lift_source(source)
    assert lifted is source
    assert not items


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>x = '<pre>a</pre> \\\\(b\\\\)'</script>",
        "<style>pre { font: monospace }</style>",
        "<!-- <pre>a</pre> -->",
        '<p title="<pre>a</pre>">b</p>',
    ],
)
def test_what_no_reader_sees_is_no_listing(hidden: str) -> None:
    _source, items = lift_source(serialised(f"{hidden}<pre>f(x)</pre>"))
    assert [item.text for item in items.items] == ["f(x)"]


_PIECES = st.sampled_from(
    ["<pre>", "</pre>", "<code>", "</code>", "<table>", "<tr>", "<td>", "</table>", "<br>", "a\nb", "\\(x", "\\)", "$$", "$", '<img alt="$x$" class=latex>',
     "<math>", "<mi>x</mi>", "</math>", '<span class="katex">', "</span>", '<script type="math/tex">', "</script>", '<div class="highlight code">', "</div>",
     "𗀀", "<textarea class=code>", "</textarea>", "<!--", "-->", "&amp;", '<p title="<x">', '<span class="MathJax">', "\0"]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=30))
def test_no_page_is_too_odd(pieces: list[str]) -> None:
    """Whatever comes, the lift gives a source and items, and putting all back leaves no mark."""
    page = str(HTMLTree.parse("".join(pieces)))
    source, items = lift_source(page)
    text, counts = items.restore(source)
    assert items.restore(source).text == text
    assert counts.get("code_blocks_kept", 0) <= counts["code_blocks_seen"]
    if "𗀀" not in page:
        assert not any("\U00017000" <= one < "\U00018770" for one in text)
