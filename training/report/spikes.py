"""A batch that stood out, as a file that a person can open: its documents, their text, their losses."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from training.data.corpus import Corpus, Piece, ShardError
from training.data.segment import IGNORED
from training.data.shards import Reader
from training.data.vocabulary import Vocabulary, VocabularyError, open_vocabulary
from training.plan import Draw, Plan
from training.plan.explain import documents
from training.report.shown import escaped, opening

_SHOWN_ROWS = 64  # the worst, of which the text is written


def write_spike(
    path: Path, why: str, drawn: Draw, seen: Sequence[Tensor], plan: Plan, corpus: Corpus
) -> None:
    """Write a batch to an HTML page, to be read, and to a JSON file beside it; the highest loss first.

    `seen` are the losses, the tokens and the labels of the global batch (slots, row_tokens). Rows whose
    loss is not finite come before all others. Text is decoded for the worst rows, where the tokenizer can be
    had. What cannot be read beside the shards is missing from the page, which says so: it ends no run.
    """
    losses, tokens, labels = (each.cpu().numpy() for each in seen)
    reader = Reader(corpus, plan.names)
    located = plan.locate(drawn, range(plan.batch_rows))
    try:
        known, unknown = documents(reader, located), ""
    except ShardError as error:
        row_tokens, unknown = corpus.row_tokens, f"; rows are shown whole, their documents not known: {error}"
        known = [[Piece(id="not known", start=0, length=row_tokens)]] * len(located)
    rows: list[dict[str, Any]] = []
    for row, pieces in zip(located, known, strict=True):
        counted, of_row, of_documents = labels[row.slot] != IGNORED, losses[row.slot], []
        for piece, place, held in zip(pieces, places(pieces), spans(pieces), strict=True):
            loss = _mean(of_row[place], counted[place])
            ids = tokens[row.slot][held].tolist()
            of_documents.append({**asdict(piece), "loss": loss, "tokens": ids})
        rows.append(
            {
                "slot": row.slot,
                "source": plan.names[row.source],
                "loss": _mean(of_row, counted),
                "shard": str(reader.shard(row.source, row.shard).path),
                "row": row.row,
                "documents": sorted(of_documents, key=_worst_first),
            }
        )
    rows.sort(key=_worst_first)
    spike = {"step": drawn.step, "why": why, "text": _add_text(rows, corpus) + unknown, "rows": rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(spike, indent=1), encoding="utf-8")
    path.write_text(page(spike), encoding="utf-8")


def _add_text(rows: Sequence[dict[str, Any]], corpus: Corpus) -> str:
    """Put text in the place of the tokens of the worst rows; return what there is to know about it."""
    known: Vocabulary | None = None
    try:
        known, told = open_vocabulary(corpus), f"decoded for the {_SHOWN_ROWS} rows of the highest loss"
    except VocabularyError as error:
        told = f"none: {error}"
    for number, row in enumerate(rows):
        for document in row["documents"]:
            ids = document.pop("tokens")
            if known and number < _SHOWN_ROWS:
                document["text"] = known.decode(ids)
    return told


def places(pieces: Sequence[Piece]) -> list[slice]:
    """Return where in a row each piece's tokens are *predicted*: one place before they stand.

    >>> places([Piece(id="a", start=5, length=3), Piece(id="b", start=0, length=2)])
    [slice(0, 2, None), slice(2, 4, None)]
    """
    return [slice(max(span.start - 1, 0), span.stop - 1) for span in spans(pieces)]


def spans(pieces: Sequence[Piece]) -> list[slice]:
    """Return where in a row each piece's tokens stand."""
    ends = itertools.accumulate((piece.length for piece in pieces), initial=0)
    return [slice(a, b) for a, b in itertools.pairwise(ends)]


def _mean(losses: NDArray[np.float32], counted: NDArray[np.bool_]) -> float | str:
    """Return the mean loss of the counted tokens; text where JSON has no number for it."""
    value = float(losses[counted].mean()) if counted.any() else 0.0
    return round(value, 4) if math.isfinite(value) else str(value)


def _worst_first(entry: dict[str, Any]) -> float:
    return -math.inf if isinstance(entry["loss"], str) else -entry["loss"]


_STYLE = """body{font:15px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;color:#222}
table{border-collapse:collapse}td,th{padding:.15rem .7rem;text-align:left}td.n,th.n{text-align:right}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f6f6f4;padding:.6rem;max-height:22rem;overflow:auto}
h2{font-size:1.05rem;margin:2rem 0 .3rem}h3{font-size:.95rem;margin:1rem 0 .2rem}small{color:#666}"""


def page(spike: dict[str, Any]) -> str:
    """Return the spike as one HTML page: a table of its sources, then its worst rows, with text."""
    sources: dict[str, list[float | str]] = {}
    for row in spike["rows"]:
        sources.setdefault(row["source"], []).append(row["loss"])
    table = "".join(
        f"<tr><td>{escaped(name)}<td class=n>{len(of)}<td class=n>{of[0]}<td class=n>{of[len(of) // 2]}"
        for name, of in sorted(sources.items())
    )
    parts = [
        opening(f"step {spike['step']}", _STYLE),
        f"<h1>Step {spike['step']}</h1><p>{escaped(spike['why'])}</p>",
        f"<p><small>Text: {escaped(spike['text'])}. Losses are nats a token. All rows are in the JSON "
        "file beside this page.</small></p>",
        f"<table><tr><th>source<th class=n>rows<th class=n>highest<th class=n>median</tr>{table}</table>",
    ]
    for row in spike["rows"][:_SHOWN_ROWS]:
        parts.append(
            f"<h2>loss {row['loss']} · {escaped(row['source'])} · slot {row['slot']}</h2>"
            f"<small>{escaped(row['shard'])}, row {row['row']}</small>"
        )
        for document in row["documents"]:
            parts.append(
                f"<h3>loss {document['loss']} · {escaped(document['id'])}</h3><small>tokens "
                f"{document['start']} to {document['start'] + document['length']}</small>"
            )
            if "text" in document:
                parts.append(f"<pre>{escaped(document['text'])}</pre>")
    return "\n".join(parts)
