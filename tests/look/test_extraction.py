from __future__ import annotations

import pandas as pd
import pytest

from curation.look.report.extraction import COMPARED_PAGES, pages_to_read

PART = COMPARED_PAGES // 4


@pytest.mark.parametrize(("tables", "code"), [(0, 0), (3, 0), (2, 90), (50, PART), (PART, 400), (400, 1)])
def test_pages_with_tables_and_with_code_are_among_the_compared(tables: int, code: int) -> None:
    """They stand last in the sample, where its first pages do not meet them."""
    measures = [{"extract.table_cells_seen": 0.0}] * 400
    measures += [{"extract.table_cells_seen": 2.0}] * tables + [{"extract.code_blocks_seen": 2.0}] * code
    frame = pd.DataFrame({"engine": "trafilatura", "measures": measures})
    frame.loc[len(frame)] = [None, {"extract.code_blocks_seen": 9.0}]  # a text: no page lies behind it
    with_tables = [400 + n for n in range(min(tables, PART))]
    with_code = [400 + tables + n for n in range(min(code, PART))]
    plain = range(COMPARED_PAGES - len(with_tables) - len(with_code))
    assert pages_to_read(frame).index.tolist() == [*plain, *with_tables, *with_code]


def test_no_page_is_chosen_from_texts() -> None:
    assert pages_to_read(pd.DataFrame({"engine": [None], "measures": [{}]})).empty
    assert pages_to_read(pd.DataFrame({"engine": [], "measures": []})).empty
