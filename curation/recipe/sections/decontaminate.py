"""The decontaminate section: which evaluation sets, what counts as holding an item, and what then."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import fsspec

from curation.contamination.index import BadEvaluation, Item, read_items
from curation.contamination.search import MatchCriteria

Where = tuple[tuple[str | int, ...], str]
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSet:
    """One evaluation set: its files (JSONL, packed or not), and which fields hold what to look for.

    Attributes:
        path: a path, URL or glob.
        name: of the set, in reasons and reports (None: each file is a set, called by its name).
        fields: as the section's, for this set (None: the section's).
        id: the field that names an item (None: the section's).
    """

    path: str
    name: str | None = None
    fields: tuple[str, ...] | None = None
    id: str | None = None

    def __post_init__(self) -> None:
        if self.name is not None and not _NAME.fullmatch(self.name):
            raise ValueError(f"'{self.name}' cannot name a set; use letters, digits, '_', '-' and '.'")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFile:
    """One file of a set, with what is read of it."""

    set: str
    path: str
    fields: tuple[str, ...]
    id: str | None

    def items(self) -> Iterator[Item]:
        """Yield its items.

        Raises:
            BadEvaluation: the file cannot be read as declared.
        """
        return read_items(self.path, self.set, self.fields, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decontaminate:
    """Documents that hold items of evaluation sets, looked for among those that dedup keeps.

    Attributes:
        against: the sets: paths, URLs, globs, or mappings with `path`, `name`, `fields`, `id`.
        fields: of an item, each looked for by itself: names, with dots for what lies deeper; a list is each
            of its members.
        id: the field that names an item in reports (None: FILE:LINE).
        action: `drop` the document, `cut` the passage out of it, or only `annotate` it
            (`decontaminate.overlap`, the largest share of a passage found; `decontaminate.item_count`).
        ngram_words: words of the runs that say where to look.
        min_words: shorter passages are not looked for. A passage is whole lines of about 24 to 48 words.
        exact_words: passages of as many words or fewer must stand there whole, in order; the share asked for
            falls to `overlap` at twice as many.
        overlap: share of a longer passage's words that must stand there, in order.
        common_items: runs of words that stand in more items say nothing.
        common_documents: a passage found in more documents is common text: alone it takes nothing out, only
            with another passage of its item. The report lists it.
        margin_characters: what `cut` takes on either side of the passage.
        min_piece_characters: pieces shorter than this that a cut leaves go too; a document of which no piece
            is left is dropped.
        max_pieces: a document cut into more is dropped.
    """

    against: tuple[str | EvaluationSet, ...]
    fields: tuple[str, ...] = ("text",)
    id: str | None = None
    action: Literal["drop", "cut", "annotate"] = "drop"
    ngram_words: int = field(default=5, metadata={"min": 3, "max": 50})
    min_words: int = field(default=8, metadata={"min": 3})
    exact_words: int = field(default=12, metadata={"min": 3})
    overlap: float = field(default=0.75, metadata={"min": 0.3, "max": 1.0})
    common_items: int = field(default=50, metadata={"min": 1})
    common_documents: int = field(default=100, metadata={"min": 1})
    margin_characters: int = field(default=200, metadata={"min": 0})
    min_piece_characters: int = field(default=200, metadata={"min": 1})
    max_pieces: int = field(default=10, metadata={"min": 1})

    @staticmethod
    def mistakes(values: Mapping[str, Any]) -> Iterator[Where]:
        """Yield (where, what) for sets that are not there, cannot be read, or lack a field."""
        against = values.get("against")
        if against is not None and not against:
            yield ("against",), "against is empty; name at least one evaluation set"
        names: dict[str, int] = {}
        for i, each in enumerate(against or ()):
            if not each:  # with a mistake in it
                continue
            files = files_of(each, values.get("fields") or ("text",), values.get("id"))
            if not files:
                path = each if isinstance(each, str) else each.path
                yield ("against", i), f"'{path}' names no file; expected a path, URL or glob of JSONL"
            for name in {file.set for file in files}:
                if names.setdefault(name, i) != i:
                    yield (
                        ("against", i),
                        f"two sets are called '{name}'; tell them apart: {{path: …, name: …}}",
                    )
            yield from ((("against", i), wrong) for wrong in _unreadable(files))
        least, grams = values.get("min_words", 8), values.get("ngram_words", 5)
        if least and grams and least < grams:
            yield (
                ("min_words",),
                f"min_words is {least}, but no passage of fewer than ngram_words ({grams}) words is found",
            )

    @property
    def bounds(self) -> MatchCriteria:
        """What counts as a match."""
        return MatchCriteria(
            ngram_words=self.ngram_words,
            min_words=self.min_words,
            exact_words=self.exact_words,
            overlap=self.overlap,
            common_items=self.common_items,
        )

    def files(self) -> list[SetFile]:
        """Return every file of every set, sorted by set and path."""
        found = [file for each in self.against for file in files_of(each, self.fields, self.id)]
        return sorted(found, key=lambda file: (file.set, file.path))


def files_of(each: str | EvaluationSet, fields: tuple[str, ...], id_field: str | None) -> list[SetFile]:
    """Return the files that one entry of `against` names, none where it names nothing."""
    given = EvaluationSet(path=each) if isinstance(each, str) else each
    try:
        filesystem, pattern = fsspec.core.url_to_fs(given.path)
        names = sorted(filesystem.glob(pattern))
    except (OSError, ValueError, ImportError):
        return []
    return [
        SetFile(
            set=given.name or _stem(name),
            path=filesystem.unstrip_protocol(name) if "://" in given.path else name,
            fields=given.fields or fields,
            id=given.id or id_field,
        )
        for name in names
        if filesystem.isfile(name)
    ]


def _stem(path: str) -> str:
    """Return a file's name as a set's name: `evals/gsm8k.jsonl.gz` is gsm8k."""
    name = path.rpartition("/")[2].partition(".jsonl")[0]
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)


def _unreadable(files: list[SetFile]) -> Iterator[str]:
    for file in files:
        try:
            for _ in file.items():
                continue
        except BadEvaluation as error:
            yield str(error)
