"""The funnel of a run: the ledgers of its stages, as far as each was made from the one before."""

from __future__ import annotations

from curation.accounting.ledger import Ledger
from curation.accounting.manifest import STAGES, MissingManifest, published, read_manifest


def funnel(directory: str) -> tuple[list[Ledger], str]:
    """Return the ledgers of the stages published in a run directory, in order, and what was left out.

    A stage that was made from another output than the one published before it now is left out, with all
    after it: its account is of other data. The second value says so, or is empty.

    Raises:
        MissingManifest: no stage was published there.
    """
    found: list[Ledger] = []
    before = None
    for stage in STAGES:
        try:
            manifest = read_manifest(published(directory, stage))
        except MissingManifest:
            continue
        made_from = manifest.inputs.get(before.stage) if before else None
        if before and made_from != before.fingerprint:
            return found, (
                f"{stage} {manifest.fingerprint} was made from {before.stage} {made_from}, not from the "
                f"{before.fingerprint} that is there now: left out; run it again"
            )
        before = manifest
        found.append(Ledger.from_json(manifest.ledger))
    if not found:
        raise MissingManifest(f"{directory}: no stage was published there; expected the --out of a run")
    return found, ""
