"""What of a run a report looks at: its samples, read once, and the documents chosen from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow.compute as pc

from curation.accounting.manifest import Manifest
from curation.accounting.settle import SETTLED
from curation.look.label.marks import Agreement
from curation.look.report import extraction
from curation.look.report.choice import Chosen, Group, by_quality, choose
from curation.look.report.training import Trained
from curation.look.run import OpenedRun, masked_rows, read_originals, stored
from curation.look.run.samples import plain

SAMPLED_DOCUMENTS = 10_000  # about so many rows of a stage are read into memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Samples of a run, in hash order, and the documents to show.

    Attributes:
        judged: what the filter stage judged; empty where it has not run.
        extracted: what extraction kept.
        chosen: the documents.
        losses, readings: of `curation.look.report.extraction`.
    """

    judged: pd.DataFrame
    extracted: pd.DataFrame
    chosen: Chosen
    losses: Sequence[extraction.Loss]
    readings: Sequence[extraction.Reading]


def shown(run: OpenedRun, training: Trained | None, labels: Agreement | None) -> Shown:
    """Return what a report of a run shows."""
    nothing = plain(SETTLED.empty_table())
    stages = run.row_stages

    def sample(stage: str, state: str | None = None, share: int = 1) -> pd.DataFrame:
        wanted = SAMPLED_DOCUMENTS // share
        return stored(run, stage, state, wanted=wanted) if stage in run.manifests else nothing

    judged, extracted = sample("filter"), sample("extract", "kept")
    removed = pd.concat([sample("extract", state, 10) for state in ("dropped", "failed")], ignore_index=True)
    kept = sample(stages[-1], "kept") if stages else nothing
    chosen = choose(run, judged, removed, kept)
    if len(judged):
        for group, rows in by_quality(run, kept, _preferred(run.manifests)):
            chosen.add(group, rows)
    losses = extraction.losses(extracted)
    for loss in losses:
        worst = [(extracted.loc[n], "") for n in loss.worst]
        chosen.add(Group("extraction", f"{loss.what} lost", "Most in the page, none in the text."), worst)
    lying = [dict(row) for _, row in extraction.chosen(extracted).iterrows()]
    readings = extraction.compared(lying, read_originals(run, lying)) if lying else []
    _named(run, stages, chosen, training, labels)
    return Shown(judged=judged, extracted=extracted, chosen=chosen, losses=losses, readings=readings)


def _preferred(found: Mapping[str, Manifest]) -> str | None:
    """Return the measure that deduplication prefers first."""
    prefer = found["dedup"].config.get("prefer") if "dedup" in found else None
    names = [each["name"] for each in prefer or ()]
    return next((name for name in names if "." in name), None)


def _named(
    run: OpenedRun, stages: Sequence[str], chosen: Chosen, training: Trained | None, labels: Agreement | None
) -> None:
    """Add the documents that spikes and labels name."""
    groups = [
        (
            Group("spikes", f"step {spike.step:,}", spike.why),
            [(id, f"loss {loss}") for id, loss, _ in spike.documents],
        )
        for spike in (training.spikes if training else ())
    ]
    if labels:
        about = "Marked by a person otherwise than the recipe judged."
        groups.append((Group("labels", "marks and recipe differ", about), list(labels.differing)))
    ids = sorted({id for _, items in groups for id, _ in items})
    rows: dict[str, dict[str, Any]] = {}
    for stage in stages if ids else ():
        for row in masked_rows(run, stage, pc.field("id").isin(ids)):
            told = {"measures": dict(row["measures"] or ()), "reasons": row["reasons"] or []}
            rows[row["id"]] = {**row, **told}
    for group, items in groups:
        chosen.add(group, [(rows[id], note) for id, note in items if id in rows])
