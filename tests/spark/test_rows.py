"""What a task writes and says of it, and what the driver makes of that; no cluster is needed for either."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash

from curation.accounting.digest import digest_batch, digest_rows
from curation.accounting.settle import SETTLED
from curation.accounting.tally import tally
from curation.spark import rows
from curation.spark.rows import SharedPathError
from curation.spark.store import sizes


def settled(first: int, last: int) -> pa.RecordBatch:
    """Rows of which every third was dropped."""
    values = [
        {
            "id": f"{n:032x}",
            "source": "web",
            "text": f"text {n} " * n,
            "characters": n,
            "characters_in": n,
            "edits": [],
            "measures": [("a.b", float(n))],
            "reasons": [] if n % 3 else [{"name": "a.b", "state": "dropped"}],
            "state": "kept" if n % 3 else "dropped",
        }
        for n in range(first, last)
    ]
    return pa.RecordBatch.from_pylist(values, schema=SETTLED)


def message(folder: Path, *batches: pa.RecordBatch) -> dict[str, Any]:
    (values,) = rows._write_partition(str(folder), "filter", iter(batches)).to_pylist()
    return values | {name: json.loads(values[name]) for name in ("files", "ledger")}


def test_a_task_writes_a_file_for_each_state_and_says_what_is_in_it(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(rows, "_GROUP_BYTES", 4000)
    said = message(tmp_path, settled(0, 40), settled(40, 100))
    whole = settled(0, 100)
    assert said["digest"] == digest_rows([digest_batch(whole, rows._CONTENT)])
    assert said["ledger"] == tally("filter", whole).to_json()
    assert (said["rows"], {file["name"].split("/")[0]: file["rows"] for file in said["files"]}) == (
        100,
        {"state=dropped": 34, "state=kept": 66},
    )
    for file in said["files"]:
        path = tmp_path / file["name"]
        state = path.parent.name.removeprefix("state=")
        assert (path.stat().st_size, xxhash.xxh3_64_hexdigest(path.read_bytes())) == (
            file["bytes"],
            file["xxh3"],
        )
        expected = [row for row in whole.to_pylist() if row.pop("state") == state]
        assert pq.read_table(path, partitioning=None).to_pylist() == expected
        assert pq.ParquetFile(path).num_row_groups > 1, "rows do not wait for the whole file"


def test_a_task_without_rows_writes_no_file(tmp_path: Path) -> None:
    said = message(tmp_path, settled(0, 0))
    assert (said["files"], said["rows"]) == ([], 0)
    assert not [*tmp_path.iterdir()]


def test_what_another_attempt_wrote_is_swept(tmp_path: Path) -> None:
    accepted, lost = message(tmp_path, settled(0, 10)), message(tmp_path, settled(0, 9))
    rows._check_and_sweep(str(tmp_path), {file["name"]: file["bytes"] for file in accepted["files"]})
    for said, there in ((accepted, True), (lost, False)):
        assert [(tmp_path / file["name"]).exists() for file in said["files"]] == [there, there]


@pytest.mark.parametrize("harm", ["gone", "cut"])
def test_what_the_driver_does_not_see_is_no_output(tmp_path: Path, harm: str) -> None:
    """As where executors write to a disk of their own: complete by their word, and nothing is there."""
    files = {file["name"]: file["bytes"] for file in message(tmp_path, settled(0, 10))["files"]}
    (name,) = [name for name in files if "kept" in name]
    path = tmp_path / name
    path.unlink() if harm == "gone" else path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SharedPathError) as error:
        rows._check_and_sweep(str(tmp_path), files)
    assert str(error.value) == (
        f"{tmp_path}: 1 of 2 files that tasks wrote are not here as they were written, {name} among them. The "
        "driver and all executors must see --out as one and the same place: name a folder that they share, or a "
        "store (s3://...)"
    )


def test_a_file_that_a_lost_attempt_ends_late_is_in_no_list(tmp_path: Path) -> None:
    accepted = message(tmp_path / "rows", settled(0, 10))["files"]
    (tmp_path / "rows" / rows.WRITTEN).write_text(json.dumps({"files": accepted}))
    message(tmp_path / "rows", settled(0, 9))
    (tmp_path / "clusters").mkdir()
    (tmp_path / "clusters" / "part-0.parquet").write_bytes(b"another table")
    expected = {
        f"rows/{rows.WRITTEN}",
        "clusters/part-0.parquet",
        *(f"rows/{file['name']}" for file in accepted),
    }
    assert set(rows.without_strays(str(tmp_path), sizes(str(tmp_path)))) == expected
