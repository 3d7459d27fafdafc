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
from curation.look.errors import BadQuestion
from curation.look.questions.sample import First
from curation.look.render.listing import Card, card, one_line
from curation.look.render.terminal import Grid
from curation.look.run import Key, OpenedRun, RecordBatch, View, fetch_stored, record_batches

TIMEOUT_S = 1.0
#: Around a match, and of a long match, so many characters are shown.
CONTEXT_CHARACTERS, MATCH_CHARACTERS = 80, 200
#: After so many texts that took too long nobody waits for more.
MOST_TIMEOUTS = 10
#: Of the texts that took too long, and of the reasons in a table, so many are named.
NAMED = 10
_COLUMNS = ("source", "state", "reason", "text")
_BATCH_ROWS = 512  # texts, which may be long


class BadPattern(BadQuestion):
    """A pattern that cannot be compiled or takes too long; says where and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMatch:
    """The first match in a document: where it is stored, its text, and what stands around it, masked.

    `cut` says of `before`, `text` and `after` whether there is more than is shown.
    """

    card: Card
    start: int
    before: str
    text: str
    after: str
    cut: tuple[bool, bool, bool]

    def to_json(self) -> dict[str, Any]:
        """Return the match as JSON data, its card's fields first."""
        parts = {name: getattr(self, name) for name in ("start", "before", "text", "after")}
        return {**asdict(self.card), **parts}

    def lines(self) -> Iterator[Text]:
        """Yield the match as lines for a terminal."""
        yield from self.card.head()
        before, text, after = (one_line(part) for part in (self.before, self.text, self.after))
        gaps = (" " if self.before[-1:].isspace() else "", " " if self.after[:1].isspace() else "")
        more = ["…" * cut for cut in self.cut]
        match = (f"«{text or '⟨⟩'}{more[1]}»", "bold red")
        yield Text.assemble(f"  {more[0]}{before}{gaps[0]}", match, f"{gaps[1]}{after}{more[2]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """The documents that match.

    Attributes:
        searched: documents with a text; `no_text` is of how many none was stored.
        counts: (source, stage, state) -> documents that match.
        reasons: reason -> documents that match and that it removed.
        timed_out: ids of documents that took too long (some), `timed_out_count` how many.
        shown: some matches.
    """

    pattern: str
    ignore_case: bool
    searched: int
    no_text: int
    counts: Mapping[tuple[str, str, str], int]
    reasons: Mapping[str, int]
    timed_out: tuple[str, ...]
    timed_out_count: int
    shown: tuple[TextMatch, ...]

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
        return {
            **{name: getattr(self, name) for name in ("pattern", "ignore_case", "searched", "no_text")},
            "matched": self.matched,
            "counts": counts,
            "reasons": dict(sorted(self.reasons.items())),
            "timed_out": list(self.timed_out),
            "timed_out_count": self.timed_out_count,
            "documents": [match.to_json() for match in self.shown],
        }

    def __rich__(self) -> RenderableType:
        """Return the counts as tables, then some matches."""
        counts = (
            [source, f"{state} in {stage}", f"{count:,}"]
            for (source, stage, state), count in sorted(self.counts.items())
        )
        matched = f"{self.matched:,} of {self.searched:,} documents match; {len(self.shown):,} shown\n"
        parts: list[RenderableType] = [Text(matched, style="bold")]
        if self.counts:
            parts += [Grid(["source", "", "documents"], counts, left=2), Text()]
        if self.reasons:
            most = sorted(self.reasons.items(), key=lambda item: (-item[1], item[0]))
            rows = ([name, f"{count:,}"] for name, count in most[:NAMED])
            parts.append(Grid(["removed by", "documents"], rows))
            more = len(most) - NAMED
            parts.append(Text(f"and {more:,} more: --json has them all\n" if more > 0 else ""))
        parts += [line for match in self.shown for line in (*match.lines(), Text())]
        return Group(*parts, *map(Text, self.notes))


def grep(
    run: OpenedRun,
    pattern: str,
    *,
    ignore_case: bool = False,
    stage: str | None = None,
    state: str | None = None,
    n: int = 20,
) -> Matches:
    """Return the documents whose text matches a pattern of the library `regex`.

    Args:
        run: the run.
        pattern: a regular expression; `^` and `$` are the ends of lines.
        ignore_case: whether letters match in either case.
        stage: the texts as that stage wrote them; None = every record once, where it ended.
        state: kept, dropped, merged or failed only.
        n: how many to show, by the hash of their ids.

    Raises:
        BadPattern: it cannot be compiled, or took too long on several texts.
    """
    search = _Search(_compiled(pattern, ignore_case), First(n))
    for batch in record_batches(run, _COLUMNS, stage=stage, state=state, batch_rows=_BATCH_ROWS):
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
        shown=tuple(_matches(run, search.first.items)),
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
        matched = set()
        for number, text in enumerate(batch.rows["text"]):
            if match := self._match(text.as_py(), batch, number):
                matched.add(number)
                self.counts[sources[number], batch.stage, states[number]] += 1
                key = batch.record_key(number)
                self.first.add([((position(key[1], SALT),), (key, match.span()))])
        names, rows = batch.values("reason")
        reasons = set(zip(names.to_pylist(), rows.tolist(), strict=True))
        self.reasons.update(name for name, number in reasons if number in matched)

    def _match(self, text: str | None, batch: RecordBatch, number: int) -> regex.Match[str] | None:
        if text is None:
            self.no_text += 1
            return None
        try:
            match = self.pattern.search(text, timeout=TIMEOUT_S)
        except TimeoutError:
            self.slow.append(batch.record_key(number)[1])
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


def _around(text: View, start: int, end: int) -> dict[str, Any]:
    """Return a match and what stands around it, no longer than is shown, without what is masked."""
    first, last = text.start(max(0, start - CONTEXT_CHARACTERS)), text.end(end + CONTEXT_CHARACTERS)
    return {
        "before": text.text[first : text.start(start)],
        "text": text.text[text.start(start) : text.end(min(end, start + MATCH_CHARACTERS))],
        "after": text.text[text.end(end) : last],
        "cut": (first > 0, end - start > MATCH_CHARACTERS, last < len(text.text)),
    }


def _matches(run: OpenedRun, spans: list[tuple[Key, tuple[int, int]]]) -> Iterator[TextMatch]:
    rows = fetch_stored(run, [key for key, _ in spans])
    for row, (_, (start, end)) in zip(rows, spans, strict=True):
        match = _around(run.mask.view(row["text"], row["source"] or ""), start, end)
        shown = card(run.mask.row(row), f"{match['before']}{match['text']}{match['after']}")
        yield TextMatch(card=shown, start=start, **match)
