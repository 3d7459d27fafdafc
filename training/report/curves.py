"""A run on one page, curves.html, phases shaded: `python -m training.report.curves RUN` draws it again."""

from __future__ import annotations

import argparse
import html
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _FOOT = 900, 230, 62, 150, 20, 22
_POINTS = 900  # of a line; more are averaged
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#b8860b")
_STYLE = """body{font:14px/1.45 system-ui,sans-serif;max-width:920px;margin:1.5rem auto;color:#222}
h1{font-size:1.2rem}h2{font-size:1rem;margin:1.4rem 0 .2rem}svg{width:100%;height:auto;display:block}
svg text{font:11px system-ui,sans-serif;fill:#444}td,th{padding:.1rem .8rem .1rem 0;text-align:left}
pre{white-space:pre-wrap;background:#f6f6f4;padding:.5rem;margin:.3rem 0}small{color:#666}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a panel; a faint one lies behind and has no name."""

    name: str
    x: Floats
    y: Floats
    colour: str
    faint: bool = False


def write_curves(directory: str | Path) -> Path:
    """Write and return RUN/curves.html.

    Raises:
        FileNotFoundError: the run has no metrics.
    """
    out = Path(directory)
    steps = _lines(out / "metrics.jsonl")
    if not steps:
        raise FileNotFoundError(f"{out / 'metrics.jsonl'}: expected the metrics of a run, found none")
    scores = _lines(out / "evals.jsonl") if (out / "evals.jsonl").exists() else []
    samples = _lines(out / "samples.jsonl") if (out / "samples.jsonl").exists() else []
    path = out / "curves.html"
    path.write_text(page(out.name, steps, scores, samples), encoding="utf-8")
    return path


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def page(
    name: str,
    steps: Sequence[Mapping[str, Any]],
    scores: Sequence[Mapping[str, Any]],
    samples: Sequence[Mapping[str, Any]],
) -> str:
    """Return the page: panels over tokens, the last scores, the last samples."""
    last = steps[-1]
    said = f"step {last['step'] + 1:,}, {last['tokens']:,} tokens"
    parts = [f"<!doctype html><meta charset=utf-8><title>{html.escape(name)}</title><style>{_STYLE}</style>"]
    parts.append(f"<h1>{html.escape(name)}: {said}</h1>")
    for title, lines in panels(steps, scores):
        parts += [f"<h2>{html.escape(title)}</h2>", draw(title, lines, steps)]
    newest = [score for score in scores if score["step"] == scores[-1]["step"]]
    if newest:
        cells = ("set", "bits_per_byte", "accuracy", "accuracy_by_byte", "chance", "answer_bits_per_byte")
        rows = [[_cell(score.get(key, "")) for key in (*cells, "digest")] for score in newest]
        head = "".join(f"<th>{key.replace('_', ' ')}" for key in (*cells, "digest"))
        body = "".join("<tr>" + "".join(f"<td>{cell}" for cell in row) for row in rows)
        parts += [f"<h2>Scores at step {newest[0]['step']:,}</h2>", f"<table><tr>{head}{body}</table>"]
    for each in [sample for sample in samples if sample["step"] == samples[-1]["step"]]:
        text = f"<b>{html.escape(each['prompt'])}</b>{html.escape(each['text'])}"
        parts.append(f"<h2>Sample at step {each['step']:,}</h2><pre>{text}</pre>")
    return "\n".join(parts)


