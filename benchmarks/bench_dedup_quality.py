"""Precision, recall, clusters and broken promises of near deduplication, beside datasketch and datatrove.

    python benchmarks/bench_dedup_quality.py [--sets NAME ...] [--without-datatrove]

Sets: `seeded` (variants of real texts, every near pair labelled), `crawl` (the shared crawl, its own labels) and
the adversaries of dedup_adversaries.py. All tools use word 5-grams and 14 bands of 8. Peers cluster by
union-find, so the pairs they claim are all pairs of a cluster; datatrove runs in an environment of its own.
docs/dedup-scale.md says what each number means. Writes build/bench/dedup_quality.json.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import datasketch
import numpy as np
import peers
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from dedup_adversaries import ADVERSARIES
from dedup_corpus import Crawl, Labelled, Pair, crawl_set, seeded_set
from dedup_scores import Outcome, Score, best_first, components, score
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema
from recording import ROOT, record

from curation.dedup.exact import text_digests
from curation.dedup.minhash import Scheme, banded
from curation.dedup.verify import shingle_sets, similarity
from curation.document import DOCUMENT
from curation.recipe.recipe import Dedup
from curation.spark.dedup.inputs import Preference
from curation.spark.session import start
from curation.spark.stages.dedup import Finder

BOUND, SCHEME = 0.8, Scheme()
FOLDER = ROOT / "build" / "bench" / "dedup_quality"
#: Too slow for the peers' few hundred documents a second, or (identical) five billion pairs for a hash table.
PEERLESS = ("identical",)


def banded_pairs(labelled: Labelled) -> set[Pair]:
    """Return the pairs that are the same bytes, or share a band and are as near as the bound.

    The kernel's bands and Jaccard without the stage: this bench makes all pairs of every bucket, which the stage,
    for the sake of large ones, never does.
    """
    buckets = collections.defaultdict(list)
    for place, keys in enumerate(banded(pa.array(labelled.texts), SCHEME)[0].to_pylist()):
        for key in keys:
            buckets[key].append(place)
    same = collections.defaultdict(list)
    for place, digest in enumerate(text_digests(pa.array(labelled.texts)).to_pylist()):
        same[digest].append(place)
    equal = {pair for members in same.values() for pair in itertools.combinations(members, 2)}
    candidates = {pair for members in buckets.values() for pair in itertools.combinations(members, 2)}
    sets = [np.frombuffer(each, "<u8") for each in shingle_sets(pa.array(labelled.texts), 5).to_pylist()]
    return equal | {
        (a, b) for a, b in candidates if (similarity(sets[a], sets[b], BOUND, None)[0] or 0) >= BOUND
    }


def stage(spark: SparkSession, labelled: Labelled, folder: Path) -> Outcome:
    """Return what the stage of this project does, exact duplicates first, longest text preferred."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    columns = {name: pa.nulls(len(labelled.ids), DOCUMENT.field(name).type) for name in DOCUMENT.names}
    lengths = pa.array([len(text) for text in labelled.texts])
    columns |= {
        "id": pa.array(labelled.ids),
        "text": pa.array(labelled.texts),
        "source": pa.array(labelled.ids),
    }
    columns |= {"file": pa.array(labelled.ids), "offset": pa.array(range(len(labelled.ids)))}
    columns |= {"characters": lengths, "characters_in": lengths}
    pq.write_table(pa.table(columns).cast(DOCUMENT), folder / "documents.parquet")
    documents = spark.read.schema(from_arrow_schema(DOCUMENT)).parquet(f"file:{folder}/documents.parquet")
    finder = Finder(spark, Dedup(), [Preference("characters", True)], str(folder / "scratch"))
    rows = finder.mark(documents)[1].select("id", "kept_id").toArrow().to_pylist()
    place = {identity: i for i, identity in enumerate(labelled.ids)}
    shutil.rmtree(folder)
    return Outcome({place[row["id"]]: place[row["kept_id"]] for row in rows})


