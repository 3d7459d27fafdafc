"""Samples as a function of the id: nested, and independent of files and partitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xxhash

from curation.accounting.account import STATES

#: The salt of the samples that users ask for, of a recipe's inputs or of a run's documents.
SALT = "sample"
#: The salt of the samples that people look at, and of the stored sample of a large table.
LOOK = "look"
#: Folder of the stored sample, beside `rows` and partitioned like it.
STORED = "sample"
#: A state with more than LARGE_RECORDS records has a stored sample of about STORED_RECORDS.
LARGE_RECORDS, STORED_RECORDS = 1_000_000, 100_000


def position(document_id: str, salt: str) -> float:
    """Return the position of a document in [0, 1) under `salt`; positions are uniform.

    >>> 0 <= position("a", "x") < 1 and position("a", "x") != position("a", "y")
    True
    """
    return float((xxhash.xxh3_64_intdigest(f"{salt}\x1f{document_id}".encode()) >> 11) / (1 << 53))


def sampled(document_id: str, rate: float, salt: str) -> bool:
    """Return whether a document is in the sample of `rate`; smaller samples lie inside larger ones."""
    return position(document_id, salt) < rate


def stored_rates(ledger: Mapping[str, Any]) -> dict[str, float]:
    """Return state -> rate of its stored sample, for the states that are large enough to have one.

    >>> stored_rates({state: {"records": 4_000_000 * (state == "kept")} for state in STATES})
    {'kept': 0.025}
    """
    records = {state: ledger[state]["records"] for state in STATES}
    return {state: STORED_RECORDS / count for state, count in records.items() if count > LARGE_RECORDS}