def _cell(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else html.escape(str(value))


def panels(
    steps: Sequence[Mapping[str, Any]], scores: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, list[Line]]]:
    """Yield the title and the lines of each panel that has something to show."""
    sources = sorted({name for step in steps for name in step["source_losses"]})
    lines = [_line("", steps, lambda step: step["loss"], "#999999", faint=True)]
    lines += [_line("all", steps, lambda step: step["loss"], "#222222", smooth=True)]
    for number, name in enumerate(sources if len(sources) > 1 else []):
        lines.append(_line(name, steps, lambda s, n=name: s["source_losses"].get(n), number, smooth=True))
    yield "Training loss, nats a token", lines
    for key, title in (
        ("bits_per_byte", "Held-out text, bits per byte"),
        ("accuracy", "Tasks, share right"),
        ("answer_bits_per_byte", "Tasks, bits per byte of the right answers"),
    ):
        held = [score for score in scores if key in score]
        digests = {score["set"]: score["digest"] for score in held}  # the last: others are another text
        lines = [
            _line(
                name,
                [s for s in held if (s["set"], s["digest"]) == (name, digest)],
                lambda s, key=key: s[key],
                n,
            )
            for n, (name, digest) in enumerate(digests.items())
        ]
        if lines:
            yield title, lines
    yield "Gradient norm, before clipping", [_line("", steps, lambda step: step["grad_norm"], 0)]
    yield "Learning rate", [_line("", steps, lambda step: step["lr"], 0)]
    speed = "tokens_per_s"
    if any(step.get("mfu") for step in steps):
        yield "Share of the devices' peak (MFU)", [_line("", steps, lambda step: step["mfu"], 2)]
    yield "Tokens a second", [_line("", steps, lambda step: step[speed], 2)]
    wait = _line("", steps, lambda step: step["data_wait_s"] / step["step_s"], 1)
    yield "Share of the time spent waiting for data", [wait]


def _line(
    name: str,
    points: Sequence[Mapping[str, Any]],
    of: Any,
    colour: str | int,
    *,
    faint: bool = False,
    smooth: bool = False,
) -> Line:
    """Return a line of what `of` finds in each point, without those where it finds None."""
    pairs = [(point["tokens"], value) for point in points if (value := of(point)) is not None]
    x, y = (np.array([pair[n] for pair in pairs], np.float64) for n in (0, 1))
    if smooth:
        y = running_mean(y, max(1, len(y) // 50))
    if len(x) > _POINTS:
        parts = np.array_split(np.arange(len(x)), _POINTS)
        x, y = (np.array([values[part].mean() for part in parts]) for values in (x, y))
    shown = _COLOURS[colour % len(_COLOURS)] if isinstance(colour, int) else colour
    return Line(name=name, x=x, y=y, colour=shown, faint=faint)


def running_mean(values: Floats, reach: int) -> Floats:
    """Return the mean of each value and the `reach` before and after it, fewer at the ends.

    >>> running_mean(np.array([1.0, 2.0, 6.0, 3.0]), 1).round(2).tolist()
    [1.5, 3.0, 3.67, 4.5]
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    first, last = np.maximum(places - reach, 0), np.minimum(places + reach + 1, len(values))
    mean: Floats = (sums[last] - sums[first]) / (last - first)
    return mean


def draw(title: str, lines: Sequence[Line], steps: Sequence[Mapping[str, Any]]) -> str:
    """Return one panel as SVG: phases shaded and named, steps left out marked, names at the lines' ends."""
    last, shown = float(steps[-1]["tokens"]), [line for line in lines if len(line.y)]
    low, high = _bounds(shown)
    ticks = nice(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])

    def across(tokens: float) -> float:
        return _LEFT + tokens / last * (_WIDTH - _LEFT - _RIGHT)

    def down(value: float) -> float:
        part = (high - min(max(value, low), high)) / (high - low)
        return _TOP + part * (_HEIGHT - _FOOT - _TOP)

    svg = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{html.escape(title)}">']
    svg += _phases(steps, across)
    for tick in ticks:
        y = down(tick)
        svg.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        svg.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:.6g}</text>')
    for tick in nice(0.0, last):
        x = f'x="{across(tick):.1f}"'
        svg.append(f'<text {x} y="{_HEIGHT - 6}" text-anchor="middle">{short(tick)}</text>')
    svg.append(f'<text x="{_WIDTH - _RIGHT + 8}" y="{_HEIGHT - 6}">tokens</text>')
    for line in shown:
        places = [(across(x), down(y)) for x, y in zip(line.x, line.y, strict=True)]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        look = 'stroke-width="1" opacity="0.45"' if line.faint else 'stroke-width="1.8"'
        svg.append(f'<polyline points="{points}" fill="none" stroke="{line.colour}" {look}/>')
        if len(places) == 1:
            svg.append(
                f'<circle cx="{places[0][0]:.1f}" cy="{places[0][1]:.1f}" r="3" fill="{line.colour}"/>'
            )
    return "\n".join([*svg, *_names(shown, down), "</svg>"])


