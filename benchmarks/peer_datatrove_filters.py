"""Run with datatrove's own interpreter: the filters of its FineWeb example on {"text"} lines, round by round.

    python peer_datatrove_filters.py TEXTS.jsonl

Reads "run" or "all" from standard input, a line a round, and answers each with one line of JSON: processor
seconds and how many documents every filter kept. "run" stops at the first filter that drops a document, as
pipelines do; "all" asks every filter about every document. The first line written says that it is loaded.
"""

import json
import sys
import time
from importlib.metadata import version

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from loguru import logger


def keeps(chain: list, document: Document, *, stop: bool) -> bool:
    """Return whether all filters keep the document; `stop` at the first that does not."""
    kept = True
    for each in chain:
        kept = each.filter(document) is True and kept
        if stop and not kept:
            break
    return kept


def main(source: str) -> None:
    """Answer the rounds."""
    logger.remove()
    with open(source, encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    chain = [
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        C4QualityFilter(filter_no_terminal_punct=False),
        FineWebQualityFilter(),
    ]
    for text in texts[:5]:  # loads the word splitter
        keeps(chain, Document(text=text, id=""), stop=False)
    print(json.dumps({name: version(name) for name in ("datatrove", "spacy")}), flush=True)
    for line in sys.stdin:
        start, kept = time.process_time(), 0
        for number, text in enumerate(texts):
            kept += keeps(chain, Document(text=text, id=str(number)), stop=line.strip() == "run")
        print(json.dumps({"seconds": time.process_time() - start, "kept": kept}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
