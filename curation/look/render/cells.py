"""What a notebook shows: documents, pairs, histograms and curves as cells, safe to look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import escape

from curation.look.questions.whatif import WhatIf
from curation.look.render import cards as samples
from curation.look.render import charts
from curation.look.render.inert import environment
from curation.look.render.visible import bound, number, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TEMPLATES = environment()
_COLOURS = {"kept": "#17776f", "dropped": "#c77a12", "merged": "#6b56b8", "failed": "#b3372f"}


@dataclass(frozen=True, slots=True)
class Cell:
    """HTML that a notebook shows as the value of a cell."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


def sentence(text: str) -> Cell:
    """Return a sentence: what is shown where there is nothing to show, and why."""
    return Cell(f"<p>{escape(visible(text))}</p>")


def table(frame: pd.DataFrame, otherwise: str) -> Cell:
    """Return a frame as a table, or what to say where it is empty."""
    if frame.empty:
        return sentence(otherwise)
    return Cell(frame.map(_shown).to_html(na_rep="–"))


def _shown(value: Any) -> Any:
    return visible(value) if isinstance(value, str) else value


def documents(frame: pd.DataFrame, otherwise: str = "No document is among these.") -> Cell:
    """Return the documents of a frame as cards that open: where each is from, why it went, its text."""
    return cards((samples.card(row) for _, row in frame.iterrows()), otherwise)


def cards(chosen: Iterable[Mapping[str, Any]], otherwise: str = "No document is among these.") -> Cell:
    """Return documents as cards that open; `chosen` are those of `samples`."""
    shown = list(chosen)
    if not shown:
        return sentence(otherwise)
    return Cell(_TEMPLATES.get_template("cards.html").render(cards=shown, colours=_COLOURS))


def nearest(frame: pd.DataFrame, rules: pd.DataFrame, per_side: int = 3) -> Cell:
    """Return the `per_side` documents nearest to every bound of the rules, on either side of it."""
    chosen = [
        samples.card(frame.loc[row]) | {"value": number(values[row])}
        for _, _, values, sides in samples.nearest(frame, rules, per_side)
        for row in (*sides["broke"], *sides["passed"])
    ]
    return cards(chosen, "No rule here has a bound, or none measured a document: nothing is near to one.")


def moves(answer: WhatIf) -> Cell:
    """Return the changes that `what_if` was given, and what to know of its answer, in words."""
    lines = [str(move) for move in answer.moves] or ["No rule has a bound that could be moved."]
    return Cell("".join(sentence(line).html for line in (*lines, *answer.notes)))


def examples(answer: WhatIf) -> Cell:
    """Return what an answer of `what_if` would bring back and drop, as cards that open."""
    shown = []
    for side, state in (("gained", "dropped"), ("lost", "kept")):
        for card, values in answer.examples[side]:
            measures = [f"{name}: {number(value)}" for name, value in values.items()]
            text = card.excerpt or "its text was not stored"
            about = {"value": side, "state": state, "reasons": measures, "text": text}
            shown.append(asdict(card) | about)
    return cards(shown, "No document would come back or go.")


def pairs(frame: pd.DataFrame) -> Cell:
    """Return merged documents against those that they were merged into; `frame` is one of `frames.pairs`."""
    if frame.empty:
        return sentence("No near duplicate was merged.")
    return Cell("".join(pair(row).html for _, row in frame.iterrows()))


def pair(row: Mapping[str, Any]) -> Cell:
    """Return a merged document against the one it was merged into; `row` is one of `frames.pairs`.

    What differs is not shown where an earlier run keeps the other: its text is not in this one.
    """
    kept = row["kept_text"]
    pieces = samples.word_changes(kept, row["text"] or "") if isinstance(kept, str) else []
    return Cell(_TEMPLATES.get_template("pair.html").render(pair=row, pieces=pieces))


def spread(values: pd.Series[float], title: str) -> Cell:
    """Return how values are spread, 40 bars; what has no value is left out."""
    known = values.dropna().to_numpy(dtype="float64")
    if not len(known):
        return sentence(f"{title}: no values")
    figure, axes = _axes(2.6)
    axes.hist(known, bins=40, color=_COLOURS["kept"])
    return _figures([(title, f"{len(known):,} values", charts.inline(figure, title))], "30em")


def bars(values: pd.Series[float], title: str) -> Cell:
    """Return a bar for each value, named as the index names it, the first on top."""
    if values.empty:
        return sentence(f"{title}: none")
    figure, axes = _axes(0.6 + 0.3 * len(values), left=0.2)
    axes.barh(range(len(values)), values.to_numpy(dtype="float64"), color=_COLOURS["kept"])
    axes.set_yticks(range(len(values)), labels=list(map(str, values.index)), parse_math=False)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter("{x:,.0f}")
    return _figures([(title, "", charts.inline(figure, title))], "30em")


def _axes(inches: float, left: float = 0.06) -> tuple[Figure, Axes]:
    figure = charts.empty_figure(inches)
    axes = figure.subplots(gridspec_kw={"left": left, "right": 0.99})
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def histograms(measured: pd.DataFrame, rules: pd.DataFrame) -> Cell:
    """Return the histogram of every rule, of kept documents and removed ones, with its bounds."""
    if rules.empty:
        return sentence("The recipe has no rules.")
    kept = measured["state"] == "kept"
    figures = []
    for rule in rules.itertuples(index=False):
        values = measured.get(rule.name, pd.Series(index=measured.index, dtype="float64"))
        parts = [values[where].dropna().tolist() for where in (kept, ~kept)]
        drawn = charts.histogram(parts[0], parts[1], rule.min, rule.max, rule.name)
        figures.append((rule.name, bound(rule.min, rule.max), drawn))
    return _figures(figures, "16em")


def loss(metrics: pd.DataFrame) -> Cell:
    """Return the training curve of `frames.training`, its phases shaded."""
    if metrics.empty:
        return sentence(metrics.attrs["empty"])
    phases = metrics["phase"].astype(str).tolist()
    drawn = charts.curve(metrics["step"].tolist(), metrics["loss"].tolist(), phases, "training loss by step")
    return _figures([("training loss", f"{len(metrics):,} steps", drawn)], "30em")


def _figures(figures: Iterable[tuple[str, str, str]], width: str) -> Cell:
    return Cell(_TEMPLATES.get_template("figures.html").render(figures=figures, width=width))
