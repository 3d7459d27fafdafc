"""A run directory as pandas frames, for notebooks: documents, measures, ledgers, pairs, streams, metrics.

Everything is read from files with Arrow, local or on an object store; each call opens the run anew. Documents
come as a hash-sample of their ids: the same documents every time, and a smaller sample inside the larger.
What people read of them (`documents`, `pairs`) is masked as the recipe masks; `stored` is not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from curation.look.run import open_run, samples, tables


def documents(directory: str, stage: str, state: str | None = None, **options: Any) -> pd.DataFrame:
    """Return `curation.look.run.samples.documents` of a run: a sample, masked for people to read."""
    return samples.documents(open_run(directory), stage, state, **options)


def stored(directory: str, stage: str, state: str | None = None, **options: Any) -> pd.DataFrame:
    """Return `curation.look.run.samples.stored` of a run: a sample as it is stored, to measure."""
    return samples.stored(open_run(directory), stage, state, **options)


def only(frame: pd.DataFrame, rule: str | None) -> pd.DataFrame:
    """Return those of a frame of `documents` that broke this rule and nothing else."""
    alone = [[reason["name"] for reason in reasons] == [rule] for reasons in frame["reasons"]]
    return frame[np.array(alone, dtype=np.bool_)]


def measures(directory: str, *, wanted: int = 10_000) -> pd.DataFrame:
    """Return one row a document and one column a rule (`pass.rule`) of the filter stage."""
    return tables.measures(open_run(directory), wanted=wanted)


def rules(directory: str) -> pd.DataFrame:
    """Return the rules of the filter stage: `name` (pass.rule), signal, min, max, only (sources)."""
    return tables.rules(open_run(directory))


def ledgers(directory: str) -> pd.DataFrame:
    """Return one row for each stage and source, and one for all sources: records and characters by state."""
    return tables.ledgers(open_run(directory))


def reasons(directory: str) -> pd.DataFrame:
    """Return one row for each stage, source and reason: records, alone (broke nothing else), characters."""
    return tables.reasons(open_run(directory))


def pairs(directory: str, *, wanted: int = 200) -> pd.DataFrame:
    """Return about `wanted` removed documents beside the one each was merged into, both masked."""
    return tables.pairs(open_run(directory), wanted=wanted)


def streams(directory: str) -> pd.DataFrame:
    """Return one row a stream of the shard stage: rows, tokens, padding, documents, shards, bytes."""
    return tables.streams(open_run(directory))


def training(directory: str) -> pd.DataFrame:
    """Return the metrics of a training run: one row a line of `metrics.jsonl` below `directory`."""
    return tables.metrics(directory)
