"""What a failure stands for: a record, the rest of a file, or the whole of it.

A reader says it as a `RecordLoss`. It travels with the failed row in its measures, `lost.records`,
`lost.bytes` and `lost.files`; a row without them stands for itself. Where nobody knows how many records the
lost bytes held, the ledger estimates it at the end of the stage, see `Ledger.estimate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RECORDS, BYTES, FILES = "lost.records", "lost.bytes", "lost.files"
#: In a manifest's `detail`: how many files each source has, and those that lost most, each a `FileLoss`.
FILE_COUNTS, FAILED_FILES = "file_counts", "failed_files"
MOST_FILES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordLoss:
    """How many records a failure stands for.

    Attributes:
        records: how many; the fewest, where `lost_bytes` is given.
        lost_bytes: bytes of the file, as it is stored, whose records nobody could count; None: `records` is
            exact. The number that they are estimated to have held depends on the rest of the source.
        whole_file: whether the file gave nothing at all.
    """

    records: int = 1
    lost_bytes: int | None = None
    whole_file: bool = False

    @property
    def estimated(self) -> bool:
        """Whether the number of records is an estimate."""
        return self.lost_bytes is not None

    def in_sample(self, rate: float) -> RecordLoss:
        """Return what the loss is to a hash-sample of the records: its share, but one record at least."""
        if self.estimated:  # its estimate goes by what the sample holds of the rest
            return self
        return RecordLoss(records=max(1, round(self.records * rate)), whole_file=self.whole_file)

    def measures(self) -> dict[str, float]:
        """Return the loss as measures of a failed row; none where it stands for one record.

        >>> RecordLoss().measures(), RecordLoss(records=3_000).measures()
        ({}, {'lost.records': 3000.0})
        """
        measures = {RECORDS: float(self.records)} if self.estimated or self.records != 1 else {}
        if self.lost_bytes is not None:
            measures[BYTES] = float(self.lost_bytes)
        return measures | ({FILES: 1.0} if self.whole_file else {})

    @staticmethod
    def of(measures: Mapping[str, float]) -> RecordLoss:
        """Return what the measures of a failed row say."""
        lost_bytes = measures.get(BYTES)
        return RecordLoss(
            records=int(measures.get(RECORDS, 1)),
            lost_bytes=None if lost_bytes is None else int(lost_bytes),
            whole_file=FILES in measures,
        )


@dataclass(frozen=True, slots=True)
class EstimatedLoss:
    """Records that were estimated, and the bytes from which; before the estimate the fewest there can be."""

    records: int = 0
    lost_bytes: int = 0

    def __add__(self, other: EstimatedLoss) -> EstimatedLoss:
        return EstimatedLoss(self.records + other.records, self.lost_bytes + other.lost_bytes)


def estimated_records(fewest: int, lost_bytes: int, density: float) -> int:
    """Return how many records lost bytes held: `density` a byte, to the nearest, and `fewest` at least."""
    return max(fewest, round(lost_bytes * density))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLoss:
    """What one file lost for one reason.

    Attributes:
        records: how many, some of them by estimate where it is `estimated`.
        detail: what the first failure in the file says.
    """

    source: str
    file: str
    reason: str
    records: int
    estimated: bool
    detail: str | None


def failed_files(detail: Mapping[str, Any]) -> list[FileLoss]:
    """Return the files that lost most, as a manifest's `detail` names them; none where nothing failed."""
    return [FileLoss(**file) for file in detail.get(FAILED_FILES, ())]
