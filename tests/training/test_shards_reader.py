"""The reader: every row as mosaicml-streaming reads it, and every fault of a file loud."""

import json
import re

import numpy as np
import pytest

from curation.shards.mds import index_bytes, write_shard
from training.data.corpus import ShardError, ShardFile, open_corpus, read_pieces
from training.data.shards import ShardReader, map_shard
from training.plan import RowLocation


def rows_of(corpus, name):
    return np.concatenate(
        [map_shard(shard, corpus.row_tokens, corpus.dtype) for shard in corpus.sources[name]]
    )


def test_it_reads_what_was_written(published):
    corpus = open_corpus([str(published.directory)])
    for name in ("docs", "web"):
        assert np.array_equal(rows_of(corpus, name), published.rows[name])
    assert (corpus.row_tokens, corpus.vocab, corpus.eot_id) == (32, 64, 0)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the reference reader's own
def test_it_reads_as_the_reference_does(tmp_path, made, streaming):
    folder = tmp_path / "web"
    folder.mkdir()
    parts = [
        np.random.default_rng(n).integers(0, 60_000, (rows, 16), np.uint16) for n, rows in enumerate([5, 3])
    ]
    infos = [write_shard(folder, number, part) for number, part in enumerate(parts)]
    (folder / "index.json").write_bytes(index_bytes([info.entry for info in infos]))
    dataset = streaming.StreamingDataset(
        remote=str(folder), local=str(tmp_path / "cache"), batch_size=1, validate_hash="xxh64"
    )
    theirs = np.stack([dataset[n]["tokens"] for n in range(len(dataset))])
    made.publish(tmp_path / "run", {"docs": made.patterned(20, 1)})
    corpus = open_corpus([str(tmp_path / "run")])
    ours = [
        map_shard(
            ShardFile(
                path=folder / i.file, provenance=folder, rows=i.rows, size_bytes=i.bytes, xxh64=i.xxh64
            ),
            16,
            "uint16",
        )
        for i in infos
    ]
    assert np.array_equal(np.concatenate(ours), theirs)
    assert (
        made.mds_bytes(parts[0]) == (folder / infos[0].file).read_bytes()
    )  # so the other tests' shards are true
    assert corpus.sources.keys() == {"docs"}


def flip(path):
    data = bytearray(path.read_bytes())
    data[-7] ^= 1
    path.write_bytes(data)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-10])


def lengthen(path):
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (flip, "bytes 0 to {size}: expected xxh64 {xxh64}, found HASH; the file was changed or damaged after it was "
               "written: restore it or write the shards again"),
        (truncate, "truncated at byte {less}: expected {size} bytes, found {less}"),
        (lengthen, "longer from byte {size}: expected {size} bytes, found {more}"),
        (lambda path: path.unlink(), "expected a shard of {size} bytes, found no file"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_named(published, damage, message):
    corpus = open_corpus([str(published.directory)])
    shard = corpus.sources["web"][1]
    damage(shard.path)
    size = shard.size_bytes
    expected = message.format(size=size, xxh64=shard.xxh64, less=size - 10, more=size + 1)
    with pytest.raises(ShardError) as fault:
        ShardReader(corpus, ["docs", "web"]).read([RowLocation(slot=0, source=1, shard=1, row=0, epoch=0)])
    assert re.sub("found [0-9a-f]{16};", "found HASH;", str(fault.value)) == f"{shard.path}: {expected}"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes cannot hold 2 rows; write the shards again"),
        (np.array([2, 30, 38, 46], np.uint32).tobytes() + b"{}" + b"no description"[:12] + bytes(16), None),
        (np.array([2, 26, 34, 42], np.uint32).tobytes() + b"not JSON!!" + bytes(16), None),
    ],
)
def test_a_file_that_is_no_shard_is_refused(tmp_path, data, message):
    path = tmp_path / "a.mds"
    path.write_bytes(data)
    shard = ShardFile(path=path, provenance=path, rows=2, size_bytes=len(data), xxh64="")
    message = message or "byte 16: expected a description of the columns, found none: "
    with pytest.raises(ShardError) as fault:
        map_shard(shard, 4, "uint16", verify=False)
    assert str(fault.value).startswith(f"{path}: {message}")


def manifest_of(published):
    return json.loads((published.folder / "manifest.json").read_text())


def rewrite(published, change):
    manifest = manifest_of(published)
    change(manifest["detail"])
    (published.folder / "manifest.json").write_text(json.dumps(manifest))


