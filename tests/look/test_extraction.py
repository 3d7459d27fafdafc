from __future__ import annotations

import pandas as pd
import pytest

from curation.look.extraction import COMPARED_PAGES, chosen

HALF = COMPARED_PAGES // 2


@pytest.mark.parametrize(("rich", "found"), [(0, 0), (3, 3), (HALF, HALF), (400, HALF)])
def test_half_of_the_compared_pages_have_tables_or_code_where_there_are_any(rich: int, found: int) -> None:
    """They stand last in the sample, where the first pages of it would not meet them."""
    measures = [{"extract.table_cells_seen": 0.0}] * 400
    measures += [{f"extract.{('code_blocks', 'table_cells')[n % 2]}_seen": 2.0} for n in range(rich)]
    frame = pd.DataFrame({"engine": "trafilatura", "measures": measures})
    frame.loc[len(frame)] = [None, {"extract.code_blocks_seen": 9.0}]  # a text: no page lies behind it
    places = chosen(frame).index.tolist()
    assert len(places) == len(set(places)) == COMPARED_PAGES
    assert sum(400 <= place < 400 + rich for place in places) == found
    assert places == [*range(COMPARED_PAGES - found), *range(400, 400 + found)]


def test_no_page_is_chosen_from_texts() -> None:
    assert chosen(pd.DataFrame({"engine": [None], "measures": [{}]})).empty
    assert chosen(pd.DataFrame({"engine": [], "measures": []})).empty
