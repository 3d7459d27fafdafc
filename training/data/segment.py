"""Where documents begin in rows of tokens, and what follows from it: numbers, positions, labels, lengths.

An end-of-text token begins the next document: it is predicted from the document it ends, and predicts the
first token of the next one from itself alone, as in generation. The tokens before the first one continue a
document of another row and are document 0. In a run of end-of-text tokens (padding) only the first and the
last begin a document; those between are masked, as labels and as inputs.

End-of-text tokens are few, so their positions are found once and everything else is derived from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

IGNORED = -100  # the label of tokens without a loss


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """The documents of rows, as positions in the rows laid end to end.

    Attributes:
        starts: where each document begins; every row begins one.
        padding: end-of-text tokens that are followed by another in their row.
        shape: (rows, row_tokens).
    """

    starts: Integers
    padding: Integers
    shape: tuple[int, int]

    def numbers_and_positions(self) -> tuple[Integers, Integers]:
        """Return (number of its document within the row, position in it) of each token.

        >>> rows = segments(np.array([[5, 6, 0, 7, 0, 0, 0]]), eot_id=0)
        >>> documents, positions = rows.numbers_and_positions()
        >>> documents.tolist(), positions.tolist()
        ([[0, 0, 1, 1, 2, 2, 2]], [[0, 1, 0, 1, 0, 1, 2]])
        """
        rows, width = self.shape
        lengths = np.diff(self.starts, append=rows * width)
        row, column = np.divmod(self.starts, width)
        number = np.arange(len(row)) - np.flatnonzero(column == 0)[row]
        positions = np.repeat(column, lengths).reshape(self.shape)
        np.subtract(np.arange(width), positions, out=positions)
        return np.repeat(number, lengths).reshape(self.shape), positions

    def labels(self, tokens: Integers, mask: NDArray[np.bool_] | None = None) -> Integers:
        """Return the label of each token: the next token, or `IGNORED` at the row's end and within padding.

        Tokens outside of `mask`, if it is given, are no label.

        >>> tokens = np.array([[5, 6, 0, 7, 0, 0]])
        >>> segments(tokens, eot_id=0).labels(tokens).tolist()
        [[6, 0, 7, 0, -100, -100]]
        """
        labels = np.empty_like(tokens)
        labels[:, :-1] = tokens[:, 1:]
        labels[:, -1] = IGNORED
        labels.reshape(-1)[self.padding] = IGNORED
        if mask is not None:
            labels[:, :-1][~mask[:, 1:]] = IGNORED
        return labels

    def max_documents(self, parts: int) -> int:
        """Return the largest number of documents in one of `parts` equal parts of the rows."""
        return int(np.diff(self._cuts(parts)).max())

    def cumulative_lengths(self, parts: int, bound: int) -> NDArray[np.int32]:
        """Return where the documents of each part begin in its rows laid end to end, padded with their end.

        The shape is (parts, bound + 1).

        Raises:
            ValueError: a part has more than `bound` documents.

        >>> rows = np.array([[1, 1, 0, 1], [1, 1, 1, 1]])
        >>> segments(rows, eot_id=0).cumulative_lengths(1, bound=5).tolist()
        [[0, 2, 4, 8, 8, 8]]
        """
        if (count := self.max_documents(parts)) > bound:
            raise ValueError(f"expected at most {bound} documents, found {count}")
        size, cuts = self.shape[0] * self.shape[1] // parts, self._cuts(parts)
        out = np.full((parts, bound + 1), size, np.int32)
        for part in range(parts):
            starts = self.starts[cuts[part] : cuts[part + 1]]
            out[part, : len(starts)] = starts - part * size
        return out

    def _cuts(self, parts: int) -> Integers:
        size = self.shape[0] * self.shape[1]
        return np.searchsorted(self.starts, np.arange(parts + 1) * (size // parts)).astype(np.int64)


def segments(tokens: Integers, eot_id: int) -> Segments:
    """Return the documents of rows of tokens (rows, row_tokens)."""
    rows, width = tokens.shape
    ends = np.flatnonzero(tokens == eot_id)
    column = ends % width
    is_last = column == width - 1
    joins = np.zeros(len(ends) + 1, np.bool_)  # whether an end of text follows another in its row
    joins[1:-1] = (np.diff(ends) == 1) & ~is_last[:-1]
    before, after = joins[:-1], joins[1:]
    begins = ends[~(before & (after | is_last)) & (column > 0)]
    starts = np.sort(np.concatenate([np.arange(rows, dtype=np.int64) * width, begins]))
    return Segments(starts=starts, padding=ends[after], shape=(rows, width))


def documents_bound(rows: int, row_tokens: int) -> int:
    """Return how many documents `cu_seqlens` has room for: 4 a row and one for every 64 tokens.

    That is a mean of 57 tokens a document in rows of 2,048. Every entry costs attention time, so the bound is
    not the theoretical one (two documents for every three tokens). A batch with more documents doubles it.
    """
    return rows * (4 + row_tokens // 64)
