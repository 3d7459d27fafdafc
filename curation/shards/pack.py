"""Documents of a stream to rows of equal length: geometry, without files.

A *stream* is all documents that one weight of the curriculum can reach. In the order of `order_key`
each takes its tokens and one end of text; laid end to end they are the stream's tokens, cut into rows
of `row_tokens`, and the rows into shards of `rows_per_shard`. Only the last row is padded (`best_fit`
says what differs there). So a document's interval, and with it every byte of every shard, follows from
the documents alone: who computes which shard, and how the documents were partitioned, changes nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import xxhash

from curation.shards.tokens import Ids

PROVENANCE = pa.schema(
    [
        pa.field("row", pa.int32()),  # within the shard
        pa.field("id", pa.string()),
        pa.field("start", pa.int64()),  # tokens into the document
        pa.field("length", pa.int32()),  # tokens, the end of text among them
    ]
)
_MIB = 1 << 20
_MDS_LIMIT = 1 << 32  # offsets inside a shard are 32-bit
_MDS_OFFSET = 4  # bytes a row takes besides its tokens
_MDS_HEAD = 1024  # bytes reserved for what precedes the rows


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """How a stream of `stream_tokens` (ends of text counted) falls into rows and shards.

    `rows`, `padding` and `shards` are those of `concat`. Under `best_fit` the documents that begin in a
    shard's stretch of the stream decide its rows, and a stretch in which none begins has no shard.
    """

    stream_tokens: int
    row_tokens: int
    rows_per_shard: int
    eot_id: int
    dtype: str
    pack: str = "concat"

    @property
    def rows(self) -> int:
        """Return the rows of the stream.

        >>> Layout(stream_tokens=9, row_tokens=4, rows_per_shard=2, eot_id=0, dtype="uint16").rows
        3
        """
        return -(-self.stream_tokens // self.row_tokens)

    @property
    def padding(self) -> int:
        """Return the tokens the last row is padded with: fewer than one row's."""
        return self.rows * self.row_tokens - self.stream_tokens

    @property
    def shards(self) -> int:
        """Return the number of shards; 0 for a stream without documents."""
        return -(-self.rows // self.rows_per_shard)

    def rows_of(self, shard: int) -> int:
        """Return the rows of one shard; only the last may have fewer than the others."""
        return min(self.rows_per_shard, self.rows - shard * self.rows_per_shard)


def order_key(seed: int, document_id: str) -> int:
    """Return the place of a document in its stream, as a signed 64-bit number; ties go by id.

    xxh3_64 of the id under the seed, moved down by 2**63 so that a column of signed numbers sorts as
    the hash does. An order by it is a fair shuffle: any window of rows is a random sample.

    >>> order_key(1, "a") == order_key(1, "a") != order_key(2, "a")
    True
    """
    return xxhash.xxh3_64_intdigest(document_id.encode(), seed=seed) - (1 << 63)


def order_keys(seed: int, ids: pa.Array) -> pa.Int64Array:
    """Return `order_key` of each id."""
    return pa.array([order_key(seed, one) for one in ids.to_pylist()], pa.int64())


def rows_per_shard(row_tokens: int, dtype: str, shard_mib: float) -> int:
    """Return how many rows make a file of at most `shard_mib` MiB; at least one.

    Raises ValueError for a shard that MDS cannot address (4 GiB).

    >>> rows_per_shard(2048, "uint16", 64)
    16367
    """
    row_bytes = row_tokens * np.dtype(dtype).itemsize + _MDS_OFFSET
    rows = max(1, int((shard_mib * _MIB - _MDS_HEAD) // row_bytes))
    check_addressable(rows, row_tokens, dtype, f"shard_mib {shard_mib:g}, row_tokens {row_tokens}")
    return rows


def check_addressable(rows: int, row_tokens: int, dtype: str, where: str) -> None:
    """Raise ValueError, beginning with `where`, for a shard that MDS cannot address (4 GiB)."""
    row_bytes = row_tokens * np.dtype(dtype).itemsize + _MDS_OFFSET
    if rows * row_bytes + _MDS_HEAD >= _MDS_LIMIT:
        raise ValueError(
            f"{where}: found a shard of {rows * row_bytes / _MIB:,.0f} MiB, expected less than "
            f"{_MDS_LIMIT // _MIB} MiB (MDS offsets are 32-bit); ask for smaller shards or rows"
        )


def interval_tokens(tokens: int) -> int:
    """Return what a document of so many tokens takes of its stream: them and an end of text."""
    return tokens + 1


def provenance_table(stretches: Iterable[tuple[int, str, int, int]]) -> pa.Table:
    """Return (row, id, start, length) tuples as a PROVENANCE table."""
    columns = zip(*stretches, strict=True)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, PROVENANCE, strict=True)]
    return pa.table(arrays, schema=PROVENANCE)


def assemble(shard: int, documents: Iterable[tuple[int, str, Ids]], layout: Layout) -> tuple[Ids, pa.Table]:
    """Return one shard's rows (rows, row_tokens), and which document each stretch of them is.

    `documents` are (start in the stream, id, ids without the end of text), in any order: exactly those
    whose interval touches the shard. Padding is ends of text, and no document's: it has no provenance.

    Raises IndexError for a shard the stream does not have, and ValueError, naming the documents on both
    sides, where they leave a gap, overlap, or lie outside the shard.
    """
    if not 0 <= shard < layout.shards:
        raise IndexError(f"shard {shard}: expected 0 to {layout.shards - 1}, the stream has no other")
    first = shard * layout.rows_per_shard * layout.row_tokens
    room = layout.rows_of(shard) * layout.row_tokens
    flat: Ids = np.full(room, layout.eot_id, layout.dtype)
    end = min(first + room, layout.stream_tokens)
    covered, before = first, "the beginning of the shard"
    stretches: list[tuple[int, str, int, int]] = []
    for start, name, ids in sorted(documents, key=lambda document: document[:2]):
        stop = start + interval_tokens(len(ids))
        if max(start, first) != covered or not (start < end and stop > first):
            raise _misplaced(shard, covered, before, f"document {name!r} at {start} to {stop}")
        piece = ids[covered - start : end - start]
        flat[covered - first : covered - first + len(piece)] = piece
        stretches += _stretches(covered, min(stop, end), first, layout.row_tokens, (start, name))
        covered, before = min(stop, end), f"document {name!r}"
    if covered != end:
        raise _misplaced(shard, covered, before, f"nothing up to the shard's end at {end}")
    return flat.reshape(-1, layout.row_tokens), provenance_table(stretches)


def _stretches(
    begin: int, stop: int, first: int, row_tokens: int, document: tuple[int, str]
) -> list[tuple[int, str, int, int]]:
    """Return (row, id, start in the document, length) for each row the stretch lies in."""
    start, name = document
    stretches = []
    while begin < stop:
        row = (begin - first) // row_tokens
        upto = min(stop, first + (row + 1) * row_tokens)
        stretches.append((row, name, begin - start, upto - begin))
        begin = upto
    return stretches


def _misplaced(shard: int, covered: int, before: str, what: str) -> ValueError:
    return ValueError(
        f"shard {shard}: found {what} after {before}, expected a document that goes on at token "
        f"{covered} of the stream; its documents and their offsets do not belong together"
    )
