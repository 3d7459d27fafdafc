"""What survives extraction: listings verbatim, formulas as LaTeX, tables' rows, beside stock tools.

    python benchmarks/bench_fidelity.py

The pages are those of tests/extract/render: one listing in some eighty layouts, a formula in some sixty
notations, twenty-five tables, each inside the same article. A listing counts if all its lines stand in the text
as they are; a formula if its LaTeX does, white space aside, and once; a row of a table if its cells stand in one
line, in order. Stock tools: trafilatura with Markdown and formatting, trafilatura as datatrove 0.10 calls it
(precision, deduplication), Resiliparse. Writes build/bench/fidelity.json.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from recording import record

from curation.extract.engines import ENGINES
from tests.extract.render.article import article
from tests.extract.render.layouts import LAYOUTS, LISTING
from tests.extract.render.notations import NOTATIONS
from tests.extract.render.structures import TABLES


def stock(html: str) -> str:
    """Return what trafilatura makes of a page, as Markdown with formatting."""
    import trafilatura

    return (
        trafilatura.extract(html, output_format="markdown", include_formatting=True, include_tables=True)
        or ""
    )


def as_datatrove(html: str) -> str:
    """Return what trafilatura makes of a page with the settings of datatrove's step."""
    import trafilatura

    return trafilatura.extract(html, favor_precision=True, include_comments=False, deduplicate=True) or ""


CONTENDERS: dict[str, Callable[[str], str]] = {
    **{name: (lambda html, name=name: ENGINES[name](html).text) for name in ENGINES},
    "stock trafilatura": stock,
    "datatrove's settings": as_datatrove,
}


def has_formula(text: str, latex: str) -> bool:
    """Return whether LaTeX stands in a text, white space aside, and once."""
    return re.sub(r"\s", "", text).count(re.sub(r"\s", "", latex)) == 1


def rows_kept(text: str, lines: str) -> tuple[int, int]:
    """Return how many rows of a table stand in a line of the text, cells in order, and how many there are."""
    rows = [re.findall(r"(?:\\\||[^|])+", line) for line in lines.split("\n") if line.startswith("| ")]
    cells = [[cell.strip().replace("\\|", "|").strip("*`") for cell in row if cell.strip()] for row in rows]
    patterns = [re.compile(".*".join(map(re.escape, row))) for row in cells]
    plain = text.replace("\\|", "|")
    return sum(pattern.search(plain) is not None for pattern in patterns), len(patterns)


def main() -> int:
    """Print and record the shares by contender."""
    figures = {}
    print(f"{'':22}{'listings':>10}{'formulas':>10}{'rows':>8}")
    for name, extract in CONTENDERS.items():
        listings = sum(LISTING in extract(article(html)) for _, html, _ in LAYOUTS) / len(LAYOUTS)
        formulas = sum(has_formula(extract(article(html)), latex) for _, html, latex, _ in NOTATIONS)
        rows = [rows_kept(extract(article(html)), lines) for _, html, lines in TABLES]
        shares = {
            "listings_verbatim": listings,
            "formulas_kept": formulas / len(NOTATIONS),
            "rows_kept": sum(kept for kept, _ in rows) / sum(seen for _, seen in rows),
        }
        figures[name] = shares
        print(f"{name:22}{listings:>10.3f}{shares['formulas_kept']:>10.3f}{shares['rows_kept']:>8.3f}")
    ours = figures["trafilatura"]
    bars = {
        "listings": (ours["listings_verbatim"], 0.99),
        "formulas": (ours["formulas_kept"], 0.97),
        "rows": (ours["rows_kept"], 0.98),
    }
    return record("fidelity", figures, bars, ["trafilatura", "resiliparse", "lxml"])


if __name__ == "__main__":
    sys.exit(main())
