"""Build the search index of decontamination from evaluation files.

A file is JSONL, compressed or not. A field is a name or several names joined by dots; a list stands for all
its members.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from curation.contamination.passages import Hashes, gram_hashes, passages
from curation.contamination.search import _SIEVE_BITS_A_GRAM, MatchCriteria
from curation.files.packed_file import open_unpacked


class BadEvaluation(ValueError):
    """An evaluation file cannot be read as declared; the message says where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of an evaluation set: its id, its file and line (`place`), and its texts."""

    set: str
    id: str
    place: str
    texts: tuple[str, ...]


def read_items(path: str, name: str, fields: Iterable[str], id_field: str | None) -> Iterator[Item]:
    """Yield the items of one file of the set `name`; without an `id_field` the id is FILE:LINE.

    A field that a line lacks is read as null: exports leave out what is empty.

    Raises:
        BadEvaluation: a line is not a JSON object, or no line has the field.
    """
    base, fields = path.rpartition("/")[2], tuple(fields)
    absent = dict.fromkeys([*fields, id_field] if id_field else fields)
    first: tuple[int, str] | None = None
    try:
        with open_unpacked(path) as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    row = _row(line, f"{path}, line {number}")
                    first = first or (number, ", ".join(row) or "no fields")
                    absent = {key: None for key in absent if not _values(row, key)}
                    texts = [text for key in fields for text in _texts(row, key, path, number)]
                    own_id = next(_texts(row, id_field, path, number), "") if id_field else ""
                    place = f"{base}:{number}"
                    yield Item(set=name, id=own_id or place, place=place, texts=tuple(texts))
    except OSError as error:
        raise BadEvaluation(f"{path}: cannot be read: {error}") from error
    if first and absent:
        raise BadEvaluation(
            f"{path}: no line has a field '{next(iter(absent))}'; line {first[0]} has {first[1]}"
        )


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise BadEvaluation(f"{where}: is not JSON: {error}") from None
    if not isinstance(row, dict):
        raise BadEvaluation(f"{where}: expected a JSON object, found {type(row).__name__}")
    return row


def _texts(row: dict[str, Any], name: str, path: str, number: int) -> Iterator[str]:
    """Yield the texts of a field; a number is converted to text, null and what is absent are skipped."""
    for value in _values(row, name):
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str | int | float):
                yield str(item)
            elif item is not None:
                kind = type(item).__name__
                raise BadEvaluation(f"{path}, line {number}: '{name}' is a {kind}; expected a text")


def _values(row: dict[str, Any], name: str) -> list[Any]:
    """Return what a row holds under a name with dots, from every member of lists on the way."""
    values: list[Any] = [row]
    for part in name.split("."):
        members = [item for value in values for item in (value if isinstance(value, list) else [value])]
        values = [item[part] for item in members if isinstance(item, dict) and part in item]
    return values


@dataclass(slots=True)
class _Builder:
    """Collects passages. Identical passages are stored once, for the first item that has them."""

    criteria: MatchCriteria
    words: list[NDArray[np.uint32]] = field(default_factory=list)
    grams: list[Hashes] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    items: list[int] = field(default_factory=list)
    holders: list[int] = field(default_factory=list)  # number of items with the passage
    known: dict[int, int] = field(default_factory=dict)

    def add(self, number: int, item: Item) -> tuple[int, int]:
        """Add the passages of an item; return (passages to search for, passages that are too short)."""
        added = short = 0
        for text in item.texts:
            for passage in passages(text):
                if len(passage) < self.criteria.min_words:
                    short += int(len(passage) > 0)
                    continue
                added += 1
                key = xxhash.xxh3_64_intdigest(passage.tobytes())
                if key in self.known:
                    index = self.known[key]
                    self.holders[index] += int(self.items[index] != number)
                    continue
                self.known[key] = len(self.items)
                self.words.append((passage & np.uint64(0xFFFFFFFF)).astype(np.uint32))
                self.grams.append(gram_hashes(passage, self.criteria.ngram_words))
                self.lengths.append(len(passage))
                self.items.append(number)
                self.holders.append(1)
        return added, short

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of the index, without n-grams that occur in too many items."""
        counts = np.fromiter(map(len, self.grams), np.int64, len(self.grams))
        grams = np.concatenate([np.empty(0, np.uint64), *self.grams])
        self.grams.clear()
        owners = np.repeat(np.arange(len(counts), dtype=np.uint32), counts)
        positions = (np.arange(len(grams)) - np.repeat(np.cumsum(counts) - counts, counts)).astype(np.uint16)
        order = np.argsort(grams, kind="stable")
        grams, owners, positions = grams[order], owners[order], positions[order]
        del order
        holders = np.asarray(self.holders, np.int64)[owners]
        begins = np.flatnonzero(np.r_[len(grams) > 0, grams[1:] != grams[:-1]][: len(grams)])
        total = np.add.reduceat(holders, begins) if len(begins) else holders
        rare = np.repeat(total <= self.criteria.common_items, np.diff(np.r_[begins, len(grams)]))
        grams, owners, positions = grams[rare], owners[rare], positions[rare]
        return {
            "grams": grams,
            "owners": owners,
            "places": positions,
            "words": np.concatenate([np.empty(0, np.uint32), *self.words]),
            "starts": np.cumsum([0, *self.lengths]).astype(np.int64),
            "items": np.asarray(self.items, np.uint32),
            "sieve": _sieve(grams),
        }


def _sieve(grams: Hashes) -> NDArray[np.uint8]:
    """Return a bitmap over the top bits of a hash: whether any n-gram has these bits."""
    bits = max(10, int(len(grams) * _SIEVE_BITS_A_GRAM).bit_length())
    sieve = np.zeros(1 << (bits - 3), np.uint8)
    top = grams >> np.uint64(64 - bits)
    np.bitwise_or.at(
        sieve, (top >> np.uint64(3)).astype(np.int64), _BIT[(top & np.uint64(7)).astype(np.int64)]
    )
    return sieve


_BIT = (1 << np.arange(8)).astype(np.uint8)


def write(
    items: Iterable[Item], folder: str | os.PathLike[str], criteria: MatchCriteria
) -> list[dict[str, Any]]:
    """Write the index of items into a local folder; return one row per item for the report.

    A row has item (its number), set, id, place, passages (to search for), short (too short) and searchable:
    whether any n-gram leads to its passages. None does if other items have the same passages.
    """
    builder, rows = _Builder(criteria), []
    names, ends = bytearray(), []
    for number, item in enumerate(items):
        added, short = builder.add(number, item)
        names += item.id.encode("utf-8", "replace")
        ends.append(len(names))
        rows.append(
            {"item": number, "set": item.set, "id": item.id, "place": item.place}
            | {"passages": added, "short": short, "searchable": False}
        )
    arrays = builder.arrays()
    for number in np.unique(arrays["items"][np.unique(arrays["owners"])]).tolist():
        rows[number]["searchable"] = True
    arrays |= {
        "names": np.frombuffer(bytes(names), np.uint8),
        "name_ends": np.asarray(ends, np.int64),
    }
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(Path(folder, f"{name}.npy"), array)
    return rows
