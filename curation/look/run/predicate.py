"""`--where`: a condition on records, read as SQL reads one, and tested on Arrow batches.

    test    = NAME (= | != | < | <= | > | >=) VALUE | NAME [NOT] IN (VALUE, ...) | NAME [NOT] LIKE 'a%'
            | NAME [NOT] BETWEEN NUMBER AND NUMBER | NAME IS [NOT] NULL
    where   = test | NOT where | where AND where | where OR where | (where)

`ILIKE` is `LIKE` without regard to case; in its pattern `%` is any text and `_` any character. NAME is a
column or a measure (`gopher.word_count`), in double quotes if it holds other characters. Text stands in
single quotes, doubled inside. As in SQL a test of what a record does not have is neither true nor false.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.document import COLUMN
from curation.look.run.columns import COLUMNS, RecordBatch, kind_of
from curation.text.mistakes import nearest

_COMPARE: dict[str, Callable[..., pa.Array]] = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_SAME = {"==": "=", "<>": "!="}
_WORDS = ("AND", "OR", "NOT", "IN", "LIKE", "ILIKE", "BETWEEN", "IS", "NULL")
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.])
    | '(?P<text>(?:[^']|'')*)' | "(?P<quoted>[^"]+)" | (?P<name>[A-Za-z_][\w.\-]*)
    | (?P<mark><=|>=|<>|!=|==|=|<|>|\(|\)|,) )""",
    re.VERBOSE,
)
_DEEPEST = 50
Value = str | float
Joint = Literal["AND", "OR"]


class BadPredicate(ValueError):
    """A condition that cannot be read; says at which character, what was found and what was meant."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the condition, where it begins, and how it is written."""

    kind: str
    value: Value
    at: int
    written: str = ""

    def is_word(self, *words: str) -> bool:
        """Tell whether it is one of some key words or marks."""
        return self.kind in ("name", "mark") and str(self.value).upper() in words


@dataclass(frozen=True, slots=True)
class Test:
    """One test; `operator` is a comparison, IN, LIKE, ILIKE, BETWEEN or NULL."""

    name: str
    operator: str
    values: tuple[Value, ...] = ()
    negated: bool = False

    def names(self) -> Iterator[str]:
        """Yield what it names."""
        yield self.name

    def mask(self, batch: RecordBatch) -> pa.Array:
        """Return true, false or null for every record."""
        if COLUMNS.get(self.name) == "list":
            return self._mask_of_list(batch)
        hits = self._hits(batch.column(self.name))
        return pc.invert(hits) if self.negated else hits

    def _mask_of_list(self, batch: RecordBatch) -> pa.Array:
        """Return where one of the values meets it; `!=` is where none equals it."""
        values, row = batch.values(self.name)
        mask = np.zeros(batch.rows.num_rows, np.bool_)
        unequal = self.operator == "!="
        if self.operator == "NULL":
            mask[row] = True
            return pa.array(mask if self.negated else ~mask)
        test = Test(self.name, "=", self.values) if unequal else self
        hits = pc.fill_null(test._hits(values), False).to_numpy(zero_copy_only=False)
        mask[row[hits]] = True
        return pa.array(~mask if self.negated or unequal else mask)

    def _hits(self, column: pa.Array) -> pa.Array:
        if self.operator == "NULL":
            return pc.is_null(column)
        if self.operator == "IN":
            hits = pc.is_in(column, value_set=pa.array(self.values, column.type))
            return pc.if_else(pc.is_valid(column), hits, pa.scalar(None, pa.bool_()))
        if self.operator in ("LIKE", "ILIKE"):
            return pc.match_like(column, self.values[0], ignore_case=self.operator == "ILIKE")
        if self.operator == "BETWEEN":
            low, high = self.values
            return pc.and_kleene(pc.greater_equal(column, low), pc.less_equal(column, high))
        return _COMPARE[self.operator](column, self.values[0])


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions joined by AND or OR; with `negated`, NOT of them."""

    how: Joint
    parts: tuple[Test | Joined, ...]
    negated: bool = False

    def names(self) -> Iterator[str]:
        """Yield what they name."""
        for part in self.parts:
            yield from part.names()

    def mask(self, batch: RecordBatch) -> pa.Array:
        """Return true, false or null for every record."""
        join = pc.and_kleene if self.how == "AND" else pc.or_kleene
        mask = self.parts[0].mask(batch)
        for part in self.parts[1:]:
            mask = join(mask, part.mask(batch))
        return pc.invert(mask) if self.negated else mask


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition that was read."""

    root: Test | Joined

    @property
    def names(self) -> list[str]:
        """The columns and measures that it names."""
        return list(dict.fromkeys(self.root.names()))

    def of(self, batch: RecordBatch) -> RecordBatch:
        """Return the records that meet it."""
        return batch.filter(pc.fill_null(self.root.mask(batch), False))


