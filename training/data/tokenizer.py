"""The tokenizer that made the shards, for evals, prompts and the pages of spikes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from curation.files.digests import digest_bytes
from curation.files.remote import read
from curation.files.tokenizer_file import read_engine
from training.data.corpus import Corpus, reading


class TokenizerError(ValueError):
    """A tokenizer that cannot be read, or is not the one that made the shards."""


class ShardTokenizer:
    """Text to ids and back, with the ids of the shards."""

    def __init__(self, engine: Any, corpus: Corpus) -> None:
        self._engine, self.eot_id, self.digest = engine, corpus.eot_id, corpus.tokenizer_digest

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text without an end of text; special tokens in it are encoded as plain text."""
        ids: list[int] = self._engine.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids; incomplete characters become U+FFFD."""
        text: str = self._engine.decode(list(ids), skip_special_tokens=False)
        return text


def open_tokenizer(corpus: Corpus) -> ShardTokenizer:
    """Return the tokenizer that the shards' manifest names.

    Raises:
        TokenizerError: the file cannot be read, is no tokenizer, or has another digest.
    """
    with reading(corpus.tokenizer, TokenizerError):
        data = read(corpus.tokenizer)
        if (digest := digest_bytes(data)) != corpus.tokenizer_digest:
            raise TokenizerError(
                f"{corpus.tokenizer}: expected the tokenizer that made the shards, "
                f"{corpus.tokenizer_digest}, found {digest}; put that file back"
            )
    try:
        engine = read_engine(data.decode())
    except Exception as error:  # the library raises nothing narrower for a malformed file
        raise TokenizerError(f"{corpus.tokenizer}: not a tokenizer ({error})") from error
    engine.encode_special_tokens = True
    return ShardTokenizer(engine, corpus)
