"""A run in numbers, before and after each stage: sizes, languages, sites, n-grams, and what shifted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Group, RenderableType
from rich.text import Text

from curation.accounting.ledger import Ledger
from curation.accounting.sample import SALT, sampled
from curation.look.questions.strata import jensen_shannon
from curation.look.render.terminal import Answer, Grid
from curation.look.run import OpenedRun, RecordBatch, documents, record_batches

#: Shares come from a hash-sample of about so many records, n-grams from one of so many texts.
COUNTED_RECORDS, COUNTED_TEXTS = 1_000_000, 2_000
#: What shares are counted by; `length` is bands of characters.
ASPECTS = ("source", "language", "site", "year", "length")
NGRAM_WORDS = 5
_BANDS = (100, 1_000, 10_000, 100_000)
_NAMES = ("under 100", "100 to 999", "1,000 to 9,999", "10,000 to 99,999", "100,000 and more")
_WORD = re.compile(r"\w+")
ALL = "all"
UNKNOWN = "–"

#: (source or "all", aspect) -> value -> records
Shares = dict[tuple[str, str], Counter[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What there is at one point of the run: `in`, or what a stage kept; all of it, from the ledger."""

    at: str
    documents: int
    characters: int
    merged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How far a stage moved the shares of an aspect, in one source or all: Jensen-Shannon, bits."""

    stage: str
    source: str
    aspect: str
    bits: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile(Answer):
    """A run in numbers.

    Attributes:
        points: what came in and what each stage kept.
        shifts: of every stage, source and aspect.
        top: aspect -> value -> records at each point, the commonest first; estimated where `rate` < 1.
        ngrams: of NGRAM_WORDS words -> documents of the sampled kept ones that hold it.
        texts: how many kept ones were sampled.
        rate: share of the records that `shifts` and `top` come from.
    """

    points: tuple[Point, ...]
    shifts: tuple[Shift, ...]
    top: Mapping[str, Mapping[str, tuple[int, ...]]]
    ngrams: Mapping[str, int]
    texts: int
    rate: float

    def __rich__(self) -> RenderableType:
        """Return the profile as tables."""
        points = ["in", *(f"after {point.at}" for point in self.points[1:])]
        parts: list[RenderableType] = [self._sizes(points), Text()]
        if self.rate < 1:
            rate = f"{self.rate:.3g}"
            parts.append(f"What follows is estimated from a hash-sample of {rate} of the records.\n")
        for aspect, values in self.top.items():
            rows = ([value, *(f"{count:,}" for count in counts)] for value, counts in values.items())
            parts += [Grid([aspect, *points], rows), Text()]
        name = f"{NGRAM_WORDS} words in a row, in kept texts"
        ngrams = ([ngram, f"{count:,}"] for ngram, count in self.ngrams.items())
        return Group(*parts, *self._shifts(), Grid([name, f"of {self.texts:,} sampled"], ngrams))

    def _sizes(self, points: Sequence[str]) -> Grid:
        first = self.points[0]
        rows = (
            [
                name,
                f"{point.documents:,}",
                f"{point.documents / max(1, first.documents):.1%}",
                f"{point.characters:,}",
                f"{point.characters / max(1, point.documents):,.0f}",
                f"{point.merged:,}",
            ]
            for name, point in zip(points, self.points, strict=True)
        )
        names = ["", "documents", "of what came in", "characters", "a document", "merged duplicates"]
        return Grid(names, rows)

    def _shifts(self) -> Iterator[RenderableType]:
        yield "shift: Jensen-Shannon divergence of the shares after a stage from those before it, in bits"
        sides = dict.fromkeys((shift.stage, shift.source) for shift in self.shifts)
        bits = {(shift.stage, shift.source, shift.aspect): f"{shift.bits:.4f}" for shift in self.shifts}
        rows = (
            [*side, *(bits.get((*side, aspect), "") for aspect in ASPECTS)]
            for side in sorted(sides, key=lambda side: side[1] != ALL)
        )
        yield from (Grid(["stage", "source", *ASPECTS], rows, left=2), Text())


def profile(run: OpenedRun, *, n: int = 10) -> Profile:
    """Return the profile of a run, with the `n` commonest values of each aspect."""
    stages = run.require_rows()
    ledgers = {stage: Ledger.from_json(run.ledger(stage)).total for stage in stages}
    first = ledgers[stages[0]].received
    rate = min(1.0, COUNTED_RECORDS / max(1, first.records))
    points = [Point(at="in", documents=first.records, characters=first.characters, merged=0)]
    for stage, account in ledgers.items():
        kept, merged = account.states["kept"], account.states["merged"].records
        points.append(Point(at=stage, documents=kept.records, characters=kept.characters, merged=merged))
    shares = [_shares(record_batches(run, _COLUMNS, stage=stages[0]), rate)]
    shares += [_shares(record_batches(run, _COLUMNS, stage=stage, state="kept"), rate) for stage in stages]
    texts = documents(run, stages[-1], "kept", wanted=COUNTED_TEXTS, columns=["text"])["text"]
    return Profile(
        points=tuple(points),
        shifts=tuple(_shifts(stages, shares)),
        top={aspect: _top(aspect, shares, rate, n) for aspect in ASPECTS},
        ngrams=dict(_ngrams(texts)[:n]),
        texts=len(texts),
        rate=rate,
    )


_COLUMNS = ("source", "language", "site", "year", "characters")


def _shares(batches: Iterable[RecordBatch], rate: float) -> Shares:
    shares: Shares = {}
    for batch in batches:
        if rate < 1:
            batch = batch.filter([sampled(i, rate, SALT) for i in batch.rows["id"].to_pylist()])
        columns = {aspect: _values(batch, aspect) for aspect in ASPECTS}
        for aspect, values in columns.items():
            counted = Counter(values)
            shares.setdefault((ALL, aspect), Counter()).update(counted)
            for (source, value), count in Counter(zip(columns["source"], values, strict=True)).items():
                shares.setdefault((source, aspect), Counter())[value] += count
    return shares


def _values(batch: RecordBatch, aspect: str) -> list[str]:
    if aspect == "length":
        lengths = pc.fill_null(batch.column("characters"), 0).to_pylist()
        return [_NAMES[sum(length >= least for least in _BANDS)] for length in lengths]
    values = pc.fill_null(pc.cast(batch.column(aspect), pa.string()), "").to_pylist()
    return [value or UNKNOWN for value in values]


def _shifts(stages: Sequence[str], shares: list[Shares]) -> Iterator[Shift]:
    for stage, (before, after) in zip(stages, pairwise(shares), strict=True):
        for source, aspect in sorted(before):
            if (source, aspect) in after and (source == ALL or aspect != "source"):
                bits = jensen_shannon(before[source, aspect], after[source, aspect])
                yield Shift(stage=stage, source=source, aspect=aspect, bits=bits)


def _top(aspect: str, shares: list[Shares], rate: float, n: int) -> dict[str, tuple[int, ...]]:
    counts = [point.get((ALL, aspect), Counter()) for point in shares]
    first = sorted(counts[0], key=lambda value: (-counts[0][value], value))[:n]
    return {value: tuple(round(point[value] / rate) for point in counts) for value in first}


def _ngrams(texts: Iterable[str]) -> list[tuple[str, int]]:
    """Return (n-gram, documents that hold it) of those in several, the commonest first."""
    documents: Counter[str] = Counter()
    for text in texts:
        words = _WORD.findall(text.lower())
        documents.update({" ".join(words[i : i + NGRAM_WORDS]) for i in range(len(words) - NGRAM_WORDS + 1)})
    several = ((ngram, count) for ngram, count in documents.items() if count > 1)
    return sorted(several, key=lambda item: (-item[1], item[0]))
