"""Shards made by hand, small enough to know every row of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import xxhash
from tokenizers import Tokenizer, models, pre_tokenizers

from curation.accounting.manifest import Manifest
from curation.files.digests import digest_file

from .forks import Trainers

ROW_TOKENS, VOCAB, EOT, SHARD_ROWS = 32, 64, 0, 5


def mds_bytes(rows: np.ndarray) -> bytes:
    """One MDS shard, as MDSWriter writes it (a test holds the two together)."""
    config = {
        "column_encodings": [f"ndarray:{rows.dtype}:{rows.shape[1]}"],
        "column_names": ["tokens"],
        "column_sizes": [rows[0].nbytes],
        "compression": None,
        "format": "mds",
        "hashes": ["xxh64"],
        "size_limit": None,
        "version": 2,
    }
    header = json.dumps(config, sort_keys=True).encode()
    begin = 4 * (len(rows) + 2) + len(header)
    offsets = (begin + rows[0].nbytes * np.arange(len(rows) + 1)).astype(np.uint32)
    return np.uint32(len(rows)).tobytes() + offsets.tobytes() + header + rows.tobytes()


def pack(
    documents: Mapping[str, np.ndarray], row_tokens: int
) -> tuple[np.ndarray, list[list[tuple[str, int, int]]]]:
    """Rows of documents joined by end-of-text, and row -> [(id, start, length)]; the last row is padded."""
    stream, owner = [], []
    for name, tokens in documents.items():
        stream += [*tokens.tolist(), EOT]
        owner += [(name, place) for place in range(len(tokens) + 1)]  # its end-of-text among them
    short = -len(stream) % row_tokens
    stream, owner = stream + [EOT] * short, owner + [None] * short
    rows = np.array(stream, np.uint16).reshape(-1, row_tokens)
    pieces = []
    for begin in range(0, len(owner), row_tokens):
        here: list[tuple[str, int, int]] = []
        for known in owner[begin : begin + row_tokens]:
            if known and here and here[-1][0] == known[0]:
                here[-1] = (here[-1][0], here[-1][1], here[-1][2] + 1)
            elif known:
                here.append((known[0], known[1], 1))
        pieces.append(here)
    return rows, pieces


def patterned(count: int, seed: int) -> dict[str, np.ndarray]:
    """Documents a model can learn: each counts up from a random token, with a step of its source."""
    random = np.random.default_rng(seed)
    out = {}
    for number in range(count):
        length, first = int(random.integers(8, 40)), int(random.integers(1, VOCAB))
        out[f"{seed}-{number}"] = 1 + (first + (1 + seed % 3) * np.arange(length)) % (VOCAB - 1)
    return out


@dataclass(frozen=True)
class Published:
    """A run directory with published shards."""

    directory: Path
    folder: Path
    rows: Mapping[str, np.ndarray]


def write_shard(
    folder: Path, name: str, number: int, rows: np.ndarray, pieces: list[list[tuple[str, int, int]]]
) -> dict[str, object]:
    """Write one shard and its provenance; return its entry in the manifest."""
    data, file = mds_bytes(rows), f"{name}/shard.{number:05d}.mds"
    provenance = file.replace(".mds", ".parquet")
    (folder / file).write_bytes(data)
    table = [
        {"row": row, "id": id_, "start": start, "length": length}
        for row, here in enumerate(pieces)
        for id_, start, length in here
    ]
    schema = pa.schema(
        [("row", pa.int32()), ("id", pa.string()), ("start", pa.int64()), ("length", pa.int32())]
    )
    pq.write_table(pa.Table.from_pylist(table, schema), folder / provenance)
    return {
        "file": file,
        "provenance": provenance,
        "rows": len(rows),
        "bytes": len(data),
        "xxh64": xxhash.xxh64_hexdigest(data),
    }


def publish(
    directory: Path, sources: Mapping[str, Mapping[str, np.ndarray]], *, fingerprint: str = "f0"
) -> Published:
    """Write the shards of some sources as the shard stage does."""
    folder = directory / "shard" / fingerprint
    streams, all_rows = {}, {}
    for name, documents in sources.items():
        rows, pieces = pack(documents, ROW_TOKENS)
        all_rows[name] = rows
        (folder / name).mkdir(parents=True)
        firsts = range(0, len(rows), SHARD_ROWS)
        shards = [
            write_shard(folder, name, n, rows[a : a + SHARD_ROWS], pieces[a : a + SHARD_ROWS])
            for n, a in enumerate(firsts)
        ]
        streams[name] = {
            "rows": len(rows),
            "tokens": int(rows.size),
            "padding": 0,
            "documents": len(documents),
            "shards": shards,
        }
    tokenizer = {"file": "tokenizer.json", "digest": "xxh3:00", "vocab": VOCAB, "eot_id": EOT}
    detail = {"row_tokens": ROW_TOKENS, "dtype": "uint16", "tokenizer": tokenizer, "streams": streams}
    manifest = Manifest(
        stage="shard",
        fingerprint=fingerprint,
        config={},
        inputs={},
        resources={},
        versions={},
        output_version=1,
        detail=detail,
    )
    (folder / "manifest.json").write_text(manifest.to_json())
    (directory / "shard" / "current.json").write_text(json.dumps({"fingerprint": fingerprint}))
    return Published(directory=directory, folder=folder, rows=all_rows)


def add_tokenizer(run: Published) -> None:
    """Put the tokenizer beside the shards: `w7` is the token 7."""
    words = {"<|endoftext|>": EOT, **{f"w{n}": n for n in range(1, VOCAB)}}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="w1"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    tokenizer.save(str(run.folder / "tokenizer.json"))
    manifest = json.loads((run.folder / "manifest.json").read_text())
    manifest["detail"]["tokenizer"]["digest"] = digest_file(str(run.folder / "tokenizer.json"))
    (run.folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Models this small lose more by a second thread than they gain."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def made() -> SimpleNamespace:
    """The makers of shards."""
    return SimpleNamespace(
        mds_bytes=mds_bytes,
        patterned=patterned,
        publish=publish,
        add_tokenizer=add_tokenizer,
        ROW_TOKENS=ROW_TOKENS,
        VOCAB=VOCAB,
        EOT=EOT,
    )


@pytest.fixture(scope="session")
def trainers(root: Path) -> Iterator[Trainers]:
    """Runs of the trainer in processes of their own, forked from one that has imported torch."""
    made = Trainers(root)
    yield made
    made.close()


@pytest.fixture(scope="session")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Two sources, `docs` and `web`, to be copied."""
    directory = tmp_path_factory.mktemp("published") / "run"
    return publish(directory, {"docs": patterned(120, seed=1), "web": patterned(160, seed=2)})


