"""Documents to look at: a hash-sample of those that meet a condition.

Which documents are chosen is a function of their ids: the same whatever the layout, 10 of them inside 20, and
the sample of a small rate inside that of a larger one.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Group, RenderableType
from rich.text import Text

from curation.accounting.sample import SALT, position
from curation.accounting.settle import SETTLED
from curation.look.errors import BadQuestion
from curation.look.questions.strata import Skew, Stratum, skew, table
from curation.look.render.listing import Card, card
from curation.look.render.visible import number
from curation.look.run import (
    COLUMNS,
    BadPredicate,
    Key,
    OpenedRun,
    Predicate,
    RecordBatch,
    fetch,
    measure_names,
    read_predicate,
    record_batches,
    write_rows,
)
from curation.text.mistakes import nearest

_WRITTEN = pa.schema([pa.field("stage", pa.string()), *SETTLED, pa.field("weight", pa.float64())])
_BETWEEN = "\x1f"
_BESIDE_CARD = ("weight", "value", "bound", "passes")


class BadSample(BadQuestion):
    """A sample that cannot be drawn; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRequest:
    """From what to draw.

    Attributes:
        where: a condition (see `curation.look.run.predicate`).
        stage: the records of that stage; None = every record once, where it ended.
        state: kept, dropped, merged or failed only.
        n: how many documents to show.
        salt: another one gives another sample.
        rate: of the documents, 0 to 1; None = just `n` of them.
        by: columns that tell strata apart.
        at_least: the rate of a stratum that would have fewer is raised.
    """

    run: OpenedRun
    where: str | None = None
    stage: str | None = None
    state: str | None = None
    n: int = 20
    salt: str = SALT
    rate: float | None = None
    by: tuple[str, ...] = ()
    at_least: int = 0

    def __post_init__(self) -> None:
        if self.rate is not None and not 0 < self.rate <= 1:
            raise BadSample(f"--rate {self.rate:g}: expected a share of the documents, above 0 and at most 1")
        if self.rate is None and (self.by or self.at_least):
            raise BadSample("--stratify and --at-least need --rate, the share of each stratum to take")
        if self.n < 0 or self.at_least < 0:
            raise BadSample("--n and --at-least count documents: expected 0 or more")
        able = [name for name, kind in COLUMNS.items() if kind == "text" and name != "text"] + ["year"]
        able += [*self.run.labels, *self.run.carried] if set(self.by).difference(able) else []
        for name in self.by:
            if name not in able:
                raise BadSample(f"--stratify: no column named '{name}'{nearest(name, able)}")

    def condition(self) -> Predicate | None:
        """The condition, read.

        Raises:
            BadSample: it cannot be.
        """
        if self.where is None:
            return None
        try:
            return read_predicate(self.where, measure_names(self.run))
        except BadPredicate as error:
            raise BadSample(f"--where {self.where}\n{error}") from error

    def batches(self, condition: Predicate | None, *names: str) -> Iterator[RecordBatch]:
        """Yield the records to draw from, those that meet the condition, with what `names` need."""
        wanted = [*names, *(condition.names if condition else ())]
        for batch in record_batches(self.run, wanted, stage=self.stage, state=self.state):
            if (met := condition.of(batch) if condition else batch).rows.num_rows:
                yield met


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledDocument:
    """A document of a sample, or one near a rule's bound.

    Attributes:
        weight: how many documents it stands for; None for one chosen by its value.
        value: of the rule whose bounds it is near to.
        bound: the bound that it is near to, as `min 50`.
        passes: which side of it.
    """

    card: Card
    weight: float | None = None
    value: float | None = None
    bound: str | None = None
    passes: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the document as JSON data, its card's fields first."""
        return {**asdict(self.card), **{name: getattr(self, name) for name in _BESIDE_CARD}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A sample: what it was drawn from, and the documents to show.

    Attributes:
        matched: records that meet the condition.
        sampled: how many of them are in the sample; `chosen` shows some.
        keys: of the documents shown, in order.
        strata: where a rate was asked for, and `skew` tests them.
    """

    request: SampleRequest
    matched: int
    sampled: int
    chosen: tuple[SampledDocument, ...]
    keys: tuple[Key, ...] = ()
    strata: tuple[Stratum, ...] = ()
    skew: Skew | None = None
    notes: tuple[str, ...] = ()

    @property
    def near(self) -> bool:
        """Whether the documents were chosen by their nearness to a bound: then they are no sample."""
        return bool(self.chosen and self.chosen[0].bound)

    def to_json(self) -> dict[str, Any]:
        """Return the sample as JSON data."""
        request = {name: getattr(self.request, name) for name in SampleRequest.__slots__ if name != "run"}
        return {
            "request": {"directory": self.request.run.directory, **request},
            "matched": self.matched,
            "sampled": self.sampled,
            "notes": list(self.notes),
            "documents": [document.to_json() for document in self.chosen],
            "strata": [
                {**asdict(stratum), "weight": stratum.weight, "score": stratum.score}
                for stratum in self.strata
            ],
            "skew": asdict(self.skew) if self.skew else None,
        }

    def __rich__(self) -> RenderableType:
        """Return the sample as tables and documents."""
        lines = self._near() if self.near else self._drawn()
        return Group(*lines, *map(Text, self.notes))

    def _near(self) -> Iterator[RenderableType]:
        for (bound, passes), chosen in groupby(self.chosen, lambda one: (one.bound, one.passes)):
            side = "passes" if passes else "breaks it"
            yield Text(f"nearest to {bound}, {side} ({self.matched:,} measured)\n", style="bold")
            for document in chosen:
                yield from (*document.card.lines(f"value {number(document.value)}"), Text())

    def _drawn(self) -> Iterator[RenderableType]:
        share = f", {self.sampled / self.matched:.2%}" if self.matched else ""
        shown = f"{self.sampled:,} of {self.matched:,} documents{share}; {len(self.chosen):,} shown\n"
        yield Text(shown, style="bold")
        if self.request.by:
            yield from table(self.strata, self.request.by)
        if self.skew:
            bits = f"{self.skew.divergence_bits:.5f} bits, by chance about {self.skew.by_chance_bits:.5f}"
            yield Text(f"skew: {self.skew.text}\nJensen-Shannon divergence: {bits}\n")
        for document in self.chosen:
            yield from (*document.card.lines(), Text())

    def write(self, path: str) -> int:
        """Write the whole rows with `stage` and `weight` as Parquet or JSONL; return how many.

        Raises:
            BadSample: the documents are no sample.
        """
        if self.near:
            raise BadSample(
                "--out: documents near a bound are no sample of anything; leave out --near or --out"
            )
        return write_rows(path, documents(self), _WRITTEN)


def sample(request: SampleRequest) -> Sample:
    """Return a hash-sample of the documents that meet a request."""
    if request.rate is not None:
        return _by_rate(request)
    first, matched = First(request.n), 0
    for batch in request.batches(request.condition()):
        matched += batch.rows.num_rows
        first.add(((position(key[1], request.salt),), key) for key in batch.record_keys())
    weight = matched / max(1, len(first.items))
    chosen = tuple(SampledDocument(card=card(row), weight=weight) for row in fetch(request.run, first.items))
    keys = tuple(first.items)
    return Sample(request=request, matched=matched, sampled=len(chosen), chosen=chosen, keys=keys)


def _by_rate(request: SampleRequest) -> Sample:
    condition = request.condition()
    counts: Counter[str] = Counter()
    for batch in request.batches(condition, *request.by):
        counts.update(_labels(batch, request.by))
    rates = {label: _rate(request, count) for label, count in counts.items()}
    first, sampled = First(request.n), Counter[str]()
    for batch in request.batches(condition, *request.by):
        for key, label in zip(batch.record_keys(), _labels(batch, request.by), strict=True):
            if (hashed := position(key[1], request.salt)) < rates[label]:
                sampled[label] += 1
                first.add([((hashed / rates[label],), (key, rates[label]))])
    keys, taken = zip(*first.items, strict=True) if first.items else ((), ())
    rows = fetch(request.run, keys)
    strata = [
        Stratum(values=tuple(label.split(_BETWEEN)), records=count, sampled=sampled[label], rate=rates[label])
        for label, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    return Sample(
        request=request,
        matched=sum(counts.values()),
        sampled=sum(sampled.values()),
        chosen=tuple(
            SampledDocument(card=card(row), weight=1 / rate) for row, rate in zip(rows, taken, strict=True)
        ),
        keys=tuple(keys),
        strata=tuple(strata),
        skew=skew(strata),
    )


def _rate(request: SampleRequest, count: int) -> float:
    assert request.rate is not None
    return max(request.rate, min(1.0, request.at_least / count))


def _labels(batch: RecordBatch, by: Sequence[str]) -> list[str]:
    """Return the stratum of every record, its values joined; what a record does not have is empty."""
    if not by:
        return [""] * batch.rows.num_rows
    columns = [pc.fill_null(pc.cast(batch.column(name), pa.string()), "") for name in by]
    return pc.binary_join_element_wise(*columns, _BETWEEN).to_pylist()  # type: ignore[no-any-return]


def documents(drawn: Sample) -> Iterator[dict[str, Any]]:
    """Yield every document of a sample whole and masked, with its `stage` and `weight`, a batch in memory."""
    request = drawn.request
    if request.rate is None:
        for row, document in zip(fetch(request.run, drawn.keys), drawn.chosen, strict=True):
            yield {**row, "weight": document.weight}
        return
    rates = {_BETWEEN.join(stratum.values): stratum.rate for stratum in drawn.strata}
    for batch in request.batches(request.condition(), *request.by, *SETTLED.names):
        labels = _labels(batch, request.by)
        for row, label in zip(batch.to_rows(), labels, strict=True):
            if position(row["id"], request.salt) < rates[label]:
                yield {**request.run.mask.row(row), "weight": 1 / rates[label]}


class First:
    """The `size` items with the least order, of all that are added."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.best: list[tuple[tuple[float, ...], Any]] = []

    def add(self, ordered: Iterable[tuple[tuple[float, ...], Any]]) -> None:
        """Add items, each with its order."""
        self.best = heapq.nsmallest(self.size, chain(self.best, ordered))

    @property
    def items(self) -> list[Any]:
        """The items, the least first."""
        return [item for _, item in self.best]
