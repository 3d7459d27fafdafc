"""A run directory as pandas frames: documents, measures, ledgers, clusters, streams, training metrics.

Everything is read from files with Arrow, local or on an object store. Documents come as a hash-sample of
their ids: the same documents every time, the smaller sample inside the larger, never more than asked for
in memory. What people read of them (`documents`, `records`, `pairs`) is masked as the recipe masks; what is
only measured is read as it is stored (`stored`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from curation.accounting.ledger import STATES
from curation.accounting.manifest import Manifest, MissingManifest, join, published, read_manifest
from curation.accounting.sample import LOOK, position, sampled
from curation.accounting.settle import SETTLED
from curation.look.run.mask import masker
from curation.look.run.stored import matching as matching
from curation.look.run.stored import open_table as open_table
from curation.look.run.stored import parts
from curation.look.run.stored import rows as rows

#: The stages that write rows of documents, in the order a document meets them.
ROW_STAGES = ("extract", "lines", "filter", "select", "dedup", "sites", "decontaminate")
STAGES = (*ROW_STAGES, "tokenizer", "shard")


def manifests(directory: str) -> dict[str, Manifest]:
    """Return stage -> manifest of what a run directory has published, in the order of the stages.

    Raises:
        MissingManifest: nothing was published there.
    """
    found = {}
    for stage in STAGES:
        try:
            found[stage] = read_manifest(published(directory, stage))
        except MissingManifest:
            continue
    if not found:
        raise MissingManifest(f"{directory}: no stage was published there; expected the --out of a run")
    return found


def records(directory: str, stage: str, condition: ds.Expression) -> list[dict[str, Any]]:
    """Return the rows of a stage that meet a condition (as they are stored), masked, for people to read."""
    mask = masker(directory)
    return [mask.row(row) for row in matching(rows(directory, stage), condition)]


def documents(
    directory: str,
    stage: str,
    state: str | None = None,
    *,
    wanted: int = 10_000,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the documents of `stored`, masked as the recipe of the run masks, for people to read.

    Where the recipe masks all six kinds that takes a second for a thousand pages: ask for fewer, or for
    `columns` without text.
    """
    read = None if columns is None else list(dict.fromkeys([*columns, "source"]))
    frame = masker(directory).frame(stored(directory, stage, state, wanted=wanted, columns=read))
    return frame if columns is None or "source" in columns else frame.drop(columns="source")