def _bounds(lines: Sequence[Line]) -> tuple[float, float]:
    """Return from where to where a panel shows: all of its lines, of a faint one all but its extremes."""
    ends = [np.quantile(line.y, (0.01, 0.99) if line.faint else (0.0, 1.0)) for line in lines]
    low = min((float(pair[0]) for pair in ends), default=0.0)
    high = max((float(pair[1]) for pair in ends), default=1.0)
    low = 0.0 if 0 <= low < 0.3 * high else low
    return low, high if high > low else low + (abs(low) or 1.0)


def _phases(steps: Sequence[Mapping[str, Any]], across: Any) -> list[str]:
    """Return the phases as shades, each with its name above, and a mark for each step left out."""
    out: list[str] = []
    begin, bottom = 0.0, _HEIGHT - _FOOT
    for number, (phase, of) in enumerate(groupby(steps, key=lambda step: step["phase"])):
        end = list(of)[-1]["tokens"]
        x, width = across(begin), across(end) - across(begin)
        fill = ("#f4f6fb", "#fdf3e7")[number % 2]
        box = f'x="{x:.1f}" y="{_TOP}" width="{width:.1f}" height="{bottom - _TOP}"'
        out.append(f'<rect {box} fill="{fill}"/>')
        out.append(f'<text x="{x + 4:.1f}" y="{_TOP - 6}">{html.escape(phase)}</text>')
        begin = end
    for step in steps:
        if step["skipped"]:
            x = across(step["tokens"])
            line = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}" stroke="#c00"/>'
            out.append(f"<g><title>step {step['step']} left out</title>{line}</g>")
    return out


def _names(lines: Sequence[Line], down: Any) -> list[str]:
    """Return the lines' names and last values at their ends, moved apart where they would overlap."""
    named = sorted((line for line in lines if not line.faint), key=lambda line: down(line.y[-1]))
    out, floor = [], -math.inf
    for line in named:
        floor = max(floor + 13, down(line.y[-1]) + 4)
        text = html.escape(f"{line.name} {line.y[-1]:.4g}".strip())
        x = _WIDTH - _RIGHT + 8
        out.append(f'<text x="{x}" y="{floor:.1f}" style="fill:{line.colour}">{text}</text>')
    return out


def nice(low: float, high: float) -> list[float]:
    """Return three to six round numbers between two.

    >>> nice(0.0, 97.0), nice(2.31, 2.38)
    ([0.0, 20.0, 40.0, 60.0, 80.0], [2.32, 2.34, 2.36, 2.38])
    """
    raw = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * n for n in (1, 2, 2.5, 5, 10) if unit * n >= raw)
    count = math.floor(high / step + 1e-9) - (begin := math.ceil(low / step - 1e-9)) + 1
    return [round((begin + n) * step, 12) for n in range(count)]


def short(number: float) -> str:
    """Return a number of tokens as people say it.

    >>> short(0), short(1500), short(2.5e6), short(3e9)
    ('0', '1.5k', '2.5M', '3B')
    """
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return f"{number:g}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 2 where there is nothing to draw."""
    parser = argparse.ArgumentParser(prog="python -m training.report.curves", description=__doc__)
    parser.add_argument("run")
    asked = parser.parse_args(arguments)
    try:
        print(write_curves(asked.run))
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