def one_row_more(detail):
    detail["streams"]["web"]["shards"][0]["rows"] += 1
    detail["streams"]["web"]["rows"] += 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (one_row_more, "shard.00000.mds: byte 0: expected 6 rows as in the manifest, found 5"),
        (lambda d: d.update(row_tokens=16),
         "shard.00000.mds: byte 4: expected row 0 of 32 bytes at byte 374, found 214"),
        (lambda d: d.update(dtype="uint8", row_tokens=64),
         "shard.00000.mds: byte 28: expected the columns {'tokens': 'ndarray:uint8:64'}, "
         "found {'tokens': 'ndarray:uint16:32'}"),
    ],
)  # fmt: skip
def test_a_header_that_contradicts_the_manifest_is_named(published, change, message):
    rewrite(published, change)
    corpus = open_corpus([str(published.directory)])
    shard = corpus.sources["web"][0]
    with pytest.raises(ShardError, match=re.escape(message)):
        map_shard(shard, corpus.row_tokens, corpus.dtype)


def test_a_token_outside_the_vocabulary_is_named(published):
    rewrite(published, lambda detail: detail["tokenizer"].update(vocab=40))
    corpus = open_corpus([str(published.directory)])
    rows = [RowLocation(slot=0, source=0, shard=0, row=row, epoch=0) for row in range(5)]
    pattern = r"shard.00000.mds: row \d: expected tokens below the vocabulary's size, 40, found \d\d; "
    with pytest.raises(ShardError, match=pattern):
        ShardReader(corpus, ["web"]).read(rows)


def test_a_file_is_hashed_once_and_again_after_it_changed(published, monkeypatch):
    corpus = open_corpus([str(published.directory)])
    reader, hashed = ShardReader(corpus, ["web"]), []
    from training.data import shards

    monkeypatch.setattr(shards, "_OPEN_SHARDS", 1)
    check = shards._check_hash
    monkeypatch.setattr(
        shards, "_check_hash", lambda shard, data: (hashed.append(shard.path.name), check(shard, data))
    )
    first, second = (RowLocation(slot=0, source=0, shard=n, row=0, epoch=0) for n in (0, 1))
    reader.read([first, second, first, second])
    assert hashed == ["shard.00000.mds", "shard.00001.mds"]
    flip(reader.shard(0, 0).path)
    with pytest.raises(ShardError, match=r"shard\.00000\.mds: bytes 0 to"):
        reader.read([first])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d["streams"]["web"].update(rows=9),
            "stream 'web': expected 9 rows, found {rows} in its {n} shards",
        ),
        (lambda d: d.pop("dtype"), "`detail` lacks 'dtype'; expected the manifest of a shard stage"),
        (lambda d: d["streams"]["web"]["shards"][0].pop("xxh64"), "`detail` lacks 'xxh64'"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(published, change, message):
    rewrite(published, change)
    rows = published.rows["web"]
    expected = message.format(rows=len(rows), n=-(-len(rows) // 5))
    with pytest.raises(ShardError, match=re.escape(f"{published.folder / 'manifest.json'}: {expected}")):
        open_corpus([str(published.directory)])


def test_a_truncated_manifest_is_named(published):
    path = published.folder / "manifest.json"
    path.write_text(path.read_text()[:200])
    message = (
        rf"{re.escape(str(path))}: is no JSON, or only a part of it: .*\(char 200\); write the shards again"
    )
    with pytest.raises(ShardError, match=message):
        open_corpus([str(published.directory)])


def test_two_directories_make_one_corpus(published, tmp_path, made):
    made.publish(tmp_path / "more", {"code": made.patterned(20, 3)})
    both = [str(published.directory), str(tmp_path / "more")]
    assert sorted(open_corpus(both).sources) == ["code", "docs", "web"]
    with pytest.raises(ShardError, match="the source 'docs' is also in another directory"):
        open_corpus([both[0], both[0]])
    other = made.publish(tmp_path / "other", {"code": made.patterned(20, 3)})
    rewrite(other, lambda detail: detail["tokenizer"].update(digest="xxh3:11"))
    with pytest.raises(ShardError, match=r"tokenizer_digest: expected xxh3:00 as in .*run, found xxh3:11"):
        open_corpus([both[0], str(tmp_path / "other")])


def test_provenance_names_the_documents_of_a_row(published):
    corpus = open_corpus([str(published.directory)])
    shard = corpus.sources["docs"][0]
    pieces = read_pieces(shard, [0, 1])
    assert [piece.id for piece in pieces[0]][:1] == ["1-0"]
    assert sum(piece.length for piece in pieces[0]) == 32
    with pytest.raises(
        ShardError, match=r"shard\.00000\.parquet: expected the documents of row 9, found none"
    ):
        read_pieces(shard, [9])
    shard.provenance.unlink()
    with pytest.raises(ShardError, match=r"expected the documents of shard\.00000\.mds, found no file"):
        read_pieces(shard, [0])
