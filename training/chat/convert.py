"""Conversations to rows with a loss mask: `python -m training.chat FILE.jsonl ... --like RUN --out DIR`.

One JSON object a line: `messages` with `role` and `content`, or `prompt` and `response`. Rows have the length
and the tokenizer of the shards of RUN, whose model is to be tuned. A row holds whole conversations, each
after an end of text, so that none sees another; `mask` is 1 for what the assistant says and the end after it.
"""

from __future__ import annotations

import argparse
import bisect
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import jinja2
import numpy as np
import xxhash
from numpy.typing import NDArray

from curation.accounting.fingerprint import digest_file, fingerprint
from curation.accounting.manifest import Manifest, MissingManifest
from training.chat.template import ChatError, Template, messages_of
from training.data.corpus import Corpus, ShardError, open_corpus
from training.data.vocabulary import Vocabulary, VocabularyError, open_vocabulary
from training.plan.order import permutation

_ROWS_PER_SHARD = 8192
_OUTPUT_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """One conversation: its name (file and line), its tokens, and whether each is to be learned."""

    id: str
    tokens: NDArray[np.int64]
    mask: NDArray[np.int64]


def chats(path: Path, template: Template, vocabulary: Vocabulary) -> Iterator[Chat]:
    """Yield the conversations of a file, each after an end of text.

    Raises:
        ChatError: the first line that is no conversation, or in which the template writes an end of text.
    """
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            text, spans = template.spans(messages_of(line, where), where)
            ids, offsets = vocabulary.encode_rendered(text)
            if vocabulary.eot_id in ids:
                raise ChatError(
                    f"{where}: its text holds token {vocabulary.eot_id}, the end of text, which parts rows; "
                    "use a template that ends turns with another token"
                )
            begins = np.array([begin for begin, _ in offsets], np.int64)
            mask = np.zeros(len(begins) + 1, np.int64)
            for begin, end in spans:
                mask[1:] |= (begins >= begin) & (begins < end)
            yield Chat(id=where, tokens=np.array([vocabulary.eot_id, *ids], np.int64), mask=mask)


def pack(lengths: Sequence[int], row_tokens: int) -> list[list[int]]:
    """Return rows of whole conversations, by number: best fit, the longest first; what fits none is left out.

    >>> pack([5, 3, 9, 4, 5], row_tokens=8)
    [[0, 1], [4], [3]]
    """
    rows: list[list[int]] = []
    open_rows: list[tuple[int, int]] = []  # room, row
    for number in sorted(range(len(lengths)), key=lambda each: (-lengths[each], each)):
        length = lengths[number]
        if length > row_tokens:
            continue
        place = bisect.bisect_left(open_rows, (length, -1))
        room, row = open_rows.pop(place) if place < len(open_rows) else (row_tokens, len(rows))
        if row == len(rows):
            rows.append([])
        rows[row].append(number)
        if room > length:
            bisect.insort(open_rows, (room - length, row))
    return rows


