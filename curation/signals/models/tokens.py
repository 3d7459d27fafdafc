"""Signals of tokens: how many a tokenizer makes of a text, and how many letters each has."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from curation.signals.registry import FilePath, signal
from curation.text.text import Text

if TYPE_CHECKING:
    import tokenizers

_TOKEN = re.compile(r"\w+|[^\w\s]+")


@functools.lru_cache(maxsize=4)
def _tokenizer(path: str) -> tokenizers.Tokenizer:
    import fsspec
    import tokenizers  # only processes that count tokens pay for it

    with fsspec.open(path, "rt", encoding="utf-8") as stream:
        engine = tokenizers.Tokenizer.from_str(stream.read())
    engine.no_truncation()  # as some files ask for: they would count no text beyond 512 tokens
    engine.no_padding()
    return engine


def _count(raw: str, tokenizer: str | None) -> int:
    if tokenizer is None:
        return sum(1 for _ in _TOKEN.finditer(raw))
    readable = raw.encode("utf-8", "replace").decode("utf-8")  # tokenizers take no lone surrogates
    return len(_tokenizer(tokenizer).encode(readable, add_special_tokens=False))


@signal
def token_count(text: Text, *, tokenizer: FilePath | None = None) -> float:
    """Tokens of the text: what a share of a corpus is weighed by (`weigh: PASS.token_count`).

    `tokenizer` is a Hugging Face tokenizer.json, read once a process; no special tokens are added. Without
    one, tokens are runs of letters, digits and underscores, and runs of other visible characters.

    >>> token_count(Text("x += width"))
    3.0
    """
    return float(_count(text.raw, tokenizer))


@signal
def letter_token_ratio(text: Text, *, tokenizer: FilePath | None = None) -> float:
    """Letters of the text over its tokens, which are those of `token_count`; over 1 where there are none.

    Source: RedPajama-v1 (github_run_filter.py), with the tokenizer of Pythia (GPT-NeoX), whose tokens are
    more and shorter than those of Dolma's tagger, which are the default here (there, one more than there
    are).

    >>> letter_token_ratio(Text("x += width"))
    2.0
    """
    letters = sum(count for character, count in text.characters.items() if character.isalpha())
    return letters / max(_count(text.raw, tokenizer), 1)
