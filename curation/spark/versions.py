"""What changes a stage's output though recipe and bytes are the same: our code, and libraries."""

from __future__ import annotations

#: Raised by hand when a change of code changes what a stage writes for the same recipe and bytes.
OUTPUT_VERSION = {
    "extract": 6,
    "lines": 2,
    "filter": 6,
    "select": 1,
    "dedup": 4,
    "sites": 2,
    "decontaminate": 1,
    "tokenizer": 1,
    "shard": 1,
}
#: Libraries whose version changes a stage's output.
LIBRARIES = {
    "extract": (
        *("trafilatura", "justext", "htmldate", "courlan", "lxml_html_clean"),  # and what it asks
        *("resiliparse", "lxml", "pycld2", "faust-cchardet", "regex"),
    ),
    "filter": ("regex", "pycld2", "fasttext-numpy2-wheel", "tokenizers"),
    "lines": (),
    "select": (),
    "dedup": (),
    "sites": (),
    "decontaminate": ("regex",),
    "tokenizer": ("tokenizers",),
    "shard": ("tokenizers",),
}
