"""Documents to look at: a hash-sample of those that meet a condition, or those nearest to a rule's bound.

Which documents are chosen is a function of their ids: the same whatever the layout, 10 of them inside 20, and
the sample of a small rate inside that of a larger one.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curation.accounting.sample import SALT, position
from curation.accounting.settle import SETTLED
from curation.filters.account import Flags
from curation.look.questions.strata import Skew, Stratum, skew
from curation.look.render.listing import Card, card
from curation.look.render.visible import is_bound, number
from curation.look.run import (
    COLUMNS,
    BadPredicate,
    Key,
    Predicate,
    RecordBatch,
    fetch,
    measure_names,
    open_run,
    read_predicate,
    record_batches,
)
from curation.recipe.config import nearest

NEEDED = (
    "The recipe says measure: needed, so a document is measured up to the first pass that it broke; one that "
    "broke an earlier pass than this rule's is not among these."
)
Distances = npt.NDArray[np.float64]
_BETWEEN = "\x1f"


class BadSample(ValueError):
    """A sample that cannot be drawn; says what was asked for and what is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
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

    directory: str
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
        able += open_run(self.directory).labels if set(self.by).difference(able) else []
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
            return read_predicate(self.where, measure_names(open_run(self.directory)))
        except BadPredicate as error:
            raise BadSample(f"--where {self.where}\n{error}") from error

    def batches(self, condition: Predicate | None, *names: str) -> Iterator[RecordBatch]:
        """Yield the records to draw from, those that meet the condition, with what `names` need."""
        wanted = [*names, *(condition.names if condition else ())]
        for batch in record_batches(open_run(self.directory), wanted, stage=self.stage, state=self.state):
            if (met := condition.of(batch) if condition else batch).rows.num_rows:
                yield met


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A document of a sample.

    Attributes:
        weight: how many documents it stands for; None for one chosen by its value.
        value: of the rule that `near` named.
        bound: the bound that it is near to, as `min 50`.
        passes: which side of it.
    """

    card: Card
    weight: float | None = None
    value: float | None = None
    bound: str | None = None
    passes: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A sample: what it was drawn from, and the documents to show.

    Attributes:
        matched: records that meet the condition.
        sampled: how many of them are in the sample; `chosen` shows some.
        keys: of the documents shown, in order.
        strata: where a rate was asked for, and `skew` tests them.
    """

    request: Request
    matched: int
    sampled: int
    chosen: tuple[Chosen, ...]
    keys: tuple[Key, ...] = ()
    strata: tuple[Stratum, ...] = ()
    skew: Skew | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the sample as JSON data."""
        request = asdict(self.request)
        strata = [{**asdict(each), "weight": each.weight, "score": each.score} for each in self.strata]
        return {
            "request": request,
            "matched": self.matched,
            "sampled": self.sampled,
            "notes": list(self.notes),
            "documents": [{**asdict(each.card), **_about(each)} for each in self.chosen],
            "strata": strata,
            "skew": asdict(self.skew) if self.skew else None,
        }


def _about(each: Chosen) -> dict[str, Any]:
    return {name: value for name, value in asdict(each).items() if name != "card"}


def draw(request: Request) -> Sample:
    """Return a hash-sample of the documents that meet a request.

    Raises:
        BadSample: the request makes no sense.
        MissingManifest: nothing was published there.
    """
    if request.rate is not None:
        return _by_rate(request)
    first, matched = First(request.n), 0
    for batch in request.batches(request.condition()):
        matched += batch.rows.num_rows
        first.add(((position(key[1], request.salt),), key) for key in batch.record_keys())
    weight = matched / max(1, len(first.things))
    chosen = tuple(
        Chosen(card=card(row), weight=weight) for row in fetch(open_run(request.directory), first.things)
    )
    keys = tuple(first.things)
    return Sample(request=request, matched=matched, sampled=len(chosen), chosen=chosen, keys=keys)


def near(request: Request, rule: str) -> Sample:
    """Return the `n` documents nearest to each bound of a rule, on either side of it, nearest first.

    Raises:
        BadSample: there is no such rule, or it has no bound.
    """
    if request.rate is not None or request.stage not in (None, "filter"):
        raise BadSample(
            "--near takes documents of the filter stage by their value: neither --rate nor --stage"
        )
    run = open_run(request.directory)
    config = run.manifest("filter").config
    if rule not in run.rules:
        raise BadSample(f"--near: no rule named '{rule}'{nearest(rule, run.rules)}")
    low, high = run.rules[rule].min, run.rules[rule].max
    limits = {side: limit for side, limit in (("min", low), ("max", high)) if is_bound(limit)}
    if not limits:
        raise BadSample(f"--near: {rule} is only measured; it has no bound to be near to")
    request = replace(request, stage="filter")
    firsts = {(side, passes): First(request.n) for side in limits for passes in (True, False)}
    matched = 0
    for batch in request.batches(request.condition(), rule):
        measured = batch.filter(pc.is_valid(batch.column(rule)))
        values = measured.column(rule).to_numpy(zero_copy_only=False)
        matched += len(values)
        for (side, passes), first in firsts.items():
            inside = values >= low if side == "min" else values <= high
            nearest_ones = _least(np.abs(values - limits[side]), inside == passes, request.n)
            keys = measured.filter(nearest_ones).record_keys()
            for key, value in zip(keys, values[nearest_ones].tolist(), strict=True):
                first.add([((abs(value - limits[side]), position(key[1], request.salt)), (key, value))])
    chosen = [
        Chosen(card=card(row), value=value, bound=f"{side} {number(limits[side])}", passes=passes)
        for (side, passes), first in firsts.items()
        for row, (_, value) in zip(
            fetch(open_run(request.directory), [k for k, _ in first.things]), first.things, strict=True
        )
    ]
    notes = () if config.get("measure") == "all" else (NEEDED,)
    return Sample(request=request, matched=matched, sampled=len(chosen), chosen=tuple(chosen), notes=notes)


def _least(distance: Distances, among: Flags, n: int) -> Flags:
    """Return which are the `n` least of those among which to choose; all that tie with the last too."""
    if not n or among.sum() <= n:
        return among & (n > 0)
    limit: np.float64 = np.partition(distance[among], n - 1)[n - 1]
    return among & (distance <= limit)


def _by_rate(request: Request) -> Sample:
    condition = request.condition()
    counts: Counter[str] = Counter()
    for batch in request.batches(condition, *request.by):
        counts.update(_labels(batch, request.by))
    rates = {label: _rate(request, count) for label, count in counts.items()}
    first, sampled = First(request.n), Counter[str]()
    for batch in request.batches(condition, *request.by):
        for key, label in zip(batch.record_keys(), _labels(batch, request.by), strict=True):
            if (place := position(key[1], request.salt)) < rates[label]:
                sampled[label] += 1
                first.add([((place / rates[label],), (key, rates[label]))])
    keys, taken = zip(*first.things, strict=True) if first.things else ((), ())
    rows = fetch(open_run(request.directory), keys)
    strata = [
        Stratum(values=tuple(label.split(_BETWEEN)), records=count, sampled=sampled[label], rate=rates[label])
        for label, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    return Sample(
        request=request,
        matched=sum(counts.values()),
        sampled=sum(sampled.values()),
        chosen=tuple(Chosen(card=card(row), weight=1 / rate) for row, rate in zip(rows, taken, strict=True)),
        keys=tuple(keys),
        strata=tuple(strata),
        skew=skew(strata),
    )


def _rate(request: Request, count: int) -> float:
    assert request.rate is not None
    return max(request.rate, min(1.0, request.at_least / count))


def _labels(batch: RecordBatch, by: Sequence[str]) -> list[str]:
    """Return the stratum of every record, its values joined; what a record does not have is empty."""
    if not by:
        return [""] * batch.rows.num_rows
    columns = [pc.fill_null(pc.cast(batch.column(name), pa.string()), "") for name in by]
    return pc.binary_join_element_wise(*columns, _BETWEEN).to_pylist()  # type: ignore[no-any-return]


def documents(found: Sample) -> Iterator[dict[str, Any]]:
    """Yield every document of a sample whole and masked, with its `stage` and `weight`, a batch in memory."""
    request = found.request
    if request.rate is None:
        for row, each in zip(fetch(open_run(request.directory), found.keys), found.chosen, strict=True):
            yield {**row, "weight": each.weight}
        return
    rates = {_BETWEEN.join(each.values): each.rate for each in found.strata}
    mask = open_run(request.directory).mask
    for batch in request.batches(request.condition(), *request.by, *SETTLED.names):
        labels = _labels(batch, request.by)
        for row, label in zip(batch.to_rows(), labels, strict=True):
            if position(row["id"], request.salt) < rates[label]:
                yield {**mask.row(row), "weight": 1 / rates[label]}


class First:
    """The `size` things with the least order, of all that are added."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.best: list[tuple[tuple[float, ...], Any]] = []

    def add(self, found: Iterable[tuple[tuple[float, ...], Any]]) -> None:
        """Add things, each with its order."""
        self.best = heapq.nsmallest(self.size, chain(self.best, found))

    @property
    def things(self) -> list[Any]:
        """The things, the least first."""
        return [thing for _, thing in self.best]
