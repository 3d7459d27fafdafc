"""The shards of run directories, from their manifests alone, and the documents in their rows."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from curation.accounting.manifest import BadManifest, MissingManifest, join, published, read_manifest
from curation.files.remote import StoreError, read
from training.plan import SourceRows
from training.settings import CacheConfig


class ShardError(RuntimeError):
    """Shards that differ from their manifest; the message names file, byte, what was expected and found."""


class Unreachable(ShardError):
    """A store that cannot give a manifest; nothing else is asked of it."""


@contextmanager
def reading(path: str, kind: type[Exception]) -> Iterator[None]:
    """Turn every error of reading a path or URL into one kind, except that it is missing or damaged."""
    try:
        yield
    except (MissingManifest, BadManifest, kind):
        raise
    except StoreError as error:
        raise kind(str(error)) from None
    except Exception as error:
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise kind(f"{path}: cannot be read ({reason})") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardFile:
    """One shard as the manifest describes it; the table `provenance` names the documents of its rows.

    If it is remote, `remote` is its URL, `path` is that of the local copy, and `provenance` is a URL.
    """

    path: Path
    provenance: Path | str
    rows: int
    size_bytes: int
    xxh64: str
    remote: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The part of a document in a row: `length` tokens from the document's token `start`."""

    id: str
    start: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """All sources of the run directories in a configuration, and their common tokenizer."""

    row_tokens: int
    dtype: str
    vocab: int
    eot_id: int
    tokenizer_digest: str
    tokenizer: str
    sources: Mapping[str, tuple[ShardFile, ...]]
    cache: CacheConfig = field(default_factory=CacheConfig)
    directories: tuple[str, ...] = ()

    def plan_sources(self, names: Sequence[str]) -> list[SourceRows]:
        """Return what a plan needs of the named sources; the digest covers the hashes of the shards."""
        out = []
        for name in names:
            shards = self.sources[name]
            text = "\n".join(f"{shard.rows} {shard.xxh64}" for shard in shards)
            digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
            shard_rows = tuple(shard.rows for shard in shards)
            out.append(SourceRows(name=name, digest=digest, shard_rows=shard_rows))
        return out


def open_corpus(directories: Sequence[str], cache: CacheConfig | None = None) -> Corpus:
    """Return the published shards of some run directories or URLs, from their manifests alone.

    Raises:
        MissingManifest: a directory has no published shards, and nothing else is wrong.
        Unreachable: a manifest cannot be read; the others are not tried.
        ShardError: with every reason: a manifest contradicts itself, or two directories differ in tokenizer
            or row length or have a source of the same name.
    """
    cache = cache or CacheConfig()
    copies = Path(cache.folder).expanduser()
    corpora: list[Corpus] = []
    faults: list[Exception] = []
    for directory in directories:
        try:
            corpora.append(_corpus(directory, copies))
        except Unreachable:
            raise
        except (MissingManifest, ShardError) as error:
            faults.append(error)
    sources: dict[str, tuple[ShardFile, ...]] = {}
    for corpus in corpora:
        directory = corpus.directories[0]
        faults += [
            ShardError(
                f"{directory}: {name}: expected {expected} as in {corpora[0].directories[0]}, "
                f"found {actual}; one run reads shards of one tokenizer and row length"
            )
            for name in ("row_tokens", "dtype", "tokenizer_digest", "vocab", "eot_id")
            if (actual := getattr(corpus, name)) != (expected := getattr(corpora[0], name))
        ]
        faults += [
            ShardError(f"{directory}: the source '{name}' is also in another directory of `data`")
            for name in sorted(sources.keys() & corpus.sources.keys())
        ]
        sources |= corpus.sources
    if faults:
        kind = ShardError if any(isinstance(fault, ShardError) for fault in faults) else MissingManifest
        raise kind("\n".join(map(str, faults)))
    return replace(corpora[0], directories=tuple(directories), sources=sources, cache=cache)


def _corpus(directory: str, copies: Path) -> Corpus:
    try:
        with reading(directory, Unreachable):
            folder = published(directory, "shard")
            detail = read_manifest(folder).detail
    except BadManifest as error:
        raise ShardError(f"{error}; write the shards again") from None
    try:
        tokenizer = detail["tokenizer"]
        return Corpus(
            directories=(directory,),
            row_tokens=detail["row_tokens"],
            dtype=detail["dtype"],
            vocab=tokenizer["vocab"],
            eot_id=tokenizer["eot_id"],
            tokenizer_digest=tokenizer["digest"],
            tokenizer=join(folder, tokenizer["file"]),
            sources={
                name: _shards(folder, copies, name, stream) for name, stream in detail["streams"].items()
            },
        )
    except KeyError as error:
        path = join(folder, "manifest.json")
        raise ShardError(f"{path}: `detail` lacks {error}; expected the manifest of a shard stage") from None


def _shards(folder: str, copies: Path, name: str, stream: Mapping[str, Any]) -> tuple[ShardFile, ...]:
    """Return a stream's shards in the manifest's order; their rows must sum to the stream's."""
    remote = "://" in folder
    local = copies / Path(folder).name if remote else Path(folder)  # its name is the stage's fingerprint
    shards = tuple(
        ShardFile(
            path=local / entry["file"],
            provenance=join(folder, entry["provenance"]) if remote else local / entry["provenance"],
            rows=entry["rows"],
            size_bytes=entry["bytes"],
            xxh64=entry["xxh64"],
            remote=join(folder, entry["file"]) if remote else "",
        )
        for entry in stream["shards"]
    )
    total = sum(shard.rows for shard in shards)
    if total != stream["rows"]:
        raise ShardError(
            f"{join(folder, 'manifest.json')}: stream '{name}': expected {stream['rows']} rows, found "
            f"{total} in its {len(shards)} shards; write the shards again"
        )
    return shards


def read_pieces(shard: ShardFile, rows: Sequence[int]) -> dict[int, list[Piece]]:
    """Return row -> its documents in order, from the provenance beside the shard.

    Raises:
        ShardError: the provenance is missing, cannot be read or lacks a row.
    """
    import pyarrow.parquet as pq  # training itself does not need it

    path = str(shard.provenance)
    with reading(path, ShardError):
        try:
            table = pq.read_table(io.BytesIO(read(path)), filters=[("row", "in", sorted(set(rows)))])
        except FileNotFoundError:
            raise ShardError(f"{path}: expected the documents of {shard.path.name}, found no file") from None
    out: dict[int, list[Piece]] = {row: [] for row in rows}
    for entry in table.to_pylist():
        out[entry["row"]].append(Piece(id=entry["id"], start=entry["start"], length=entry["length"]))
    if empty := [row for row, pieces in out.items() if not pieces]:
        raise ShardError(f"{shard.provenance}: expected the documents of row {empty[0]}, found none")
    return out
