"""How well a text holds a page's main content: words against the truth, cells of its data tables kept."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from curation.extract.engines import parse
from curation.text.markdown import plain

_WORD = re.compile(
    r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"  # Thai, kana, Han: by character
    r"|(?:(?![\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])\w)+"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """Precision, recall and their harmonic mean over bags of words."""

    precision: float
    recall: float
    f1: float


def words(text: str) -> list[str]:
    """Return words after NFKC, in lower case; a letter at a time in scripts without spaces."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


def score(text: str, truth: str) -> Score:
    """Return the score of a text, its marks of Markdown aside; all zero where nothing is shared.

    >>> score("a b c d", "a b").f1
    0.6666666666666666
    """
    found, wanted = Counter(words(plain(text))), Counter(words(truth))
    shared = (found & wanted).total()
    if not shared:
        return Score(precision=0.0, recall=0.0, f1=0.0)
    precision, recall = shared / found.total(), shared / wanted.total()
    return Score(precision=precision, recall=recall, f1=2 * precision * recall / (precision + recall))


def main_cells(html: str, truth: str) -> list[str]:
    """Return the cells, as joined words, of the data tables that the truth holds.

    A data table has at least 3 rows of at least 2 cells, no table inside, no cell of a paragraph's length and
    links on less than half of its text; the truth holds it if it holds 9 in 10 of its cells.
    """
    wanted = f" {' '.join(words(truth))} "
    found: list[str] = []
    for cells in _data_tables(html):
        held = sum(f" {cell} " in wanted for cell in cells)
        if cells and held >= 0.9 * len(cells):
            found += [cell for cell in cells if f" {cell} " in wanted]
    return found


def kept(text: str, cells: list[str]) -> int:
    """Return how many of the cells a text holds, its marks of Markdown aside (`item\\_id` is one word)."""
    found = f" {' '.join(words(plain(text)))} "
    return sum(f" {cell} " in found for cell in cells)


def _data_tables(html: str) -> Iterator[list[str]]:
    for table in parse(html).iter("table"):
        rows = [[cell for cell in row if cell.tag in ("td", "th")] for row in table.iter("tr")]
        rows = [row for row in rows if len(row) >= 2]
        if len(rows) < 3 or table.find(".//table") is not None:
            continue
        texts = ["".join(cell.itertext()) for row in rows for cell in row]
        length = sum(map(len, texts))
        linked = sum(len("".join(link.itertext())) for link in table.iter("a"))
        if not length or linked >= length / 2 or max(map(len, texts)) > 400:
            continue
        yield [" ".join(found) for text in texts if (found := words(text))]
