"""What must survive, for every engine but `resiliparse`: listings, formulas, tables, lists as they were."""

from __future__ import annotations

import re

import pytest

from curation.extract.engines import ENGINES, Extraction
from tests.extract.render.article import article
from tests.extract.render.layouts import LAYOUTS, LISTING
from tests.extract.render.notations import NOTATIONS
from tests.extract.render.structures import OTHERS, TABLES

ENGINES_TESTED = [name for name in ("blocks", "trafilatura", "fast", "precision") if name in ENGINES]


def extracted(engine: str, body: str) -> Extraction:
    found = ENGINES[engine](article(body))
    assert found.text.count("The committee will meet again") == 1
    assert "began in the spring" in found.text
    assert "Copyright" not in found.text
    return found


@pytest.mark.parametrize("engine", ENGINES_TESTED)
@pytest.mark.parametrize(
    ("html", "language"), [layout[1:] for layout in LAYOUTS], ids=[name for name, *_ in LAYOUTS]
)
def test_a_listing_is_verbatim(engine: str, html: str, language: str) -> None:
    found = extracted(engine, html)
    assert f"\n```{language}\n{LISTING}\n```\n" in found.text
    assert found.text.count("def area") == 1
    assert (found.counts["code_blocks_seen"], found.counts["code_blocks_kept"]) == (1.0, 1.0)


@pytest.mark.parametrize("engine", ENGINES_TESTED)
@pytest.mark.parametrize(
    ("html", "latex", "alone"), [each[1:] for each in NOTATIONS], ids=[name for name, *_ in NOTATIONS]
)
def test_a_formula_is_latex_once(engine: str, html: str, latex: str, alone: bool) -> None:
    found = extracted(engine, html)
    marks = "$$" if alone else "$"
    assert f"{marks}{latex}{marks}" in found.text
    assert re.sub(r"\s", "", found.text).count(re.sub(r"\s", "", latex)) == 1
    assert alone or f"$${latex}" not in found.text
    assert (found.counts["formulas_seen"], found.counts["formulas_kept"]) == (1.0, 1.0)


@pytest.mark.parametrize("engine", ENGINES_TESTED)
@pytest.mark.parametrize(("html", "lines"), [each[1:] for each in TABLES], ids=[name for name, *_ in TABLES])
def test_cells_are_in_their_place(engine: str, html: str, lines: str) -> None:
    found = extracted(engine, html)
    assert f"\n{lines}\n" in found.text
    assert found.counts["table_cells_seen"] == found.counts["table_cells_kept"] > 0


@pytest.mark.parametrize(
    "engine", [name for name in ENGINES_TESTED if name != "blocks"]
)  # it may leave short ones out
@pytest.mark.parametrize(("html", "lines"), [each[1:] for each in OTHERS], ids=[name for name, *_ in OTHERS])
def test_forms_are_kept(engine: str, html: str, lines: str) -> None:
    text = re.sub(r" +$", "", extracted(engine, html).text, flags=re.MULTILINE)
    assert f"\n{lines}\n" in text
