from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree

from curation.extract.classifier import opened, runs
from curation.extract.classifier.batch import PageBatch
from curation.extract.classifier.tokens import FLAGS, HIDDEN, REMARKS, new_numbers, tokens
from curation.extract.classifier.walk import walk


def batch(*pages: str) -> PageBatch:
    return walk([str(HTMLTree.parse(page)) for page in pages])


def blocks(page: str) -> list[tuple[str, str]]:
    """(name of the container, text) of each block of a page."""
    found = batch(page)
    names = (found.containers.name[i] for i in found.blocks.container.tolist())
    return list(zip(names, found.blocks.text, strict=True))


def test_blocks_are_texts_between_tags_of_block_level() -> None:
    page = "<div>one <b>two</b> &amp; <a href=x>three</a><p>four</p>five<ul><li>six<li>seven</ul></div>"
    assert blocks(page) == [
        ("div", "one two & three"),
        ("p", "four"),
        ("div", "five"),
        ("li", "six"),
        ("li", "seven"),
    ]


@pytest.mark.parametrize(
    ("page", "texts"),
    [
        ("<p>one<br>two<br><br>three<br> <b></b><br>four</p>", ["one two", "three", "four"]),
        ("<pre>a\n  b<br>c\n\n<br><br>d</pre>", ["a\n  b\nc\n\n\n\nd"]),
        ("<p>a<script>if (a<b) c('<p>d</p>')</script>e<style>f > g</style></p>", ["ae"]),
        ("<p>a<!-- <p>b --><!--[if IE]><p>c</p><![endif]-->d</p>", ["ad"]),
        ("<!-- <script> --><p>a</p><script>'<!--'</script><p>b</p>", ["a", "b"]),
        ("<p>a<select><option>b</select><textarea>c</textarea><svg><text>d</text></svg>e</p>", ["ae"]),
        ('<p title="x > y < z">a</p><p title="<p>b</p>">c</p>', ["a", "c"]),
        ('<p a"b>c</p><p "" x>d</p>', ["c", "d"]),
        ("<x-card>a<object-fit>b</object-fit></x-card>c", ["a", "b", "c"]),
        ("&lt;p&gt; &amp;lt; &nbsp; a\xa0b", ["<p> &lt; a b"]),
        ("<p>&nbsp;</p><p> </p>", []),
        ("", []),
        ("<p>\ud83d\ude00 a \u0000 b", ["\ufffd\ufffd a b"]),
    ],
)  # fmt: skip
def test_what_a_reader_meets(page: str, texts: list[str]) -> None:
    assert [text for _, text in blocks(page.encode("utf-8", "replace").decode())] == [
        text.replace("\ufffd\ufffd", "??") for text in texts
    ]


def test_links_bold_images_and_breaks_are_counted() -> None:
    found = batch(
        "<a href=x>one</a> <a name=y>two</a><b>b</b><img><p><img>three<br>four <a href=z>five<p>six"
    ).blocks
    assert found.text == ["one twob", "three four five", "six"]
    assert found.linked.tolist() == [3, 4, 3]
    assert found.links.tolist() == [1, 1, 1]
    assert found.bold.tolist() == [1, 0, 0]
    assert found.images.tolist() == [1, 1, 0]
    assert found.breaks.tolist() == [0, 1, 0]


def test_containers_know_their_place() -> None:
    page = (
        '<div class="Post-body" id=a><ul><li>a<li hidden>b</ul></div><div style="display: none">c</div>'
        "<div class=comments><p>d</p></div><table><tr><td><table><tr><td>e</table></table>"
    )
    found = batch(page)
    at = {text: int(i) for text, i in zip(found.blocks.text, found.blocks.container, strict=True)}
    inside = found.containers
    path = [at["b"]]
    while inside.parent[path[-1]] != path[-1]:
        path.append(int(inside.parent[path[-1]]))
    assert [inside.name[i] for i in path] == ["li", "ul", "div", "body", "html", "#page"]
    assert inside.depth[path].tolist() == [6, 5, 4, 3, 2, 1]
    assert [int(inside.nth[at[text]]) for text in "abcd"] == [1, 2, 2, 1]
    assert found.attributes[inside.attributes[path[2]]] == "Post-body a"
    div = path[2]
    assert found.blocks.text[inside.first[div] : inside.last[div]] == ["a", "b"]
    flags = {text: int(inside.flags[at[text]]) for text in "abcde"}
    assert [text for text in "abcde" if flags[text] & HIDDEN] == ["b", "c"]
    assert [text for text in "abcde" if flags[text] & REMARKS] == ["d"]
    assert [text for text in "abcde" if flags[text] & FLAGS["table"]] == ["e"]
    tables = [i for i, name in enumerate(inside.name) if name == "table"]
    assert int(inside.table[at["e"]]) == tables[1]
    assert int(inside.table[at["a"]]) == -1


