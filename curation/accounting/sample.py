"""Samples that are a function of the id: nested, and the same whatever the layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xxhash

from curation.accounting.ledger import STATES

#: The salt of every sample that a user asks for: of a recipe's inputs, and of a run's documents.
SALT = "sample"
#: The salt of what is looked at, and of the sample that a stage keeps beside a large table for that.
LOOK = "look"
#: Where that sample lies, beside `rows` and parted like it.
STORED = "sample"
#: A state with more records than this has a sample of about STORED_RECORDS: a tenth of it or less.
LARGE_RECORDS, STORED_RECORDS = 1_000_000, 100_000


def position(document_id: str, salt: str) -> float:
    """Return where a document stands in [0, 1) under `salt`; documents are spread evenly.

    >>> 0 <= position("a", "x") < 1 and position("a", "x") != position("a", "y")
    True
    """
    return float((xxhash.xxh3_64_intdigest(f"{salt}\x1f{document_id}".encode()) >> 11) / (1 << 53))


def sampled(document_id: str, rate: float, salt: str) -> bool:
    """Tell whether a document is in the sample of `rate`; a smaller rate's sample lies inside a larger's."""
    return position(document_id, salt) < rate


def stored_rates(ledger: Mapping[str, Any]) -> dict[str, float]:
    """Return state -> the rate of the sample that is kept of it, of the states so large that one is.

    >>> stored_rates({state: {"records": 4_000_000 * (state == "kept")} for state in STATES})
    {'kept': 0.025}
    """
    held = {state: ledger[state]["records"] for state in STATES}
    return {state: STORED_RECORDS / count for state, count in held.items() if count > LARGE_RECORDS}
