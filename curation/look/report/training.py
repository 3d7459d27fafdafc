"""A training run in a report: its loss, how often each source was read, spikes and their documents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import fsspec
import pandas as pd

from curation.accounting.manifest import join
from curation.look.errors import BadQuestion
from curation.look.render import charts
from curation.look.render.visible import shortened
from curation.look.run import tables

#: A loss per step is drawn for at most this many steps; longer runs are thinned evenly.
DRAWN_STEPS = 2_000
SPIKES_SHOWN, DOCUMENTS_PER_SPIKE, EXCERPT_CHARACTERS = 12, 3, 200


class MissingTraining(BadQuestion):
    """A directory that was named as a training run's, and is none."""


def training_summary(directory: str, training: str | None) -> dict[str, Any] | None:
    """Return the first and last loss of a training run, its curve (SVG), epochs by source, and spikes.

    None where there is none to show.

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
    steps = [spike["step"] for spike in spikes]
    chart = charts.curve(
        thin["step"].tolist(), thin["loss"].tolist(), phases, "training loss by step", marked=steps
    )
    return {
        "steps": len(losses),
        "first": float(losses["loss"].iloc[0]),
        "last": float(losses["loss"].iloc[-1]),
        "chart": chart,
        "spikes": spikes[:SPIKES_SHOWN],
        "spike_count": len(spikes),
        "epochs": _epochs(folder),
    }


def _epochs(folder: str) -> dict[str, float]:
    """Return source -> how often it was read, as the run's summary says; nothing where it is not done."""
    filesystem, name = fsspec.core.url_to_fs(join(folder, "summary.json"))
    if not filesystem.exists(name):
        return {}
    epochs = json.loads(filesystem.cat_file(name)).get("epochs") or {}
    return {str(source): float(count) for source, count in epochs.items()}


def read_spikes(folder: str) -> list[dict[str, Any]]:
    """Return the spikes that a training run wrote down, in the order of their steps."""
    filesystem, name = fsspec.core.url_to_fs(join(folder, "spikes"))
    if not filesystem.exists(name):
        return []
    files = sorted(file for file in filesystem.ls(name, detail=False) if file.endswith(".json"))
    return [_spike(json.loads(filesystem.cat_file(file))) for file in files]


def _spike(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return a spike from its file; what a later or earlier writer leaves out is empty.

    Its documents are (id, loss in words, beginning of the text it had there), the highest loss first.
    """
    documents: dict[str, tuple[str, str, str]] = {}
    for row in written.get("rows") or ():
        for document in row.get("documents") or ():
            if "id" in document and len(documents) < DOCUMENTS_PER_SPIKE:
                id, text = str(document["id"]), shortened(str(document.get("text", "")), EXCERPT_CHARACTERS)
                documents.setdefault(id, (id, str(document.get("loss", "")), text))
    return {
        "step": int(written.get("step", -1)),
        "why": str(written.get("why", "")),
        "documents": list(documents.values()),
    }