@pytest.fixture
def published(published_once: Published, tmp_path: Path) -> Published:
    """Two sources, `docs` and `web`, in the run directory `run`."""
    run = tmp_path / "run"
    shutil.copytree(published_once.directory, run)
    return Published(directory=run, folder=run / "shard" / "f0", rows=published_once.rows)


@pytest.fixture(scope="session")
def finished_once(published_once: Published, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over `published` to its end, to be copied."""
    from training.train import main  # seconds, which tests of the plan need not wait

    folder = tmp_path_factory.mktemp("finished")
    config = folder / "config.yaml"
    config.write_text(config_text([published_once.directory], folder / "train"))
    assert main([str(config)]) == 0
    return folder / "train"


@pytest.fixture
def finished(
    finished_once: Path, published: Published, write_config: Callable[..., Path], tmp_path: Path
) -> str:
    """The configuration of a run that has come to its end, in `train`."""
    shutil.copytree(finished_once, tmp_path / "train")
    return str(write_config())


def config_text(data: Sequence[Path], out: Path, extra: str = "") -> str:
    """The YAML of a small run."""
    return f"""data: [{", ".join(map(str, data))}]
out: {out}
seed: 3
batch_rows: 8
lanes: 4
model: {{width: 32, layers: 2, heads: 4, kv_heads: 2}}
optimizer: {{learning_rate: 0.01, warmup_steps: 3}}
checkpoint: {{every_steps: 5}}
phases:
  - {{name: broad, steps: 8, mix: {{docs: 1, web: 3}}}}
  - {{name: anneal, steps: 6, mix: {{docs: 3, web: 1}}, ramp_steps: 2}}
{extra}"""


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[..., Path]:
    """Write the YAML of a small run over `published`."""

    def write(name: str = "config.yaml", *, out: str = "train", extra: str = "") -> Path:
        path = tmp_path / name
        path.write_text(config_text([tmp_path / "run"], tmp_path / out, extra))
        return path

    return write


@pytest.fixture(scope="session")
def fake_corpus() -> Callable[..., Path]:
    """Publish a manifest of shards that are not there: enough for a plan, a dry run, a refusal."""

    def publish_manifest(
        directory: Path, sources: Mapping[str, int], *, row_tokens: int = 2048, vocab: int = 50_304
    ) -> Path:
        def shards(name: str, rows: int) -> list[dict[str, object]]:
            sizes = [min(16_384, rows - first) for first in range(0, rows, 16_384)]
            files = [f"{name}/shard.{number:05d}" for number in range(len(sizes))]
            return [
                {"file": f"{file}.mds", "provenance": f"{file}.parquet", "rows": n, "bytes": 0, "xxh64": "0"}
                for file, n in zip(files, sizes, strict=True)
            ]

        streams = {name: {"rows": n, "shards": shards(name, n)} for name, n in sources.items()}
        tokenizer = {"file": "tokenizer.json", "digest": "xxh3:00", "vocab": vocab, "eot_id": 0}
        detail = {"row_tokens": row_tokens, "dtype": "uint16", "tokenizer": tokenizer, "streams": streams}
        made: dict[str, Any] = {"config": {}, "inputs": {}, "resources": {}, "versions": {}, "detail": detail}
        manifest = Manifest(stage="shard", fingerprint="f0", output_version=1, **made)
        (directory / "shard" / "f0").mkdir(parents=True)
        (directory / "shard" / "f0" / "manifest.json").write_text(manifest.to_json())
        (directory / "shard" / "current.json").write_text(json.dumps({"fingerprint": "f0"}))
        return directory

    return publish_manifest
