"""What became of the records of one source: running sums by state and by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from curation.accounting.loss import EstimatedLoss, RecordLoss, estimated_records

STATES = ("kept", "dropped", "merged", "failed")


@dataclass(frozen=True, slots=True)
class Count:
    """A number of records and of characters."""

    records: int = 0
    characters: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.records + other.records, self.characters + other.characters)


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """What a reason removed: records, records removed for no other reason (`alone`), characters."""

    records: int = 0
    alone: int = 0
    characters: int = 0

    def __add__(self, other: ReasonCount) -> ReasonCount:
        return ReasonCount(
            self.records + other.records, self.alone + other.alone, self.characters + other.characters
        )


@dataclass(slots=True)
class Account:
    """Running sums over the records of one source or of all sources.

    Attributes:
        counts: sums of counted content.
        estimated: reason -> records that failed for it whose number is an estimate; part of the other sums.
        lost_files: input files that gave nothing.
    """

    received: Count = Count()
    states: dict[str, Count] = field(default_factory=lambda: dict.fromkeys(STATES, Count()))
    reasons: dict[str, ReasonCount] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    estimated: dict[str, EstimatedLoss] = field(default_factory=dict)
    lost_files: int = 0

    def receive(self, state: str, received: Count, left: Count) -> None:
        """Add records that ended in a state, and what is left of them there."""
        self.received += received
        self._state(state, left)

    def edit(self, name: str, characters: int) -> None:
        """Add characters that an edit removed from records that were kept."""
        self._state("dropped", Count(0, characters))
        self._reason(f"edit:{name}", ReasonCount(0, 0, characters))

    def remove(self, name: str, records: int, alone: int, characters: int) -> None:
        """Add records that a reason removed, `alone` of them for no other reason."""
        self._reason(name, ReasonCount(records, alone, characters))

    def fail(self, names: Sequence[str], loss: RecordLoss, characters: int) -> None:
        """Add a failure, for all that it stands for."""
        count = Count(loss.records, characters)
        self.received += count
        self._removed("failed", names, count)
        self.lost_files += loss.whole_file
        for name in names if loss.estimated else ():
            self._estimate(name, EstimatedLoss(loss.records, loss.lost_bytes or 0))

    def _removed(self, state: str, names: Sequence[str], count: Count) -> None:
        self._state(state, count)
        alone = count.records if len(names) == 1 else 0
        for name in names:
            self._reason(name, ReasonCount(count.records, alone, count.characters))

    def _estimate(self, name: str, estimate: EstimatedLoss) -> None:
        self.estimated[name] = self.estimated.get(name, EstimatedLoss()) + estimate

    def density(self, size_bytes: int) -> float:
        """Return records a byte of what could be read of files with so many bytes; 0.0 if nothing could."""
        lost = sum(self.estimated.values(), EstimatedLoss())
        known, read_bytes = self.received.records - lost.records, size_bytes - lost.lost_bytes
        return known / read_bytes if known > 0 and read_bytes > 0 else 0.0

    def missing(self, size_bytes: int) -> dict[str, int]:
        """Return reason -> records that lost bytes held beyond those counted; `size_bytes` are the files'."""
        density = self.density(size_bytes)
        return {
            name: estimated_records(estimate.records, estimate.lost_bytes, density) - estimate.records
            for name, estimate in self.estimated.items()
        }

    def grow(self, missing: Mapping[str, int]) -> None:
        """Add records without characters that failed, by reason, to those that are estimated."""
        for name, records in missing.items():
            self.received += Count(records)
            self._removed("failed", [name], Count(records))
            self._estimate(name, EstimatedLoss(records))

    def _state(self, state: str, count: Count) -> None:
        self.states[state] = self.states[state] + count

    def _reason(self, name: str, reason: ReasonCount) -> None:
        self.reasons[name] = self.reasons.get(name, ReasonCount()) + reason

    def merge(self, other: Account) -> None:
        """Add the sums of another account."""
        self.counts.update(other.counts)
        self.received += other.received
        self.lost_files += other.lost_files
        for name, estimate in other.estimated.items():
            self._estimate(name, estimate)
        for state, count in other.states.items():
            self._state(state, count)
        for name, reason in other.reasons.items():
            self._reason(name, reason)

    @property
    def balance(self) -> Count:
        """Input minus output; zero if the account balances."""
        out = sum(self.states.values(), Count())
        return Count(self.received.records - out.records, self.received.characters - out.characters)

    def ranked(self) -> list[tuple[str, ReasonCount]]:
        """Return (name, reason) pairs, most records first."""
        return sorted(self.reasons.items(), key=lambda item: (-item[1].records, item[0]))

    def to_json(self) -> dict[str, Any]:
        """Return the account as JSON data: in, kept, dropped, merged, failed, reasons, and more if any."""
        counts: dict[str, Any] = {"counts": dict(sorted(self.counts.items()))} if self.counts else {}
        if self.estimated:
            counts["estimated"] = {name: asdict(self.estimated[name]) for name in sorted(self.estimated)}
        if self.lost_files:
            counts["lost_files"] = self.lost_files
        return {
            "in": asdict(self.received),
            **{state: asdict(self.states[state]) for state in STATES},
            "reasons": {name: asdict(reason) for name, reason in self.ranked()},
            **counts,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Account:
        """Return the account that `to_json` wrote."""
        return cls(
            received=Count(**data["in"]),
            states={state: Count(**data[state]) for state in STATES},
            reasons={name: ReasonCount(**counts) for name, counts in data["reasons"].items()},
            counts=Counter(data.get("counts", {})),
            estimated={name: EstimatedLoss(**values) for name, values in data.get("estimated", {}).items()},
            lost_files=data.get("lost_files", 0),
        )
