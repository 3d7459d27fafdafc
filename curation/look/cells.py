"""What a notebook shows: documents, pairs, histograms and curves as cells, safe to look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from curation.look import charts, samples
from curation.look.visible import alike, bound, number, visible

_ENVIRONMENT = Environment(
    loader=PackageLoader("curation.look"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_ENVIRONMENT.filters |= {"visible": visible, "number": number, "alike": alike}

_COLOURS = {"kept": "#17776f", "dropped": "#c77a12", "merged": "#6b56b8", "failed": "#b3372f"}


@dataclass(frozen=True, slots=True)
class Cell:
    """HTML that a notebook shows as the value of a cell."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


def documents(frame: pd.DataFrame) -> Cell:
    """Return the documents of a frame as cards that open: where each is from, why it went, its text."""
    return cards(samples.card(row) for _, row in frame.iterrows())


def cards(chosen: Iterable[Mapping[str, Any]]) -> Cell:
    """Return documents as cards that open; `chosen` are those of `samples`."""
    return Cell(_ENVIRONMENT.get_template("cards.html").render(cards=list(chosen), colours=_COLOURS))


def pair(row: Mapping[str, Any]) -> Cell:
    """Return a merged document against the one it was merged into; `row` is one of `frames.pairs`.

    What differs is not shown where an earlier run keeps the other: its text is not in this one.
    """
    there = row["kept_text"]
    pieces = samples.word_changes(there, row["text"] or "") if isinstance(there, str) else []
    return Cell(_ENVIRONMENT.get_template("pair.html").render(pair=row, pieces=pieces))


def histograms(measured: pd.DataFrame, rules: pd.DataFrame) -> Cell:
    """Return the histogram of every rule, of kept documents and removed ones, with its bounds."""
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
    phases = metrics["phase"].astype(str).tolist()
    drawn = charts.curve(metrics["step"].tolist(), metrics["loss"].tolist(), phases, "training loss by step")
    return _figures([("training loss", f"{len(metrics):,} steps", drawn)], "30em")


def _figures(figures: Iterable[tuple[str, str, str]], width: str) -> Cell:
    return Cell(_ENVIRONMENT.get_template("figures.html").render(figures=figures, width=width))
