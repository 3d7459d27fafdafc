"""Near duplicates: buckets of equal band keys, leaders in them, true similarity, and who is removed.

Nodes are ranks in the order of preference, integers, so that the tables that are shuffled most have a few
numbers a row. A bucket is never turned into all its pairs: its members are linked to its leaders while it is
read once, in order, so a bucket of ten million documents is ten million rows. Two documents are linked only
if their sketches say that they may be alike. `curation.dedup.decide` has the rules for what follows. While
the pairs and their shingle sets are few, one worker applies them, where joins would take dozens of tasks;
beyond that, joins over the cluster do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from curation.dedup.buckets import Buckets, most_apart
from curation.dedup.decide import EDGES, PAIRS, decide
from curation.dedup.in_memory import InMemory
from curation.dedup.verify import shingle_sets
from curation.document import DOCUMENT
from curation.recipe.sections.dedup import Near
from curation.spark.dedup.components import MAX_EDGES, roots
from curation.spark.dedup.joins import Joins, bucket_links, without_old_pairs
from curation.spark.frames import Batches, map_batches, map_partitions
from curation.spark.scratch import Scratch

KEY = ["id", "file", "offset"]  # a record that stands twice in the input has one id
KEY_FIELDS = [DOCUMENT.field(name) for name in KEY]
#: Pairs, and bytes of shingle sets, up to which one worker decides: in seconds, in three times the bytes.
PAIRS_IN_MEMORY, BYTES_IN_MEMORY = 50_000, 128 << 20
_SHINGLES = pa.schema(
    [
        *(("rank", pa.int64()), ("old", pa.bool_()), ("sketch", pa.int64())),
        *(("band_keys", pa.list_(pa.int64())), ("shingles", pa.binary())),
    ]
)
_DECIDED = EDGES.append(pa.field("elected", pa.bool_()))


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """Finds near duplicates.

    Attributes:
        order: columns of the survivors that give the total order, best first.
        max_edges: up to this many edges are decided on one executor.
    """

    scratch: Scratch
    settings: Near
    order: Sequence[Column]
    max_edges: int = MAX_EDGES

    def find(self, survivors: DataFrame, texts: DataFrame) -> tuple[DataFrame, DataFrame, DataFrame]:
        """Return (removed documents, buckets above `hot_bucket`, pairs compared).

        Args:
            survivors: KEY, `earlier` (the run a document is kept in already, else null), `band_keys`,
                `sketch` and what `order` names; one row an (id, earlier).
            texts: KEY, `earlier` and `text` of at least these.

        Returns:
            Of each removed document KEY, earlier, kept_id, kept_in, jaccard, containment, bands_shared;
            of each bucket band_key, documents, and the ids of its best; of each pair compared EDGES.
        """
        nodes = self.scratch.saved(self._ranked(survivors), "nodes")
        links = self.scratch.saved(self._links(nodes).distinct(), "links")
        pairs = links.where("worse is not null").select("better", "worse")
        if self.settings.mode == "unverified":
            compared, removed = self.scratch.none(EDGES), self._unverified(pairs, nodes)
        else:
            sets = self.scratch.saved(self._sets(pairs, nodes, texts), "shingles")
            compared, removed = self._decided(pairs, sets)
        return _named(removed, nodes), _hot_buckets(links, nodes), compared.select(*EDGES.names)

    def _ranked(self, survivors: DataFrame) -> DataFrame:
        """Number the documents in the order of preference: a sort over all executors, no single window."""
        best_first = survivors.where(F.size("band_keys") > 0).orderBy(*self.order)
        rank = F.monotonically_increasing_id().alias("rank")
        old = F.col("earlier").isNotNull().alias("old")
        return best_first.select(*KEY, "earlier", old, "band_keys", "sketch", rank)

    def _links(self, nodes: DataFrame) -> DataFrame:
        """Return the LINKS of all buckets of equal band keys."""
        members, buckets = nodes.withColumn("key", F.explode("band_keys")), self._buckets
        if self.settings.mode == "unverified":
            # Components are joined by old documents too, so links between two of them count here.
            members = members.withColumn("old", F.lit(False))
            buckets = Buckets(1, None, self.settings.hot_bucket)
        return bucket_links(members, buckets)

    @property
    def _buckets(self) -> Buckets:
        near = self.settings
        # Sketches tell how alike two documents are, but not whether one contains the other.
        apart = most_apart(near.jaccard, near.signature_length)
        return Buckets(near.rounds, apart if near.containment is None else None, near.hot_bucket)

    def _sets(self, pairs: DataFrame, nodes: DataFrame, texts: DataFrame) -> DataFrame:
        """Return the shingle set and the bands of every document that is compared."""
        ranks = pairs.select(F.explode(F.array("better", "worse")).alias("rank")).distinct()
        candidates = nodes.join(ranks, "rank", "left_semi")
        same = [candidates[name].eqNullSafe(texts[name]) for name in (*KEY, "earlier")]
        both = texts.join(candidates, same[0] & same[1] & same[2] & same[3])
        carried, words = ["rank", "old", "sketch", "band_keys"], self.settings.shingle_words

        def with_shingles(batch: pa.RecordBatch) -> pa.RecordBatch:
            return batch.select(carried).append_column("shingles", shingle_sets(batch["text"], words))

        return map_batches(both.select(*carried, "text"), with_shingles, _SHINGLES)

    def _decided(self, pairs: DataFrame, sets: DataFrame) -> tuple[DataFrame, DataFrame]:
        """Return what `decide` returns, from one worker or from joins."""
        if _fit_in_memory(pairs, sets, self.max_edges):
            both = self.scratch.saved(self._decided_by_one_worker(pairs, sets), "decided")
            return both.where("not elected"), both.where("elected")
        joins = Joins(self.scratch, sets, self.settings, self.max_edges)
        return decide(joins, pairs, self._buckets, self.settings.rounds, self._is_transitive)

    @property
    def _is_transitive(self) -> bool:
        return self.settings.mode == "transitive"

    def _decided_by_one_worker(self, pairs: DataFrame, sets: DataFrame) -> DataFrame:
        """Return EDGES: the pairs that were compared, and, where `elected`, the removed documents."""
        near, buckets, transitive = self.settings, self._buckets, self._is_transitive

        def run(batches: Batches) -> Iterator[pa.RecordBatch]:
            if not (held := list(batches)):
                return
            rows = pa.Table.from_batches(held)
            is_pair = pc.is_valid(rows["better"])
            tables = InMemory(rows.filter(pc.invert(is_pair)), near.jaccard, near.containment)
            pairs = rows.filter(is_pair).select(PAIRS.names)
            decided = decide(tables, pairs, buckets, near.rounds, transitive)
            for table, elected in zip(decided, (False, True), strict=True):
                yield from table.append_column("elected", [[elected] * len(table)]).to_batches()

        together = sets.unionByName(pairs, allowMissingColumns=True)
        return map_partitions(together.repartition(1), run, _DECIDED)

    def _unverified(self, pairs: DataFrame, nodes: DataFrame) -> DataFrame:
        """Return EDGES: each document with the best one of its component of documents that share bands.

        No texts are compared, so the similarity of the two is unknown.
        """
        components = roots(self.scratch, pairs, pairs.count() <= self.max_edges)
        edges = without_old_pairs(components, nodes)
        for side in ("better", "worse"):
            bands = nodes.select(F.col("rank").alias(side), F.col("band_keys").alias(f"{side}_bands"))
            edges = edges.join(bands, side)
        unknown = F.lit(None).cast("double")
        shared = F.size(F.array_intersect("better_bands", "worse_bands"))
        return edges.withColumns({"jaccard": unknown, "containment": unknown, "bands_shared": shared})


def _fit_in_memory(pairs: DataFrame, sets: DataFrame, max_edges: int) -> bool:
    """Tell whether one worker may decide: from how much there is, never from how it is partitioned."""
    size = sets.select(F.lit(0).alias("pairs"), F.length("shingles").cast("long").alias("bytes"))
    both = size.unionByName(pairs.select(F.lit(1).alias("pairs"), F.lit(0).alias("bytes")))
    row = both.agg(F.sum("pairs"), F.sum("bytes")).first()
    count, size_bytes = (total or 0 for total in row or (0, 0))
    return bool(count <= min(PAIRS_IN_MEMORY, max_edges) and size_bytes <= BYTES_IN_MEMORY)


def _named(removed: DataFrame, nodes: DataFrame) -> DataFrame:
    """Replace the ranks of removed and kept documents by their ids."""
    worse = nodes.select(F.col("rank").alias("worse"), *KEY, "earlier")
    kept_id, kept_in = F.col("id").alias("kept_id"), F.col("earlier").alias("kept_in")
    better = nodes.select(F.col("rank").alias("better"), kept_id, kept_in)
    edges = removed.select(*EDGES.names).join(worse, "worse").join(better, "better")
    return edges.drop("worse", "better")


def _hot_buckets(links: DataFrame, nodes: DataFrame) -> DataFrame:
    """Return the buckets above `hot_bucket`, with the ids of their best documents."""
    best = links.where("worse is null").withColumnsRenamed({"better": "rank", "key": "band_key"})
    best = best.join(nodes.select("rank", "id"), "rank")
    ids = F.transform(F.array_sort(F.collect_list(F.struct("rank", "id"))), lambda pair: pair["id"])
    return best.groupBy("band_key", "documents").agg(ids.alias("ids"))
