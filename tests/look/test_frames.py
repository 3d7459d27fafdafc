from __future__ import annotations

import itertools
import random
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.accounting.manifest import MissingManifest
from curation.look import frames


def test_documents_of_a_state_are_plain_values(small_run: Path) -> None:
    dropped = frames.documents(str(small_run), "filter", "dropped")
    assert sorted(dropped["title"].str.slice(0, 6)) == ["Page 8", "Page 9"]
    assert set(dropped["state"]) == {"dropped"}
    first = dropped.iloc[0]
    assert first["measures"]["gopher.word_count"] == 2.0
    assert first["reasons"][0]["name"] == "gopher.word_count"
    assert first["edits"] == {"house.mask_pii": 0}
    assert dropped.attrs["rate"] == 1.0


def test_a_smaller_sample_lies_inside_a_larger(small_run: Path) -> None:
    sizes = [0, 2, 4, 8, 100]
    ids = [set(frames.documents(str(small_run), "filter", wanted=n)["id"]) for n in sizes]
    assert all(small <= large for small, large in itertools.pairwise(ids))
    assert ids[0] == set()
    assert len(ids[-1]) == 10


def test_only_the_asked_columns_are_read(small_run: Path) -> None:
    frame = frames.documents(str(small_run), "extract", columns=["url"])
    assert list(frame) == ["id", "url"]
    assert len(frame) == 12


def test_a_state_that_no_row_ended_in_is_empty(small_run: Path) -> None:
    frame = frames.documents(str(small_run), "dedup", "failed")
    assert len(frame) == 0
    assert {"id", "text", "reasons"} <= set(frame)


def test_a_stage_without_rows_is_empty(judging: SimpleNamespace, small_run: Path, tmp_path: Path) -> None:
    stage = shutil.copytree(small_run / "dedup", tmp_path / "dedup")
    for file in stage.rglob("*.parquet"):
        file.unlink()
    judging.relist(next(stage.glob("*/manifest.json")).parent)
    assert len(frames.documents(str(tmp_path), "dedup")) == 0
    assert len(frames.pairs(str(tmp_path))) == 0


def test_measures_and_rules_go_together(small_run: Path) -> None:
    wide, rules = frames.measures(str(small_run)), frames.rules(str(small_run))
    assert list(rules["name"]) == ["gopher.word_count", "gopher.mean_word_length"]
    assert rules["max"].tolist() == [float("inf"), 40.0]
    assert set(rules["name"]) <= set(wide)
    assert wide["gopher.word_count"].min() == 2.0


def test_ledgers_close_by_stage_and_source(small_run: Path) -> None:
    table = frames.ledgers(str(small_run))
    assert (table["in"] == table[["kept", "dropped", "merged", "failed"]].sum(axis=1)).all()
    assert set(table["source"]) == {"all", "web", "docs"}
    reasons = frames.reasons(str(small_run))
    row = reasons[(reasons.stage == "filter") & (reasons.source == "all")].set_index("reason")
    assert row.loc["gopher.word_count", "records"] == 2


def test_pairs_have_the_text_of_both(small_run: Path) -> None:
    pairs = frames.pairs(str(small_run))
    assert pairs["reason"].tolist() == ["dedup.near", "dedup.exact"]
    assert pairs["text"].str.endswith("again").tolist() == [True, False]
    assert set(pairs["kept_title"]) == {"Page 3"}


def test_the_pair_least_alike_of_a_cluster_comes_first(judging: SimpleNamespace, tmp_path: Path) -> None:
    jaccards = [0.95, None, 0.85, 1.0, 0.9]
    merged = [judging.document(n, merged_into=f"{9:032x}") for n in range(5)]
    path = judging.publish(tmp_path, "dedup", [*merged, judging.document(9)])
    (path / "clusters").mkdir()
    rows = [
        {"id": f"{n:032x}", "kept_id": f"{9:032x}", "jaccard": jaccard, "cluster_size": 6}
        for n, jaccard in enumerate(jaccards)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path / "clusters" / "part-0.parquet")
    found = frames.pairs(str(tmp_path))["jaccard"]
    assert found.isna().tolist() == [True] + [False] * 4, "what is alike in meaning only"
    assert found.tolist()[1:] == [0.85, 0.9, 0.95, 1.0]


def test_streams_and_training(small_run: Path, metrics: Path) -> None:
    streams = frames.streams(str(small_run))
    assert streams.to_dict("records") == [
        {"stream": "web", "rows": 2, "tokens": 200, "padding": 56, "documents": 3, "shards": 1, "bytes": 512}
    ]
    assert frames.training(str(metrics))["loss"].iloc[-1] == 3.0


def test_an_unpublished_directory_says_so(tmp_path: Path) -> None:
    with pytest.raises(
        MissingManifest, match=re.escape("no stage was published there; expected the --out of a run")
    ):
        frames.rules(str(tmp_path))


@pytest.mark.parametrize("files", [1, 13])
def test_the_sample_is_the_same_however_the_rows_lie_in_files(
    judging: SimpleNamespace, tmp_path: Path, files: int
) -> None:
    gone = [{"name": "a.b", "state": "dropped", "value": 1.0, "min": 2.0, "max": None, "detail": None}]
    documents = [judging.document(n, reasons=gone if n % 4 == 0 else []) for n in range(300)]
    path = judging.publish(tmp_path, "filter", documents)
    before = {
        (state, columns): frames.documents(str(tmp_path), "filter", state, wanted=50, columns=columns)
        for state in ("kept", "dropped", None)
        for columns in (None, ("text",))
    }
    for folder in (path / "rows").iterdir():
        rows = pq.read_table(folder).take(random.Random(files).sample(range(n := _rows(folder)), n))
        shutil.rmtree(folder)
        folder.mkdir()
        size = -(-rows.num_rows // files)
        for n in range(files):
            pq.write_table(rows.slice(size * n, size), folder / f"{n}.parquet", row_group_size=9)
    judging.relist(path)
    for (state, columns), frame in before.items():
        assert 25 < len(frame) < 80
        again = frames.documents(str(tmp_path), "filter", state, wanted=50, columns=columns)
        pd.testing.assert_frame_equal(again, frame)
        assert again.attrs == frame.attrs


def test_of_row_groups_that_hold_none_of_the_sample_only_ids_are_read(
    judging: SimpleNamespace, tmp_path: Path
) -> None:
    path = judging.publish(tmp_path, "filter", [judging.document(n) for n in range(400)])
    (file,) = (path / "rows").rglob("*.parquet")
    rows = pq.read_table(file, partitioning=None)
    pq.write_table(rows, file, row_group_size=10)
    found = frames.documents(str(tmp_path), "filter", "kept", wanted=8)
    written, bytes_, damaged = pq.ParquetFile(file).metadata, bytearray(file.read_bytes()), 0
    places = [
        n for n in range(written.num_columns) if written.row_group(0).column(n).path_in_schema == "text"
    ]
    for n in range(written.num_row_groups):
        if not set(rows["id"][10 * n : 10 * n + 10].to_pylist()) & set(found["id"]):
            column, damaged = written.row_group(n).column(places[0]), damaged + 1
            start = column.dictionary_page_offset or column.data_page_offset
            bytes_[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    file.write_bytes(bytes_)
    assert 10 < damaged < 40
    with pytest.raises(OSError, match=r"Corrupt|corrupt|Couldn|Unexpected|deserialize"):
        pq.read_table(file)
    pd.testing.assert_frame_equal(frames.documents(str(tmp_path), "filter", "kept", wanted=8), found)


def _rows(folder: Path) -> int:
    return pq.read_table(folder).num_rows
