"""Shards are byte for byte those of mosaicml-streaming's `MDSWriter`, and its reader reads them with its hashes on."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import xxhash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.shards import mds
from curation.shards.mds import index_bytes, shard_name, write_shard


def rows_of(seed, rows, row_tokens=16, dtype="uint16"):
    """Return random rows."""
    return np.random.default_rng(seed).integers(0, 60_000, (rows, row_tokens), dtype)


def their_files(streaming, folder, shards):
    """Write shards, lists of a sample for each row, by `MDSWriter`; return its files."""
    columns = {name: f"ndarray:{row.dtype.name}:{len(row)}" for name, row in shards[0][0].items()}
    with streaming.MDSWriter(columns=columns, out=folder, hashes=["xxh64"], size_limit=None) as writer:
        for shard in shards:
            for sample in shard:
                writer.write(sample)
            writer.flush_shard()
            writer._reset_cache()
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    row_tokens=st.integers(1, 300),
    dtype=st.sampled_from(["uint16", "uint32"]),
    masked=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_every_file_is_that_of_the_reference_writer(streaming, rows, row_tokens, dtype, masked, seed):
    random, top = np.random.default_rng(seed), np.iinfo(dtype).max
    tables = [random.integers(0, top, (count, row_tokens), dtype, endpoint=True) for count in rows]
    masks = [random.integers(0, 2, table.shape, dtype) if masked else None for table in tables]
    shards = [
        [{"tokens": row} if mask is None else {"tokens": row, "mask": mask[n]} for n, row in enumerate(table)]
        for table, mask in zip(tables, masks, strict=True)
    ]
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
        written = [
            write_shard(ours, number, *pair) for number, pair in enumerate(zip(tables, masks, strict=True))
        ]
        found = {path.name: path.read_bytes() for path in Path(ours).iterdir()}
        found["index.json"] = index_bytes(info.entry for info in reversed(written))
        assert found == their_files(streaming, theirs, shards)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the reference reader's own
@pytest.mark.parametrize("dtype", ["uint16", "uint32"])
def test_the_reference_reader_reads_every_row(tmp_path, dtype, streaming):
    folder = tmp_path / "stream"
    folder.mkdir()
    tables = [rows_of(number, rows, dtype=dtype) for number, rows in enumerate([5, 5, 2])]
    written = [write_shard(folder, number, rows) for number, rows in enumerate(tables)]
    (folder / "index.json").write_bytes(index_bytes(info.entry for info in reversed(written)))
    assert sorted(path.name for path in folder.iterdir()) == ["index.json", *map(shard_name, range(3))]
    dataset = streaming.StreamingDataset(
        remote=str(folder), local=str(tmp_path / "cache"), batch_size=1, validate_hash="xxh64"
    )
    found = [dataset[i]["tokens"] for i in range(len(dataset))]
    assert len(found) == 12
    assert found[0].dtype.name == dtype
    assert np.array_equal(np.stack(found), np.concatenate(tables))


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_the_reference_reader_refuses_a_damaged_shard(tmp_path, streaming):
    folder = tmp_path / "stream"
    folder.mkdir()
    info = write_shard(folder, 0, rows_of(1, 3))
    (folder / "index.json").write_bytes(index_bytes([info.entry]))
    content = bytearray((folder / info.file).read_bytes())
    content[-1] ^= 1
    (folder / info.file).write_bytes(content)
    dataset = streaming.StreamingDataset(
        remote=str(folder), local=str(tmp_path / "cache"), batch_size=1, validate_hash="xxh64"
    )
    with pytest.raises(ValueError, match="Checksum failure"):
        dataset[0]


def test_the_info_is_that_of_the_file(tmp_path):
    info = write_shard(tmp_path, 123_456, rows_of(1, 3))
    content = (tmp_path / "shard.123456.mds").read_bytes()
    assert (info.file, info.rows, info.bytes) == ("shard.123456.mds", 3, len(content))
    assert info.xxh64 == xxhash.xxh64_hexdigest(content)
    assert info.entry["raw_data"] == {
        "basename": info.file,
        "bytes": info.bytes,
        "hashes": {"xxh64": info.xxh64},
    }
    assert info.entry["column_encodings"] == ["ndarray:uint16:16"]


def test_the_same_rows_give_the_same_bytes_wherever_and_whenever(tmp_path):
    rows = rows_of(2, 4)
    for name in "abc":
        (tmp_path / name).mkdir()
    first = write_shard(tmp_path / "a", 0, rows)
    again = write_shard(tmp_path / "b", 7, np.asfortranarray(rows))
    twice = write_shard(tmp_path / "a", 0, rows)  # a retry replaces
    assert first.xxh64 == again.xxh64
    assert first == twice
    assert (tmp_path / "a" / "shard.00000.mds").read_bytes() == (
        tmp_path / "b" / "shard.00007.mds"
    ).read_bytes()
    assert first.xxh64 != write_shard(tmp_path / "c", 0, rows[:3]).xxh64


def test_an_index_is_in_the_order_of_numbers():
    entries = [{"raw_data": {"basename": shard_name(n)}} for n in (100_000, 99_999, 3)]
    found = json.loads(index_bytes(entries))
    assert found["version"] == 2
    assert [entry["raw_data"]["basename"] for entry in found["shards"]] == [
        "shard.00003.mds",
        "shard.99999.mds",
        "shard.100000.mds",
    ]


def test_a_failure_half_way_leaves_no_shard(tmp_path, monkeypatch):
    def dies(path, data):
        with path.open("wb") as stream:
            stream.write(data[: len(data) // 2])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", dies)
    with pytest.raises(OSError, match="disk full"):
        write_shard(tmp_path, 0, rows_of(1, 3))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (np.zeros((0, 4), np.uint16), "rows of uint16 shaped (0, 4)"),
        (np.zeros(4, np.uint16), "rows of uint16 shaped (4,)"),
        (np.zeros((2, 4), np.int64), "rows of int64 shaped (2, 4)"),
    ],
)
def test_what_is_no_table_of_ids_is_refused(tmp_path, rows, found):
    with pytest.raises(ValueError, match="expected a table") as caught:
        write_shard(tmp_path, 3, rows)
    assert str(caught.value) == (
        f"shard.00003.mds: found {found}, expected a table (rows, row_tokens) of uint16 or uint32 with at "
        "least one row"
    )


@pytest.mark.parametrize("mask", [np.ones((2, 5), np.uint16), np.ones((2, 4), np.uint32)])
def test_a_mask_unlike_its_rows_is_refused(tmp_path, mask):
    with pytest.raises(ValueError, match="mask") as caught:
        write_shard(tmp_path, 3, np.zeros((2, 4), np.uint16), mask)
    assert str(caught.value) == (
        f"shard.00003.mds: found a mask of {mask.dtype.name} shaped {mask.shape}, expected uint16 shaped (2, 4), "
        "like the rows"
    )
    assert list(tmp_path.iterdir()) == []


def test_importing_the_module_imports_nothing_heavy():
    code = (
        f"import sys, {mds.__name__}, curation.shards.pack, curation.shards.tokens; "
        "print({'streaming', 'torch', 'torchvision', 'tokenizers', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.slow
def test_streaming_comes_without_torchvision(root):
    code = (
        "import sys; sys.path.insert(0, 'benchmarks'); from reference_reader import import_streaming; "
        "print(import_streaming().MDSWriter.format, 'torchvision' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout == "mds False\n"
