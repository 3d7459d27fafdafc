"""The measures of a sample, packed for the page, whose sliders move bounds and count documents again."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from curation.look.render import charts
from curation.look.render.visible import is_bound, shortened, visible
from curation.look.run import RuleBounds

#: Of four bytes a value; larger samples are cut, in hash order.
BUDGET_BYTES = 2 * 2**20
NAMED_DOCUMENTS, NAME_CHARACTERS = 2_000, 60

Values = npt.NDArray[np.float32]


def slider_data(frame: pd.DataFrame, bounds: RuleBounds) -> dict[str, Any]:
    """Return the measures of a filter stage's sample as JSON data; empty where nothing was judged.

    Values are 32-bit floats, little-endian, base64; NaN where a rule did not measure. Rounding never moves a
    value across its bound (see `narrowed`), so at the recipe's bounds the page counts what the run counted.
    `named` are the ids and names of the first documents, in hash order.
    """
    if frame.empty or not bounds.names:
        return {}
    frame = frame.head(max(1, BUDGET_BYTES // (4 * len(bounds.names))))
    wide = pd.DataFrame(list(frame["measures"]), index=frame.index, dtype="float64")
    wide = wide.reindex(columns=list(bounds.names))
    scales = [_scale(wide, bounds, n) for n in range(len(bounds.names))]
    fixed = _fixed(wide, frame["language"], bounds)
    source = frame["source"].fillna("").astype(str)
    sources = sorted(set(source))
    first = frame.head(NAMED_DOCUMENTS)
    names = first["title"].where(first["title"].fillna("") != "", first["url"]).fillna("")
    return {
        "rules": [_rule(wide, bounds, n, scale) for n, scale in enumerate(scales)],
        "sources": [visible(name) for name in sources],
        "source": _packed([sources.index(name) for name in source], "<u2"),
        "fixed": _packed(fixed, "u1"),
        "characters": _packed(frame["characters"].fillna(0), "<f4"),
        "named": [
            [id, visible(shortened(name, NAME_CHARACTERS))]
            for id, name in zip(first["id"], names, strict=True)
        ],
        "documents": len(frame),
    }


def _fixed(wide: pd.DataFrame, languages: pd.Series[Any], bounds: RuleBounds) -> npt.NDArray[np.int64]:
    """Return how many bounds of its language's own table each document broke; the page cannot move those.

    The values of such documents become NaN in `wide`: the bounds that do move are not for them.
    """
    broken = np.zeros(len(wide), np.int64)
    for language, (low, high) in bounds.per_language.items():
        rows = (languages == language).to_numpy()
        own = bounds.own(language)
        values = wide.to_numpy()[rows][:, own]
        broken[rows] = ((values < low[own]) | (values > high[own])).sum(axis=1)
        wide.loc[rows, wide.columns[own]] = np.nan
    return broken


def _scale(wide: pd.DataFrame, bounds: RuleBounds, n: int) -> charts.Scale:
    """Return the axis of the n-th rule's histogram, of every document that it measured."""
    values = wide[bounds.names[n]].dropna().to_numpy()
    return charts.scale(values, [float(bounds.low[n]), float(bounds.high[n])])


def _rule(wide: pd.DataFrame, bounds: RuleBounds, n: int, scale: charts.Scale) -> dict[str, Any]:
    name, low, high = bounds.names[n], float(bounds.low[n]), float(bounds.high[n])
    values = wide[name].to_numpy()
    return {
        "name": name,
        "low": low if is_bound(low) else None,
        "high": high if is_bound(high) else None,
        "first": float(scale.edges[0]),
        "last": float(scale.edges[-1]),
        "logarithmic": scale.logarithmic,
        "least": scale.least,
        "most": scale.most,
        "below": scale.below,
        "above": scale.above,
        "values": _packed(narrowed(values, low, high), "<f4"),
    }


def narrowed(values: npt.NDArray[np.float64], low: float, high: float) -> Values:
    """Return values as 32-bit floats, each still on its side of both bounds, which become 32-bit too.

    >>> float(narrowed(np.array([0.1 + 1e-12]), 0.0, 0.1)[0]) > float(np.float32(0.1))
    True
    """
    with np.errstate(over="ignore"):
        out: Values = values.astype(np.float32)
        floor, ceiling = np.float32(low), np.float32(high)
    below, above = values < low, values > high
    out[below & (out >= floor)] = np.nextafter(floor, np.float32(-np.inf))
    out[above & (out <= ceiling)] = np.nextafter(ceiling, np.float32(np.inf))
    return out


def _packed(values: Sequence[float] | pd.Series[Any] | Values, dtype: str) -> str:
    return base64.b64encode(np.asarray(values).astype(dtype).tobytes()).decode("ascii")
