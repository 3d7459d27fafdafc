"""Run with datatrove's own interpreter: its Trafilatura step on {"html"} lines, texts and rate as JSON lines.

    python peer_datatrove.py PAGES.jsonl TEXTS.jsonl

The step starts its own child process; what starting costs is measured on one page and taken off. Its time limit
is raised from 1 to 10 seconds, so that a busy machine costs it no pages.
"""

import json
import os
import sys
from importlib.metadata import version

import trafilatura  # noqa: F401  here, so that a broken environment fails at once and not page by page
from datatrove.data import Document
from datatrove.pipeline.extractors import Trafilatura
from loguru import logger


def cpu_s() -> float:
    """Return CPU seconds of this process and of the children it has waited for."""
    return sum(os.times()[:4])


def run(pages: list[str]) -> tuple[list[str], float]:
    """Return the text of each page ("" for none) and the CPU seconds."""
    start = cpu_s()
    texts = [""] * len(pages)
    documents = (Document(text=html, id=str(number)) for number, html in enumerate(pages))
    for document in Trafilatura(timeout=10).run(documents):
        texts[int(document.id)] = document.text
    return texts, cpu_s() - start


def main(source: str, target: str) -> None:
    """Extract and write the texts, then print the rate and the versions."""
    logger.remove()
    with open(source, encoding="utf-8") as lines:
        pages = [json.loads(line)["html"] for line in lines]
    _, start_s = run(pages[:1])
    texts, total_s = run(pages)
    with open(target, "w", encoding="utf-8") as out:
        out.writelines(json.dumps(text) + "\n" for text in texts)
    found = {"pages_per_s": (len(pages) - 1) / (total_s - start_s)}
    print(json.dumps(found | {name: version(name) for name in ("datatrove", "trafilatura")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
