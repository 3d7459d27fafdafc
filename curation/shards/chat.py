"""Conversations to shards with a loss mask: `curate chat FILE.jsonl ... --like RUN --out DIR`.

One JSON object a line: `messages` with `role` and `content`, or `prompt` and `response`. Rows have the length
and the tokenizer of the shards of RUN, whose model is to be tuned. A row holds whole conversations, each
after an end of text, so that none sees another; `mask` is 1 for what the assistant says and the end after it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from curation.accounting.fingerprint import fingerprint
from curation.accounting.manifest import NAME, Manifest, join, published, read_manifest
from curation.files.digests import digest_bytes, digest_file
from curation.files.packed_file import open_unpacked
from curation.files.whole import replacing_directory, write_whole
from curation.shards.best_fit import fit
from curation.shards.chat_template import ChatError, Template, messages_of
from curation.shards.mds import index_bytes, write_shard
from curation.shards.pack import order_key, provenance_table, rows_per_shard
from curation.shards.tokens import Ids, Tokenizer, load_tokenizer

TOKENIZER = "tokenizer.json"
_SHARD_MIB, _SEED = 64, 1
_OUTPUT_VERSION = 2


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """One conversation.

    Attributes:
        id: its file and line.
        line: its number in the file, which alone decides its position among the others.
        tokens: after an end of text.
        mask: 1 for each token that is to be learned.
    """

    id: str
    line: str
    tokens: npt.NDArray[np.int64]
    mask: npt.NDArray[np.int64]


def chats(path: str, template: Template, tokenizer: Tokenizer) -> Iterator[Chat]:
    """Yield the conversations of a file (packed or not, a path or a URL), each after an end of text.

    Raises:
        ChatError: the first line that is no conversation, or in which the template writes an end of text.
    """
    with TextIOWrapper(open_unpacked(path), encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            text, spans = template.spans(messages_of(line, where), where)
            encoded = tokenizer.engine.encode(text, add_special_tokens=False)
            if tokenizer.eot_id in encoded.ids:
                raise ChatError(
                    f"{where}: its text holds token {tokenizer.eot_id}, the end of text, which parts rows; "
                    "use a template that ends turns with another token"
                )
            begins = np.array([begin for begin, _ in encoded.offsets], np.int64)
            mask = np.zeros(len(begins) + 1, np.int64)
            for begin, end in spans:
                mask[1:] |= (begins >= begin) & (begins < end)
            ids = np.array([tokenizer.eot_id, *encoded.ids], np.int64)
            yield Chat(id=where, line=str(number), tokens=ids, mask=mask)


def filled(row: Sequence[Chat], row_tokens: int, tokenizer: Tokenizer) -> tuple[Ids, Ids]:
    """Return the tokens and the mask of one row, filled up with ends of text.

    An end of text is learned where the conversation before it ended with what is learned.
    """
    tokens: Ids = np.full(row_tokens, tokenizer.eot_id, tokenizer.dtype)
    mask: Ids = np.zeros(row_tokens, tokenizer.dtype)
    begin = 0
    for chat in row:
        end = begin + len(chat.tokens)
        tokens[begin:end], mask[begin:end] = chat.tokens, chat.mask
        mask[begin] = begin > 0 and mask[begin - 1]
        begin = end
    if 0 < begin < row_tokens:
        mask[begin] = mask[begin - 1]
    return tokens, mask


def convert(paths: Sequence[str], like: str, template: str | None, out: str) -> list[str]:
    """Write the rows of some files below `out`, a source for each file; return what was done, in words.

    Raises:
        ChatError: a file holds no conversation that fits, or two files would be one source.
        MissingManifest: `like` has no published shards.
        ValueError: its tokenizer cannot be used.
    """
    folder = published(like, "shard")
    detail = read_manifest(folder).detail
    row_tokens, known = int(detail["row_tokens"]), detail["tokenizer"]
    sources = {Path(path).name.partition(".")[0]: path for path in paths}
    if len(sources) < len(paths):
        raise ChatError(f"{', '.join(paths)}: each file is a source of its name; give them different names")
    made_by = {
        "files": {name: digest_file(path) for name, path in sources.items()},
        "template": digest_file(template) if template else "",
        "tokenizer": known["digest"],
        "row_tokens": row_tokens,
        "versions": {name: version(name) for name in ("tokenizers", "jinja2")},
        "output_version": _OUTPUT_VERSION,
    }
    name = fingerprint(made_by)
    with replacing_directory(Path(out, "shard", name)) as new:
        tokenizer = _tokenizer(join(folder, known["file"]), known, new / TOKENIZER)
        streams = {
            source: _stream(path, new / source, Template(template), tokenizer, row_tokens)
            for source, path in sources.items()
        }
        manifest = Manifest(
            stage="shard",
            fingerprint=name,
            config={key: made_by[key] for key in ("files", "template", "tokenizer", "row_tokens")},
            inputs={},
            resources={},
            versions=made_by["versions"],
            output_version=_OUTPUT_VERSION,
            detail={
                "row_tokens": row_tokens,
                "dtype": tokenizer.dtype,
                "tokenizer": {**known, "file": TOKENIZER},
                "streams": streams,
            },
        )
        (new / NAME).write_text(manifest.to_json(), encoding="utf-8")
    write_whole(Path(out, "shard", "current.json"), json.dumps({"fingerprint": name}).encode())
    return [_summary(source, stream) for source, stream in streams.items()]


def _tokenizer(path: str, known: Mapping[str, Any], copy: Path) -> Tokenizer:
    """Return the tokenizer of the shards, which takes a template's special tokens for what they are."""
    with fsspec.open(path, "rb") as stream:
        data: bytes = stream.read()
    if (digest := digest_bytes(data)) != known["digest"]:
        raise ChatError(
            f"{path}: expected the tokenizer that made the shards, {known['digest']}, found {digest}; "
            "put that file back"
        )
    copy.write_bytes(data)
    tokenizer = load_tokenizer(copy)
    tokenizer.engine.encode_special_tokens = False
    return tokenizer


