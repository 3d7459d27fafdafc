"""Text to token ids, with a tokenizer that is a file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.files.tokenizer_file import read_engine
from curation.shards.long_runs import CutRuns

if TYPE_CHECKING:
    import tokenizers

Ids = npt.NDArray[np.unsignedinteger[Any]]

#: What published tokenizers call the end of a text, in the order they are looked for.
END_OF_TEXT = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>")
_BYTES = 256


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Tokenizer:
    """A loaded tokenizer and what a shard needs to know of it."""

    engine: tokenizers.Tokenizer
    vocab: int  # one more than the largest id, added tokens included
    eot_id: int
    dtype: str  # of a stored id: "uint16" where every id fits, else "uint32"


def load_tokenizer(file: str | Path, end_of_text: str | None = None) -> Tokenizer:
    """Return the tokenizer of a Hugging Face `tokenizers` JSON file.

    `end_of_text` is the token put after each document; without it the first of `END_OF_TEXT` the file
    has. Truncation, padding and BPE dropout in the file are switched off, and special tokens met inside a
    text are encoded as the text they are: a page that quotes `<|endoftext|>` must not end a document.

    Raises ValueError naming the file for a file that is no tokenizer, has no end of text, or whose end
    of text can come out of ordinary text.
    """
    try:
        engine = read_engine(Path(file).read_text("utf-8"))
    except OSError as error:
        raise ValueError(f"{file}: cannot be read ({error.strerror}); expected a tokenizer.json") from error
    except Exception as error:  # what the library raises for a malformed file is no narrower
        raise ValueError(
            f"{file}: not a tokenizer ({error}); expected a tokenizer.json of Hugging Face `tokenizers`"
        ) from error
    engine.encode_special_tokens = True
    ids: dict[str, int] = engine.get_vocab(with_added_tokens=True)
    wanted = END_OF_TEXT if end_of_text is None else (end_of_text,)
    eot = next((token for token in wanted if token in ids), None)
    if eot is None:
        raise ValueError(
            f"{file}: found no token {' or '.join(map(repr, wanted))} among {len(ids)}; "
            "expected one that ends a document, name it"
        )
    if ids[eot] in engine.encode(eot, add_special_tokens=False).ids:
        raise ValueError(
            f"{file}: found that the text {eot!r} becomes its end-of-text id {ids[eot]}; "
            f"{_hint(engine, eot)}, so that no page can end a document"
        )
    vocab = max(ids.values()) + 1
    dtype = "uint16" if vocab <= 1 << 16 else "uint32"
    return Tokenizer(engine=engine, vocab=vocab, eot_id=ids[eot], dtype=dtype)


def _hint(engine: tokenizers.Tokenizer, eot: str) -> str:
    """Return what to change where text becomes the end of text.

    A token added beside the vocabulary is kept out of texts by its mark. A piece of the vocabulary is not:
    the model cuts it from any text that spells it.
    """
    added = {token.content: token for token in engine.get_added_tokens_decoder().values()}
    if eot in added and not added[eot].special:
        return 'expected the token to be marked "special": true in the file'
    kind = type(engine.model).__name__
    return (
        f"it is a piece of the model's own vocabulary ({kind}), which text can spell, marked special or not; "
        f'expected that piece renamed in "model", and {eot!r} in "added_tokens" with "special": true'
    )


def encode_batch(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Ids]:
    """Return the ids of each text, without an end of text; none for an empty text.

    Depends on each text alone, not on the batch. The library uses all cores unless the environment
    says TOKENIZERS_PARALLELISM=false, as a worker that shares its machine should.
    """
    encoded = tokenizer.engine.encode_batch_fast(list(texts), add_special_tokens=False)
    return [np.array(one.ids, tokenizer.dtype) for one in encoded]


def encode_column(tokenizer: Tokenizer, texts: pa.StringArray) -> tuple[pa.Int64Array, pa.BinaryArray]:
    """Return (tokens of each text, its ids as little-endian bytes), as `encode_batch` gives them.

    What runs for each token is the library's and numpy's; Python runs for each text and each batch.
    Raises ValueError for a batch whose ids take 2 GiB or more: Arrow's binary has 32-bit offsets.
    """
    encoded = encode_batch(tokenizer, texts.to_pylist())
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    little = np.dtype(tokenizer.dtype).newbyteorder("<")
    size_bytes = int(lengths.sum()) * little.itemsize
    if size_bytes >= 1 << 31:
        raise ValueError(
            f"{len(encoded)} texts: found {size_bytes:,} bytes of ids, expected less than 2 GiB in a batch; "
            "lower spark.sql.execution.arrow.maxRecordsPerBatch"
        )
    stored = (ids.astype(little, copy=False).tobytes() for ids in encoded)
    return pa.array(lengths), pa.array(stored, pa.binary(), size=len(encoded))


def train_tokenizer(texts: Iterable[str], vocab: int, runs: CutRuns | None = None) -> bytes:
    """Return a tokenizer.json: byte-level BPE of at most `vocab` ids, end of text at id 0, then bytes.

    The same texts give the same bytes. Few or small texts give fewer ids than `vocab`, since a pair is
    merged only if it occurs twice. Any text can be encoded and decoded without loss. Runs of over 256
    letters, numbers, marks or spaces are cut before training; `runs` counts them.
    Raises ValueError for a `vocab` that has no room for the end of text and every byte.
    """
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, trainers

    if vocab < _BYTES + 1:
        raise ValueError(f"vocab: found {vocab}, expected at least {_BYTES + 1} (every byte, end of text)")
    engine = tokenizers.Tokenizer(models.BPE())
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    engine.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        min_frequency=2,
        special_tokens=[END_OF_TEXT[0]],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    cut = runs or CutRuns()
    engine.train_from_iterator((piece for text in texts for piece in cut.pieces(text)), trainer)
    # Parsed and written again with sorted keys: the library's own order is not promised.
    return json.dumps(json.loads(engine.to_str()), ensure_ascii=False, sort_keys=True).encode() + b"\n"
