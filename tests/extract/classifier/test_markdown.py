from __future__ import annotations

import numpy as np
import pytest
from resiliparse.parse.html import HTMLTree

from curation.extract.classifier.choice import Choice, data_tables
from curation.extract.classifier.columns.sums import sums
from curation.extract.classifier.markdown import markdown
from curation.extract.classifier.walk import walk


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<h1>a</h1><p>b<h6>c</h6>", "# a\n\nb\n\n###### c"),
        ("<p>a<ul><li>b<li><p>c</ul>", "a\n- b\n- c"),
        ("<blockquote><p>a</blockquote>b", "> a\n\nb"),
        ("<pre>a\n  b</pre>c", "```\na\n  b\n```\n\nc"),
        (
            "a<table><tr><th>b<th>c|d<tr><td>e<td><p>f<p>g</table>h",
            "a\n\n| b | c\\|d |\n|---|---|\n| e | f g |\n\nh",
        ),
        ("<table><tr><td>a<tr><td>b</table>", "a\n\nb"),
    ],
)
def test_what_is_kept_is_written(page: str, text: str) -> None:
    batch = walk([str(HTMLTree.parse(page))])
    choice = Choice(np.ones(len(batch.blocks.text), bool), [1.0], data_tables(batch, sums(batch)))
    assert markdown(batch, choice, 0) == text
