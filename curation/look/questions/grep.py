"""Documents whose text matches a pattern, kept or dropped: all are counted, a hash-sample is shown.

Every text is searched as it is stored, a batch in memory; what the recipe masks is shown masked. A text that
takes over a second is named as not searched, and a pattern that makes several do so is refused: some take
time that doubles with every character.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import regex
from rich.console import Group, RenderableType
from rich.text import Text

from curation.accounting.sample import SALT, position
from curation.look.questions.sample import First
from curation.look.render.listing import Card, card, grid, lines, shown
from curation.look.run import Key, RecordBatch, View, fetch_stored, open_run, record_batches

TIMEOUT_S = 1.0
#: Around a match, and of a long match, so many characters are shown.
CONTEXT_CHARACTERS, MATCH_CHARACTERS = 80, 200
#: After so many texts that took too long nobody waits for more.
MOST_TIMEOUTS = 10
#: Of the texts that took too long, and of the reasons in a table, so many are named.
NAMED = 10
_COLUMNS = ("source", "state", "reason", "text")
_BATCH_ROWS = 512  # texts, which may be long


class BadPattern(ValueError):
    """A pattern that cannot be compiled or takes too long; says where and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The first match in a document: where it is stored, its text, and what stands around it, masked."""

    card: Card
    start: int
    before: str
    text: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """What was found.

    Attributes:
        searched: documents with a text; `no_text` is of how many none was stored.
        counts: (source, stage, state) -> documents that match.
        reasons: reason -> documents that match and that it removed.
        timed_out: ids of documents that took too long (some), `timed_out_count` how many.
        found: some matches.
    """

    pattern: str
    ignore_case: bool
    searched: int
    no_text: int
    counts: Mapping[tuple[str, str, str], int]
    reasons: Mapping[str, int]
    timed_out: tuple[str, ...]
    timed_out_count: int
    found: tuple[Match, ...]

    @property
    def matched(self) -> int:
        """How many documents match."""
        return sum(self.counts.values())

    @property
    def notes(self) -> Iterator[str]:
        """What a reader must know."""
        if self.no_text:
            yield f"{self.no_text:,} records have no text: refused before extraction, or not stored."
        if self.timed_out_count:
            ids = ", ".join(self.timed_out)
            yield f"{self.timed_out_count:,} documents took over {TIMEOUT_S:g} s and were not searched: {ids}"

    def to_json(self) -> dict[str, Any]:
        """Return the matches as JSON data."""
        counts = [
            {"source": source, "stage": stage, "state": state, "documents": count}
            for (source, stage, state), count in sorted(self.counts.items())
        ]
        found = [{**asdict(each.card), **_without_card(each)} for each in self.found]
        return {
            **{name: getattr(self, name) for name in ("pattern", "ignore_case", "searched", "no_text")},
            **{"matched": self.matched, "counts": counts, "reasons": dict(sorted(self.reasons.items()))},
            **{
                "timed_out": list(self.timed_out),
                "timed_out_count": self.timed_out_count,
                "documents": found,
            },
        }

    def shown(self) -> RenderableType:
        """Return the matches for a terminal."""
        told = f"{self.matched:,} of {self.searched:,} documents match; {len(self.found):,} shown"
        counts = (
            [source, f"{state} in {stage}", f"{count:,}"]
            for (source, stage, state), count in sorted(self.counts.items())
        )
        parts: list[RenderableType] = [Text(told, style="bold"), Text()]
        if self.counts:
            parts += [grid(["source", "", "documents"], counts, left=2), Text()]
        if self.reasons:
            most = sorted(self.reasons.items(), key=lambda item: (-item[1], item[0]))[:NAMED]
            parts += [grid(["removed by", "documents"], ([n, f"{c:,}"] for n, c in most)), Text()]
        parts += [line for each in self.found for line in (*_shown(each), Text())]
        return Group(*parts, *(Text(note) for note in self.notes))


def grep(
    directory: str,
    pattern: str,
    *,
    ignore_case: bool = False,
    stage: str | None = None,
    state: str | None = None,
    n: int = 20,
) -> Matches:
    """Return the documents whose text matches a pattern of the library `regex`.

    Args:
        directory: of the run.
        pattern: a regular expression; `^` and `$` are the ends of lines.
        ignore_case: whether letters match in either case.
        stage: the texts as that stage wrote them; None = every record once, where it ended.
        state: kept, dropped, merged or failed only.
        n: how many to show, by the hash of their ids.

    Raises:
        BadPattern: it cannot be compiled, or took too long on several texts.
        MissingManifest: nothing was published there.
    """
    search = _Search(_compiled(pattern, ignore_case), First(n))
    for batch in record_batches(
        open_run(directory), _COLUMNS, stage=stage, state=state, batch_rows=_BATCH_ROWS
    ):
        search.add(batch)
    return Matches(
        pattern=pattern,
        ignore_case=ignore_case,
        searched=search.searched,
        no_text=search.no_text,
        counts=search.counts,
        reasons=search.reasons,
        timed_out=tuple(sorted(search.slow)[:NAMED]),
        timed_out_count=len(search.slow),
        found=tuple(_matches(directory, search.first.things)),
    )


@dataclass(slots=True)
class _Search:
    """A running search; the fields are those of `Matches`."""

    pattern: regex.Pattern[str]
    first: First
    searched: int = 0
    no_text: int = 0
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    slow: list[str] = field(default_factory=list)

    def add(self, batch: RecordBatch) -> None:
        sources, states = (batch.column(name).to_pylist() for name in ("source", "state"))
        hit = set()
        for place, text in enumerate(batch.rows["text"]):
            if match := self._match(text.as_py(), batch, place):
                hit.add(place)
                self.counts[sources[place], batch.stage, states[place]] += 1
                key = batch.record_key(place)
                self.first.add([((position(key[1], SALT),), (key, match.span()))])
        names, row = batch.values("reason")
        told = set(zip(names.to_pylist(), row.tolist(), strict=True))
        self.reasons.update(name for name, place in told if place in hit)

    def _match(self, text: str | None, batch: RecordBatch, place: int) -> regex.Match[str] | None:
        if text is None:
            self.no_text += 1
            return None
        try:
            match = self.pattern.search(text, timeout=TIMEOUT_S)
        except TimeoutError:
            self.slow.append(batch.record_key(place)[1])
            if len(self.slow) == MOST_TIMEOUTS:
                raise BadPattern(_too_slow(self.pattern.pattern, self.slow)) from None
            return None
        self.searched += 1
        return match


def _compiled(pattern: str, ignore_case: bool) -> regex.Pattern[str]:
    flags = regex.MULTILINE | (regex.IGNORECASE if ignore_case else 0)
    try:
        return regex.compile(pattern, flags)
    except regex.error as error:
        raise BadPattern(f"{pattern}: is no regular expression: {error}") from error


def _too_slow(pattern: str, slow: list[str]) -> str:
    return (
        f"{pattern}: took over {TIMEOUT_S:g} s on {len(slow)} texts, {slow[0]} the first; write it so "
        "that each character can match in one way only: no repetition inside a repetition"
    )


def _around(text: View, start: int, end: int) -> tuple[str, str, str]:
    """Return (before, match, after), no longer than is shown, without what is masked."""
    before = text.text[text.start(max(0, start - CONTEXT_CHARACTERS)) : text.start(start)]
    match = text.text[text.start(start) : text.end(min(end, start + MATCH_CHARACTERS))]
    return before, match, text.text[text.end(end) : text.end(end + CONTEXT_CHARACTERS)]


def _matches(directory: str, found: list[tuple[Key, tuple[int, int]]]) -> Iterator[Match]:
    mask = open_run(directory).mask
    rows = fetch_stored(open_run(directory), [key for key, _ in found])
    for row, (_, (start, end)) in zip(rows, found, strict=True):
        before, text, after = _around(mask.view(row["text"], row["source"] or ""), start, end)
        told = card(mask.row(row), before + text + after)
        yield Match(card=told, start=start, before=before, text=text, after=after)


def _without_card(each: Match) -> dict[str, Any]:
    return {name: getattr(each, name) for name in ("start", "before", "text", "after")}


def _shown(each: Match) -> Iterator[Text]:
    *head, _ = lines(each.card)
    yield from head
    parts = (shown(each.before), shown(each.text) or "⟨⟩", shown(each.after))
    gaps = (" " if each.before[-1:].isspace() else "", " " if each.after[:1].isspace() else "")
    yield Text.assemble(
        f"  {parts[0]}{gaps[0]}", (f"«{parts[1]}»", "bold red"), f"{gaps[1]}{parts[2]}", overflow="ellipsis"
    )
