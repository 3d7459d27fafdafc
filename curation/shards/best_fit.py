"""Documents to rows without cutting those that fit: best-fit decreasing, shard by shard.

`concat` cuts a document wherever a row ends. Here a document longer than a row is cut into whole rows and a
rest, everything else stays in one piece, and what rows are left short of is padding (Ding et al. 2024, "Fewer
Truncations Improve Language Modeling"). A shard holds the documents that begin in its stretch of the stream,
so which they are follows from the documents alone, and each shard is packed by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

from curation.shards.pack import Layout, check_addressable, interval_tokens, provenance_table
from curation.shards.tokens import Ids

Piece = tuple[int, int, int]  # (number of the document, start in it, length)


def fit(lengths: Sequence[int], row_tokens: int) -> list[list[Piece]]:
    """Return rows of pieces that cover every document; `lengths` count the ends of text.

    A piece goes to the fullest row that has room for it, long pieces first; equals in the order given. Rows
    come in the order of the first document in each, so their order is as fair as that of the documents.
    It packs a million pieces in seconds: rows are found by their room, in a whole number used as a set.

    >>> fit([3, 6, 1, 2], row_tokens=4)
    [[(0, 0, 3), (2, 0, 1)], [(1, 0, 4)], [(1, 4, 2), (3, 0, 2)]]
    """
    pieces = [
        (number, start, min(row_tokens, length - start))
        for number, length in enumerate(lengths)
        for start in range(0, length, row_tokens)
    ]
    rows: list[list[Piece]] = []
    by_room: list[list[int]] = [[] for _ in range(row_tokens + 1)]
    rooms = 0  # bit n is set where a row has room for exactly n
    for piece in sorted(pieces, key=lambda piece: -piece[2]):
        size = piece[2]
        room = size + ((fitting & -fitting).bit_length() - 1) if (fitting := rooms >> size) else row_tokens
        if fitting:
            row = by_room[room].pop()
            rooms ^= 0 if by_room[room] else 1 << room
        else:
            row = len(rows)
            rows.append([])
        rows[row].append(piece)
        if left := room - size:
            by_room[left].append(row)
            rooms |= 1 << left
    return sorted(sorted(row) for row in rows)


def assemble_best_fit(
    shard: int, documents: Iterable[tuple[int, str, Ids]], layout: Layout
) -> tuple[Ids, pa.Table]:
    """Return one shard's rows (rows, row_tokens), and which document each stretch of them is.

    `documents` are (start in the stream, id, ids without the end of text), in any order: exactly those that
    begin in the shard. Padding is ends of text, at the end of rows, and no document's.

    Raises ValueError for a document that begins elsewhere, and for a shard that MDS cannot address.
    """
    ordered = sorted(documents, key=lambda document: document[:2])
    size = layout.row_tokens * layout.rows_per_shard
    for start, name, _ in ordered:
        if start // size != shard:
            raise ValueError(
                f"shard {shard}: found document {name!r} at {start}, expected a beginning in "
                f"{shard * size} to {(shard + 1) * size}; the documents and their offsets do not belong "
                "together"
            )
    rows = fit([interval_tokens(len(ids)) for *_, ids in ordered], layout.row_tokens)
    check_addressable(len(rows), layout.row_tokens, layout.dtype, f"shard {shard}")
    table: Ids = np.full((len(rows), layout.row_tokens), layout.eot_id, layout.dtype)
    stretches: list[tuple[int, str, int, int]] = []
    for index, row in enumerate(rows):
        begin = 0
        for number, start, length in row:
            _, name, ids = ordered[number]
            piece = ids[start : start + length]  # without the end of text, which is there already
            table[index, begin : begin + len(piece)] = piece
            stretches.append((index, name, start, length))
            begin += length
    return table, provenance_table(stretches)
