"""What deduplication removed, to be judged: sizes, similarities, sources, hot buckets, pairs side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from curation.accounting.ledger import Ledger
from curation.accounting.sample import position
from curation.look.render.cards import word_changes
from curation.look.render.listing import changed_text, one_line
from curation.look.render.terminal import Grid
from curation.look.render.visible import alike, number, shortened, visible
from curation.look.run import OpenedRun, among, masked_rows, open_table

#: A source of which more than this share was merged is more likely misread than repeated (a template, a
#: boilerplate text that took the place of the pages).
ALARM_FRACTION = 0.9
#: Clusters are told apart by size: from 2, 3, 10, 100 and 1,000 documents on.
SIZES = (2, 3, 10, 100, 1000)
BINS = 20
PAIRS_PER_SIZE = 2
EXCERPT_CHARACTERS = 200
_COLUMNS = ("id", "kept_id", "kept_in", "cluster_size", "reason", "through")
_MEASURED = ("jaccard", "containment", "cosine")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMerges:
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
            them, nor pairs alike only in meaning (`semantic`), nor those of one key (`same_key`), nor those
            nobody compared (`unmeasured`).
        curve: similarity -> chance that a pair shares a band, for the bands and rows of the recipe.
        compared: what became of the pairs that shared one and that leaders and sketches let through.
        buckets: those above the recipe's `hot_bucket`, the largest first, with excerpts of their best.
        tombstones: earlier run (its fingerprint) -> documents kept there that this run keeps better ones of.
    """

    clusters: Mapping[int, int]
    reasons: Mapping[str, int]
    jaccard: tuple[int, ...]
    semantic: int
    same_key: int
    unmeasured: int
    sources: tuple[SourceMerges, ...]
    curve: Mapping[str, float]
    compared: Mapping[str, int]
    buckets: tuple[Mapping[str, Any], ...]
    tombstones: Mapping[str, int]
    pairs: tuple[Pair, ...]

    @property
    def alarms(self) -> tuple[str, ...]:
        """One line for each source of which almost everything went."""
        return tuple(
            f"{part.source}: {part.fraction:.1%} of {part.documents:,} documents were merged"
            for part in self.sources
            if part.fraction > ALARM_FRACTION
        )

    def to_json(self) -> dict[str, Any]:
        """Return the answer as JSON data."""
        return asdict(self) | {"alarms": list(self.alarms)}

    def __rich__(self) -> RenderableType:
        """Return tables of reasons, sizes, sources and similarities, then buckets and pairs."""
        reasons = ([name, f"{count:,}"] for name, count in self.reasons.items())
        sizes = ([f"{least:,} or more", f"{count:,}"] for least, count in self.clusters.items())
        sources = (
            [part.source, f"{part.merged:,}", f"{part.documents:,}", f"{part.fraction:.1%}"]
            for part in self.sources
        )
        return Group(
            *(Text(f"ALARM {visible(line)}", style="bold") for line in self.alarms),
            *(Grid(["reason", "removed"], reasons), Text()),
            *(Grid(["cluster of", "clusters"], sizes), Text()),
            *(Grid(["source", "merged", "of", "share"], sources), Text()),
            *(Grid(["Jaccard", "removed", "", "chance to share a band"], self._curve(), right=2), Text()),
            *map(Text, self._notes()),
            *self._buckets(),
            *self._pairs(),
        )

    def _curve(self) -> Iterator[list[str]]:
        """Yield the histogram of removed pairs beside the chance that a pair so alike shares a band."""
        most = max(1, *self.jaccard)
        for i, count in enumerate(self.jaccard):
            low, high = f"{i / BINS:.2f}", f"{(i + 1) / BINS:.2f}"
            chance = self.curve.get(high)
            if count or (chance is not None and chance >= 0.005):
                bar = "█" * round(30 * count / most)
                yield [f"{low} to {high}", f"{count:,}", bar, f"{number(chance)} at {high}"]
        others = (
            ("alike in meaning", self.semantic),
            ("the same key", self.same_key),
            ("not compared", self.unmeasured),
        )
        for name, count in others:
            if count:
                yield [name, f"{count:,}", "", ""]

    def _notes(self) -> Iterator[str]:
        for run, count in self.tombstones.items():
            yield (
                f"the earlier run {run} holds {count:,} documents of which this one keeps better ones: train "
                "on both and they are read twice (tombstones/)\n"
            )
        if self.compared:
            counts = (f"{name.replace('_', ' ')} {count:,}" for name, count in self.compared.items())
            yield f"pairs that shared a band: {', '.join(counts)}\n"

    def _buckets(self) -> Iterator[Text]:
        for bucket in self.buckets:
            yield Text(f"a bucket of {bucket['documents']:,} documents, the best of them:", style="bold")
            yield Text("".join(f"  {one_line(text)}\n" for text in bucket["texts"]), style="dim")

    def _pairs(self) -> Iterator[Text]:
        for pair in self.pairs:
            yield Text(f"{pair.id} into {pair.kept_id}", style="bold")
            yield Text(f"{pair.reason}, {pair.alike}, a cluster of {pair.cluster_size:,}", style="bold")
            elsewhere = f"the text kept is in the earlier run {pair.kept_in}"
            yield Text(f"{elsewhere if pair.kept_in else changed_text(pair.pieces)}\n")


