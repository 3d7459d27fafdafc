"""Labelled sets for the bench of deduplication: seeded variants of real texts, and every near pair's exact Jaccard.

The labels come from plain code (regular expressions, sets), not from the kernel under test: words are runs of
letters, marks and numbers after NFC and case folding, one character each in scripts without spaces.
"""

from __future__ import annotations

import gzip
import itertools
import json
import random
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import regex
import scipy.sparse
import xxhash
from extract_corpus import DATA, TRUTH, crawl
from filter_corpus import texts

from curation.extract.stage import document_id

Pair = tuple[int, int]  # places in a set, the smaller one first

SHINGLE_WORDS = 5
BASES, VARIANTS, LEAST_WORDS, SEED = 1500, 4, 100, 20250101
_ALONE = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Thai}\p{Lao}\p{Myanmar}\p{Khmer}\u30fc\uff70]"
_WORDS = regex.compile(rf"{_ALONE}|[[\p{{L}}\p{{M}}\p{{N}}]--{_ALONE}]+", regex.V1)
_INVISIBLE = regex.compile(r"[[\p{Default_Ignorable_Code_Point}]--[\u115f\u1160\u3164\uffa0]]", regex.V1)
_SENTENCE = regex.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class Labelled:
    """Documents and their near pairs: every pair of some similarity (see `exact_pairs`) with its Jaccard.

    `pairs` None stands for too many to list: any two documents have the same words, so their Jaccard is 1.
    """

    ids: list[str]
    texts: list[str]
    pairs: dict[Pair, float] | None

    def near(self, least: float) -> set[Pair]:
        """Return the pairs that are duplicates at a bound: the truth."""
        return {pair for pair, jaccard in (self.pairs or {}).items() if jaccard >= least}

    def jaccard(self, one: int, other: int) -> float:
        """Return the Jaccard of two documents, 0 for a pair that is not listed."""
        return 1.0 if self.pairs is None else self.pairs.get((min(one, other), max(one, other)), 0.0)


def words(text: str) -> list[str]:
    """Return the words of a text by the rules above."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return _WORDS.findall(_INVISIBLE.sub("", folded))


def shingle_hashes(text: str, size: int = SHINGLE_WORDS) -> np.ndarray:
    """Return the different word shingles of a text as hashes of strings; a short text is one shingle.

    A text without a word is its own one shingle: it is a duplicate of the same bytes only.
    """
    found = words(text) or [text]
    count = max(len(found) - size + 1, 1)
    hashes = {xxhash.xxh3_64_intdigest("\n".join(found[i : i + size])) for i in range(count)}
    return np.fromiter(hashes, np.uint64, len(hashes))


def true_jaccard(one: str, other: str) -> float:
    """Return the Jaccard of two texts' sets of word shingles: of the strings themselves, nothing hashed."""
    sets = []
    for found in (words(one) or [one], words(other) or [other]):
        count = max(len(found) - SHINGLE_WORDS + 1, 1)
        sets.append({tuple(found[i : i + SHINGLE_WORDS]) for i in range(count)})
    left, right = sets
    return len(left & right) / len(left | right)


def exact_pairs(documents: Sequence[str], least: float = 0.3) -> dict[Pair, float]:
    """Return the true Jaccard of every pair that has at least `least`, found through an inverted index."""
    sets = [shingle_hashes(text) for text in documents]
    sizes = np.array([len(each) for each in sets])
    _, columns = np.unique(np.concatenate(sets), return_inverse=True)
    bounds = np.append(0, np.cumsum(sizes))
    ones = np.ones(len(columns), np.int32)
    table = scipy.sparse.csr_matrix((ones, columns, bounds), (len(sets), int(columns.max(initial=0)) + 1))
    found: dict[Pair, float] = {}
    for start in range(0, len(sets), 512):  # rows at once, so that the product stays small
        shared = scipy.sparse.triu(table[start : start + 512] @ table.T, k=start + 1).tocoo()
        left, right, both = shared.row + start, shared.col, shared.data
        jaccard = both / (sizes[left] + sizes[right] - both)
        near = jaccard >= least
        pairs = zip(left[near].tolist(), right[near].tolist(), strict=True)
        found.update(zip(pairs, jaccard[near].tolist(), strict=True))
    return found


def seeded_set(bases: int = BASES) -> Labelled:
    """Return `bases` human-checked texts of the shared crawl, each with four variants of seven kinds."""
    with gzip.open(TRUTH, "rt", encoding="utf-8") as lines:
        pages = [
            row for row in map(json.loads, lines) if len((row["truth_text"] or "").split()) >= LEAST_WORDS
        ]
    pages.sort(key=lambda row: xxhash.xxh3_64_intdigest(row["id"]))
    originals = [row["truth_text"] for row in pages[:bases]]
    rng = random.Random(SEED)
    pool = " ".join(originals[:200]).split()
    rows = []
    for row, text in zip(pages, originals, strict=False):
        rows.append((f"{row['id']}-0-original", text, row["id"]))
        for i in range(1, VARIANTS + 1):
            kind = rng.choice(list(KINDS))
            rows.append((f"{row['id']}-{i}-{kind}", KINDS[kind](text, rng, pool), row["id"]))
    ids, made, families = map(list, zip(*rows, strict=True))
    return Labelled(ids, made, _with_families(made, families))


