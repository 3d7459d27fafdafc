"""What `curate duplicates` tells of a run directory."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.accounting.manifest import published, read_manifest
from curation.cli import main
from curation.look.questions import duplicates, why
from curation.look.questions.duplicates import BINS, SourceMerges
from curation.look.render.terminal import as_text
from curation.look.run import open_run
from curation.spark.store import sizes


def document_id(number: int) -> str:
    return f"{number:032x}"


def test_sizes_reasons_similarity_sources_and_pairs(small_run: Path) -> None:
    found = duplicates(open_run(str(small_run)))
    assert found.clusters == {3: 1}
    assert found.reasons == {"dedup.exact": 1, "dedup.near": 1}
    assert found.jaccard[int(0.85 * BINS)] == sum(found.jaccard) == 1, "exact copies are not among them"
    assert [(each.source, each.documents, each.merged) for each in found.sources] == [
        ("docs", 4, 1),
        ("web", 4, 1),
    ]
    (pair,) = found.pairs
    assert (pair.id, pair.kept_id, pair.cluster_size) == (document_id(11), document_id(3), 3)
    assert ("added", "again") in pair.pieces
    assert not found.alarms


def test_the_text_shows_hot_buckets_the_curve_and_what_nobody_compared(
    small_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(small_run, run)
    path = Path(published(str(run), "dedup"))
    row = {"id": 11, "kept_id": 3, "bands_shared": 1, "cluster_size": 1200, "reason": "dedup.near"}
    named = row | {"id": document_id(11), "kept_id": document_id(3), "jaccard": None}
    schema = pa.schema({"jaccard": pa.float64()})
    table = pa.Table.from_pylist([named]).set_column(5, schema.field(0), pa.array([None], pa.float64()))
    pq.write_table(table, path / "clusters" / "part-0.parquet")
    (path / "buckets").mkdir()
    bucket = {"band_key": 5, "documents": 12_345, "ids": [document_id(3), document_id(5)]}
    pq.write_table(pa.Table.from_pylist([bucket]), path / "buckets" / "part-0.parquet")
    manifest = replace(
        read_manifest(str(path)),
        files=sizes(str(path)),
        detail={
            "candidate_probability": {"0.80": 0.924, "0.10": 0.0001},
            "pairs": {"compared": 20, "verified": 5},
        },
    )
    (path / "manifest.json").write_text(manifest.to_json())
    found = duplicates(open_run(str(run)))
    assert (found.unmeasured, found.clusters) == (1, {1000: 1})
    text = as_text(found)
    for said in (
        "a bucket of 12,345 documents, the best of them:",
        "0.75 to 0.80",
        "0.924 at 0.80",
        "pairs that shared a band: compared 20, verified 5",
        "not compared, a cluster of 1,200",
        "[+again+]",
    ):
        assert said in text
    assert "0.10" not in text, "a chance of one in ten thousand is no line"


def test_a_source_that_almost_vanished_is_an_alarm(
    small_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = replace(
        duplicates(open_run(str(small_run))),
        sources=(SourceMerges(source="books", documents=100, merged=91),),
    )
    assert found.alarms == ("books: 91.0% of 100 documents were merged",)
    assert as_text(found).startswith("ALARM books: 91.0% of 100 documents were merged")
    assert main(["duplicates", str(small_run), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["alarms"] == []
    assert told["reasons"] == {"dedup.exact": 1, "dedup.near": 1}
    assert main(["duplicates", str(small_run)]) == 0
    assert "dedup.exact" in capsys.readouterr().out


def test_why_tells_what_an_earlier_run_keeps_and_what_is_contained(small_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(small_run, run)
    path = Path(published(str(run), "dedup"))
    row = {"id": document_id(11), "kept_id": "a" * 32, "jaccard": 0.4, "bands_shared": 1, "cluster_size": 2}
    row |= {"reason": "dedup.contained", "containment": 0.95, "kept_in": "fedc"}
    pq.write_table(pa.Table.from_pylist([row]), path / "clusters" / "part-0.parquet")
    text = " ".join(as_text(why(open_run(str(run)), document_id(11))).split())
    assert f"merged into {'a' * 32} of the earlier run fedc," in text
    assert "95.0% of it stands there, a cluster of 2" in text


def test_what_goes_by_its_meaning_is_told_by_its_cosine(small_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(small_run, run)
    path = Path(published(str(run), "dedup")) / "clusters" / "part-0.parquet"
    row = {"id": document_id(11), "kept_id": document_id(3), "cluster_size": 3, "bands_shared": None}
    row |= {"containment": None, "kept_in": None}
    meant = row | {"reason": "dedup.semantic", "jaccard": None, "cosine": 0.97, "through": None}
    near = row | {"id": document_id(12), "reason": "dedup.near", "jaccard": 0.9, "cosine": None}
    key = row | {
        "id": document_id(13),
        "reason": "dedup.key",
        "jaccard": None,
        "cosine": None,
        "through": None,
    }
    pq.write_table(pa.Table.from_pylist([near | {"through": document_id(11)}, meant, key]), path)
    found = duplicates(open_run(str(run)))
    assert (found.semantic, found.same_key, found.unmeasured, sum(found.jaccard)) == (1, 1, 0, 1)
    assert "the same key 1" in " ".join(as_text(found).split())
    assert {pair.alike for pair in found.pairs} == {
        "cosine 0.970",
        f"Jaccard 0.900, by way of {document_id(11)}",
    }
    assert "alike in meaning" in as_text(found)
    for number, told in ((11, "cosine 0.970, a cluster"), (3, "stands for"), (12, "by way of")):
        assert told in " ".join(as_text(why(open_run(str(run)), document_id(number))).split())
    page = tmp_path / "report.html"
    assert main(["report", str(run), "--out", str(page)]) == 0
    assert "cosine 0.970" in page.read_text()


def test_a_text_that_an_earlier_run_keeps_is_said_to_be_there(small_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(small_run, run)
    path = Path(published(str(run), "dedup")) / "clusters" / "part-0.parquet"
    row = {"id": document_id(11), "kept_id": "a" * 32, "jaccard": 0.9, "bands_shared": 1, "cluster_size": 2}
    row |= {"reason": "dedup.near", "containment": None, "kept_in": "fedc"}
    pq.write_table(pa.Table.from_pylist([row]), path)
    (pair,) = duplicates(open_run(str(run))).pairs
    assert (pair.kept_in, pair.pieces) == ("fedc", ())
    assert "the text kept is in the earlier run fedc" in as_text(duplicates(open_run(str(run))))
    page = tmp_path / "report.html"
    assert main(["report", str(run), "--out", str(page)]) == 0
    assert "The text kept is in the earlier run <code>fedc</code>" in page.read_text()


def test_what_earlier_runs_lost_is_counted_run_by_run(small_run: Path, tmp_path: Path) -> None:
    assert duplicates(open_run(str(small_run))).tombstones == {}
    run = tmp_path / "run"
    shutil.copytree(small_run, run)
    path = Path(published(str(run), "dedup"))
    (path / "tombstones").mkdir()
    lost = [{"id": f"old{i}", "earlier": "fedc" if i else "0123", "kept_id": "new"} for i in range(3)]
    pq.write_table(pa.Table.from_pylist(lost), path / "tombstones" / "part-0.parquet")
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["files"] |= {"tombstones/part-0.parquet": 1}
    (path / "manifest.json").write_text(json.dumps(manifest))
    assert duplicates(open_run(str(run))).tombstones == {"0123": 1, "fedc": 2}
    assert "the earlier run fedc holds 2 documents of which this one keeps better ones" in " ".join(
        as_text(duplicates(open_run(str(run)))).split()
    )
