"""What a recipe decides must not depend on whether the text is trained on as Markdown or as plain text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from curation.extract.blocks import as_text
from curation.extract.engines import trafilatura
from curation.extract.gate import refuse_record
from curation.filters.judge import judge_text
from curation.pages.charset import decode
from curation.pages.formats import read, splits
from curation.recipe.recipe import read_recipe
from curation.text.markdown import Form

_PAGES = 100
_LEAST = 0.995


@pytest.mark.slow
@pytest.mark.shared
def test_verdicts_on_markdown_and_on_plain_text_agree(shared: Path, root: Path) -> None:
    passes = read_recipe(str(root / "curation/recipe/starters/web_en.yaml")).filter
    path = shared / "data/crawl_dev.warc.gz"
    same, marked, apart = 0, 0, []
    [split] = splits([(str(path), path.stat().st_size)], "warc", 2**40)
    rows = (row for batch in read(split, source="crawl") for row in batch.to_pylist())
    for row in rows:
        if refuse_record(row["kind"], row["status"], row["content_type"], row["body"], max_page_mib=1.0):
            continue
        markdown = trafilatura(decode(row["body"], row["content_type"]).text).text
        forms: dict[Form, str] = {"markdown": markdown, "plain": as_text(markdown)}
        verdicts = [
            judge_text(text, "crawl", passes, measure_all=True, form=form).reasons
            for form, text in forms.items()
        ]
        marked += bool(re.search(r"^(\||#|- |```)", markdown, re.MULTILINE))
        if bool(verdicts[0]) == bool(verdicts[1]):
            same += 1
        else:
            apart.append((row["url"], [each["name"] for verdict in verdicts for each in verdict]))
        if same + len(apart) == _PAGES:
            break
    assert marked > _PAGES / 4, "there are marks to be seen through"
    assert same >= _LEAST * _PAGES, apart
