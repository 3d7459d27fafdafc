"""The forms of one extraction: no line lost between Markdown, blocks and plain text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.extract.blocks import as_text, blocks
from curation.extract.engines import trafilatura
from curation.extract.settings import Extract
from curation.extract.steps import extract_page

FILLER = "The committee met on Tuesday to review the proposal about the water supply of the town. "
PAGE = f"""<html><body><article><h1>Water</h1><p>{FILLER * 3}</p><h2>Figures</h2>
<table><tr><th>Name</th><th>Count</th></tr><tr><td>apples</td><td>12</td></tr></table>
<ul><li>first thing</li><li>second thing</li></ul><blockquote><p>Quoted by someone of the town.</p></blockquote>
<pre><code>def f():
    # no heading
    return 1
</code></pre><p>{FILLER * 2} <b>Bold</b> ends 3 * 4.</p></article></body></html>"""

LINES = st.sampled_from(
    ["", " ", "# one", "#no", "| a | b |", "|---|---|", "- item", "  - inner", "1. first", "```", "words *here*",
     "> said", "\\# hash", "10 - 3", "•  bullet"]
)  # fmt: skip


@given(st.lists(LINES))
def test_blocks_hold_every_line_in_order(lines: list[str]) -> None:
    found = blocks("\n".join(lines))
    held = [line for _, text in found for line in text.split("\n") if line.strip()]
    assert held == [line for line in lines if line.strip()]


@given(st.lists(LINES))
def test_a_text_without_marks_is_paragraphs(lines: list[str]) -> None:
    found = blocks("\n".join(lines), markdown=False)
    assert {kind for kind, _ in found} <= {"paragraph"}
    held = [line for _, text in found for line in text.split("\n")]
    assert held == [line for line in lines if line.strip()]


@given(st.lists(LINES))
def test_kinds_differ_or_stand_apart(lines: list[str]) -> None:
    for kind, text in blocks("\n".join(lines)):
        assert text.strip()
        assert kind in ("heading", "paragraph", "list", "table", "code", "quote")
        assert kind != "heading" or "\n" not in text


def test_every_kind_of_a_page_is_found() -> None:
    found = extract_page(PAGE, trafilatura, Extract(structured=True))
    assert found.blocks is not None
    assert [kind for kind, _ in found.blocks] == [
        "heading", "paragraph", "heading", "table", "list", "quote", "code", "paragraph",
    ]  # fmt: skip
    assert found.blocks[6][1] == "```\ndef f():\n    # no heading\n    return 1\n```"


def test_plain_text_has_the_words_and_no_marks() -> None:
    found = extract_page(PAGE, trafilatura, Extract(format="text"))
    text = found.text
    assert text.startswith("Water\n\nThe committee")
    assert "Bold ends 3 * 4." in text
    assert "    # no heading\n" in text
    assert "apples   12" in text
    for mark in ("##", "|", "**", "```", "\\"):
        assert mark not in text
    assert found.blocks is None


def test_text_that_is_no_markdown_keeps_its_signs() -> None:
    from curation.extract.engines import resiliparse

    html = f"<html><body><main><p># 1 * 2 | 3</p><p>{FILLER * 3}</p></main></body></html>"
    found = extract_page(html, resiliparse, Extract(format="text", structured=True))
    assert "# 1 * 2 | 3" in found.text
    assert {kind for kind, _ in found.blocks} == {"paragraph"}


def test_a_fence_that_never_closes_is_code_to_the_end() -> None:
    assert blocks("a\n```\nb\n\nc") == [("paragraph", "a"), ("code", "```\nb\n\nc")]
    assert as_text("a\n```\n# b\n\nc") == "a\n# b\n\nc"


@pytest.mark.slow
@pytest.mark.usefixtures("hours_are_a_fault")
def test_a_million_lines_of_one_kind_are_one_block_in_linear_time() -> None:
    markdown = "\n".join(["- item"] * 1_000_000)
    assert blocks(markdown) == [("list", markdown)]
