from __future__ import annotations

import numpy as np
import pytest
from resiliparse.parse.html import HTMLTree

from curation.extract.classifier import runs
from curation.extract.classifier.batch import PageBatch
from curation.extract.classifier.choice import Choice, data_tables
from curation.extract.classifier.columns.sums import sums
from curation.extract.classifier.walk import walk
from curation.extract.classifier.writing import kept_blocks, written


def choice_of_all(*pages: str) -> tuple[PageBatch, Choice]:
    batch = walk([str(HTMLTree.parse(page)) for page in pages])
    every = np.ones(len(batch.blocks.text), bool)
    return batch, Choice(every, [1.0] * len(pages), data_tables(batch, sums(batch)))


ROWS = "<tr><th>b<th>c|d<tr><td>e<td><p>f<p>g"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<h1>a</h1><p>b<h6>c</h6>", "# a\n\nb\n\n###### c"),
        ("<p>a<ul><li>b<li><p>c</ul>", "a\n\n- b\n- c"),
        ("<blockquote><p>a</blockquote>b", "> a\n\nb"),
        ("<p>H<sub>2</sub>O &amp; <code>x</code><br>y", "H₂O & `x`\ny"),
        (f"a<table>{ROWS}</table>h", "a\n\n| b | c\\|d |\n|---|---|\n| e | f g |\n\nh"),
        ("<table><tr><td>a<tr><td>b</table>", "a\n\nb"),
    ],
)
def test_what_is_kept_is_written(page: str, text: str) -> None:
    batch, choice = choice_of_all("<p>before", page)
    assert written(batch, choice, 1).text == text
    assert written(batch, choice, 0).text == "before"


def test_blocks_know_their_container_and_source() -> None:
    batch, choice = choice_of_all("<p>before", f"<p>a<b>b</b>&lt;<p><i>c<table>{ROWS}</table>")
    kept = kept_blocks(batch, choice, 1)
    names = batch.containers.name[batch.containers.page_at[1] :]
    assert [(names[each.container], each.html[:20]) for each in kept] == [
        ("p", "a<b>b</b>&lt;"),
        ("p", "<i>c"),
        ("table", "<table><tbody><tr><t"),
    ]
    assert kept[-1].html.endswith("</td></tr></tbody></table>")


def test_joined_blocks_are_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MAX_BLOCKS", 2)
    batch, choice = choice_of_all("".join(f"<p>word {i} &lt;</p>" for i in range(6)))
    assert written(batch, choice, 0).text.split() == " ".join(f"word {i} <" for i in range(6)).split()
    assert written(batch, choice, 0).text.count("\n") > 3