def with_datasketch(labelled: Labelled) -> Outcome:
    """Return what datasketch's signatures and LSH with union-find do, as its users put them together."""
    lsh = datasketch.MinHashLSH(num_perm=SCHEME.signature_length, params=(SCHEME.bands, SCHEME.rows_per_band))

    def pairs() -> Iterator[Pair]:
        for place, text in enumerate(labelled.texts):
            found = re.findall(r"\w+", text.lower())
            count = max(len(found) - 4, min(len(found), 1))
            if count:
                signature = datasketch.MinHash(
                    SCHEME.signature_length, scheme="affine32", hashfunc=xxhash.xxh32_intdigest
                )
                signature.update_batch([" ".join(found[i : i + 5]).encode() for i in range(count)])
                yield from ((place, other) for other in lsh.query(signature))
                lsh.insert(place, signature)

    return components(pairs(), best_first(labelled))


def with_datatrove(sets: dict[str, Labelled]) -> dict[str, Outcome]:
    """Return what datatrove's four steps do to each set, or nothing where it cannot be installed."""
    try:
        python = peers.environment("datatrove", peers.DATATROVE)
    except peers.Unavailable as problem:
        print(problem)
        return {}
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each, labelled in sets.items():
            (folder / each / "in").mkdir(parents=True)
            with (folder / each / "in" / "in.jsonl").open("w", encoding="utf-8") as out:
                rows = zip(labelled.ids, labelled.texts, strict=True)
                out.writelines(json.dumps({"id": i, "text": text}) + "\n" for i, text in rows)
        script = Path(__file__).with_name("peer_datatrove_dedup.py")
        subprocess.run([python, script, folder, *sets], check=True, capture_output=True)
        for each, labelled in sets.items():
            told = json.loads((folder / each / "out.json").read_text(encoding="utf-8"))
            place = {identity: i for i, identity in enumerate(labelled.ids)}
            kept = {cluster: place[i] for i, (removed, cluster) in told.items() if not removed}
            found[each] = Outcome({place[i]: kept[cluster] for i, (gone, cluster) in told.items() if gone})
    return found


def show(name: str, tool: str, found: Score) -> None:
    """Print one line of the table."""
    print(
        f"{name:10}{tool:22}{found.documents:8,}{found.removed:8,}{found.precision:10.4f}{found.recall:8.4f}"
        f"{found.f1:8.4f}{found.rand:8.4f}{found.violations:11,}{found.wrongly_removed:8,}{found.unsettled:10,}"
        f"{found.removal_precision:11.4f}{found.settled_fraction:9.4f}"
    )


def print_banded(name: str, labelled: Labelled) -> tuple[float, float]:
    """Print and return precision and recall of `banded_pairs`."""
    near, found = labelled.near(BOUND), banded_pairs(labelled)
    both = len(near & found)
    precision, recall = both / len(found) if found else 1.0, both / len(near) if near else 1.0
    expected = sum(SCHEME.candidate_probability(labelled.jaccard(*pair)) for pair in near)
    print(
        f"{name:10}{len(near):8,} near pairs{len(found):8,} found, precision {precision:.4f}, recall {recall:.4f} "
        f"(the S-curve expects {expected / max(len(near), 1):.4f})"
    )
    return precision, recall


def copies(crawl: Crawl, ours: Outcome) -> dict[str, list[int]]:
    """Print and return, for each kind of copy in the crawl's labels: pairs, near ones, of these settled."""
    clusters, near, table = ours.clusters(len(crawl.labelled.ids)), crawl.labelled.near(BOUND), {}
    print(f"{'labels of the crawl':28}{'pairs':>8}{'J >= T':>8}{'one cluster':>13}{'of J < T':>10}")
    for kind, pairs in sorted(crawl.copies.items()):
        true = [pair for pair in pairs if pair in near]
        together = [
            sum(clusters[a] == clusters[b] for a, b in each) for each in (true, set(pairs) - set(true))
        ]
        table[kind] = [len(pairs), len(true), *together]
        print(f"{kind:28}{len(pairs):8,}{len(true):8,}{together[0]:13,}{together[1]:10,}")
    return table


