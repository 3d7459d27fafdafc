"""The decontaminate section: which evaluation sets, what counts as holding an item, and what then."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from curation.contamination.index import BadEvaluation, Item, read_items
from curation.contamination.search import MatchCriteria
from curation.files.remote import named_files
from curation.text.mistakes import Where

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
        """Yield its items, as `read_items` does."""
        return read_items(self.path, self.set, self.fields, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decontaminate(MatchCriteria):
    """Removal of documents that contain items of evaluation sets, from those that dedup keeps.

    What counts as a match is set by the fields of `MatchCriteria`.

    Attributes:
        against: the sets: paths, URLs, globs, or mappings with `path`, `name`, `fields`, `id`.
        fields: of an item, each searched for by itself. A dot leads into a nested object; every member of a
            list counts. An item that lacks one has nothing there; one that no line has is a mistake.
        id: the field that names an item in reports (None: FILE:LINE).
        action: `drop` the document, `cut` the passage out of it, or only `annotate` it
            (`decontaminate.overlap`, the largest share of a passage found; `decontaminate.item_count`).
        common_documents: a passage found in more documents is common text. It removes nothing by itself, only
            together with another passage of its item. The report lists it.
        margin_characters: what `cut` removes on either side of the passage.
        min_piece_characters: `cut` also removes shorter pieces between cuts; a document without any piece
            left is dropped.
        max_pieces: a document cut into more pieces is dropped.
    """

    against: tuple[str | EvaluationSet, ...]
    fields: tuple[str, ...] = ("text",)
    id: str | None = None
    action: Literal["drop", "cut", "annotate"] = "drop"
    common_documents: int = field(default=100, metadata={"min": 1})
    margin_characters: int = field(default=200, metadata={"min": 0})
    min_piece_characters: int = field(default=200, metadata={"min": 1})
    max_pieces: int = field(default=10, metadata={"min": 1})

    @staticmethod
    def mistakes(values: Mapping[str, Any]) -> Iterator[Where]:
        """Yield (where, what) for sets that are missing, cannot be read, or lack a field."""
        against = values.get("against")
        if against is not None and not against:
            yield ("against",), "against is empty; name at least one evaluation set"
        names: dict[str, int] = {}
        for i, entry in enumerate(against or ()):
            if not entry:  # it has a mistake of its own
                continue
            files = files_of(entry, values.get("fields") or ("text",), values.get("id"))
            if not files:
                path = entry if isinstance(entry, str) else entry.path
                yield ("against", i), f"'{path}' names no file; expected a path, URL or glob of JSONL"
            for name in {file.set for file in files}:
                if names.setdefault(name, i) != i:
                    yield (
                        ("against", i),
                        f"two sets are called '{name}'; tell them apart: {{path: …, name: …}}",
                    )
            yield from ((("against", i), wrong) for wrong in _unreadable(files))
        default = MatchCriteria()
        least = values.get("min_words", default.min_words)
        grams = values.get("ngram_words", default.ngram_words)
        if least and grams and least < grams:
            yield (
                ("min_words",),
                f"min_words is {least}, but no passage of fewer than ngram_words ({grams}) words is found",
            )

    def files(self) -> list[SetFile]:
        """Return every file of every set, sorted by set and path."""
        files = [file for entry in self.against for file in files_of(entry, self.fields, self.id)]
        return sorted(files, key=lambda file: (file.set, file.path))


def files_of(entry: str | EvaluationSet, fields: tuple[str, ...], id_field: str | None) -> list[SetFile]:
    """Return the files that one entry of `against` names, none where it names nothing."""
    own = EvaluationSet(path=entry) if isinstance(entry, str) else entry
    try:
        paths = named_files(own.path)
    except (OSError, ValueError, ImportError):
        return []
    return [
        SetFile(set=own.name or _stem(path), path=path, fields=own.fields or fields, id=own.id or id_field)
        for path in paths
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