def read_predicate(text: str, measures: Iterable[str]) -> Predicate:
    """Return the condition in `text`; `measures` are the names that are known beside the columns.

    Raises:
        BadPredicate: it cannot be read.
    """
    reader = _Parser(list(_tokens(text)), frozenset(measures))
    root = reader.joined("OR")
    if (rest := reader.next()).kind != "end":
        raise _wrong(rest, "AND, OR or the end")
    return Predicate(root)


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[Token], measures: frozenset[str]) -> None:
        self.tokens, self.measures, self.position, self.depth = tokens, measures, 0, 0

    def next(self) -> Token:
        token = self.tokens[self.position]
        self.position = min(self.position + 1, len(self.tokens) - 1)
        return token

    def takes(self, *words: str) -> bool:
        """Take the next token if it is one of some words."""
        is_next = self.tokens[self.position].is_word(*words)
        self.position += is_next
        return is_next

    def joined(self, how: Joint) -> Test | Joined:
        parts = [self.part(how)]
        while self.takes(how):
            parts.append(self.part(how))
        return parts[0] if len(parts) == 1 else Joined(how, tuple(parts))

    def part(self, how: Joint) -> Test | Joined:
        return self.joined("AND") if how == "OR" else self.negatable()

    def negatable(self) -> Test | Joined:
        negated = False
        while self.takes("NOT"):
            negated = not negated
        if self.takes("("):
            self.depth += 1
            if self.depth > _DEEPEST:
                raise _wrong(
                    self.tokens[self.position - 1], f"at most {_DEEPEST} parentheses inside each other"
                )
            inner = self.joined("OR")
            if not self.takes(")"):
                raise _wrong(self.next(), "')', AND or OR")
            self.depth -= 1
        else:
            inner = self.test()
        return Joined("AND", (inner,), negated=True) if negated else inner

    def test(self) -> Test:
        name = self.name()
        kind = kind_of(name)
        if self.takes("IS"):
            negated = self.takes("NOT")
            if not self.takes("NULL"):
                raise _wrong(self.next(), "NULL")
            return Test(name, "NULL", negated=negated)
        negated = self.takes("NOT")
        operator = self.next()
        word = str(operator.value).upper()
        if operator.is_word("IN"):
            return Test(name, word, self.several(name, kind), negated)
        if operator.is_word("LIKE", "ILIKE"):
            if kind == "number":
                raise _wrong(operator, f"a comparison: {name} is a number")
            return Test(name, word, (self.value(name, kind),), negated)
        if operator.is_word("BETWEEN"):
            low = self.value(name, kind)
            if not self.takes("AND"):
                raise _wrong(self.next(), "AND and the upper bound")
            return Test(name, word, (low, self.value(name, kind)), negated)
        word = _SAME.get(word, word)
        if negated or operator.kind != "mark" or word not in _COMPARE:
            raise _wrong(operator, "=, !=, <, <=, >, >=, IN, LIKE, BETWEEN or IS NULL")
        return Test(name, word, (self.value(name, kind),))

    def several(self, name: str, kind: str) -> tuple[Value, ...]:
        if not self.takes("("):
            raise _wrong(self.next(), "'(' and values")
        values = [self.value(name, kind)]
        while self.takes(","):
            values.append(self.value(name, kind))
        if not self.takes(")"):
            raise _wrong(self.next(), "',' or ')'")
        return tuple(values)

    def name(self) -> str:
        token = self.next()
        if token.kind not in ("name", "quoted") or token.is_word(*_WORDS):
            raise _wrong(token, "the name of a column or a measure")
        name = str(token.value)
        if name not in COLUMNS and f"{COLUMN}{name}" in self.measures:
            return f"{COLUMN}{name}"  # a column of the input by its own name
        if name not in COLUMNS and name not in self.measures:
            known = nearest(name, [*COLUMNS, *sorted(self.measures)])
            raise BadPredicate(f"character {token.at}: no column or measure named '{name}'{known}")
        return name

    def value(self, name: str, kind: str) -> Value:
        token = self.next()
        wanted = "number" if kind == "number" else "text"
        if token.kind != wanted:
            why = ": a column of the input is carried as text" if name.startswith(COLUMN) else ""
            meant = f"a number, for {name} is one" if wanted == "number" else f"text in single quotes{why}"
            raise _wrong(token, meant)
        return token.value


def _tokens(text: str) -> Iterator[Token]:
    at, text = 0, text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            hint = " (a quote without its end?)" if text[start] in "'\"" else ""
            raise BadPredicate(f"character {start + 1}: '{text[start : start + 20]}' cannot be read{hint}")
        kind = str(match.lastgroup)
        value: Value = match[kind]
        if kind == "number":
            value = float(value)
        elif kind == "text":
            value = str(value).replace("''", "'")
        written = match[0].lstrip()
        yield Token(kind, value, match.end() - len(written) + 1, written)
        at = match.end()
    yield Token("end", "", len(text) + 1)


def _wrong(token: Token, expected: str) -> BadPredicate:
    piece = (
        "the end"
        if token.kind == "end"
        else token.written
        if token.kind in ("text", "quoted")
        else f"'{token.written}'"
    )
    return BadPredicate(f"character {token.at}: found {piece}, expected {expected}")
