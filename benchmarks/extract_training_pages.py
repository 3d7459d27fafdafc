"""Writes the strict pages of the shared crawl as `python -m curation.extract.training` reads them.

python benchmarks/extract_training_pages.py build/bench/training_pages.jsonl.gz
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

from extract_corpus import crawl, strict


def main(path: str) -> None:
    """Write the pages, one a line."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        for page in strict(crawl()):
            row = {"html": page.html, "text": page.text, "url": page.url, "set": page.set}
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
