"""The page of a spike: the documents of its batch, their text and their losses."""

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

from curation.look.render.inert import escaped, opening
from training.data.corpus import Corpus, Piece, ShardError
from training.data.segment import IGNORED
from training.data.shards import ShardReader
from training.data.tokenizer import TokenizerError, open_tokenizer
from training.plan import Draw, Plan
from training.plan.explain import documents

_SHOWN_ROWS = 64  # those of the highest loss, whose text is written


def write_spike(
    path: Path, why: str, drawn: Draw, batch: Sequence[Tensor], plan: Plan, corpus: Corpus
) -> None:
    """Write a batch to an HTML page and to a JSON file beside it, the highest loss first.

    `batch` holds the losses, tokens and labels of the global batch (slots, row_tokens). Rows whose loss is
    not finite come first. Text is decoded for the first rows. If the tokenizer or the documents' names cannot
    be read, the page says so and the run goes on.
    """
    losses, tokens, labels = (tensor.cpu().numpy() for tensor in batch)
    reader = ShardReader(corpus, plan.names)
    located = plan.locate(drawn, range(plan.batch_rows))
    try:
        row_pieces, note = documents(reader, located), ""
    except ShardError as error:
        note = f"; rows are shown whole, since their documents are not known: {error}"
        row_pieces = [[Piece(id="not known", start=0, length=corpus.row_tokens)]] * len(located)
    rows: list[dict[str, Any]] = []
    for row, pieces in zip(located, row_pieces, strict=True):
        has_label, row_losses, entries = labels[row.slot] != IGNORED, losses[row.slot], []
        for piece, span, predicted in zip(pieces, spans(pieces), predicted_spans(pieces), strict=True):
            loss = _mean(row_losses[predicted], has_label[predicted])
            ids = tokens[row.slot][span].tolist()
            entries.append({**asdict(piece), "loss": loss, "tokens": ids})
        rows.append(
            {
                "slot": row.slot,
                "source": plan.names[row.source],
                "loss": _mean(row_losses, has_label),
                "shard": str(reader.shard(row.source, row.shard).path),
                "row": row.row,
                "documents": sorted(entries, key=_worst_first),
            }
        )
    rows.sort(key=_worst_first)
    spike = {"step": drawn.step, "why": why, "text": _add_text(rows, corpus) + note, "rows": rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(spike, indent=1), encoding="utf-8")
    path.write_text(page(spike), encoding="utf-8")


def _add_text(rows: Sequence[dict[str, Any]], corpus: Corpus) -> str:
    """Replace the tokens of the first rows by their text; return a note about the text."""
    tokenizer = None
    try:
        tokenizer, note = open_tokenizer(corpus), f"decoded for the {_SHOWN_ROWS} rows of the highest loss"
    except TokenizerError as error:
        note = f"none: {error}"
    for number, row in enumerate(rows):
        for document in row["documents"]:
            ids = document.pop("tokens")
            if tokenizer and number < _SHOWN_ROWS:
                document["text"] = tokenizer.decode(ids)
    return note


def predicted_spans(pieces: Sequence[Piece]) -> list[slice]:
    """Return where in a row each piece's tokens are *predicted*: one position before their own.

    >>> predicted_spans([Piece(id="a", start=5, length=3), Piece(id="b", start=0, length=2)])
    [slice(0, 2, None), slice(2, 4, None)]
    """
    return [slice(max(span.start - 1, 0), span.stop - 1) for span in spans(pieces)]


def spans(pieces: Sequence[Piece]) -> list[slice]:
    """Return the positions in a row of each piece's tokens."""
    ends = itertools.accumulate((piece.length for piece in pieces), initial=0)
    return [slice(a, b) for a, b in itertools.pairwise(ends)]


def _mean(losses: NDArray[np.float32], has_label: NDArray[np.bool_]) -> float | str:
    """Return the mean loss of the tokens with a label, as text if it is not finite, for JSON."""
    value = float(losses[has_label].mean()) if has_label.any() else 0.0
    return round(value, 4) if math.isfinite(value) else str(value)


def _worst_first(entry: dict[str, Any]) -> float:
    return -math.inf if isinstance(entry["loss"], str) else -entry["loss"]


_STYLE = """body{font:15px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;color:#222}
table{border-collapse:collapse}td,th{padding:.15rem .7rem;text-align:left}td.n,th.n{text-align:right}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f6f6f4;padding:.6rem;max-height:22rem;overflow:auto}
h2{font-size:1.05rem;margin:2rem 0 .3rem}h3{font-size:.95rem;margin:1rem 0 .2rem}small{color:#666}"""


def page(spike: dict[str, Any]) -> str:
    """Return a spike as an HTML page: a table of its sources, then the rows of the highest loss."""
    sources: dict[str, list[float | str]] = {}
    for row in spike["rows"]:
        sources.setdefault(row["source"], []).append(row["loss"])
    table = "".join(
        f"<tr><td>{escaped(name)}<td class=n>{len(losses)}"
        f"<td class=n>{losses[0]}<td class=n>{losses[len(losses) // 2]}"
        for name, losses in sorted(sources.items())
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
