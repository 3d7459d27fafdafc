"""A sample in a terminal, and in a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Group, RenderableType
from rich.text import Text

from curation.accounting.settle import SETTLED
from curation.look.questions.sample import BadSample, Chosen, Sample, documents
from curation.look.render.listing import cards, grid
from curation.look.render.visible import number

#: Of many strata so many are shown, the largest; the rest are counted, and stand in the JSON.
STRATA_SHOWN = 20
_ROWS = 1_024
_WRITTEN = pa.schema([pa.field("stage", pa.string()), *SETTLED, pa.field("weight", pa.float64())])


def shown(found: Sample) -> RenderableType:
    """Return a sample as tables."""
    request = found.request
    if found.chosen and found.chosen[0].bound:
        return Group(*_near(found), *(Text(note) for note in found.notes))
    share = f", {found.sampled / found.matched:.2%}" if found.matched else ""
    told = f"{found.sampled:,} of {found.matched:,} documents{share}; {len(found.chosen):,} shown"
    parts: list[RenderableType] = [Text(told, style="bold"), Text()]
    if request.by:
        parts += [_strata(found), Text()]
    if found.skew:
        bits = f"{found.skew.divergence_bits:.5f} bits, by chance about {found.skew.by_chance_bits:.5f}"
        parts += [Text(f"skew: {found.skew.told}"), Text(f"Jensen-Shannon divergence: {bits}"), Text()]
    parts.append(cards((each.card, "") for each in found.chosen))
    return Group(*parts, *(Text(note) for note in found.notes))


def _near(found: Sample) -> Iterator[RenderableType]:
    sides: dict[tuple[str, bool], list[Chosen]] = {}
    for each in found.chosen:
        sides.setdefault((str(each.bound), bool(each.passes)), []).append(each)
    for (bound, passes), chosen in sides.items():
        told = f"nearest to {bound}, {'passes' if passes else 'breaks it'} ({found.matched:,} measured)"
        yield Text(told, style="bold")
        yield Text()
        yield cards((each.card, f"value {number(each.value)}") for each in chosen)


def _strata(found: Sample) -> RenderableType:
    names = [*found.request.by, "documents", "sampled", "expected", "sigma", "weight"]
    rows = (
        [
            *(value or "–" for value in each.values),
            f"{each.records:,}",
            f"{each.sampled:,}",
            f"{each.expected:,.1f}",
            f"{each.score:+.1f}",
            f"{each.weight:,.4g}",
        ]
        for each in found.strata[:STRATA_SHOWN]
    )
    out: list[RenderableType] = [grid(names, rows, left=len(found.request.by))]
    if (more := len(found.strata) - STRATA_SHOWN) > 0:
        out.append(Text(f"and {more:,} smaller strata: --json has them all"))
    return Group(*out)


def write(found: Sample, path: str) -> int:
    """Write a sample's whole rows with `stage` and `weight` as Parquet or JSONL; return how many.

    Raises:
        BadSample: the path has another ending, or the documents were chosen by value: they are no sample.
    """
    if found.chosen and found.chosen[0].bound:
        raise BadSample("--out: documents near a bound are no sample of anything; leave out --near or --out")
    if not path.endswith((".parquet", ".jsonl", ".jsonl.gz")):
        raise BadSample(f"--out {path}: expected a name that ends in .parquet, .jsonl or .jsonl.gz")
    rows, written = documents(found), 0
    filesystem, name = fsspec.core.url_to_fs(path)
    filesystem.makedirs(filesystem._parent(name), exist_ok=True)
    if path.endswith(".parquet"):
        with filesystem.open(name, "wb") as stream, pq.ParquetWriter(stream, _WRITTEN) as writer:
            while part := list(islice(rows, _ROWS)):
                writer.write_table(pa.Table.from_pylist(part, schema=_WRITTEN))
                written += len(part)
        return written
    with fsspec.open(path, "wt", encoding="utf-8", compression="infer") as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
            written += 1
    return written