def test_titles() -> None:
    assert batch("<title>A &amp;\n b</title><p>c", "<p>d<svg><title>e</title></svg>", "").titles == [
        "A & b",
        "e",
        "",
    ]


PIECES = st.lists(
    st.sampled_from(
        ["<div>", "</div>", "<p class='x y'>", "<ul><li>", "</ul>", "<a href=x>", "</a>", "<br>", "<b>", "</b>", "text ",
         "<table><tr><td>", "</table>", "<pre>", "</pre>", "<!-- - -->", "<img>", "&lt;", "<script>1<2</script>", "字"]
    ),
    max_size=30,
)  # fmt: skip


@given(st.lists(PIECES.map("".join), min_size=1, max_size=4))
def test_a_page_is_the_same_alone_and_beside_others(pages: list[str]) -> None:
    together = batch(*pages)
    for i, page in enumerate(pages):
        alone = batch(page)
        part = slice(together.blocks.page_at[i], together.blocks.page_at[i + 1])
        whole = slice(together.containers.page_at[i], together.containers.page_at[i + 1])
        assert together.blocks.text[part] == alone.blocks.text
        for name in ("linked", "links", "bold", "images", "breaks"):
            assert getattr(together.blocks, name)[part].tolist() == getattr(alone.blocks, name).tolist()
        assert together.containers.name[whole] == alone.containers.name
        for name in ("tag", "depth", "nth", "flags"):
            assert (
                getattr(together.containers, name)[whole].tolist() == getattr(alone.containers, name).tolist()
            )
        for name, start in (("parent", whole.start), ("first", part.start), ("last", part.start)):
            values = getattr(together.containers, name)[whole] - start
            assert values.tolist() == getattr(alone.containers, name).tolist()


@given(PIECES.map("".join))
def test_spans_hold_what_the_tree_holds(page: str) -> None:
    """Against lexbor's own tree: the texts below every container are those of its span."""
    found = batch(page).containers
    assert (found.first <= found.last).all()
    for i, parent in enumerate(found.parent.tolist()):
        assert parent <= i
        assert found.first[parent] <= found.first[i]
        assert found.last[i] <= found.last[parent]
        assert found.start[parent] <= found.start[i]
        assert found.stop[i] <= found.stop[parent]


def test_a_deep_page_keeps_its_text() -> None:
    found = batch("<div>" * 5000 + "<p>deep</p>" + "</div>" * 5000 + "<p>after</p>")
    assert found.blocks.text == ["deep", "after"]
    assert found.containers.depth.max() == opened.MAX_DEPTH
    assert [found.containers.name[i] for i in found.blocks.container] == ["div", "p"]


def test_too_many_blocks_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MAX_BLOCKS", 10)
    words = [f"w{i}" for i in range(35)]
    found = batch("<p>few</p>", "".join(f"<p>{word}</p>" for word in words))
    assert found.blocks.text[0] == "few"
    assert len(found.blocks.text) - 1 <= 10
    assert " ".join(found.blocks.text[1:]).split() == words
    assert found.blocks.text[2].count("\n") > 1


def test_tags_with_angle_brackets_in_their_values_take_the_slower_way() -> None:
    source = '<p title="a>b" class="c"><b x="<i>">d</b></p>'
    found = tokens(source, new_numbers())
    assert found.tags == ['p title="a>b" class="c"', 'b x="<i>"', "/b", "/p"]
    assert found.texts == ["", "d", "", ""]
    assert np.array(found.numbers).shape == (4,)
