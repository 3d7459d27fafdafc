"""Rows of tokens from MDS shards: memory-mapped, checked against the manifest's hashes when first opened.

The format is mosaicml-streaming's MDS version 2: a uint32 count of samples, count + 1 uint32 offsets from
the start of the file, the JSON configuration of the columns, then the samples. Ours have one column,
`tokens`, of a fixed shape, so the samples are one matrix. (The stock reader checks hashes only on download
and ends an epoch early, without an error, when a shard is missing.)
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from training.data.cache import Cache, CacheShare
from training.data.corpus import Corpus, ShardError, ShardFile
from training.plan import RowLocation

_OPEN_SHARDS = 512  # memory maps kept open, ideally one for each lane and source; each holds a descriptor
_CHUNK_BYTES = 1 << 24
_CHECKED_ROWS = 1 << 10

Tokens = NDArray[np.integer[Any]]


def map_shard(shard: ShardFile, row_tokens: int, dtype: str, *, verify: bool = True) -> Tokens:
    """Return a shard's rows as a read-only matrix (rows, row_tokens) over the file's pages.

    It is twice as wide if a `mask` precedes the tokens (`curate chat` writes one). `verify` checks the whole
    file against its stored hash; size and header are always checked.

    Raises:
        ShardError: the file differs from the manifest.
    """
    size = shard.path.stat().st_size if shard.path.exists() else -1
    if size < 0:
        raise ShardError(f"{shard.path}: expected a shard of {shard.size_bytes} bytes, found no file")
    if size != shard.size_bytes:
        kind = (
            f"truncated at byte {size}" if size < shard.size_bytes else f"longer from byte {shard.size_bytes}"
        )
        raise ShardError(f"{shard.path}: {kind}: expected {shard.size_bytes} bytes, found {size}")
    if size < 4 * (shard.rows + 2):
        raise ShardError(f"{shard.path}: {size} bytes cannot hold {shard.rows} rows; write the shards again")
    with shard.path.open("rb") as stream:
        data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    if verify:
        _check_hash(shard, data)
    begin, width = _check_header(shard, data, row_tokens, dtype)
    tokens = np.frombuffer(data, dtype=dtype, count=shard.rows * width, offset=begin)
    return tokens.reshape(shard.rows, width)


def _check_hash(shard: ShardFile, data: mmap.mmap) -> None:
    state = xxhash.xxh64()
    for begin in range(0, len(data), _CHUNK_BYTES):
        state.update(data[begin : begin + _CHUNK_BYTES])
    if state.hexdigest() != shard.xxh64:
        raise ShardError(
            f"{shard.path}: bytes 0 to {len(data)}: expected xxh64 {shard.xxh64}, found {state.hexdigest()}; "
            "the file was changed or damaged after it was written: restore it or write the shards again"
        )


def _check_header(shard: ShardFile, data: mmap.mmap, row_tokens: int, dtype: str) -> tuple[int, int]:
    """Check the header against the manifest; return the byte where the samples begin and their width."""
    count = int(np.frombuffer(data, np.uint32, 1)[0])
    if count != shard.rows:
        raise ShardError(
            f"{shard.path}: byte 0: expected {shard.rows} rows as in the manifest, found {count}"
        )
    table_end = 4 * (count + 2)
    offsets = np.frombuffer(data, np.uint32, count + 1, offset=4).astype(np.int64)
    encoding, width = f"ndarray:{dtype}:{row_tokens}", row_tokens
    if int(offsets[0]) > table_end and b'"mask"' in data[table_end : int(offsets[0])]:
        width = 2 * row_tokens
    row_bytes = width * np.dtype(dtype).itemsize
    expected = len(data) - row_bytes * np.arange(count, -1, -1, dtype=np.int64)
    if wrong_rows := np.flatnonzero(offsets != expected)[:1].tolist():
        row = wrong_rows[0]
        raise ShardError(
            f"{shard.path}: byte {4 + 4 * row}: expected row {row} of {row_bytes} bytes at byte "
            f"{expected[row]}, found {offsets[row]}"
        )
    try:
        columns = json.loads(data[table_end : int(offsets[0])])
        actual = dict(zip(columns["column_names"], columns["column_encodings"], strict=True))
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ShardError(
            f"{shard.path}: byte {table_end}: expected a description of the columns, found none: {error}"
        ) from None
    wanted = {"tokens": encoding} if width == row_tokens else {"mask": encoding, "tokens": encoding}
    if actual != wanted:
        raise ShardError(f"{shard.path}: byte {table_end}: expected the columns {wanted}, found {actual}")
    return int(offsets[0]), width


def _check_tokens(shard: ShardFile, tokens: Tokens, vocab: int) -> None:
    for first in range(0, shard.rows if np.iinfo(tokens.dtype).max >= vocab else 0, _CHECKED_ROWS):
        largest = tokens[first : first + _CHECKED_ROWS].max(axis=1)
        if wrong_rows := np.flatnonzero(largest >= vocab)[:1].tolist():
            row = wrong_rows[0]
            raise ShardError(
                f"{shard.path}: row {first + row}: expected tokens below the vocabulary's size, "
                f"{vocab}, found {largest[row]}; write the shards again"
            )


class ShardReader:
    """Copies rows out of shards. It keeps the newest maps open and hashes a file once while it is unchanged.

    Remote shards are copied to a local cache, those of expected batches ahead of time.
    """

    def __init__(self, corpus: Corpus, names: Sequence[str]) -> None:
        self.corpus, self._names = corpus, tuple(names)
        self._maps: dict[tuple[int, int], Tokens] = {}  # by source and shard
        self._verified: dict[Path, tuple[int, int, int]] = {}
        self._expected = self._read = 0  # batches
        self._masked = False
        self._cache: Cache | None = None

    @property
    def is_remote(self) -> bool:
        """Return whether some of its shards have to be fetched."""
        return any(
            self.corpus.sources[name][:1] and self.corpus.sources[name][0].remote for name in self._names
        )

    def use_cache(self, share: CacheShare) -> None:
        """Fetch remote shards from now on, into this share of the cache."""
        cache = self.corpus.cache
        folder, limit_bytes = Path(cache.folder).expanduser(), cache.limit_gib * (1 << 30)
        self._cache = Cache(folder, limit_bytes, share, self._forget)

    def paths(self, shards: Iterable[tuple[int, int]]) -> frozenset[Path]:
        """Return the local paths of those of the given (source, shard) that are remote."""
        return frozenset(file.path for shard in shards if (file := self.shard(*shard)).remote)

    def expect(self, rows: Sequence[RowLocation]) -> None:
        """Begin to fetch the shards of the rows of a later `read`; both are called in the same order."""
        if self._cache:
            shards = {(row.source, row.shard): self.shard(row.source, row.shard) for row in rows}
            remote = [shard for shard in shards.values() if shard.remote]
            self._cache.expect(self._expected, self._read, remote)
        self._expected += 1

    def close(self) -> None:
        """Begin no more fetches."""
        if self._cache:
            self._cache.close()

    def shard(self, source: int, number: int) -> ShardFile:
        """Return shard `number` of a source, which is given by its number in the plan."""
        return self.corpus.sources[self._names[source]][number]

    def read(self, rows: Sequence[RowLocation]) -> NDArray[np.int64]:
        """Return the tokens of some rows as int64 (rows, row_tokens).

        Raises:
            ShardError: a shard differs from the manifest, or a token is outside the vocabulary.
        """
        out = np.empty((len(rows), self.corpus.row_tokens), np.int64)
        for index, row in enumerate(self._rows(rows)):
            out[index] = row[-out.shape[1] :]
        self._read += 1
        return out

    def mask(self, rows: Sequence[RowLocation]) -> NDArray[np.bool_] | None:
        """Return which tokens of rows just read have a loss; None if no shard read so far has a mask."""
        if not self._masked:
            return None
        row_tokens = self.corpus.row_tokens
        out = np.ones((len(rows), row_tokens), np.bool_)
        for index, row in enumerate(self._rows(rows)):
            if len(row) > row_tokens:
                out[index] = row[:row_tokens] != 0
        return out

    def _rows(self, rows: Sequence[RowLocation]) -> Iterator[Tokens]:
        """Yield rows as the shards hold them: tokens, after their mask if there is one."""
        for _, source, number, row, _ in rows:
            tokens = self._maps.get((source, number))
            yield (self._open(source, number) if tokens is None else tokens)[row]

    def _open(self, source: int, number: int) -> Tokens:
        """Return the rows of a shard; a local copy that was damaged is fetched once more."""
        if len(self._maps) >= _OPEN_SHARDS:
            del self._maps[next(iter(self._maps))]
        shard = self.shard(source, number)
        if self._cache and shard.remote:
            self._cache.need(self._read, shard)
        try:
            tokens = self._map(shard)
        except ShardError:
            if not (self._cache and shard.remote):
                raise
            self._cache.evict(shard.path)
            self._cache.need(self._read, shard)
            tokens = self._map(shard)
        self._maps[source, number] = tokens
        return tokens

    def _map(self, shard: ShardFile) -> Tokens:
        identity = _identity(shard.path)
        verify = identity is None or self._verified.get(shard.path) != identity
        tokens = map_shard(shard, self.corpus.row_tokens, self.corpus.dtype, verify=verify)
        if verify:
            _check_tokens(shard, tokens[:, -self.corpus.row_tokens :], self.corpus.vocab)
        self._masked |= tokens.shape[1] > self.corpus.row_tokens
        if identity is not None:
            self._verified[shard.path] = identity
        return tokens

    def _forget(self, path: Path) -> None:
        """Close the map of an evicted copy, so that its disk space is freed."""
        for key in [key for key in self._maps if self.shard(*key).path == path]:
            del self._maps[key]


def _identity(path: Path) -> tuple[int, int, int] | None:
    """Return what changes with a file (size, modification time, inode), or None if there is none."""
    if not path.exists():
        return None
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ino
