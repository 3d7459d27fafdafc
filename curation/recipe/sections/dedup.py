"""The dedup section of a recipe: which duplicates go, and which of them stays."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from curation.recipe.sections.embeddings import function_mistake, table_mistake

Where = tuple[tuple[str | int, ...], str]  # the path below the section, and what is wrong there


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """Near-duplicate detection: MinHash over word shingles, every pair verified by its true Jaccard.

    Attributes:
        mode: `leader` removes a document if a kept one is truly as near as asked; `transitive` keeps one of
            all that hang together by such pairs; `unverified` one of all that hang together by shared
            bands, compared or not (what FineWeb did).
        permutations: may be given as a check; it is bands times rows_per_band.
        jaccard: least share of two documents' shingles, of those of either, that both have.
        containment: if given, a pair also counts where this share of the worse document's shingles stands in
            the better one. Parts that share no band are not found: of halves of a document about one in
            twenty does, by the bands given here (`curate check` says how many).
        rounds: how many documents lead a bucket, so that others are compared with them, and how often
            those that no leader matched are compared among themselves.
        hot_bucket: buckets of more documents are listed for people to look at.
    """

    mode: Literal["leader", "transitive", "unverified"] = "leader"
    shingle_words: int = field(default=5, metadata={"min": 1, "max": 16})
    bands: int = field(default=14, metadata={"min": 1, "max": 1024})
    rows_per_band: int = field(default=8, metadata={"min": 1, "max": 64})
    permutations: int | None = None
    jaccard: float = field(default=0.8, metadata={"min": 0.0, "max": 1.0})
    containment: float | None = field(default=None, metadata={"min": 0.0, "max": 1.0})
    seed: int = field(default=1, metadata={"min": 0, "max": (1 << 32) - 1})
    rounds: int = field(default=4, metadata={"min": 1, "max": 16})
    hot_bucket: int = field(default=10_000, metadata={"min": 2})

    @staticmethod
    def mistakes(values: Mapping[str, Any]) -> Iterator[Where]:
        """Yield (where, what) for numbers that cannot go together."""
        for name in ("jaccard", "containment"):
            if values.get(name) == 0:
                yield (name,), f"{name} is 0, so that everything is a duplicate; expected above 0, at most 1"
        bands, rows, given = (
            values.get(name, default)
            for name, default in (("bands", 14), ("rows_per_band", 8), ("permutations", None))
        )
        if given is not None and bands and rows and given != bands * rows:
            yield (
                ("permutations",),
                f"permutations is {given}, but {bands} bands of {rows} rows take {bands * rows}; leave it "
                "out, or make bands times rows_per_band equal to it",
            )
        if values.get("mode") == "unverified" and values.get("containment") is not None:
            yield ("containment",), "mode unverified compares no texts, so it cannot tell containment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Substring:
    """Runs of tokens that stand in a document before, or earlier in the same one.

    Attributes:
        min_tokens: every repeated run of as many tokens is found; a token is what stands between white
            space, and each letter in scripts without spaces.
        action: `remove` cuts them out of all places but the first; `annotate` only measures their share
            (`dedup.repeated_fraction`).
    """

    min_tokens: int = field(default=75, metadata={"min": 3, "max": 10_000})
    action: Literal["remove", "annotate"] = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class Semantic:
    """Documents whose embeddings point the same way (SemDeDup): k-means, then cosines within each cluster.

    Attributes:
        embeddings: a Parquet table with `id` (the document's) and `embedding`; a document that is not in it
            stays.
        encoder: or `module:function`, which takes a list of texts and returns an array of a row for each.
        clusters: of k-means; all documents of one are compared on one core, so some thousands each are good.
        min_cosine: from which on two documents mean the same.
        sample_documents: about how many are clustered to find the centres (a hash-sample).
    """

    embeddings: str | None = None
    encoder: str | None = None
    clusters: int = field(default=100, metadata={"min": 1, "max": 1_000_000})
    min_cosine: float = field(default=0.95, metadata={"min": 0.01, "max": 1.0})
    sample_documents: int = field(default=100_000, metadata={"min": 1})
    seed: int = field(default=1, metadata={"min": 0, "max": (1 << 32) - 1})

    @staticmethod
    def mistakes(values: Mapping[str, Any]) -> Iterator[Where]:
        """Yield (where, what) for embeddings that come from nowhere, from two places, or cannot."""
        if bool(values.get("embeddings")) == bool(values.get("encoder")):
            yield (), "semantic needs one of 'embeddings' (a table) and 'encoder' (module:function)"
        for name, mistake in (("embeddings", table_mistake), ("encoder", function_mistake)):
            if values.get(name) and (wrong := mistake(values[name])):
                yield (name,), wrong
        if importlib.util.find_spec("sklearn") is None:
            yield (), "semantic needs scikit-learn, which is not here; install spark-curation[semantic]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dedup:
    """Which duplicates go, and which of them stays.

    Attributes:
        prefer: `MEASURE asc|desc` in order of weight; the id decides at the end, so the order is total.
        scope: among which documents duplicates are looked for. A snapshot is what an input's `snapshot` says.
        against: run directories whose kept documents this one is compared with too.
        history: who stays, of a document and one that an earlier run kept: the earlier one (`wins`), the
            new one (`loses`), or the preferred one (`by_priority`). Earlier runs are never changed: what they
            lose is listed in `tombstones`.
        index: write what a later run's `against` reads.
        semantic: documents that mean the same, looked for among those that exact and near leave. Not
            together with `against`, nor is substring: an index has neither embeddings nor runs of tokens.
        substring: repeated runs of tokens, looked for in the documents that are left at the end.
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

    @staticmethod
    def mistakes(values: Mapping[str, Any]) -> Iterator[Where]:
        """Yield (where, what) for settings that say nothing together."""
        against = values.get("against", ())
        if "history" in values and not against:
            yield ("history",), "history says who stays against earlier runs; name them in 'against'"
        if against and values.get("scope") == "per_snapshot":
            yield (
                ("scope",),
                "per_snapshot never compares with another snapshot, so 'against' would do nothing",
            )
        for name in ("semantic", "substring") if against else ():
            if values.get(name) is not None:
                yield (
                    (name,),
                    f"{name} looks at the documents of this run alone, and an index holds nothing to compare "
                    f"them with; leave out 'against', or run {name} in a recipe of its own",
                )
        if (
            values.get("exact", True) is False
            and values.get("near", True) is None
            and (against or values.get("index"))
        ):
            yield ("near",), "neither exact nor near duplicates are looked for, so no run can be compared"

    @property
    def earlier(self) -> tuple[str, ...]:
        """The earlier run directories as a tuple, whether one or several were given."""
        return (self.against,) if isinstance(self.against, str) else self.against
