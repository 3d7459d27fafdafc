"""The inputs section: where records come from, in which format, and what is read of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from curation.pages.formats import FORMATS, mistake
from curation.pages.page import ReadOptions
from curation.text.markdown import Form
from curation.text.mistakes import Where, one_of

#: Names that rules and streams go by whatever the input carries.
_OWN = ("language", "source")


@dataclass(frozen=True, slots=True, kw_only=True)
class Input(ReadOptions):
    """One source: its files, their format, and what is read of them (`ReadOptions`).

    Attributes:
        format: a name in `FORMATS`.
        path: a path, URL or glob, or several; anything fsspec opens.
        form: what the texts of its `text` column, or of a WET file, are (None: `plain`). Signals take
            marks away from `markdown` only. An extracted page has the form that `extract.format` gives it.
        snapshot: name of the crawl it is a part of (None: the input's own), for `dedup.scope: per_snapshot`.
        sample: share of the records to read, 0 to 1 (None: all). They are chosen by a hash of what will be
            the document's id, so the choice does not depend on files or their order, the sample of 0.01 is
            part of that of 0.1, and `curate sample --rate` chooses the same. Records outside the sample are
            not inputs: no ledger counts them.
    """

    format: str
    path: str | tuple[str, ...]
    form: Form | None = None
    snapshot: str | None = None
    sample: float | None = field(default=None, metadata={"max": 1.0})

    @staticmethod
    def mistakes(values: Mapping[str, Any]) -> Iterator[Where]:
        """Yield (where, what) for a format that does not exist and for paths that name nothing."""
        format = values.get("format")
        if format is not None and format not in FORMATS:
            yield ("format",), one_of(format, FORMATS)
        path = values.get("path", "given")
        if path in ("", ()) or (isinstance(path, tuple) and "" in path):
            yield ("path",), "path names nothing; expected a path, URL, folder or glob, or a list of them"
        for i, name in enumerate(values.get("columns") or ()):
            if name in _OWN:
                yield (
                    ("columns", i),
                    f"every document has a '{name}' of its own; carry the column under another name",
                )

    def __post_init__(self) -> None:
        if self.sample is not None and not self.sample > 0:
            raise ValueError(
                f"sample is {self.sample:g}, so no record would be read; expected a share above 0"
            )
        for name in ("records", "types"):
            if not getattr(self, name):
                raise ValueError(f"{name} is empty, so every record would be dropped")
        if wrong := mistake(self.format, self):
            raise ValueError(wrong)
        if self.form and self.html:
            raise ValueError(
                "form is for texts as they are; what is extracted from 'html' has extract.format"
            )

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths as a tuple, whether one or several were given."""
        return (self.path,) if isinstance(self.path, str) else self.path
