"""The dedup section of a recipe: which duplicates are removed, and which document of a cluster is kept."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from curation.dedup.minhash import Scheme
from curation.recipe.sections.embeddings import function_mistake, table_mistake
from curation.text.mistakes import Where


@dataclass(frozen=True, slots=True, kw_only=True)
class Near(Scheme):
    """Near-duplicate detection: MinHash by a `Scheme`, every pair verified by its true Jaccard.

    Attributes:
        mode: `leader` removes a document if a kept one is near it, by the bounds below; `transitive` keeps
            one document of each component of such pairs; `unverified` keeps one of each component of
            documents that share a band, and compares none (what FineWeb did).
        permutations: an optional check; it must be bands times rows_per_band.
        jaccard: two documents are near if they share at least this part of the shingles that either has.
        containment: if given, two are near also if the better one has this part of the worse one's shingles.
            Only documents that share a band are compared. With the default bands about one in twenty halves
            of a document does so with the whole (`curate check` says how many).
        rounds: how many documents lead a bucket, so that others are compared with them, and how often
            those that no leader matched are compared with each other.
        hot_bucket: buckets of more documents are listed in the table `buckets`.
    """

    mode: Literal["leader", "transitive", "unverified"] = "leader"
    permutations: int | None = None
    jaccard: float = field(default=0.8, metadata={"min": 0.0, "max": 1.0})
    containment: float | None = field(default=None, metadata={"min": 0.0, "max": 1.0})
    rounds: int = field(default=4, metadata={"min": 1, "max": 16})
    hot_bucket: int = field(default=10_000, metadata={"min": 2})

    @staticmethod
    def mistakes(values: Mapping[str, Any]) -> Iterator[Where]:
        """Yield (where, what) for numbers that contradict each other."""
        for name in ("jaccard", "containment"):
            if values.get(name) == 0:
                yield (
                    (name,),
                    f"{name} is 0, so every document would be a duplicate; expected above 0, at most 1",
                )
        bands, rows, given = (
            values.get(name, default)
            for name, default in (("bands", 14), ("rows_per_band", 8), ("permutations", None))
        )
        if given is not None and bands and rows and given != bands * rows:
            yield (
                ("permutations",),
                f"permutations is {given}, but {bands} bands of {rows} rows need {bands * rows}; leave it "
                "out, or make it bands times rows_per_band",
            )
        if values.get("mode") == "unverified" and values.get("containment") is not None:
            yield ("containment",), "mode unverified compares no texts, so it cannot measure containment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Substring:
    """Runs of tokens that occur in a better document, or earlier in the same one.

    Attributes:
        min_tokens: every repeated run of at least this many tokens is found. White space separates tokens;
            in scripts without spaces each letter is one.
        action: `remove` cuts out all occurrences but the first; `annotate` only measures their share
            (`dedup.repeated_fraction`).
    """

    min_tokens: int = field(default=75, metadata={"min": 3, "max": 10_000})
    action: Literal["remove", "annotate"] = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class Semantic:
    """Documents whose embeddings point the same way (SemDeDup): k-means, then cosines within each cluster.

    Attributes:
        embeddings: a Parquet table with `id` (of the document) and `embedding`. Documents that it lacks are
            kept.
        encoder: instead of a table, `module:function`: takes a list of texts, returns an array with a row for
            each.
        clusters: of k-means. All documents of a cluster are compared on one core: some thousands are a good
            size.
        min_cosine: two documents of at least this cosine are duplicates.
        sample_documents: about how many documents are clustered to find the centres (a hash-sample).
    """

    embeddings: str | None = None
    encoder: str | None = None
    clusters: int = field(default=100, metadata={"min": 1, "max": 1_000_000})
    min_cosine: float = field(default=0.95, metadata={"min": 0.01, "max": 1.0})
    sample_documents: int = field(default=100_000, metadata={"min": 1})
    seed: int = field(default=1, metadata={"min": 0, "max": (1 << 32) - 1})

    @staticmethod
    def mistakes(values: Mapping[str, Any]) -> Iterator[Where]:
        """Yield (where, what) for embeddings with no source, with two, or with one that does not work."""
        if bool(values.get("embeddings")) == bool(values.get("encoder")):
            yield (), "semantic needs either 'embeddings' (a table) or 'encoder' (module:function)"
        for name, mistake in (("embeddings", table_mistake), ("encoder", function_mistake)):
            if values.get(name) and (wrong := mistake(values[name])):
                yield (name,), wrong
        if importlib.util.find_spec("sklearn") is None:
            yield (), "semantic needs scikit-learn, which is not installed; install spark-curation[semantic]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dedup:
    """Which duplicates are removed, and which document of a cluster is kept.

    Attributes:
        exact: remove documents with byte-identical texts.
        near: remove near duplicates; null = do not look for them.
        prefer: `MEASURE asc|desc`, the most important first. Ties are broken by id, so the order is total.
        scope: only documents of one scope are compared. An input's `snapshot` names its snapshot.
        against: directories of earlier runs; their kept documents are compared with this run's as well.
        history: which document is kept if an earlier run kept a duplicate: the earlier one (`wins`), the
            new one (`loses`), or the preferred one (`by_priority`). Earlier runs are never changed: the
            documents that they lose are listed in `tombstones`.
        index: write the index that a later run's `against` reads.
        semantic: semantic duplicates among the documents that exact and near keep. Neither semantic nor
            substring goes together with `against`: an index has no embeddings and no runs of tokens.
        substring: repeated runs of tokens in the documents that are left at the end.
        key: of documents with the same value in this column (`url`, `record_id`, one that an input carries
            along, or a name of `metadata`) one is kept; the others are removed first, whatever their texts.
            Those without a value are not compared.
        keep: which one: the `latest` or the `earliest`, or the `preferred`.
        time: the column that says which is later, named as a key is. Times are compared as
            they are written (ISO 8601), and documents without one come last.
        drop_all: documents that stand for others go as well, so that nothing of a cluster stays.
    """

    exact: bool = True
    near: Near | None = Near()
    prefer: tuple[str, ...] = ("characters desc",)
    scope: Literal["global", "per_snapshot", "per_source"] = "global"
    against: str | tuple[str, ...] = ()
    history: Literal["wins", "loses", "by_priority"] = "wins"
    index: bool = False
    semantic: Semantic | None = None
    substring: Substring | None = None
    key: str | None = None
    keep: Literal["preferred", "latest", "earliest"] = "preferred"
    time: str = "captured_at"
    drop_all: bool = False

    @staticmethod
    def mistakes(values: Mapping[str, Any]) -> Iterator[Where]:
        """Yield (where, what) for settings that have no effect together."""
        against = values.get("against", ())
        if "keep" in values and not values.get("key"):
            yield ("keep",), "keep chooses among documents with the same 'key'; name that column"
        if "time" in values and values.get("keep") not in ("latest", "earliest"):
            yield ("time",), "time is for keep: latest or keep: earliest"
        if values.get("drop_all") and (against or values.get("index")):
            yield (
                ("drop_all",),
                "drop_all leaves nothing of a cluster that another run could be compared with; leave out "
                "'against' and 'index'",
            )
        if "history" in values and not against:
            yield ("history",), "history needs earlier runs to compare with; name them in 'against'"
        if against and values.get("scope") == "per_snapshot":
            yield (
                ("scope",),
                "per_snapshot never compares two snapshots, so 'against' would do nothing",
            )
        for name in ("semantic", "substring") if against else ():
            if values.get(name) is not None:
                yield (
                    (name,),
                    f"{name} compares the documents of this run only, and the index of an earlier run has "
                    "nothing to compare them with; leave out 'against', or run "
                    f"{name} in a recipe of its own",
                )
        if (
            values.get("exact", True) is False
            and values.get("near", True) is None
            and (against or values.get("index"))
        ):
            yield ("near",), "without exact and near there is nothing to compare with another run"

    @property
    def earlier(self) -> tuple[str, ...]:
        """The directories of earlier runs, as a tuple even where one was given."""
        return (self.against,) if isinstance(self.against, str) else self.against
