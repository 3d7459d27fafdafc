"""What a tokenizer loses of texts, in characters: unknown tokens, eaten spaces, other changes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from curation.shards.tokens import Ids, Tokenizer


@dataclass(slots=True)
class TextLoss:
    """The loss of texts, as `add` counts them.

    Attributes:
        documents, characters: of the texts.
        changed: texts that do not come back as they were.
        lost: characters that do not come back; one that another stands for counts.
        unknown: of them, those that an unknown token stands for.
        eaten: white space that added tokens with `lstrip` or `rstrip` take away, by token.
        spelled: characters that added tokens which are not marked special stand for, by token.
    """

    tokenizer: Tokenizer
    documents: int = 0
    characters: int = 0
    changed: int = 0
    lost: int = 0
    unknown: int = 0
    eaten: Counter[str] = field(default_factory=Counter)
    spelled: Counter[str] = field(default_factory=Counter)
    _unknown: int = field(init=False)
    _plain: dict[int, Any] = field(init=False)

    def __post_init__(self) -> None:
        added = self.tokenizer.engine.get_added_tokens_decoder()
        self._plain = {id_: token for id_, token in added.items() if not token.special}
        self._unknown = unknown_id(self.tokenizer)

    def add(self, text: str, ids: Ids) -> None:
        """Count the loss of one text, which became these ids."""
        self.documents += 1
        self.characters += len(text)
        back = self.tokenizer.engine.decode(ids.tolist(), skip_special_tokens=False)
        if back != text:
            self.changed += 1
            self.lost += (Counter(text) - Counter(back)).total()
        if np.isin(ids, [self._unknown, *self._plain]).any():
            self._look_closer(text)

    def _look_closer(self, text: str) -> None:
        encoding = self.tokenizer.engine.encode(text, add_special_tokens=False)
        for id_, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            if id_ == self._unknown:
                self.unknown += end - start
            elif id_ in self._plain:
                token, piece = self._plain[id_], text[start:end]
                self.spelled[token.content] += len(piece.strip())
                if token.lstrip or token.rstrip:
                    self.eaten[token.content] += len(piece) - len(piece.strip())

    def to_json(self) -> dict[str, Any]:
        """Return the counts as JSON data."""
        names = ("documents", "characters", "changed", "lost", "unknown")
        counts = {name: getattr(self, name) for name in names}
        return counts | {"eaten": dict(+self.eaten), "spelled": dict(+self.spelled)}

    def in_words(self) -> str:
        """Return the loss in a sentence."""
        whole = f"{self.characters:,} characters of {self.documents:,} documents"
        what = f"{whole} come back as they were"
        if self.changed:
            what = f"{self.lost:,} of {whole} do not come back ({self.changed:,} of the documents change)"
        eaten, spelled = self.eaten.total(), self.spelled.total()
        if self.unknown:
            what += f"; {self.unknown:,} become unknown tokens"
        if eaten:
            what += f"; {eaten:,} are spaces that {_names(self.eaten)} eat (lstrip, rstrip)"
        if spelled:
            what += f"; {spelled:,} become added tokens that are not marked special: {_names(self.spelled)}"
        return what


def _names(counts: Counter[str]) -> str:
    return ", ".join(name for name, _ in (+counts).most_common(_SHOWN))


_SHOWN = 5  # tokens in a sentence


def unknown_id(tokenizer: Tokenizer) -> int:
    """Return the id of the unknown token, -1 where there is none."""
    model = json.loads(tokenizer.engine.to_str())["model"]
    if model.get("unk_id") is not None:  # Unigram
        return int(model["unk_id"])
    unknown = tokenizer.engine.token_to_id(model["unk_token"]) if model.get("unk_token") else None
    return -1 if unknown is None else int(unknown)