def filled(row: Sequence[Chat], row_tokens: int, eot_id: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the tokens and the mask of one row, filled up with ends of text.

    An end of text is learned where the conversation before it ended with what is learned.
    """
    tokens, mask = np.full(row_tokens, eot_id, np.int64), np.zeros(row_tokens, np.int64)
    place = 0
    for chat in row:
        end = place + len(chat.tokens)
        tokens[place:end], mask[place:end] = chat.tokens, chat.mask
        mask[place] = place > 0 and mask[place - 1]
        place = end
    if 0 < place < row_tokens:
        mask[place] = mask[place - 1]
    return tokens, mask


def write_shard(folder: Path, number: int, rows: Sequence[Sequence[Chat]], like: Corpus) -> dict[str, Any]:
    """Write one MDS shard (columns `mask`, `tokens`) and its provenance; return its entry in the manifest."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pairs = [filled(row, like.row_tokens, like.eot_id) for row in rows]
    samples = np.array([np.concatenate([mask, tokens]) for tokens, mask in pairs]).astype(like.dtype)
    encoding, half = f"ndarray:{like.dtype}:{like.row_tokens}", samples[0].nbytes // 2
    columns = {
        "column_encodings": [encoding, encoding],
        "column_names": ["mask", "tokens"],
        "column_sizes": [half, half],
        "compression": None,
        "format": "mds",
        "hashes": ["xxh64"],
        "size_limit": None,
        "version": 2,
    }
    header = json.dumps(columns, sort_keys=True).encode()
    offsets = 4 * (len(rows) + 2) + len(header) + samples[0].nbytes * np.arange(len(rows) + 1)
    data = np.uint32(len(rows)).tobytes() + offsets.astype(np.uint32).tobytes() + header + samples.tobytes()
    file = f"{folder.name}/shard.{number:05d}.mds"
    (folder.parent / file).write_bytes(data)
    pieces = [
        {"row": place, "id": chat.id, "start": 0, "length": len(chat.tokens)}
        for place, row in enumerate(rows)
        for chat in row
    ]
    schema = pa.schema(
        [("row", pa.int32()), ("id", pa.string()), ("start", pa.int64()), ("length", pa.int32())]
    )
    pq.write_table(pa.Table.from_pylist(pieces, schema), (folder.parent / file).with_suffix(".parquet"))
    return {
        "file": file,
        "provenance": file.replace(".mds", ".parquet"),
        "rows": len(rows),
        "bytes": len(data),
        "xxh64": xxhash.xxh64_hexdigest(data),
    }


def convert(paths: Sequence[str], like: Corpus, template: str | None, out: Path) -> list[str]:
    """Write the rows of some files below `out`, a source for each file; return what was done, in words."""
    vocabulary = open_vocabulary(like)
    made_by = {
        "files": {Path(path).stem: digest_file(path) for path in paths},
        "template": digest_file(template) if template else "",
        "tokenizer": like.tokenizer_digest,
        "row_tokens": like.row_tokens,
        "output_version": _OUTPUT_VERSION,
    }
    name = fingerprint(made_by)
    aside, folder = out / "shard" / f"{name}.incomplete", out / "shard" / name
    shutil.rmtree(aside, ignore_errors=True)
    streams = {Path(path).stem: _stream(path, aside, Template(template), vocabulary, like) for path in paths}
    with fsspec.open(like.tokenizer, "rb") as stream:
        (aside / "tokenizer.json").write_bytes(stream.read())
    facts = {
        "file": "tokenizer.json",
        "digest": like.tokenizer_digest,
        "vocab": like.vocab,
        "eot_id": like.eot_id,
    }
    manifest = Manifest(
        stage="shard",
        fingerprint=name,
        config=made_by,
        inputs={},
        resources={},
        versions={},
        output_version=_OUTPUT_VERSION,
        detail={"row_tokens": like.row_tokens, "dtype": like.dtype, "tokenizer": facts, "streams": streams},
    )
    (aside / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)
    (out / "shard" / "current.json").write_text(json.dumps({"fingerprint": name}), encoding="utf-8")
    return [
        f"{source}: {each['documents']:,} conversations in {each['rows']:,} rows, {each['learned']:,} of "
        f"{each['tokens']:,} tokens learned, {each['padding'] / each['tokens']:.1%} padding; "
        f"{each['too_long']:,} longer than a row left out"
        for source, each in streams.items()
    ]


def _stream(
    path: str, folder: Path, template: Template, vocabulary: Vocabulary, like: Corpus
) -> dict[str, Any]:
    """Write the shards of one file below `folder`; return what the manifest says of them."""
    source = folder / Path(path).stem
    source.mkdir(parents=True)
    known = list(chats(Path(path), template, vocabulary))
    rows = pack([len(chat.tokens) for chat in known], like.row_tokens)
    if not rows:
        raise ChatError(f"{path}: none of {len(known)} conversations fits a row of {like.row_tokens} tokens")
    mixed = permutation(len(rows), "chat", source.name).tolist()
    ordered = [[known[chat] for chat in rows[number]] for number in mixed]
    shards = [
        write_shard(source, number, ordered[first : first + _ROWS_PER_SHARD], like)
        for number, first in enumerate(range(0, len(ordered), _ROWS_PER_SHARD))
    ]
    taken = [chat for row in ordered for chat in row]
    tokens = len(rows) * like.row_tokens
    return {
        "rows": len(rows),
        "tokens": tokens,
        "padding": tokens - sum(len(chat.tokens) for chat in taken),
        "documents": len(taken),
        "too_long": len(known) - len(taken),
        "learned": sum(int(chat.mask.sum()) for chat in taken),
        "shards": shards,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 2 where the request is wrong."""
    parser = argparse.ArgumentParser(prog="python -m training.chat", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE.jsonl")
    parser.add_argument("--like", required=True, metavar="RUN", help="run directory of the shards trained on")
    parser.add_argument("--template", metavar="tokenizer_config.json", help="holds `chat_template`")
    parser.add_argument("--out", required=True, metavar="DIR", help="name it in `data`")
    asked = parser.parse_args(arguments)
    try:
        told = convert(asked.files, open_corpus([asked.like]), asked.template, Path(asked.out))
    except (ChatError, ShardError, VocabularyError, MissingManifest, OSError, jinja2.TemplateError) as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(told))
    return 0