def duplicates(run: OpenedRun) -> Duplicates:
    """Return what the dedup stage of a run removed, with sampled pairs for every size of cluster.

    Pairs are a hash-sample of the removed documents' ids: the same every time.
    """
    manifest, table = run.manifest("dedup"), run.clusters()
    columns = [name for name in (*_COLUMNS, *_MEASURED) if name in table.schema.names]
    sizes: dict[str, int] = {}
    reasons: Counter[str] = Counter()
    bins, others = [0] * BINS, Counter[str]()
    chosen: dict[int, list[tuple[float, dict[str, Any]]]] = {}
    for batch in table.to_batches(columns=columns):
        for row in batch.to_pylist():
            sizes[row["kept_id"]] = row["cluster_size"]
            reasons[row["reason"]] += 1
            if row["reason"] == "dedup.exact":
                continue
            if row["jaccard"] is None:
                others[_unlike(row)] += 1
            else:
                bins[min(int(row["jaccard"] * BINS), BINS - 1)] += 1
            best = chosen.setdefault(_least(row["cluster_size"]), [])
            best.append((position(row["id"], "duplicates"), row))
            best.sort(key=lambda pair: pair[0])
            del best[PAIRS_PER_SIZE:]
    sampled = [row for least in sorted(chosen) for _, row in chosen[least]]
    hot = sorted(_rows(run, "buckets"), key=lambda bucket: (-bucket["documents"], bucket["band_key"]))
    texts = _texts(run, sampled, hot)
    lost = Counter(row["earlier"] for row in _rows(run, "tombstones", ["earlier"]))
    return Duplicates(
        clusters=dict(sorted(Counter(map(_least, sizes.values())).items())),
        reasons=dict(sorted(reasons.items())),
        jaccard=tuple(bins),
        **{name: others[name] for name in ("semantic", "same_key", "unmeasured")},
        sources=tuple(_sources(Ledger.from_json(manifest.ledger))),
        curve=manifest.detail.get("candidate_probability", {}),
        compared=manifest.detail.get("pairs", {}),
        buckets=tuple(
            {
                "documents": bucket["documents"],
                "texts": [shortened(texts.get(i, ""), EXCERPT_CHARACTERS) for i in bucket["ids"]],
            }
            for bucket in hot
        ),
        tombstones=dict(sorted(lost.items())),
        pairs=tuple(_pair(row, texts) for row in sampled),
    )


def _unlike(row: Mapping[str, Any]) -> str:
    """Return what brought a pair together whose words nobody compared."""
    if row["reason"] == "dedup.key":
        return "same_key"
    return "unmeasured" if row.get("cosine") is None else "semantic"


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


def _rows(run: OpenedRun, table: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """Return a table of an output, empty where it has none: not every run writes each."""
    if not any(name.startswith(f"{table}/") for name in run.manifest("dedup").files):
        return []
    rows: list[dict[str, Any]] = open_table(run.path("dedup", table)).to_table(columns=columns).to_pylist()
    return rows


def _texts(run: OpenedRun, pairs: list[dict[str, Any]], hot: list[dict[str, Any]]) -> dict[str, str]:
    """Return id -> text of what is shown; what an earlier run kept is not in this one."""
    ids = {row[name] for row in pairs for name in ("id", "kept_id")} | {i for row in hot for i in row["ids"]}
    wanted = masked_rows(run, "dedup", among("id", ids))
    return {row["id"]: row["text"] or "" for row in wanted}


def _sources(ledger: Ledger) -> Iterator[SourceMerges]:
    for name, account in sorted(ledger.sources.items()):
        merged = account.states["merged"].records
        yield SourceMerges(source=name, documents=account.received.records, merged=merged)
