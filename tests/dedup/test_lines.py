"""Lines by their hashes: what is one line, and what is left of a text without some of them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.dedup.lines import (
    NOBODY,
    Removed,
    Table,
    Unit,
    hashed,
    line_hash,
    on_site,
    part_hashes,
    parts,
    write_table,
)

texts = st.text(alphabet="ab1 \n\u3000\ud800", max_size=80)


@given(texts, st.sampled_from(["line", "paragraph", "sentence", "three_sentences"]))
def test_the_parts_of_a_text_are_the_text(text: str, unit: Unit) -> None:
    pieces = parts(text, unit)
    assert "".join(pieces) == text
    if unit == "line":
        assert all("\n" not in part[:-1] for part in pieces)
    elif unit == "paragraph":
        assert all("\n\n" not in part.rstrip() for part in pieces)


@given(st.text(st.one_of(st.characters(), st.sampled_from(" \t\x0b\x1c\x85\xa0AZ09ßİ")), max_size=60))
def test_a_hash_is_of_the_line_but_for_case_digits_and_white_space(line: str) -> None:
    normal = " ".join(line.split())
    plain = re.sub(r"\d", "0", normal.casefold())
    assert line_hash(line, 3) == (hashed(plain) if len(normal) >= 3 else None)


def test_a_span_of_three_sentences_goes_whole_from_all_but_its_owner(tmp_path: Path) -> None:
    span = "It rose above the town. Few had seen it. Nobody said so. "
    own, other = f"First of all. {span}Then it fell.", f"{span}And that was that. It ended."
    hashes = set(part_hashes(own, "three_sentences", 1)) & set(part_hashes(other, "three_sentences", 1)) - {
        None
    }
    (line,) = hashes
    held = table(tmp_path, (line, 1))
    results = held.without(
        [own, other], [1, 2], [NOBODY, NOBODY], unit="three_sentences", min_characters=1, min_words_left=0
    )
    assert {row: result.text for row, result in results.items()} == {1: "And that was that. It ended."}
    assert part_hashes("One. Two.", "three_sentences", 1) == [None, None]
    assert part_hashes("One. Two. Three.", "three_sentences", 17) == [None, None, None]


def test_case_digits_and_white_space_do_not_count() -> None:
    assert line_hash("  Page 12  of 40\n", 5) == line_hash("page 99 of 10", 5) != line_hash("page of", 5)
    assert line_hash("a" * 19, 20) is None
    assert line_hash("a" * 20, 20) is not None


@pytest.mark.parametrize("text", ["", "x", "\ud800", "é" * 1000])
def test_a_hash_is_never_nobody(text: str) -> None:
    assert hashed(text) != NOBODY
    assert -(1 << 63) <= hashed(text) < 1 << 63


def table(folder: Path, *rows: tuple[int, int]) -> Table:
    write_table(folder, np.array([a for a, _ in rows], np.int64), np.array([b for _, b in rows], np.int64))
    return Table(folder)


def left(held: Table, text: str, document: int, where: str, words: int = 0) -> tuple[str, int, int]:
    """Return what the table leaves of one text among others, and how much went for which reason."""
    sites = [NOBODY, hashed(where) if where else NOBODY, NOBODY]
    results = held.without(
        ["", text, "x"], [1, document, 2], sites, unit="line", min_characters=5, min_words_left=words
    )
    assert set(results) <= {1}
    removed = results.get(1, Removed(text, 0, 0))
    assert len(text) - len(removed.text) == removed.repeated + removed.boilerplate
    return removed.text, removed.repeated, removed.boilerplate


def of_site(line: int, where: str) -> int:
    return int(on_site(np.array([line]), np.array([hashed(where)]))[0])


def test_the_owner_keeps_a_line_and_a_site_keeps_none(tmp_path: Path) -> None:
    menu, note = "all the menu of a site here", "a notice that many have"
    one, notice = line_hash(menu, 5), line_hash(note, 5)
    assert one is not None
    assert notice is not None
    held = table(tmp_path, (notice, 7), (of_site(one, "a.org"), NOBODY))
    text = f"{menu}\nthe text itself\n{note}\nits end"
    assert left(held, text, 7, "b.org") == (text, 0, 0)
    assert left(held, text, 7, "") == (text, 0, 0)
    assert left(held, text, 8, "b.org") == (f"{menu}\nthe text itself\nits end", len(note) + 1, 0)
    assert left(held, text, 7, "a.org") == (f"the text itself\n{note}\nits end", 0, len(menu) + 1)
    assert left(held, text, 8, "a.org") == ("the text itself\nits end", len(note) + 1, len(menu) + 1)
    assert left(held, text, 8, "a.org", words=5)[0] == "the text itself\nits end"
    assert left(held, text, 8, "a.org", words=6) == (text, 0, 0)


def test_what_is_left_has_no_line_feed_at_its_end_and_the_account_says_why(tmp_path: Path) -> None:
    line = line_hash("the last of all lines", 5)
    assert line is not None
    for number, (where, counts) in enumerate({"": (23, 0), "s": (0, 23)}.items()):
        row = (of_site(line, where), NOBODY) if where else (line, 1)
        held = table(tmp_path / str(number), row)
        assert left(held, "one\n\nthe last of all lines", 2, where) == ("one", *counts)


def test_a_table_without_lines_takes_nothing(tmp_path: Path) -> None:
    assert left(table(tmp_path), "a long line\nb", 1, "s") == ("a long line\nb", 0, 0)
    assert table(tmp_path).without([], [], [], unit="line", min_characters=1, min_words_left=0) == {}