def stored(
    directory: str,
    stage: str,
    state: str | None = None,
    *,
    wanted: int = 10_000,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return about `wanted` documents of a stage, all where there are fewer; a hash-sample of the ids.

    The same ids are the sample however the rows lie in files. Where the stage keeps a sample as large beside
    its rows, that is read. Of what has none all ids are read, then the asked columns of those row groups that
    hold one of the sample: ask for few `columns`.

    Args:
        directory: of the run.
        stage: extract, filter, dedup or decontaminate.
        state: kept, dropped, merged or failed; all states where None.
        wanted: how many documents to aim at.
        columns: all where None; `id` is always among them.

    Returns:
        A frame in hash order, so its first rows are a sample too. `measures` and `edits` are
        dictionaries, `reasons` lists of dictionaries; `frame.attrs["rate"]` is the sampling rate.
    """
    ledger = read_manifest(published(directory, stage)).ledger
    held = ledger[state]["records"] if state else ledger["in"]["records"]
    rate = min(1.0, wanted / max(1, held))
    names = None if columns is None else ["id", *[name for name in columns if name != "id"]]
    found = parts(directory, stage, state, rate=rate)
    batches = [batch for part in found for batch in _sample(part.table, names, part.only, rate)]
    schema = batches[0].schema if batches else pa.schema([SETTLED.field(n) for n in names or SETTLED.names])
    frame = plain(pa.Table.from_batches(batches, schema))
    order = frame["id"].map(_order).argsort(kind="stable") if len(frame) else []
    frame = frame.iloc[order].reset_index(drop=True)
    frame.attrs["rate"] = rate
    return frame


def _sample(
    table: ds.Dataset, columns: list[str] | None, only: ds.Expression | None, rate: float
) -> Iterator[pa.RecordBatch]:
    if rate >= 1 or not isinstance(table, ds.FileSystemDataset):
        yield from table.to_batches(columns=columns, filter=only)
        return
    for file in table.get_fragments(filter=only):
        for group in file.split_by_row_group():
            ids = group.to_table(schema=table.schema, columns=["id"], filter=only)["id"].to_pylist()
            if mine := [each for each in ids if sampled(each, rate, LOOK)]:
                chosen = pc.field("id").isin(mine)
                chosen = chosen if only is None else only & chosen
                yield from group.to_batches(schema=table.schema, columns=columns, filter=chosen)


def _order(document_id: str) -> float:
    return position(document_id, LOOK)


def plain(table: pa.Table) -> pd.DataFrame:
    """Return a table as a frame of plain Python values: maps as dictionaries, lists as lists."""
    frame = table.to_pandas(maps_as_pydicts="strict")
    for name in ("reasons",):
        if name in frame:
            frame[name] = [list(each) if each is not None else [] for each in frame[name]]
    return frame


def only(frame: pd.DataFrame, rule: str | None) -> pd.DataFrame:
    """Return those of a frame of `documents` that broke this rule and nothing else."""
    alone = [[each["name"] for each in found] == [rule] for found in frame["reasons"]]
    return frame[np.array(alone, dtype=np.bool_)]


def measures(directory: str, *, wanted: int = 10_000) -> pd.DataFrame:
    """Return one row a document and one column a rule (`pass.rule`) of the filter stage.

    A value is NaN where the rule did not measure the document: its pass is for other sources, or the
    document had already broken an earlier pass and the recipe does not say `measure: all`.
    """
    names = ["source", "state", "language", "characters", "measures"]
    frame = stored(directory, "filter", wanted=wanted, columns=names)
    wide = pd.DataFrame(list(frame["measures"]), index=frame.index, dtype="float64")
    out = frame.drop(columns="measures").join(wide)
    out.attrs["rate"] = frame.attrs["rate"]
    return out


def rules(directory: str) -> pd.DataFrame:
    """Return the rules of the filter stage: `name` (pass.rule), signal, min, max, only (sources)."""
    found = [
        {
            "name": f"{each['name']}.{rule['name']}",
            "signal": rule["signal"],
            "min": float(rule["min"]),
            "max": float(rule["max"]),
            "only": ", ".join(each.get("only") or ()),
        }
        for each in read_manifest(published(directory, "filter")).config["filter"]
        for rule in each["rules"]
    ]
    return pd.DataFrame(found, columns=["name", "signal", "min", "max", "only"])


def ledgers(directory: str) -> pd.DataFrame:
    """Return one row for each stage and source, and one for all sources: records and characters by state."""
    found = []
    for stage, source, account in _accounts(directory):
        row: dict[str, Any] = {"stage": stage, "source": source}
        for state in ("in", *STATES):
            row[state] = account[state]["records"]
            row[f"{state}_characters"] = account[state]["characters"]
        found.append(row)
    return pd.DataFrame(found)


def reasons(directory: str) -> pd.DataFrame:
    """Return one row for each stage, source and reason: records, alone (broke nothing else), characters."""
    found = [
        {"stage": stage, "source": source, "reason": name, **counts}
        for stage, source, account in _accounts(directory)
        for name, counts in account["reasons"].items()
    ]
    return pd.DataFrame(found, columns=["stage", "source", "reason", "records", "alone", "characters"])


def _accounts(directory: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for stage, manifest in manifests(directory).items():
        if manifest.ledger:
            yield stage, "all", manifest.ledger
            for source, account in manifest.ledger["sources"].items():
                yield stage, source, account


def clusters(directory: str) -> ds.Dataset:
    """Return the clusters table: id, kept_id, jaccard, bands_shared, cluster_size, reason."""
    return open_table(join(published(directory, "dedup"), "clusters"))


def pairs(directory: str, *, wanted: int = 200) -> pd.DataFrame:
    """Return about `wanted` removed documents beside the one each was merged into, both masked.

    The largest clusters come first, and in each the pair least alike: one whose words were not compared (it
    is alike in meaning), then the one of least Jaccard similarity. Columns are those of the clusters
    table, and url, title, source and text of both; those of the kept document begin with `kept_`. Clusters
    are sampled whole, by a hash of the kept document's id.
    """
    table = clusters(directory)
    held = table.count_rows()
    if not held:
        numbers = ("jaccard", "bands_shared", "cluster_size")
        both = [f"{side}{name}" for side in ("", "kept_") for name in ("source", "url", "title", "text")]
        none = pd.DataFrame(columns=["id", "kept_id", *numbers, "reason", *both])
        return none.astype(dict.fromkeys(numbers, "float64"))
    rate = min(1.0, wanted / held)
    batches = [
        batch.filter(pa.array([sampled(i, rate, LOOK) for i in batch["kept_id"].to_pylist()], pa.bool_()))
        for batch in table.to_batches()
    ]
    frame = pa.Table.from_batches(batches).to_pandas()
    ids = sorted({*frame["id"], *frame["kept_id"]})
    names = ["id", "source", "url", "title", "text"]
    read = matching(rows(directory, "dedup"), pc.field("id").isin(ids), names)
    texts = masker(directory).frame(pd.DataFrame(read, columns=names).drop_duplicates("id"))
    frame = frame.merge(texts, on="id", how="left")
    frame = frame.merge(texts.add_prefix("kept_"), on="kept_id", how="left")
    order = {"cluster_size": False, "kept_id": True, "jaccard": True, "id": True}
    return frame.sort_values(
        list(order), ascending=list(order.values()), na_position="first", ignore_index=True
    )


def streams(directory: str) -> pd.DataFrame:
    """Return one row a stream of the shard stage: rows, tokens, padding, documents, shards, bytes.

    None where no shards were published.
    """
    shards = manifests(directory).get("shard")
    counts = ("rows", "tokens", "padding", "documents")
    found = [
        {
            "stream": name,
            **{key: stream[key] for key in counts},
            "shards": len(stream["shards"]),
            "bytes": sum(shard["bytes"] for shard in stream["shards"]),
        }
        for name, stream in (shards.detail["streams"] if shards else {}).items()
    ]
    return pd.DataFrame(found, columns=["stream", *counts, "shards", "bytes"])


def training(directory: str) -> pd.DataFrame:
    """Return the metrics of a training run: one row a line of `metrics.jsonl` below `directory`.

    Where there is none, the frame is empty and its `attrs["empty"]` says so.
    """
    path = join(directory, "metrics.jsonl")
    filesystem, name = fsspec.core.url_to_fs(path)
    lines = filesystem.cat_file(name).decode("utf-8").splitlines() if filesystem.exists(name) else []
    if found := [json.loads(line) for line in lines if line.strip()]:
        return pd.DataFrame(found)
    frame = pd.DataFrame(columns=["step", "phase", "loss"]).astype({"step": "float64", "loss": "float64"})
    frame.attrs["empty"] = f"No training run to show: {path} is not there, or holds no step yet."
    return frame