def _with_families(made: list[str], families: list[str]) -> dict[Pair, float]:
    """Return the exact Jaccard of every pair within a family, and of every other pair above the least."""
    pairs = exact_pairs(made)
    for _, places in itertools.groupby(range(len(made)), key=families.__getitem__):
        for a, b in itertools.combinations(places, 2):
            if (a, b) not in pairs:
                left, right = (set(shingle_hashes(made[i]).tolist()) for i in (a, b))
                pairs[a, b] = len(left & right) / len(left | right)
    return pairs


def _format_only(text: str, rng: random.Random, pool: list[str]) -> str:
    kind = rng.randrange(3)
    if kind == 0:
        return text.upper() if text.upper().casefold() == text.casefold() else text + "\n"
    return ("\r\n\t" if kind == 1 else "  ").join(text.split(" "))


def _boilerplate(text: str, rng: random.Random, pool: list[str]) -> str:
    page = random.Random(rng.randrange(20))  # one of twenty sites
    head, foot = ([page.choice(pool) for _ in range(page.randint(5, 40))] for _ in range(2))
    return f"{' '.join(head)}\n\n{text}\n\n{' '.join(foot)}"


def _shuffled(text: str, rng: random.Random, pool: list[str]) -> str:
    sentences = _SENTENCE.split(text)
    rng.shuffle(sentences)
    return " ".join(sentences)


def _substituted(text: str, rng: random.Random, pool: list[str]) -> str:
    found, rate = text.split(" "), rng.uniform(0.005, 0.08)
    return " ".join(rng.choice(pool) if rng.random() < rate else word for word in found)


def _deleted(text: str, rng: random.Random, pool: list[str]) -> str:
    found = text.split(" ")
    size = int(len(found) * rng.uniform(0.05, 0.5))
    start = rng.randrange(len(found) - size)
    return " ".join(found[:start] + found[start + size :])


def _truncated(text: str, rng: random.Random, pool: list[str]) -> str:
    found = text.split(" ")
    return " ".join(found[: int(len(found) * rng.uniform(0.5, 0.9))])


def _inserted(text: str, rng: random.Random, pool: list[str]) -> str:
    found = text.split(" ")
    at = rng.randrange(len(found))
    more = [rng.choice(pool) for _ in range(int(len(found) * rng.uniform(0.05, 0.3)))]
    return " ".join(found[:at] + more + found[at:])


KINDS: dict[str, Callable[[str, random.Random, list[str]], str]] = {
    "format": _format_only,
    "boilerplate": _boilerplate,
    "shuffle": _shuffled,
    "substitution": _substituted,
    "deletion": _deleted,
    "truncation": _truncated,
    "insertion": _inserted,
}


@dataclass(frozen=True, slots=True)
class Crawl:
    """The crawl's own texts, and the pairs (places) that its labels call copies, by kind of copy."""

    labelled: Labelled
    copies: dict[str, list[Pair]]


def crawl_set() -> Crawl:
    """Return what the extract stage makes of the crawl, with its labels of made and of natural duplicates."""
    pages = texts("text", None)
    places = {page.id: place for place, page in enumerate(pages)}
    of_page: dict[str, int] = {}  # page id -> place of its original
    of_record: dict[str, int] = {}
    for row, label in crawl():
        identity = document_id("crawl", row["url"], row["captured_at"], row["record_id"], row["body"])
        if identity in places:
            of_record[row["record_id"]] = places[identity]
            if label["kind"] == "page":
                of_page[label["page_id"]] = places[identity]
    copies: dict[str, list[Pair]] = {}
    for kind, one, other in _labelled_pairs(of_page, of_record):
        if one is not None and other is not None:
            copies.setdefault(kind, []).append((min(one, other), max(one, other)))
    found = [page.text for page in pages]
    return Crawl(Labelled([page.id for page in pages], found, exact_pairs(found)), copies)


def _labelled_pairs(
    of_page: dict[str, int], of_record: dict[str, int]
) -> Iterator[tuple[str, int | None, int | None]]:
    """Yield (kind, place, place) of each label; None for a page without text."""
    for line in (DATA / "dup_labels_dev.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        kind = row["variant"] or row["type"]
        yield kind, of_record.get(row["record_id"].strip("<>")), of_page.get(row["dup_of"])
    for line in (DATA / "natural_dups_dev.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield "natural", of_page.get(row["a"]), of_page.get(row["b"])
