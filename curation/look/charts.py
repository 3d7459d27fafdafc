"""Charts as SVG text that stands inside a page: no script, no request, colours from the page's classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from markupsafe import Markup, escape

from curation.look.visible import is_bound, number

Numbers = npt.NDArray[np.float64]
WIDTH, HEIGHT, FOOT = 320, 110, 16
BINS = 40


@dataclass(frozen=True, slots=True)
class Scale:
    """The axis of a histogram: (BINS + 1,) edges, evenly spaced or, where logarithmic, in equal ratios."""

    edges: Numbers
    logarithmic: bool


def scale(values: Numbers, bounds: Sequence[float | None]) -> Scale:
    """Return the axis for values and bounds (None or infinite is none); see `histogram`."""
    return Scale(*_edges(values, [each for each in bounds if each is not None and is_bound(each)]))


def histogram(
    kept: Sequence[float], removed: Sequence[float], low: float | None, high: float | None, label: str
) -> Markup:
    """Return a histogram of one signal, kept documents below removed ones, its bounds as lines.

    The axis runs over the middle 98 % of the values and both bounds; what lies outside is counted in the
    first and last bar. It is logarithmic where the values are positive and span over two decades.
    """
    drawn = scale(np.asarray([*kept, *removed], dtype=np.float64), [low, high])
    edges, logarithmic = drawn.edges, drawn.logarithmic
    counts = [_counts(np.asarray(each, dtype=np.float64), edges) for each in (kept, removed)]
    top = max(1, int((counts[0] + counts[1]).max()))
    bars = [_bar(n, int(k), int(r), top) for n, (k, r) in enumerate(zip(*counts, strict=True)) if k + r]
    lines = [_bound_line(_across(b, edges, logarithmic), side, number(b))
             for side, b in (("min", low), ("max", high)) if is_bound(b)]  # fmt: skip
    ticks = [(4, edges[0], "start"), (WIDTH - 4, edges[-1], "end")]
    marks = "".join(
        f'<text x="{x}" y="{HEIGHT + FOOT - 4}" text-anchor="{anchor}">{number(float(value))}</text>'
        for x, value, anchor in ticks
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


def _bar(place: int, kept: int, removed: int, top: int) -> str:
    """Both parts are drawn, also one of no height: the page moves bounds, and documents change sides."""
    out, base = "", 0.0
    for name, count in (("kept", kept), ("gone", removed)):
        height = count / top * (HEIGHT - 14)
        out += _rect(name, place * WIDTH / BINS + 0.5, HEIGHT - base - height, WIDTH / BINS - 1, height)
        base += height
    return f'<g data-bin="{place}"><title>{kept} kept, {removed} removed</title>{out}</g>'


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

    `marked` are steps that stood out, a line each.
    """
    width, height, left, foot = 720, 260, 44, 20
    loss = np.asarray(losses, dtype=np.float64)
    at = np.asarray(steps, dtype=np.float64)
    good = np.isfinite(loss)
    low, high = (float(loss[good].min()), float(loss[good].max())) if good.any() else (0.0, 1.0)
    high = high if high > low else low + 1
    first, last = (float(at[0]), float(at[-1])) if len(at) else (0.0, 1.0)
    span = (last - first) or 1.0

    def place(step: float, value: float) -> str:
        x = left + (step - first) / span * (width - left - 6)
        return f"{x:.1f},{8 + (high - value) / (high - low) * (height - foot - 12):.1f}"

    points = " ".join(place(s, v) for s, v in zip(at[good], loss[good], strict=True))
    smooth = " ".join(place(s, v) for s, v in zip(at[good], _running_mean(loss[good]), strict=True))
    shades = "".join(
        _phase(place(start, high), place(end, low), name, n, height - foot)
        for n, (name, start, end) in enumerate(_stretches(at, phases))
    )
    heights = [(v, float(place(first, v).split(",")[1]) + 4) for v in np.linspace(low, high, 5)]
    texts = "".join(f'<text x="{left - 6}" y="{y:.1f}" text-anchor="end">{v:.2f}</text>' for v, y in heights)
    texts += f'<text x="{left}" y="{height - 4}">step {first:,.0f}</text>'
    texts += f'<text x="{width - 6}" y="{height - 4}" text-anchor="end">step {last:,.0f}</text>'
    lines = f'<polyline class="loss" points="{points}"/><polyline class="smooth" points="{smooth}"/>'
    for step in marked:
        x = place(step, low).split(",")[0]
        line = f'<line class="spike" x1="{x}" x2="{x}" y1="0" y2="{height - foot}"/>'
        lines += f"<g><title>step {step:,.0f}</title>{line}</g>"
    return _svg(height, escape(label), shades + lines + texts, width)


def _running_mean(values: Numbers) -> Numbers:
    reach = max(1, len(values) // 40)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.minimum(np.arange(len(values)) + reach + 1, len(values))
    starts = np.maximum(np.arange(len(values)) - reach, 0)
    mean: Numbers = (sums[ends] - sums[starts]) / np.maximum(1, ends - starts)
    return mean


def _stretches(steps: Numbers, phases: Sequence[str]) -> list[tuple[str, float, float]]:
    """Return (phase, first step, last step) of every run of equal names, each reaching to the next."""
    starts = [n for n in range(len(phases)) if n == 0 or phases[n] != phases[n - 1]]
    ends = [*starts[1:], len(phases) - 1][: len(starts)]
    return [
        (phases[s], float(steps[s]), float(steps[e])) for s, e in zip(starts, ends, strict=True) if phases[s]
    ]


def _phase(start: str, end: str, name: str, place: int, height: int) -> str:
    x, right = float(start.split(",")[0]), float(end.split(",")[0])
    shade = _rect(f"phase{place % 2}", x, 0, right - x, height)
    return f'{shade}<text class="phase" x="{x + 6:.1f}" y="14">{escape(name)}</text>'


def _svg(height: int, title: Markup | str, inside: str, width: int = WIDTH) -> Markup:
    """`inside` is made of numbers and escaped text by the functions above."""
    head = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{title}">'
    return Markup(f"{head}<title>{title}</title>{inside}</svg>")
