"""The funnel of a run: the ledgers of its stages, as far as each was made from the one before."""

from __future__ import annotations

from curation.accounting.ledger import Ledger
from curation.accounting.manifest import MissingManifest
from curation.look.run.opened import OpenedRun


def funnel(run: OpenedRun) -> tuple[list[Ledger], str]:
    """Return the ledgers of a run's stages, in order, and a note on what was left out.

    A stage that was made from another output than the one published before it now is left out, with all
    after it: its account is of other data. The note says so, or is empty.

    Raises:
        MissingManifest: no stage that keeps an account was published there.
    """
    ledgers: list[Ledger] = []
    before = None
    for stage, manifest in run.manifests.items():
        if not manifest.ledger:
            continue
        made_from = manifest.inputs.get(before.stage) if before else None
        if before and made_from != before.fingerprint:
            return ledgers, (
                f"{stage} {manifest.fingerprint} was made from {before.stage} {made_from}, not from the "
                f"{before.fingerprint} that is there now: left out; run it again"
            )
        before = manifest
        ledgers.append(Ledger.from_json(manifest.ledger))
    if not ledgers:
        raise MissingManifest(f"{run.directory}: no stage was published there; expected the --out of a run")
    return ledgers, ""
