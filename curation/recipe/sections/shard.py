"""The shard section of a recipe: how kept text becomes rows of tokens, and what parts them into streams."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

#: What names a source or a band: each gets a folder of its name.
FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """A byte-level BPE tokenizer to train on a hash-sample of the kept text."""

    vocab: int = field(metadata={"min": 257, "max": 4_000_000})
    sample_mib: float = field(default=64.0, metadata={"min": 0.1})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedTokenizer:
    """`tokenizer: {train: {vocab: N}}`."""

    train: Train


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Documents parted by what was measured on them (`PASS.RULE`, or `characters`).

    Attributes:
        name: begins the bands' names.
        measure: with `bounds`, NAME_0 is below the first bound, NAME_1 from it up to the second, and so on.
        largest: measures of which the largest gives its rule's name: a topic by its probabilities.
    """

    name: str
    measure: str = ""
    bounds: tuple[float, ...] = ()
    largest: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not FOLDER.fullmatch(self.name):
            raise ValueError(f"'{self.name}' cannot name folders; use letters, digits, '_', '-' and '.'")
        if bool(self.measure) == bool(self.largest) or bool(self.measure) != bool(self.bounds):
            raise ValueError(f"'{self.name}' needs either measure and bounds, or largest")
        if any(a >= b for a, b in pairwise(self.bounds)):
            raise ValueError(f"the bounds of '{self.name}' must rise, found {list(self.bounds)}")
        if len(self.largest) == 1:
            raise ValueError(f"the largest of '{self.name}' is always the same; name two measures or more")

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures it asks for."""
        return self.largest or (self.measure,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """How kept text becomes rows of tokens.

    Attributes:
        tokenizer: path of a Hugging Face `tokenizer.json`, or how to train one.
        by: what parts documents into the streams that a curriculum can weigh: source, language, a label,
            bands, topics.
        pack: `concat` cuts documents where rows end and pads only the last row; `best_fit` cuts only those
            longer than a row, and pads rows. Neither drops a token; the ledger counts padding, the manifest
            cuts.
    """

    tokenizer: str | TrainedTokenizer
    row_tokens: int = field(default=2048, metadata={"min": 2})
    shard_mib: float = field(default=64.0, metadata={"min": 0.001, "max": 2000})
    seed: int = field(default=1, metadata={"min": 0, "max": (1 << 64) - 1})
    by: tuple[str | Split, ...] = ("source",)
    pack: Literal["concat", "best_fit"] = "concat"

    def __post_init__(self) -> None:
        if not self.by:
            raise ValueError("'by' is empty; name at least one column whose values are streams")
        names = [part if isinstance(part, str) else part.name for part in self.by if part is not None]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"'by' has '{twice}' twice; each part of a stream's name stands there once")
