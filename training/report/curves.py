"""The curves of a run on one page, curves.html; `python -m training.report.curves RUN` draws it again."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from curation.look.render.charts import empty_figure, inline, running_mean
from curation.look.render.inert import escaped, opening
from curation.look.render.visible import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
_INCHES = 2.6  # the height of a panel
_LEFT, _BOTTOM, _HEIGHT, _LETTER = (
    0.07,
    0.19,
    0.72,
    0.0105,
)  # shares of it: the axes and the width of a letter
_POINTS = 900  # of a line; more are averaged
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#b8860b")
_STYLE = """body{font:14px/1.45 system-ui,sans-serif;max-width:920px;margin:1.5rem auto;color:#222}
h1{font-size:1.2rem}h2{font-size:1rem;margin:1.4rem 0 .2rem}svg{width:100%;height:auto;display:block}
td,th{padding:.1rem .8rem .1rem 0;text-align:left}
pre{white-space:pre-wrap;background:#f6f6f4;padding:.5rem;margin:.3rem 0}small{color:#666}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotLine:
    """One line of a panel; a faint one is drawn behind the others, without a name."""

    name: str
    x: Floats
    y: Floats
    colour: str
    faint: bool = False

    @property
    def label(self) -> str:
        """Return its name and last value."""
        return "" if self.faint else f"{visible(self.name)} {self.y[-1]:.4g}".strip()


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
    progress = f"step {last['step'] + 1:,}, {last['tokens']:,} tokens"
    parts = [opening(name, _STYLE), f"<h1>{escaped(name)}: {progress}</h1>"]
    if skipped := [f"{step['step']:,}" for step in steps if step["skipped"]]:
        parts.append(f"<p>Steps left out, marked red: {', '.join(skipped)}</p>")
    shown = [(title, [line for line in lines if len(line.y)]) for title, lines in panels(steps, scores)]
    widest = max(len(line.label) for _, lines in shown for line in lines)
    for title, lines in shown:
        parts += [f"<h2>{escaped(title)}</h2>", draw(title, lines, steps, widest)]
    newest = [score for score in scores if score["step"] == scores[-1]["step"]]
    if newest:
        cells = ("set", "bits_per_byte", "accuracy", "accuracy_by_byte", "chance", "answer_bits_per_byte")
        rows = [[_cell(score.get(key, "")) for key in (*cells, "digest")] for score in newest]
        head = "".join(f"<th>{key.replace('_', ' ')}" for key in (*cells, "digest"))
        body = "".join("<tr>" + "".join(f"<td>{cell}" for cell in row) for row in rows)
        parts += [f"<h2>Scores at step {newest[0]['step']:,}</h2>", f"<table><tr>{head}{body}</table>"]
    for sample in samples:
        if sample["step"] == samples[-1]["step"]:
            text = f"<b>{escaped(sample['prompt'])}</b>{escaped(sample['text'])}"
            parts.append(f"<h2>Sample at step {sample['step']:,}</h2><pre>{text}</pre>")
    return "\n".join(parts)


def _cell(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else escaped(str(value))


def panels(
    steps: Sequence[Mapping[str, Any]], scores: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, list[PlotLine]]]:
    """Yield the title and the lines of each panel that has data."""
    sources = sorted({name for step in steps for name in step["source_losses"]})
    lines = [_line("", steps, lambda step: step["loss"], "#999999", faint=True)]
    lines += [_line("all", steps, lambda step: step["loss"], "#222222", smooth=True)]
    for number, name in enumerate(sources if len(sources) > 1 else []):
        lines.append(
            _line(name, steps, lambda step, name=name: step["source_losses"].get(name), number, smooth=True)
        )
    yield "Training loss, nats a token", lines
    for key, title in (
        ("bits_per_byte", "Held-out text, bits per byte"),
        ("accuracy", "Tasks, share right"),
        ("answer_bits_per_byte", "Tasks, bits per byte of the right answers"),
    ):
        own = [score for score in scores if key in score]
        digests = {score["set"]: score["digest"] for score in own}  # the last; others are another text
        lines = [
            _line(
                name,
                [score for score in own if (score["set"], score["digest"]) == (name, digest)],
                lambda score, key=key: score[key],
                number,
            )
            for number, (name, digest) in enumerate(digests.items())
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
    value_of: Any,
    colour: str | int,
    *,
    faint: bool = False,
    smooth: bool = False,
) -> PlotLine:
    """Return a line of the values of points, without those whose value is None."""
    pairs = [(point["tokens"], value) for point in points if (value := value_of(point)) is not None]
    x, y = np.array(pairs, np.float64).reshape(-1, 2).T
    if smooth:
        y = running_mean(y, max(1, len(y) // 50))
    if len(x) > _POINTS:
        parts = np.array_split(np.arange(len(x)), _POINTS)
        x, y = (np.array([values[part].mean() for part in parts]) for values in (x, y))
    hue = _COLOURS[colour % len(_COLOURS)] if isinstance(colour, int) else colour
    return PlotLine(name=name, x=x, y=y, colour=hue, faint=faint)


def draw(title: str, lines: Sequence[PlotLine], steps: Sequence[Mapping[str, Any]], widest: int) -> str:
    """Return one panel as SVG: phases shaded and named, skipped steps marked, lines with their last values.

    `widest` is the room beside the axes in characters, the same in all panels.
    """
    figure = empty_figure(_INCHES)
    axes = figure.add_axes((_LEFT, _BOTTOM, max(0.3, 0.87 - _LETTER * widest), _HEIGHT))
    _shade(axes, steps)
    named = {}
    for line in lines:
        (drawn,) = axes.plot(line.x, line.y, color=line.colour)
        if line.label:
            named[line.label] = drawn
        drawn.set(linewidth=0.8 if line.faint else 1.5, alpha=0.45 if line.faint else 1)
        drawn.set_marker("." if len(line.y) == 1 else "")
    axes.set_xlim(0, float(steps[-1]["tokens"]))
    axes.set_ylim(*_bounds(lines))
    axes.grid(axis="y", color="#ddd")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.xaxis.set_major_formatter(lambda tokens, _: short(tokens))
    axes.set_xlabel("tokens", loc="right")
    legend = axes.legend(
        [*named.values()],
        [""] * len(named),
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
        labelcolor="linecolor",
    )
    for text, label in zip(legend.get_texts(), named, strict=True):
        text.set_parse_math(False)  # a name is plain text
        text.set_text(label)
    return inline(figure, title)


def _bounds(lines: Sequence[PlotLine]) -> tuple[float, float]:
    """Return the range of a panel: all of its lines, but not the extremes of a faint one."""
    ends = [np.quantile(line.y, (0.01, 0.99) if line.faint else (0.0, 1.0)) for line in lines]
    low = min((float(pair[0]) for pair in ends), default=0.0)
    high = max((float(pair[1]) for pair in ends), default=1.0)
    room = 0.05 * (high - low) or 0.5 * abs(high) or 0.5
    return (0.0 if 0 <= low < 0.3 * high else low - room), high + room


def _shade(axes: Axes, steps: Sequence[Mapping[str, Any]]) -> None:
    """Shade the phases, each with its name above, and mark skipped steps."""
    begin = 0.0
    for number, (phase, group) in enumerate(groupby(steps, key=lambda step: step["phase"])):
        end = float(list(group)[-1]["tokens"])
        axes.axvspan(begin, end, color=("#f4f6fb", "#fdf3e7")[number % 2], linewidth=0, zorder=0)
        axes.text(begin, 1.03, f" {visible(phase)}", transform=axes.get_xaxis_transform(), parse_math=False)
        begin = end
    for step in steps:
        if step["skipped"]:
            axes.axvline(step["tokens"], color="#c00", linewidth=0.8)


def short(number: float) -> str:
    """Return a number of tokens with a unit.

    >>> short(0), short(1500), short(2.5e6), short(3e9)
    ('0', '1.5k', '2.5M', '3B')
    """
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return f"{number:g}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 2 if there is nothing to draw."""
    parser = argparse.ArgumentParser(prog="python -m training.report.curves", description=__doc__)
    parser.add_argument("run", help="directory of the run")
    options = parser.parse_args(arguments)
    try:
        print(write_curves(options.run))
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
