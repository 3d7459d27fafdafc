"""Which shards there are, from the manifests of run directories alone, and whose documents they hold."""

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
from training.plan import Source
from training.settings.sections import CacheSettings


class ShardError(RuntimeError):
    """Shards that are not what their manifest says: names the file, the byte, what was expected and found."""


class Unreachable(ShardError):
    """A store that does not give a manifest: there is no use in asking it for more."""


@contextmanager
def reading(path: str, kind: type[Exception]) -> Iterator[None]:
    """Turn whatever comes of a path or URL that cannot be read into one kind of error, which says what to do.

    What is not there, or is damaged, its reader tells.
    """
    try:
        yield
    except (MissingManifest, BadManifest, kind):
        raise
    except StoreError as error:
        raise kind(str(error)) from None
    except Exception as error:
        found = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise kind(f"{path}: cannot be read ({found})") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One shard file as the manifest describes it; `provenance` names the documents of its rows.

    Where it is remote, `remote` is its URL, `path` where its local copy goes, and `provenance` a URL.
    """

    path: Path
    provenance: Path | str
    rows: int
    size_bytes: int
    xxh64: str
    remote: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of one document in a row: `length` tokens from token `start` of the document."""

    id: str
    start: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Every source of the run directories a configuration names, and the tokenizer they share."""

    row_tokens: int
    dtype: str
    vocab: int
    eot_id: int
    tokenizer_digest: str
    tokenizer: str
    sources: Mapping[str, tuple[Shard, ...]]
    cache: CacheSettings = field(default_factory=CacheSettings)
    directories: tuple[str, ...] = ()

    def plan_sources(self, names: Sequence[str]) -> list[Source]:
        """Return what a plan must know of the named sources; a digest covers the hashes of its shards."""
        out = []
        for name in names:
            shards = self.sources[name]
            text = "\n".join(f"{shard.rows} {shard.xxh64}" for shard in shards)
            digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
            out.append(Source(name=name, digest=digest, shard_rows=tuple(shard.rows for shard in shards)))
        return out


def open_corpus(directories: Sequence[str], cache: CacheSettings | None = None) -> Corpus:
    """Return the published shards of some run directories or URLs, from their manifests alone.

    Raises:
        MissingManifest: a directory has no published shards, and nothing else is wrong.
        Unreachable: a manifest cannot be read; no other is asked for.
        ShardError: a manifest contradicts itself, or two directories differ in tokenizer or row length, or
            both have a source of the same name; with every reason there is.
    """
    cache = cache or CacheSettings()
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
    sources: dict[str, tuple[Shard, ...]] = {}
    for corpus in corpora:
        where = corpus.directories[0]
        faults += [
            ShardError(
                f"{where}: {what}: expected {wanted} as in {corpora[0].directories[0]}, found {found}; "
                "one run reads shards of one tokenizer and row length"
            )
            for what in ("row_tokens", "dtype", "tokenizer_digest", "vocab", "eot_id")
            if (found := getattr(corpus, what)) != (wanted := getattr(corpora[0], what))
        ]
        faults += [
            ShardError(f"{where}: the source '{name}' is also in another directory of `data`")
            for name in sorted(sources.keys() & corpus.sources.keys())
        ]
        sources |= corpus.sources
    if faults:
        kind = ShardError if any(isinstance(each, ShardError) for each in faults) else MissingManifest
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
            sources={name: _shards(folder, copies, name, each) for name, each in detail["streams"].items()},
        )
    except KeyError as error:
        path = join(folder, "manifest.json")
        raise ShardError(f"{path}: `detail` lacks {error}; expected the manifest of a shard stage") from None


def _shards(folder: str, copies: Path, name: str, stream: Mapping[str, Any]) -> tuple[Shard, ...]:
    """Return a stream's shards in the manifest's order, if their rows sum to the stream's."""
    remote = "://" in folder
    place = copies / Path(folder).name if remote else Path(folder)  # the name is what made the shards
    shards = tuple(
        Shard(
            path=place / entry["file"],
            provenance=join(folder, entry["provenance"]) if remote else place / entry["provenance"],
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


def read_pieces(shard: Shard, rows: Sequence[int]) -> dict[int, list[Piece]]:
    """Return row -> its documents in order, from the provenance beside the shard.

    Raises:
        ShardError: the provenance is missing, cannot be read or does not know a row.
    """
    import pyarrow.parquet as pq  # only people's questions need it

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
