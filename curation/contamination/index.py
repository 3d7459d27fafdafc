"""Evaluation files to the index that decontamination looks texts up in.

A file is JSONL, packed or not. A field is a name, or names joined by dots; a list is each of its members.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import xxhash
from numpy.typing import NDArray

from curation.contamination.passages import Hashes, gram_hashes, passages
from curation.contamination.search import _SIEVE_BITS_A_GRAM, MatchCriteria


class BadEvaluation(ValueError):
    """An evaluation file that cannot be read as declared; says where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of an evaluation set: its id, where it stands, and the texts to look for."""

    set: str
    id: str
    place: str
    texts: tuple[str, ...]


def read_items(path: str, name: str, fields: Iterable[str], id_field: str | None) -> Iterator[Item]:
    """Yield the items of one file of the set `name`; without an `id_field` an item is called by its line.

    Raises:
        BadEvaluation: a line is no JSON object, or lacks a field.
    """
    base = path.rpartition("/")[2]
    try:
        with fsspec.open(path, "rb", compression="infer") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    row = _row(line, f"{path}, line {number}")
                    texts = [text for each in fields for text in _texts(row, each, path, number)]
                    given = next(_texts(row, id_field, path, number), "") if id_field else ""
                    place = f"{base}:{number}"
                    yield Item(set=name, id=given or place, place=place, texts=tuple(texts))
    except (OSError, EOFError, zlib.error) as error:
        raise BadEvaluation(f"{path}: cannot be read: {error}") from error


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise BadEvaluation(f"{where}: is no JSON: {error}") from None
    if not isinstance(row, dict):
        raise BadEvaluation(f"{where}: expected a JSON object, found {type(row).__name__}")
    return row


def _texts(row: dict[str, Any], name: str, path: str, number: int) -> Iterator[str]:
    """Yield the texts that a field holds; a number is its digits, null is none."""
    values: list[Any] = [row]
    for part in name.split("."):
        values = [each for value in values for each in (value if isinstance(value, list) else [value])]
        for value in values:
            if not isinstance(value, dict) or part not in value:
                known = ", ".join(value) if isinstance(value, dict) else "no fields"
                raise BadEvaluation(f"{path}, line {number}: has no field '{name}'; it has {known}")
        values = [value[part] for value in values]
    for value in values:
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str | int | float):
                yield str(each)
            elif each is not None:
                found = type(each).__name__
                raise BadEvaluation(f"{path}, line {number}: '{name}' is a {found}; expected a text")


@dataclass(slots=True)
class _Builder:
    """Collects passages; identical ones are one, credited to the item that has it first."""

    bounds: MatchCriteria
    words: list[NDArray[np.uint32]] = field(default_factory=list)
    grams: list[Hashes] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    items: list[int] = field(default_factory=list)
    holders: list[int] = field(default_factory=list)  # items that a passage stands in
    known: dict[int, int] = field(default_factory=dict)

    def add(self, number: int, item: Item) -> tuple[int, int]:
        """Take in an item's passages; return (how many are looked for, how many are too short)."""
        taken = short = 0
        for text in item.texts:
            for passage in passages(text):
                if len(passage) < self.bounds.min_words:
                    short += int(len(passage) > 0)
                    continue
                taken += 1
                key = xxhash.xxh3_64_intdigest(passage.tobytes())
                if key in self.known:
                    place = self.known[key]
                    self.holders[place] += int(self.items[place] != number)
                    continue
                self.known[key] = len(self.items)
                self.words.append((passage & np.uint64(0xFFFFFFFF)).astype(np.uint32))
                self.grams.append(gram_hashes(passage, self.bounds.ngram_words))
                self.lengths.append(len(passage))
                self.items.append(number)
                self.holders.append(1)
        return taken, short

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the index's arrays; runs of words that too many passages have are left out."""
        counts = np.fromiter(map(len, self.grams), np.int64, len(self.grams))
        grams = np.concatenate([np.empty(0, np.uint64), *self.grams])
        self.grams.clear()
        owners = np.repeat(np.arange(len(counts), dtype=np.uint32), counts)
        places = (np.arange(len(grams)) - np.repeat(np.cumsum(counts) - counts, counts)).astype(np.uint16)
        order = np.argsort(grams, kind="stable")
        grams, owners, places = grams[order], owners[order], places[order]
        del order
        weight = np.asarray(self.holders, np.int64)[owners]
        begins = np.flatnonzero(np.r_[len(grams) > 0, grams[1:] != grams[:-1]][: len(grams)])
        held = np.add.reduceat(weight, begins) if len(begins) else weight
        rare = np.repeat(held <= self.bounds.common_items, np.diff(np.r_[begins, len(grams)]))
        grams, owners, places = grams[rare], owners[rare], places[rare]
        return {
            "grams": grams,
            "owners": owners,
            "places": places,
            "words": np.concatenate([np.empty(0, np.uint32), *self.words]),
            "starts": np.cumsum([0, *self.lengths]).astype(np.int64),
            "items": np.asarray(self.items, np.uint32),
            "sieve": _sieve(grams),
        }


def _sieve(grams: Hashes) -> NDArray[np.uint8]:
    """Return a bit for each value of the top bits of a hash: whether any gram has it."""
    bits = max(10, int(len(grams) * _SIEVE_BITS_A_GRAM).bit_length())
    sieve = np.zeros(1 << (bits - 3), np.uint8)
    top = grams >> np.uint64(64 - bits)
    np.bitwise_or.at(
        sieve, (top >> np.uint64(3)).astype(np.int64), _BIT[(top & np.uint64(7)).astype(np.int64)]
    )
    return sieve


_BIT = (1 << np.arange(8)).astype(np.uint8)


def write(
    items: Iterable[Item], folder: str | os.PathLike[str], bounds: MatchCriteria
) -> list[dict[str, Any]]:
    """Write the index of some items into a local folder; return one row an item, for the report.

    A row has item (its number), set, id, place, passages (looked for), short (too short to be) and searchable
    (whether a run of words leads to any of its passages: not where other items have them all).
    """
    builder, rows = _Builder(bounds), []
    names, ends = bytearray(), []
    for number, item in enumerate(items):
        taken, short = builder.add(number, item)
        names += item.id.encode("utf-8", "replace")
        ends.append(len(names))
        rows.append(
            {"item": number, "set": item.set, "id": item.id, "place": item.place}
            | {"passages": taken, "short": short, "searchable": False}
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
