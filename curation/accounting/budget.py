"""Whether a run may go on after what it lost: it may not where an input gave nothing, or too much failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from curation.accounting.account import Account
from curation.accounting.ledger import Ledger, LedgerError
from curation.accounting.loss import FILE_COUNTS, FileLoss, failed_files

#: Reasons of records that were never meant to be read: they do not make the share of failures smaller.
NOT_MEANT = ("extract.record_type", "extract.revisit", "extract.status", "extract.wrong_type")
#: What begins the reasons of readers, and the counts of records without a column that the recipe names.
UNREAD, WITHOUT = "pages.", "without_"
NOTHING: Mapping[str, Any] = MappingProxyType({})
_MOST_SHOWN = 5


def check_losses(ledger: Ledger, budget: float, detail: Mapping[str, Any] = NOTHING) -> None:
    """Raise where an input gave nothing, or more failed than the recipe's `failure_budget`.

    Args:
        ledger: of a stage.
        budget: share of the records that should have been read, 0 to 1.
        detail: of the stage's manifest, which says what files there are and which lost most.

    Raises:
        LedgerError: says how many records failed, why, and in which files.
    """
    files = failed_files(detail)
    problems = [*_inputs_without(ledger, detail.get(FILE_COUNTS, {}), files)]
    failed = ledger.total.states["failed"].records
    expected = ledger.total.received.records - sum(_dropped(ledger.total, name) for name in NOT_MEANT)
    if failed > budget * expected:
        reasons = ", ".join(f"{name} {reason.records:,}" for name, reason in ledger.total.ranked())
        problems.append(
            f"{ledger.stage}: {failed:,} of {expected:,} records failed{_estimated(ledger.total)}, over the "
            f"budget of {100 * budget:g}% (records by reason, dropped ones included: {reasons})."
            f"{''.join(worst_lines(files))}\nLook at them (curate sample RUN --stage {ledger.stage} --state "
            "failed); if losing them is fine, raise failure_budget"
        )
    if problems:
        raise LedgerError("\n".join(problems))


def _inputs_without(
    ledger: Ledger, file_counts: Mapping[str, int], files: Sequence[FileLoss]
) -> Iterator[str]:
    """Yield what stops a run whatever the budget: inputs without a usable file, or without a named column."""
    for source, count in file_counts.items():
        account = ledger.sources.get(source, Account())
        if account.lost_files >= count > 0 or _unread(account):
            yield _nothing_read(ledger.stage, source, account, count, files)
        if missing := _missing(account):
            names = f"column{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
            yield (
                f"{ledger.stage}: no record of the input '{source}' has the {names}, which the recipe "
                f"names ({_readable(account):,} records were read). Correct the name; `curate check` shows "
                "the columns of local files"
            )


def worst_lines(files: Sequence[FileLoss]) -> Iterator[str]:
    """Yield a line, after a line break, for each of the files that lost most: the reason and the records."""
    for file in files[:_MOST_SHOWN]:
        about = "about " if file.estimated else ""
        plural = "" if file.records == 1 else "s"
        detail = " ".join((file.detail or "").split())
        yield f"\n  {file.file}: {about}{file.records:,} record{plural}, {file.reason}: {detail}"


def _nothing_read(stage: str, source: str, account: Account, count: int, files: Sequence[FileLoss]) -> str:
    records = account.states["failed"].records
    which = f"none of its {count:,} files is" if count > 1 else "its only file is not"
    return (
        f"{stage}: nothing of the input '{source}' could be read, {which} usable: {records:,} "
        f"record{'' if records == 1 else 's'} failed{_estimated(account)}."
        f"{''.join(worst_lines([file for file in files if file.source == source]))}\n"
        "Correct the input, or take it out of the recipe"
    )


def _unread(account: Account) -> bool:
    """Return whether all that came in failed before it was a record."""
    unread = (reason.records for name, reason in account.reasons.items() if name.startswith(UNREAD))
    return 0 < account.received.records == sum(unread)


def _readable(account: Account) -> int:
    return account.received.records - account.states["failed"].records


def _missing(account: Account) -> list[str]:
    """Return the columns that the recipe names and no record has."""
    everywhere = [name for name, count in account.counts.items() if count >= _readable(account) > 0]
    return sorted(name.removeprefix(WITHOUT) for name in everywhere if name.startswith(WITHOUT))


def _estimated(account: Account) -> str:
    estimated = sum(loss.records for loss in account.estimated.values())
    return f" ({estimated:,} of them by estimate)" if estimated else ""


def _dropped(account: Account, reason: str) -> int:
    return account.reasons[reason].records if reason in account.reasons else 0
