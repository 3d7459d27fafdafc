"""Charts as SVG inside a page: no script, no request, colours from the page's style.

Matplotlib draws curves. Histograms are drawn here, since the page's sliders move their bars and bounds.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

from curation.look.render.visible import is_bound, number


class MissingMatplotlib(ImportError):
    """Curves cannot be drawn: the extra `charts` is not installed."""


Numbers = npt.NDArray[np.float64]
WIDTH, HEIGHT, FOOT = 320, 110, 16
BINS = 40
_LINE, _SPIKE, _PHASES = "#17776f", "#b3372f", ("#6b56b8", "#c77a12")  # a page may have others


@dataclass(frozen=True, slots=True)
class Scale:
    """The axis of a histogram, and what lies beyond it.

    Attributes:
        edges: (BINS + 1,), evenly spaced or, where logarithmic, in equal ratios.
        least, most: no value, bound or edge lies beyond them; four digits.
        below, above: whether values lie beyond the edges, and stand in the first or the last bar.
    """

    edges: Numbers
    logarithmic: bool
    least: float
    most: float
    below: bool
    above: bool


def scale(values: Numbers, bounds: Sequence[float | None]) -> Scale:
    """Return the axis for values and bounds (None or infinite is none); see `histogram`."""
    edges, logarithmic = _edges(values, [bound for bound in bounds if bound is not None and is_bound(bound)])
    first, last = float(edges[0]), float(edges[-1])
    least, most = (float(values.min()), float(values.max())) if len(values) else (first, last)
    return Scale(
        edges=edges,
        logarithmic=logarithmic,
        least=_rounded(min(least, first), ROUND_FLOOR),
        most=_rounded(max(most, last), ROUND_CEILING),
        below=least < first,
        above=most > last,
    )


def _rounded(value: float, way: str) -> float:
    """Return a number of four digits, away from the values: a bound there lets all of them pass."""
    return float(Context(prec=4, rounding=way).create_decimal_from_float(value))


def histogram(
    kept: Sequence[float], removed: Sequence[float], low: float | None, high: float | None, label: str
) -> Markup:
    """Return a histogram of one signal, kept documents below removed ones, its bounds as lines.

    The axis runs over the middle 98 % of the values and both bounds; what lies outside is counted in the
    first and last bar, whose ends then read `≤ 38` and `≥ 0.1`. It is logarithmic where the values are
    positive and span over two decades.
    """
    drawn = scale(np.asarray([*kept, *removed], dtype=np.float64), [low, high])
    edges, logarithmic = drawn.edges, drawn.logarithmic
    counts = [_counts(np.asarray(values, dtype=np.float64), edges) for values in (kept, removed)]
    top = max(1, int((counts[0] + counts[1]).max()))
    bars = [_bar(n, int(k), int(r), top) for n, (k, r) in enumerate(zip(*counts, strict=True)) if k + r]
    lines = [
        _bound_line(_across(bound, edges, logarithmic), side, number(bound))
        for side, bound in (("min", low), ("max", high))
        if is_bound(bound)
    ]
    ticks = [
        (4, "≤ " if drawn.below else "", edges[0], "start"),
        (WIDTH - 4, "≥ " if drawn.above else "", edges[-1], "end"),
    ]
    marks = "".join(
        f'<text x="{x}" y="{HEIGHT + FOOT - 4}" text-anchor="{anchor}">{beyond}{number(float(value))}</text>'
        for x, beyond, value, anchor in ticks
    )
    title = escape(
        f"{label}: {len(kept)} kept, {len(removed)} removed{', logarithmic' if logarithmic else ''}"
    )
    return _svg(HEIGHT + FOOT, title, "".join([*bars, *lines, marks]))


def _edges(values: Numbers, bounds: Sequence[float]) -> tuple[Numbers, bool]:
    if not len(values):
        values = np.zeros(1)
    low, high = (float(np.quantile(values, q)) for q in (0.01, 0.99))
    low, high = min([low, *bounds]), max([high, *bounds])
    if high <= low:
        low, high = low - 0.5, high + 0.5
    positive = values[values > 0]
    if (
        low >= 0
        and len(positive) > 0.9 * len(values)
        and high > 100 * max(1e-9, float(np.median(positive))) / 10
    ):
        floor = max(float(np.quantile(positive, 0.01)), high / 1e6)
        floor = min([floor, *(b for b in bounds if b > 0)])
        if high > 100 * floor:
            return np.geomspace(floor, high, BINS + 1), True
    return np.linspace(low, high, BINS + 1), False


def _counts(values: Numbers, edges: Numbers) -> Numbers:
    inside = np.clip(values, edges[0], edges[-1])
    return np.histogram(inside, bins=edges)[0]


def _across(value: float | None, edges: Numbers, logarithmic: bool) -> float:
    assert value is not None
    first, last = float(edges[0]), float(edges[-1])
    if logarithmic:
        part = (math.log(max(value, first)) - math.log(first)) / (math.log(last) - math.log(first))
    else:
        part = (value - first) / (last - first)
    return part * WIDTH


def _bar(index: int, kept: int, removed: int, top: int) -> str:
    """Return both parts of a bar, even one of no height: the page moves documents to the other side."""
    out, base = "", 0.0
    for name, count in (("kept", kept), ("gone", removed)):
        height = count / top * (HEIGHT - 14)
        out += _rect(name, index * WIDTH / BINS + 0.5, HEIGHT - base - height, WIDTH / BINS - 1, height)
        base += height
    return f'<g data-bin="{index}"><title>{kept} kept, {removed} removed</title>{out}</g>'


def _rect(name: str, x: float, y: float, width: float, height: float) -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{height:.1f}"'
    return f'<rect class="{name}" {where}/>'


def _bound_line(x: float, side: str, value: str) -> str:
    x = min(max(x, 1.0), WIDTH - 1.0)
    anchor, shift = ("end", -4) if x > WIDTH / 2 else ("start", 4)
    return (
        f'<g data-side="{side}"><line class="bound" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{HEIGHT}"/>'
        f'<text class="bound" x="{x + shift:.1f}" y="{10 if side == "min" else 22}" text-anchor="{anchor}">'
        f"{side} {escape(value)}</text></g>"
    )


def curve(
    steps: Sequence[float],
    losses: Sequence[float],
    phases: Sequence[str],
    label: str,
    marked: Sequence[float] = (),
) -> Markup:
    """Return a training curve: the loss at every step, its running mean, the phases shaded and named.

    `marked` are the steps of spikes, each drawn as a line.
    """
    loss, at = np.asarray(losses, dtype=np.float64), np.asarray(steps, dtype=np.float64)
    good = np.isfinite(loss)
    figure = empty_figure(3.2)
    axes = figure.add_axes((0.06, 0.14, 0.93, 0.79))
    for n, (name, start, end) in enumerate(_stretches(at, phases)):
        axes.axvspan(start, end, color=_PHASES[n % 2], linewidth=0, alpha=0.1, gid=f"phase{n % 2}-{n}")
        axes.text(start, 1.02, name, transform=axes.get_xaxis_transform(), parse_math=False)
    mark = "." if good.sum() == 1 else ""
    axes.plot(at[good], loss[good], mark, color=_LINE, linewidth=1, alpha=0.35, gid="loss")
    smooth = running_mean(loss[good], max(1, int(good.sum()) // 40))
    axes.plot(at[good], smooth, mark, color=_LINE, linewidth=2, gid="smooth")
    for step in marked:
        axes.axvline(step, color=_SPIKE, linewidth=1, gid=f"spike-{step:.0f}")
    axes.margins(x=0)
    axes.set_xlabel("step", loc="right")
    axes.spines[["top", "right"]].set_visible(False)
    for ground in (figure.patch, axes.patch):
        ground.set_visible(False)
    return inline(figure, label)


def empty_figure(inches: float) -> Figure:
    """Return a figure of this height to draw in.

    Raises:
        MissingMatplotlib: it is not installed.
    """
    try:
        from matplotlib.figure import Figure  # slow to import; only curves need it
    except ImportError:
        raise MissingMatplotlib(
            "matplotlib draws the curves and is not installed: pip install 'spark-curation[charts]'"
        ) from None
    return Figure(figsize=(9, inches))


def inline(figure: Figure, label: str) -> Markup:
    """Return a figure as SVG whose text is text and whose colours a page can change by its ids."""
    import matplotlib

    stream = io.StringIO()
    with (
        matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": label}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the browser's fonts may have it
        figure.savefig(stream, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    head, _, inside = stream.getvalue().partition("<svg")[2].partition(">")
    box = head.partition('viewBox="')[2].partition('"')[0]
    head = f'<svg viewBox="{box}" role="img" aria-label="{escape(label)}"><title>{escape(label)}</title>'
    return Markup(head + inside.replace("xlink:href", "href"))


def running_mean(values: Numbers, reach: int) -> Numbers:
    """Return the mean of each value and the `reach` before and after it, fewer at the ends.

    >>> running_mean(np.array([1.0, 2.0, 6.0, 3.0]), 1).round(2).tolist()
    [1.5, 3.0, 3.67, 4.5]
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.minimum(np.arange(len(values)) + reach + 1, len(values))
    starts = np.maximum(np.arange(len(values)) - reach, 0)
    mean: Numbers = (sums[ends] - sums[starts]) / (ends - starts)
    return mean


def _stretches(steps: Numbers, phases: Sequence[str]) -> list[tuple[str, float, float]]:
    """Return (phase, first step, last step) of every run of equal names, each reaching to the next."""
    starts = [n for n in range(len(phases)) if n == 0 or phases[n] != phases[n - 1]]
    ends = [*starts[1:], len(phases) - 1][: len(starts)]
    return [
        (phases[s], float(steps[s]), float(steps[e])) for s, e in zip(starts, ends, strict=True) if phases[s]
    ]


def _svg(height: int, title: Markup, inside: str) -> Markup:
    """Return an SVG element; the functions above make `inside` of numbers and escaped text."""
    head = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">'
    return Markup(f"{head}<title>{title}</title>{inside}</svg>")