def arguments() -> argparse.Namespace:
    """Return what was asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = ["seeded", "crawl", *ADVERSARIES]
    parser.add_argument("--sets", nargs="+", choices=names, default=names)
    parser.add_argument("--without-datatrove", action="store_true")
    return parser.parse_args()


def compared(
    sets: dict[str, Labelled], ours: dict[str, Outcome], datatrove: bool
) -> dict[str, dict[str, Score]]:
    """Print the table of all tools on all sets, and return it."""
    small = {name: labelled for name, labelled in sets.items() if name not in PEERLESS}
    outcomes: dict[str, dict[str, Outcome]] = {"this project": ours}
    outcomes["datasketch, union-find"] = {name: with_datasketch(labelled) for name, labelled in small.items()}
    outcomes["datatrove"] = with_datatrove(small) if datatrove else {}
    print("documents removed; precision, recall and F1 are of all pairs that share a cluster")
    print(
        f"{'set':10}{'tool':22}{'docs':>8}{'removed':>8}{'precision':>10}{'recall':>8}{'F1':>8}{'ARI':>8}"
        f"{'violations':>11}{'wrongly':>8}{'unsettled':>10}{'removals':>11}{'settled':>9}"
    )
    table: dict[str, dict[str, Score]] = {}
    for name, labelled in sets.items():
        for tool, found in outcomes.items():
            if name in found:
                table.setdefault(name, {})[tool] = score(found[name], labelled, BOUND)
                show(name, tool, table[name][tool])
    return table


def bars_of(
    table: dict[str, dict[str, Score]], pairs: dict[str, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    """Return the bars: pairs and removals of the seeded set, broken promises of every set."""
    bars = {}
    if "seeded" in pairs:
        precision, recall = pairs["seeded"]
        bars |= {"seeded_banded_precision": (precision, 1.0), "seeded_banded_recall": (recall, 0.99)}
        ours = table["seeded"]["this project"]
        bars["seeded_removal_precision"] = (ours.removal_precision, 1.0)
        bars["seeded_settled_fraction"] = (ours.settled_fraction, 0.99)
    for name, tools in table.items():
        bars[f"{name}_no_violations"] = (0.0 - tools["this project"].violations, 0.0)
    return bars


def main() -> int:
    """Make the sets, run the tools, print the tables."""
    asked = arguments()
    crawl = crawl_set() if "crawl" in asked.sets else None
    makers: dict[str, Callable[[], Labelled]] = {"seeded": seeded_set, **ADVERSARIES}
    sets = {name: crawl.labelled if name == "crawl" and crawl else makers[name]() for name in asked.sets}
    spark = start("dedup quality")
    spark.sparkContext.setLogLevel("ERROR")
    ours = {name: stage(spark, labelled, FOLDER / name) for name, labelled in sets.items()}
    spark.stop()
    print("all pairs of every bucket, verified: the kernel without the stage, which lists no such pairs")
    pairs = {name: print_banded(name, sets[name]) for name in sets if sets[name].pairs is not None}
    table = compared(sets, ours, not asked.without_datatrove)
    figures: dict[str, object] = {
        name: {tool: each.figures() for tool, each in tools.items()} for name, tools in table.items()
    }
    if crawl:
        figures["labels"] = copies(crawl, ours["crawl"])
    figures["banded_pairs"] = {name: {"precision": p, "recall": r} for name, (p, r) in pairs.items()}
    return record(
        "dedup_quality", figures, bars_of(table, pairs), ("datasketch", "numpy", "pyarrow", "pyspark")
    )


if __name__ == "__main__":
    sys.exit(main())