def _stream(
    path: str, folder: Path, template: Template, tokenizer: Tokenizer, row_tokens: int
) -> dict[str, Any]:
    """Write the shards of one file; return what the manifest says of them."""
    every = sorted(chats(path, template, tokenizer), key=lambda chat: order_key(_SEED, chat.line))
    fitting = [chat for chat in every if len(chat.tokens) <= row_tokens]
    if not fitting:
        raise ChatError(f"{path}: none of {len(every)} conversations fits a row of {row_tokens} tokens")
    rows = [
        [fitting[number] for number, *_ in row]
        for row in fit([len(chat.tokens) for chat in fitting], row_tokens)
    ]
    folder.mkdir()
    size = rows_per_shard(2 * row_tokens, tokenizer.dtype, _SHARD_MIB)
    written = [
        _shard(folder, number, rows[first : first + size], tokenizer, row_tokens)
        for number, first in enumerate(range(0, len(rows), size))
    ]
    (folder / "index.json").write_bytes(index_bytes(entry for _, entry in written))
    tokens = len(rows) * row_tokens
    return {
        "rows": len(rows),
        "tokens": tokens,
        "padding": tokens - sum(len(chat.tokens) for chat in fitting),
        "documents": len(fitting),
        "too_long": len(every) - len(fitting),
        "learned": sum(int(chat.mask.sum()) for chat in fitting),
        "shards": [facts for facts, _ in written],
    }


def _shard(
    folder: Path, number: int, rows: Sequence[Sequence[Chat]], tokenizer: Tokenizer, row_tokens: int
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Write one shard and its provenance; return its entries in the manifest and in the stream's index."""
    pairs = [filled(row, row_tokens, tokenizer) for row in rows]
    tokens, mask = (np.stack([pair[n] for pair in pairs]) for n in (0, 1))
    info = write_shard(folder, number, tokens, mask)
    provenance = info.file.replace(".mds", ".parquet")
    pieces = [(index, chat.id, 0, len(chat.tokens)) for index, row in enumerate(rows) for chat in row]
    pq.write_table(provenance_table(pieces), folder / provenance, compression="zstd")
    named = {"file": f"{folder.name}/{info.file}", "provenance": f"{folder.name}/{provenance}"}
    return {**named, "rows": info.rows, "bytes": info.bytes, "xxh64": info.xxh64}, info.entry


def _summary(source: str, facts: Mapping[str, Any]) -> str:
    return (
        f"{source}: {facts['documents']:,} conversations in {facts['rows']:,} rows, {facts['learned']:,} of "
        f"{facts['tokens']:,} tokens learned, {facts['padding'] / facts['tokens']:.1%} padding; "
        f"{facts['too_long']:,} longer than a row left out"
    )
