"""What deduplication removed, to be judged: sizes, similarities, sources, hot buckets, pairs side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow.compute as pc
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from curation.accounting.ledger import Ledger
from curation.accounting.manifest import join, published, read_manifest
from curation.accounting.sample import position
from curation.look.render.cards import word_changes
from curation.look.render.visible import alike, as_text, number, visible
from curation.look.run import masked_rows, open_run, open_table

#: A source of which more than this share was merged is more likely misread than repeated (a template, a
#: boilerplate text that took the place of the pages).
ALARM_FRACTION = 0.9
#: Clusters are told apart by size: from 2, 3, 10, 100 and 1,000 documents on.
SIZES = (2, 3, 10, 100, 1000)
BINS = 20
PAIRS_EACH = 2
EXCERPT_CHARACTERS = 200
_COLUMNS = ("id", "kept_id", "kept_in", "cluster_size", "reason", "through")
_MEASURED = ("jaccard", "containment", "cosine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """How much of a source was merged into other documents."""

    source: str
    documents: int
    merged: int

    @property
    def fraction(self) -> float:
        """Share of the source's documents, 0 to 1."""
        return self.merged / self.documents if self.documents else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A removed document against the one that stays; `pieces` are those of `word_changes`.

    Where an earlier run keeps the other (`kept_in`, its fingerprint) the text is there, and no piece here.
    """

    id: str
    kept_id: str
    alike: str
    cluster_size: int
    reason: str
    kept_in: str | None
    pieces: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """The answer to `curate duplicates`.

    Attributes:
        clusters: least size -> how many clusters (those of the table, by `SIZES`).
        reasons: reason -> removed documents.
        jaccard: removed documents by similarity, `BINS` of equal width up to 1; exact copies are not among
            them, nor pairs alike only in meaning (`semantic`), nor those nobody compared (`unmeasured`).
        curve: similarity -> chance that a pair shares a band, for the bands and rows of the recipe.
        compared: what became of the pairs that shared one and that leaders and sketches let through.
        buckets: those above the recipe's `hot_bucket`, the largest first, with excerpts of their best.
        tombstones: earlier run (its fingerprint) -> documents kept there that this run keeps better ones of.
    """

    clusters: Mapping[int, int]
    reasons: Mapping[str, int]
    jaccard: tuple[int, ...]
    semantic: int
    unmeasured: int
    sources: tuple[Source, ...]
    curve: Mapping[str, float]
    compared: Mapping[str, int]
    buckets: tuple[Mapping[str, Any], ...]
    tombstones: Mapping[str, int]
    pairs: tuple[Pair, ...]

    @property
    def alarms(self) -> tuple[str, ...]:
        """One line for each source of which almost everything went."""
        return tuple(
            f"{each.source}: {each.fraction:.1%} of {each.documents:,} documents were merged"
            for each in self.sources
            if each.fraction > ALARM_FRACTION
        )

    def to_json(self) -> dict[str, Any]:
        """Return the answer as JSON data."""
        return asdict(self) | {"alarms": list(self.alarms)}

    def to_text(self) -> str:
        """Return the answer as text of 110 columns."""
        return as_text(*_shown(self))


def duplicates(directory: str, *, each: int = PAIRS_EACH) -> Duplicates:
    """Return what the dedup stage of a run removed, with `each` sampled pairs for every size of cluster.

    Pairs are a hash-sample of the removed documents' ids: the same every time.

    Raises:
        MissingManifest: no dedup was published in `directory`.
    """
    path = published(directory, "dedup")
    manifest = read_manifest(path)
    table = open_run(directory).clusters()
    columns = [name for name in (*_COLUMNS, *_MEASURED) if name in table.schema.names]
    sizes: dict[str, int] = {}
    reasons: Counter[str] = Counter()
    bins, semantic, unmeasured = [0] * BINS, 0, 0
    chosen: dict[int, list[tuple[float, dict[str, Any]]]] = {}
    for batch in table.to_batches(columns=columns):
        for row in batch.to_pylist():
            sizes[row["kept_id"]] = row["cluster_size"]
            reasons[row["reason"]] += 1
            if row["reason"] == "dedup.exact":
                continue
            if row["jaccard"] is None:
                semantic += row.get("cosine") is not None
                unmeasured += row.get("cosine") is None
            else:
                bins[min(int(row["jaccard"] * BINS), BINS - 1)] += 1
            best = chosen.setdefault(_least(row["cluster_size"]), [])
            best.append((position(row["id"], "duplicates"), row))
            best.sort(key=lambda pair: pair[0])
            del best[each:]
    found = [row for least in sorted(chosen) for _, row in chosen[least]]
    hot = sorted(_held(path, "buckets"), key=lambda bucket: (-bucket["documents"], bucket["band_key"]))
    texts = _texts(directory, found, hot)
    lost = Counter(row["earlier"] for row in _held(path, "tombstones", ["earlier"]))
    return Duplicates(
        clusters=dict(sorted(Counter(map(_least, sizes.values())).items())),
        reasons=dict(sorted(reasons.items())),
        jaccard=tuple(bins),
        semantic=semantic,
        unmeasured=unmeasured,
        sources=tuple(_sources(Ledger.from_json(manifest.ledger))),
        curve=manifest.detail.get("candidate_probability", {}),
        compared=manifest.detail.get("pairs", {}),
        buckets=tuple(
            {
                "documents": bucket["documents"],
                "texts": [texts.get(i, "")[:EXCERPT_CHARACTERS] for i in bucket["ids"]],
            }
            for bucket in hot
        ),
        tombstones=dict(sorted(lost.items())),
        pairs=tuple(_pair(row, texts) for row in found),
    )


def _pair(row: Mapping[str, Any], texts: Mapping[str, str]) -> Pair:
    changes = word_changes(texts.get(row["kept_id"], ""), texts.get(row["id"], ""))
    return Pair(
        **{name: row[name] for name in ("id", "kept_id", "cluster_size", "reason")},
        kept_in=row.get("kept_in"),
        alike=alike(row),
        pieces=() if row.get("kept_in") else tuple(changes),
    )


def _least(size: int) -> int:
    return max(least for least in SIZES if least <= max(size, SIZES[0]))


def _held(path: str, table: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """Return a table of an output, empty where it has none: not every run writes each."""
    if not any(name.startswith(f"{table}/") for name in read_manifest(path).files):
        return []
    rows: list[dict[str, Any]] = open_table(join(path, table)).to_table(columns=columns).to_pylist()
    return rows


def _texts(directory: str, found: list[dict[str, Any]], hot: list[dict[str, Any]]) -> dict[str, str]:
    """Return id -> text of what is shown; what an earlier run kept is not in this one."""
    ids = {row[name] for row in found for name in ("id", "kept_id")} | {i for row in hot for i in row["ids"]}
    wanted = masked_rows(open_run(directory), "dedup", pc.field("id").isin(sorted(ids)))
    return {row["id"]: row["text"] or "" for row in wanted}


def _sources(ledger: Ledger) -> Iterator[Source]:
    for name, account in sorted(ledger.sources.items()):
        merged = account.states["merged"].records
        yield Source(source=name, documents=account.received.records, merged=merged)


def _shown(found: Duplicates) -> Iterator[RenderableType]:
    for line in found.alarms:
        yield Text(f"ALARM {visible(line)}", style="bold")
    named: list[tuple[str, ...]] = [
        ("reason", "removed"),
        *((name, f"{count:,}") for name, count in found.reasons.items()),
    ]
    sized: list[tuple[str, ...]] = [
        ("cluster of", "clusters"),
        *((f"{s:,} or more", f"{n:,}") for s, n in found.clusters.items()),
    ]
    sourced: list[tuple[str, ...]] = [
        ("source", "merged"),
        *((visible(s.source), f"{s.merged:,} of {s.documents:,} ({s.fraction:.1%})") for s in found.sources),
    ]
    for rows_ in (named, sized, sourced, list(_curve(found))):
        yield Group(_grid(rows_), Text())
    for run, count in found.tombstones.items():
        told = f"the earlier run {run} holds {count:,} documents of which this one keeps better ones"
        yield Text(f"{told}: train on both and they are read twice (tombstones/)\n")
    if found.compared:
        told = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in found.compared.items())
        yield Text(f"pairs that shared a band: {told}\n")
    for bucket in found.buckets:
        yield Text(f"a bucket of {bucket['documents']:,} documents, the best of them:", style="bold")
        yield Text("\n".join(f"  {visible(text)}" for text in bucket["texts"]) + "\n", style="dim")
    for pair in found.pairs:
        told = f"{pair.reason}, {pair.alike}, a cluster of {pair.cluster_size:,}"
        head = f"{pair.id} into {pair.kept_id}\n{told}"
        told = f"the text kept is in the earlier run {pair.kept_in}" if pair.kept_in else _difference(pair)
        yield Group(Text(head, style="bold"), Text(told), Text())


def _curve(found: Duplicates) -> Iterator[tuple[str, ...]]:
    """Yield the histogram of removed pairs beside the chance that a pair so alike shares a band."""
    yield "Jaccard", "removed", "", "chance to share a band"
    most = max(1, *found.jaccard)
    for i, count in enumerate(found.jaccard):
        chance = found.curve.get(f"{(i + 1) / BINS:.2f}")
        if count or (chance is not None and chance >= 0.005):
            bar = "█" * round(30 * count / most)
            yield (
                f"{i / BINS:.2f} to {(i + 1) / BINS:.2f}",
                f"{count:,}",
                bar,
                f"{number(chance)} at {(i + 1) / BINS:.2f}",
            )
    if found.semantic:
        yield "alike in meaning", f"{found.semantic:,}", "", ""
    if found.unmeasured:
        yield "not compared", f"{found.unmeasured:,}", "", ""


def _grid(rows_: list[tuple[str, ...]]) -> Table:
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for i, name in enumerate(rows_[0]):
        grid.add_column(name, justify="right" if i == 1 else "left", no_wrap=True)
    for row in rows_[1:]:
        grid.add_row(*(Text(cell) for cell in row))
    return grid


def _difference(pair: Pair) -> str:
    marks = {"same": "{}", "added": "[+{}+]", "missing": "[-{}-]", "left_out": "[… {}]"}
    return "".join(marks[kind].format(visible(piece)) for kind, piece in pair.pieces)
