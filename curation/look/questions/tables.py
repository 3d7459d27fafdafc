"""The account of the rules, and the answer to a what-if, as a terminal shows them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from curation.filters.account import Tally
from curation.look.questions.account import ALL, Account, headline, ranked
from curation.look.questions.whatif import Answer, Example
from curation.look.render.visible import number, visible
from curation.look.run import LABEL

#: Of many languages so many are shown; the rest are counted, and stand in the JSON.
GROUPS_SHOWN = 12
_MEANING = """\
breaks: break the rule, whatever else they break; so much the rule would drop alone
only:   break this rule and no other; so much would come back without it
share:  what is dropped, each document split evenly among the rules that it breaks (Shapley value); adds up
% of:   the share, of what is dropped
with:   the rule that most of them break as well, and how many do"""


def account(found: Account, by: str | None = None, unit: str = "documents") -> RenderableType:
    """Return the account as tables: one of all, or one a source, language or label; counted in one unit."""
    groups = found.by(by)
    losing = {name: each for name, each in groups.items() if each.dropped[0]}
    shown = dict(list(losing.items())[:GROUPS_SHOWN])
    parts: list[RenderableType] = []
    for name, each in shown.items():
        title = f"{by.removeprefix(LABEL)} {visible(name)}" if by else "filter"
        parts += [
            Text(f"{title}: {headline(each, found.units)}", style="bold"),
            _rules(found, each, unit),
            Text(),
        ]
    if not shown:
        parts.append(Text("No document broke a rule."))
    if len(losing) > len(shown):
        parts.append(Text(f"{len(losing) - len(shown):,} more lost documents: --json has them all."))
    if len(groups) > len(losing):
        parts.append(Text(f"{len(groups) - len(losing):,} lost none."))
    if shown:
        parts.append(Text(_MEANING, style="dim"))
    parts += [Text(line) for line in _edits(found, by)]
    return Group(*parts, *(Text(note) for note in found.notes))


def _rules(found: Account, each: Tally, unit: str) -> Table:
    at = found.units.index(unit)
    shares = each.shapley / np.maximum(each.dropped, 1)[:, None]
    lines = [
        [
            found.bounds.names[place],
            *(_count(counts[at, place]) for counts in (each.broke, each.only, each.shapley)),
            *(f"{100 * share:.1f}" for share in shares[:, place]),
            _companion(found, each, place, at),
        ]
        for place in ranked(each, at)
    ]
    names = [unit, "breaks", "only", "share", *(f"% of {name}" for name in found.units), "with"]
    out = Table(box=None, pad_edge=False, header_style="dim")
    for name, column in zip(names, zip(names, *lines, strict=True), strict=True):
        if name in (unit, "with"):
            out.add_column(name if name != unit else "rule", no_wrap=True, overflow="ellipsis")
        else:
            widest = max(len(cell) for cell in column)
            out.add_column(name, justify="right", no_wrap=True, min_width=widest)
    for line in lines:
        out.add_row(*line)
    return out


def _count(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def _companion(found: Account, each: Tally, place: int, at: int) -> str:
    together = each.pairs[at, place].copy()
    together[place] = 0
    other = int(together.argmax())
    if not together[other]:
        return ""
    return f"{100 * together[other] / each.pairs[at, place, place]:.0f} % {found.bounds.names[other]}"


def _edits(found: Account, by: str | None) -> Iterator[str]:
    """Yield what edits took from kept documents, a line a stage and, by source, one for each."""
    wanted = found.edits["source"] != ALL if by == "source" else found.edits["source"] == ALL
    rows = found.edits[wanted & (found.edits["characters"] != 0)]
    for (stage, source), each in rows.groupby(["stage", "source"], sort=False):
        where = stage if source == ALL else f"{stage}, {visible(source)}"
        told = ", ".join(f"{row.edit} {row.characters:,}" for row in each.itertuples())
        yield f"characters that edits took from kept documents in {where}: {told}"


def answer(found: Answer) -> RenderableType:
    """Return the answer to a what-if: the moves, a table, examples of both sides, and what to know."""
    lines = [str(each) for each in found.moves]
    out = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("", "source"):
        out.add_column(name, no_wrap=True)
    for name in ("kept now", "come back", "go", "kept then", "dropped by others still"):
        out.add_column(name, justify="right", no_wrap=True)
    frame = found.frame()
    for place, unit in enumerate(found.units):
        suffix = f"_{unit}" if place else ""
        for i, (source, row) in enumerate(frame.iterrows()):
            counts = [row[f"{name}{suffix}"] for name in ("kept_now", "gained", "lost", "kept_then", "held")]
            style = "bold" if source == ALL else ""
            name = f"{unit}{' (estimated)' if place == 2 else ''}" if i == 0 else ""
            out.add_row(name, visible(str(source)), *(f"{each:,}" for each in counts), style=style)
    parts: list[RenderableType] = [Text("\n".join(lines), style="bold"), Text(), out, Text()]
    titles = {"gained": "come back", "lost": "go"}
    for side, title in titles.items():
        total = int(frame.loc[ALL, side])
        if total:
            parts.append(Text(f"{title}: {len(found.examples[side]):,} of {total:,}, a sample", style="bold"))
            parts += [each for example in found.examples[side] for each in _example(example)]
            parts.append(Text())
    return Group(*parts, *(Text(note) for note in found.notes))


def _example(each: Example) -> Iterator[Text]:
    values = ", ".join(f"{name} {number(value)}" for name, value in each.measures.items())
    where = visible(each.url) or each.source
    yield Text(f"  {each.id}  {where}", no_wrap=True, overflow="ellipsis")
    yield Text(f"    {values}; {each.characters:,} characters, {each.language or 'un'}", style="dim")
    text = "its text was not stored" if each.excerpt is None else visible(" ".join(each.excerpt.split()))
    yield Text(f"    {text}", no_wrap=True, overflow="ellipsis")
