"""Everything that a report shows of a run, gathered before any of it is drawn."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import fsspec
import pandas as pd

from curation.accounting.manifest import join
from curation.accounting.settle import SETTLED
from curation.look.label import agreement
from curation.look.render.cards import word_changes
from curation.look.report.accounts import headlines, reason_counts, rule_account, stage_accounts
from curation.look.report.documents import document_data
from curation.look.report.edits import edited, markup, masked
from curation.look.report.extraction import compare_engines, losses, pages_to_read
from curation.look.report.selection import HIGHEST, Group, ShownDocuments, by_quality, select
from curation.look.report.sliders import slider_data
from curation.look.report.training import training_summary
from curation.look.report.vocabulary import tokenizer_use
from curation.look.run import OpenedRun, among, masked_rows, read_originals, stored, tables
from curation.look.run.samples import plain

SAMPLED_DOCUMENTS = 10_000  # about so many rows of a stage are read into memory
PAIRS_SHOWN, PAIR_CHARACTERS = 20, 4_000


#: What the page shows, by the names that its templates use.
Contents = dict[str, Any]
Named = Mapping[str, Any] | None


def gather(run: OpenedRun, *, training: str | None = None) -> Contents:
    """Return what a report shows of a run, and of a training run: `training`, or DIR/train where None."""
    trained, labels = training_summary(run.directory, training), agreement(run)
    judged, extracted = _sample(run, "filter"), _sample(run, "extract", "kept")
    lost = losses(extracted)
    selection = _select(run, judged, extracted, lost)
    _add_named(run, selection, trained, labels)
    has_filter = "filter" in run.manifests
    stages, account = stage_accounts(run), rule_account(run) if has_filter else None
    sliders = slider_data(judged, run.bounds) if len(judged) else {}
    data = {"what_if": sliders, "browsed": document_data(run, selection)}
    return {
        "name": _name(run.directory),
        "headlines": headlines(run, stages, account),
        "stages": stages,
        "manifests": list(run.manifests.values()),
        "signals": _signals(run, judged) if has_filter else [],
        # documents of the sliders' sample that broke no rule
        "kept_now": int((judged["reasons"].head(sliders.get("documents", 0)).map(len) == 0).sum()),
        # documents; `rate` of them are in the sample
        "judged": run.ledger("filter")["in"]["records"] if has_filter else 0,
        "rate": judged.attrs.get("rate", 1.0),
        "needed": has_filter and run.bounds.measure != "all",
        "account": account,
        "counts": reason_counts(run.manifests.values()),  # by reason
        "edits": markup(run, extracted) | edited(run),
        "masked": masked(run, judged),
        "extracted": len(extracted),  # documents in the sample
        "losses": lost,
        "readings": _readings(run, extracted),
        "pairs": _pairs(run) if "dedup" in run.manifests else [],
        "streams": tables.streams(run).to_dict("records"),
        "vocabulary": tokenizer_use(run),
        "training": trained,
        "epochs": trained["epochs"] if trained else {},
        "labels": labels,
        "quality": next((group.about for group in selection.groups if group.name == HIGHEST), ""),
        # ids of the documents that can be read in the page
        "known": frozenset(document["id"] for document in data["browsed"]["documents"]),
        "data": data,  # what the page's script works on
    }


def _name(directory: str) -> str:
    """Return the name of the recipe that the run was made by; empty where it is not there."""
    filesystem, path = fsspec.core.url_to_fs(join(directory, "recipe.yaml"))
    if not filesystem.exists(path):
        return ""
    match = re.search(r"^name:\s*(\S.*)$", filesystem.cat_file(path).decode("utf-8"), re.MULTILINE)
    return match[1].strip() if match else ""


def _sample(run: OpenedRun, stage: str, state: str | None = None, share: int = 1) -> pd.DataFrame:
    """Return a sample of a stage in hash order; empty where it has not run."""
    if stage not in run.manifests:
        return plain(SETTLED.empty_table())
    return stored(run, stage, state, wanted=SAMPLED_DOCUMENTS // share)


def _signals(run: OpenedRun, judged: pd.DataFrame) -> list[dict[str, Any]]:
    """Return each rule with its values of documents that broke no rule, and of those that broke one."""
    kept = judged["state"] == "kept"
    wide = pd.DataFrame(list(judged["measures"]), index=judged.index, dtype="float64")
    signals = []
    for rule in tables.rules(run).itertuples(index=False):
        values = wide[rule.name] if rule.name in wide else pd.Series(dtype="float64")
        passed, removed = (values[where.reindex(values.index)].dropna().tolist() for where in (kept, ~kept))
        signals.append({"rule": rule, "kept": passed, "removed": removed})
    return signals


def _select(
    run: OpenedRun, judged: pd.DataFrame, extracted: pd.DataFrame, lost: Sequence[Mapping[str, Any]]
) -> ShownDocuments:
    """Return the documents to show."""
    states = ("dropped", "failed")
    removed = pd.concat([_sample(run, "extract", state, 10) for state in states], ignore_index=True)
    last = run.row_stages[-1] if run.row_stages else ""
    kept = _sample(run, last, "kept")
    selection = select(run, judged, removed, kept)
    if len(judged):
        for group, rows in by_quality(run, kept, _preferred(run)):
            selection.add(group, rows)
    for loss in lost:
        worst = [(extracted.loc[row], "") for row in loss["worst"]]
        about = "Most in the page, none in the text."
        selection.add(Group("extraction", f"{loss['what']} lost", about), worst)
    return selection


def _preferred(run: OpenedRun) -> str | None:
    """Return the measure that deduplication prefers first."""
    config = run.manifests["dedup"].config if "dedup" in run.manifests else {}
    names = [preference["name"] for preference in config.get("prefer") or ()]
    return next((name for name in names if "." in name), None)


def _readings(run: OpenedRun, extracted: pd.DataFrame) -> list[dict[str, Any]]:
    rows = [dict(row) for _, row in pages_to_read(extracted).iterrows()]
    return compare_engines(rows, read_originals(run, rows)) if rows else []


def _add_named(run: OpenedRun, selection: ShownDocuments, training: Named, labels: Named) -> None:
    """Add the documents that spikes and labels name."""
    groups = [
        (
            Group("spikes", f"step {spike['step']:,}", spike["why"]),
            [(id, f"loss {loss}") for id, loss, _ in spike["documents"]],
        )
        for spike in (training["spikes"] if training else ())
    ]
    if labels:
        about = "Marked by a person otherwise than the recipe judged."
        groups.append((Group("labels", "marks and recipe differ", about), labels["differing"]))
    ids = sorted({id for _, items in groups for id, _ in items})
    rows: dict[str, dict[str, Any]] = {}
    for stage in run.row_stages if ids else ():
        for row in masked_rows(run, stage, among("id", ids)):
            measures, reasons = dict(row["measures"] or ()), row["reasons"] or []
            rows[row["id"]] = {**row, "measures": measures, "reasons": reasons}
    for group, items in groups:
        selection.add(group, [(rows[id], note) for id, note in items if id in rows])


def _pairs(run: OpenedRun) -> list[dict[str, Any]]:
    """Return one pair a cluster with what differs: near copies first, of the largest clusters first."""
    frame = tables.pairs(run).drop_duplicates("kept_id")
    frame = frame.sort_values("jaccard", key=lambda value: value >= 1, kind="stable").head(PAIRS_SHOWN)
    frame = frame.astype(object).where(frame.notna(), None)
    frame = frame.map(lambda value: value[:PAIR_CHARACTERS] if isinstance(value, str) else value)
    return [
        {**row, "pieces": word_changes(kept, row["text"] or "") if kept else []}
        for row in frame.to_dict("records")
        for kept in [row["kept_text"]]  # none where an earlier run keeps it
    ]
