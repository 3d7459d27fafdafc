"""What we change in trafilatura leaves its text as it is: page by page beside the unchanged library."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from trafilatura.core import determine_returnstring

from curation.extract.trafilatura_fast.cascade import Favour, main_content, options
from curation.extract.trees import parse
from curation.pages.charset import decode
from curation.pages.formats import read, splits

CRAWL = Path(__file__).parents[4] / "shared" / "data" / "crawl_dev.warc.gz"
MODES: tuple[tuple[Favour, bool], ...] = (("recall", False), ("recall", True), ("precision", False))
SENTENCE = "The committee met on Tuesday, to review the proposal about the water supply of the old town. "
CLASSES = (
    "", "post", "entry-content", "article-body", "main", "comment-list", "comments", "sidebar", "share-bar",
    "related", "teaser", "caption", "infinite-scroll", "elementor-share-buttons", "nav", "hidden", "widget",
    "w3-code", "schema-faq-question", "author", "text", "story", "cookie", "bottom",
)  # fmt: skip
BLOCKS = (
    "div",
    "section",
    "article",
    "ul",
    "ol",
    "table",
    "blockquote",
    "details",
    "form",
    "aside",
    "figure",
)
LEAVES = (
    "<p>{s}</p>", "<p>{s}<a href=/x>{w}</a> {s}</p>", "<p><a href=/x>{w}</a></p>", "<a href=/y>{w}</a>", "{w}<br>",
    "<h2>{w}</h2>", "<h3 class='{c}'><a href=/z>{w}</a></h3>", "<pre>{w} {{\n    x</pre>", "<span>{w}</span>{s}",
    "<li>{w}</li>", "<li><a href=/a>{w}</a></li>", "<li><p>{s}</p></li>", "<tr><th>{w}</th><td>{s}</td></tr>",
    "<tr><td><a href=/t>{w}</a></td><td>{w}</td></tr>", "<p>where \\[ a_1 = b \\] and \\(c\\) {s}</p>",
    "<math alttext='x^2'><mi>x</mi></math>{w}", "<img src=/a.png>", "<script>var a = 1;</script>{w}",
    "<b>{w}</b> <i>{w}</i>", "<p><em>{w}</em><sup></sup> {s}</p>", "<button>{w}</button>", "<p> </p>", "<div></div>{w}",
)  # fmt: skip
FORUM = '<script type="application/ld+json">{"@type": "DiscussionForumPosting"}</script>'


def page(seed: int) -> str:
    """A page of nested blocks with telling classes, links, tables, lists and formulas, the same for a seed."""
    made = random.Random(seed)

    def words() -> str:
        return " ".join(
            made.choices(("Home", "more", "water", "Tuesday", "a[0]", "snake_case", "e-mail"), k=3)
        )

    def block(depth: int) -> str:
        if depth == 0 or made.random() < 0.3:
            leaf = made.choice(LEAVES)
            return leaf.format(s=SENTENCE * made.randint(1, 3), w=words(), c=made.choice(CLASSES))
        tag, names = made.choice(BLOCKS), made.choices(CLASSES, k=2)
        known = f' class="{names[0]}"' * (made.random() < 0.6) + f' id="{names[1]}"' * (made.random() < 0.3)
        inner = "".join(block(depth - 1) for _ in range(made.randint(1, made.choice((2, 4, 9)))))
        return f"<{tag}{known}>{inner}</{tag}>"

    head = FORUM * (made.random() < 0.2)
    body = "".join(block(made.randint(1, 5)) for _ in range(made.randint(1, 6)))
    return f"<html><head><title>x</title>{head}</head><body>{body}</body></html>"


def ours(html: str, favour: Favour, fast: bool) -> str:
    document = main_content(parse(html), favour, fast=fast)
    return "" if document is None else determine_returnstring(document, options(favour, fast=fast))


def stock(asked: list[tuple[str, Favour, bool]]) -> list[str]:
    """The unchanged library's answers: in a process of its own, since ours has changed it."""
    program = Path(__file__).with_name("stock.py")
    ran = subprocess.run(
        [sys.executable, program],
        input=json.dumps(asked),
        text=True,
        check=True,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(program.parents[2])},
    )
    found: list[str] = json.loads(ran.stdout)
    return found


@pytest.mark.slow
def test_random_pages_keep_their_text() -> None:
    asked = [(page(seed), *MODES[seed % len(MODES)]) for seed in range(240)]
    wanted = stock(asked)
    assert [ours(*each) for each in asked] == wanted
    assert sum(len(text) > 500 for text in wanted) > 100
    assert sum("[ a_1" in text or "$" in text for text in wanted) > 10


@pytest.mark.shared
@pytest.mark.slow
def test_pages_of_the_crawl_keep_their_text() -> None:
    [split] = splits([(str(CRAWL), CRAWL.stat().st_size)], "warc", 2**40)
    rows = (row for batch in read(split, source="crawl") for row in batch.to_pylist() if row["status"] == 200)
    texts = (decode(row["body"], row["content_type"]).text for row in islice(rows, 0, 1500, 15))
    pages = [text for text in texts if len(text) < 2**18]
    asked = [(each, *MODES[number % len(MODES)]) for number, each in enumerate(pages)]
    assert len(asked) > 80
    assert [ours(*each) for each in asked] == stock(asked)
