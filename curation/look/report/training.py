"""A training run in a report: its loss, how often each source was read, spikes and their documents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import fsspec
import pandas as pd
from markupsafe import Markup

from curation.accounting.manifest import join
from curation.look.render import charts
from curation.look.run import tables

#: A loss per step is drawn for at most this many steps; longer runs are thinned evenly.
DRAWN_STEPS = 2_000
SPIKES_SHOWN, DOCUMENTS_PER_SPIKE, EXCERPT_CHARACTERS = 12, 3, 200


class MissingTraining(FileNotFoundError):
    """A directory that was named as a training run's, and is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """A step that stood out: why, and the documents of its rows, those of the highest loss first."""

    step: int
    why: str
    documents: tuple[tuple[str, str, str], ...]  # (id, loss in words, beginning of the text it had there)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSummary:
    """A training run: its first and last loss, the curve as SVG, spikes, and source -> times read."""

    steps: int
    first: float
    last: float
    chart: Markup
    spikes: tuple[Spike, ...]
    spike_count: int
    epochs: Mapping[str, float]


def training_summary(directory: str, training: str | None) -> TrainingSummary | None:
    """Return the loss curve, epochs and spikes of a training run, or None where there is none to show.

    Raises:
        MissingTraining: `training` was given and holds no metrics.jsonl.
    """
    folder = training or join(directory, "train")
    filesystem, name = fsspec.core.url_to_fs(join(folder, "metrics.jsonl"))
    if training is not None and not filesystem.exists(name):
        raise MissingTraining(
            f"--train {training}: holds no metrics.jsonl; expected the `out` of a training run"
        )
    metrics = tables.metrics(folder)
    losses = metrics.dropna(subset=["loss"]) if "loss" in metrics else pd.DataFrame()
    if losses.empty:
        return None
    thin = losses.iloc[:: max(1, -(-len(losses) // DRAWN_STEPS))]
    phases = thin["phase"].fillna("").astype(str).tolist() if "phase" in thin else [""] * len(thin)
    spikes = read_spikes(folder)
    steps = [spike.step for spike in spikes]
    chart = charts.curve(
        thin["step"].tolist(), thin["loss"].tolist(), phases, "training loss by step", marked=steps
    )
    return TrainingSummary(
        steps=len(losses),
        first=float(losses["loss"].iloc[0]),
        last=float(losses["loss"].iloc[-1]),
        chart=chart,
        spikes=tuple(spikes[:SPIKES_SHOWN]),
        spike_count=len(spikes),
        epochs=_epochs(folder),
    )


def _epochs(folder: str) -> dict[str, float]:
    """Return source -> how often it was read, as the run's summary says; nothing where it is not done."""
    filesystem, name = fsspec.core.url_to_fs(join(folder, "summary.json"))
    if not filesystem.exists(name):
        return {}
    epochs = json.loads(filesystem.cat_file(name)).get("epochs") or {}
    return {str(source): float(count) for source, count in epochs.items()}


def read_spikes(folder: str) -> list[Spike]:
    """Return the spikes that a training run wrote down, in the order of their steps."""
    filesystem, name = fsspec.core.url_to_fs(join(folder, "spikes"))
    if not filesystem.exists(name):
        return []
    files = sorted(file for file in filesystem.ls(name, detail=False) if file.endswith(".json"))
    return [_spike(json.loads(filesystem.cat_file(file))) for file in files]


def _spike(written: Mapping[str, Any]) -> Spike:
    """Return a spike from its file; what a later or earlier writer leaves out is empty."""
    documents: dict[str, tuple[str, str, str]] = {}
    for row in written.get("rows") or ():
        for document in row.get("documents") or ():
            if "id" in document and len(documents) < DOCUMENTS_PER_SPIKE:
                id, text = str(document["id"]), str(document.get("text", ""))
                documents.setdefault(id, (id, str(document.get("loss", "")), text[:EXCERPT_CHARACTERS]))
    return Spike(
        step=int(written.get("step", -1)),
        why=str(written.get("why", "")),
        documents=tuple(documents.values()),
    )
