"""Tables of a run as pandas frames: rules, measures, ledgers, reasons, pairs, streams, training metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import fsspec
import pandas as pd
import pyarrow as pa

from curation.accounting.account import STATES
from curation.accounting.manifest import join
from curation.accounting.sample import LOOK, sampled
from curation.look.run.opened import OpenedRun
from curation.look.run.samples import stored
from curation.look.run.stored import among, matching


def measures(run: OpenedRun, *, wanted: int = 10_000) -> pd.DataFrame:
    """Return one row a document and one column a rule (`pass.rule`) of the filter stage.

    A value is NaN where the rule did not measure the document: its pass is for other sources, or the
    document had already broken an earlier pass and the recipe does not say `measure: all`.
    """
    names = ["source", "state", "language", "characters", "measures"]
    frame = stored(run, "filter", wanted=wanted, columns=names)
    wide = pd.DataFrame(list(frame["measures"]), index=frame.index, dtype="float64")
    table = frame.drop(columns="measures").join(wide)
    table.attrs["rate"] = frame.attrs["rate"]
    return table


def rules(run: OpenedRun) -> pd.DataFrame:
    """Return the rules of the filter stage: `name` (pass.rule), signal, min, max, only (sources)."""
    only = dict(zip(run.bounds.names, run.bounds.only, strict=True))
    table = [
        {
            "name": name,
            "signal": rule.signal,
            "min": rule.min,
            "max": rule.max,
            "only": ", ".join(only[name]),
        }
        for name, rule in run.rules.items()
    ]
    return pd.DataFrame(table, columns=["name", "signal", "min", "max", "only"])


def ledgers(run: OpenedRun) -> pd.DataFrame:
    """Return one row for each stage and source, and one for all sources: records and characters by state."""
    table = []
    for stage, source, account in _accounts(run):
        row: dict[str, Any] = {"stage": stage, "source": source}
        for state in ("in", *STATES):
            row[state] = account[state]["records"]
            row[f"{state}_characters"] = account[state]["characters"]
        table.append(row)
    return pd.DataFrame(table)


def reasons(run: OpenedRun) -> pd.DataFrame:
    """Return one row for each stage, source and reason: records, alone (broke nothing else), characters."""
    table = [
        {"stage": stage, "source": source, "reason": name, **counts}
        for stage, source, account in _accounts(run)
        for name, counts in account["reasons"].items()
    ]
    return pd.DataFrame(table, columns=["stage", "source", "reason", "records", "alone", "characters"])


def _accounts(run: OpenedRun) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for stage in run.manifests:
        if ledger := run.ledger(stage):
            yield stage, "all", ledger
            for source, account in ledger["sources"].items():
                yield stage, source, account


def pairs(run: OpenedRun, *, wanted: int = 200) -> pd.DataFrame:
    """Return about `wanted` removed documents beside the one each was merged into, both masked.

    The largest clusters come first, and in each the pair least alike: one whose words were not compared (it
    is alike in meaning), then the one of least Jaccard similarity. Columns are those of the clusters
    table, and url, title, source and text of both; those of the kept document begin with `kept_`. Clusters
    are sampled whole, by a hash of the kept document's id.
    """
    table = run.clusters()
    total = table.count_rows()
    if not total:
        numbers = ("jaccard", "bands_shared", "cluster_size")
        both = [f"{side}{name}" for side in ("", "kept_") for name in ("source", "url", "title", "text")]
        none = pd.DataFrame(columns=["id", "kept_id", *numbers, "reason", *both])
        return none.astype(dict.fromkeys(numbers, "float64"))
    rate = min(1.0, wanted / total)
    batches = [
        batch.filter(pa.array([sampled(i, rate, LOOK) for i in batch["kept_id"].to_pylist()], pa.bool_()))
        for batch in table.to_batches()
    ]
    frame = pa.Table.from_batches(batches).to_pandas()
    ids = sorted({*frame["id"], *frame["kept_id"]})
    names = ["id", "source", "url", "title", "text"]
    rows = matching(run.rows("dedup"), among("id", ids), names)
    texts = run.mask.frame(pd.DataFrame(rows, columns=names).drop_duplicates("id"))
    frame = frame.merge(texts, on="id", how="left")
    frame = frame.merge(texts.add_prefix("kept_"), on="kept_id", how="left")
    order = {"cluster_size": False, "kept_id": True, "jaccard": True, "id": True}
    return frame.sort_values(
        list(order), ascending=list(order.values()), na_position="first", ignore_index=True
    )


def streams(run: OpenedRun) -> pd.DataFrame:
    """Return one row a stream of the shard stage: rows, tokens, padding, documents, shards, bytes.

    None where no shards were published.
    """
    shards = run.manifests.get("shard")
    counts = ("rows", "tokens", "padding", "documents")
    table = [
        {
            "stream": name,
            **{key: stream[key] for key in counts},
            "shards": len(stream["shards"]),
            "bytes": sum(shard["bytes"] for shard in stream["shards"]),
        }
        for name, stream in (shards.detail["streams"] if shards else {}).items()
    ]
    return pd.DataFrame(table, columns=["stream", *counts, "shards", "bytes"])


def metrics(directory: str) -> pd.DataFrame:
    """Return the metrics of a training run: one row a line of `metrics.jsonl` below `directory`.

    Where there is none, the frame is empty and its `attrs["empty"]` says so.
    """
    path = join(directory, "metrics.jsonl")
    filesystem, name = fsspec.core.url_to_fs(path)
    lines = filesystem.cat_file(name).decode("utf-8").splitlines() if filesystem.exists(name) else []
    if steps := [json.loads(line) for line in lines if line.strip()]:
        return pd.DataFrame(steps)
    frame = pd.DataFrame(columns=["step", "phase", "loss"]).astype({"step": "float64", "loss": "float64"})
    frame.attrs["empty"] = f"No training run to show: {path} is not there, or holds no step yet."
    return frame
