"""Signals of tokens: their number, and letters per token."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from curation.files.tokenizer_file import read_engine
from curation.signals.registry import FilePath, signal
from curation.text.text import Text

if TYPE_CHECKING:
    import tokenizers

_TOKEN = re.compile(r"\w+|[^\w\s]+")


@functools.lru_cache(maxsize=4)
def _tokenizer(path: str) -> tokenizers.Tokenizer:
    import fsspec

    with fsspec.open(path, "rt", encoding="utf-8") as stream:
        return read_engine(stream.read())


def _count(raw: str, tokenizer: str | None) -> int:
    if tokenizer is None:
        return sum(1 for _ in _TOKEN.finditer(raw))
    readable = raw.encode("utf-8", "replace").decode("utf-8")  # tokenizers reject lone surrogates
    return len(_tokenizer(tokenizer).encode(readable, add_special_tokens=False))


Numbers = NDArray[np.int64]


def token_spans(raw: str, tokenizer: str | None) -> tuple[Numbers, Numbers, Numbers]:
    """Return (number of each token's kind, its start, its end) in order; offsets are of characters."""
    if tokenizer is not None:
        readable = raw.encode("utf-8", "replace").decode("utf-8")
        encoding = _tokenizer(tokenizer).encode(readable, add_special_tokens=False)
        spans = np.array(encoding.offsets, np.int64).reshape(-1, 2)
        return np.array(encoding.ids, np.int64), spans[:, 0], spans[:, 1]
    numbers: dict[str, int] = {}
    matches = list(_TOKEN.finditer(raw))
    ids = [numbers.setdefault(match[0], len(numbers)) for match in matches]
    starts, ends = ([match.start() for match in matches], [match.end() for match in matches])
    return np.array(ids, np.int64), np.array(starts, np.int64), np.array(ends, np.int64)


@signal
def token_count(text: Text, *, tokenizer: FilePath | None = None) -> float:
    """Tokens of the text, for example to weigh documents by (`weigh: PASS.token_count`).

    `tokenizer` is a Hugging Face tokenizer.json, loaded once per process; no special tokens are added.
    Without it tokens are runs of letters, digits and underscores, and runs of other visible characters.

    >>> token_count(Text("x += width"))
    3.0
    """
    return float(_count(text.raw, tokenizer))


@signal
def letter_token_ratio(text: Text, *, tokenizer: FilePath | None = None) -> float:
    """Letters of the text over the tokens of `token_count`; over 1 if there are no tokens.

    Source: RedPajama-v1 (github_run_filter.py) with the tokenizer of Pythia (GPT-NeoX). The default tokens
    are those of Dolma's tagger, which are fewer and longer (Dolma counts one more than there are).

    >>> letter_token_ratio(Text("x += width"))
    2.0
    """
    letters = sum(count for character, count in text.characters.items() if character.isalpha())
    return letters / max(_count(text.raw, tokenizer), 1)
