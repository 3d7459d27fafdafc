"""The documents nearest to a rule's bounds, on either side: would another bound be better?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from curation.accounting.sample import position
from curation.filters.account import Flags
from curation.look.questions.sample import BadSample, First, Sample, SampledDocument, SampleRequest
from curation.look.render.listing import card
from curation.look.render.visible import is_bound, number
from curation.look.run import OpenedRun, fetch
from curation.text.mistakes import nearest

NEEDED = (
    "The recipe says measure: needed, so a document is measured up to the first pass that it broke; one that "
    "broke an earlier pass than this rule's is not among these."
)


def near(request: SampleRequest, rule: str) -> Sample:
    """Return the `n` documents nearest to each bound of a rule, on either side of it, nearest first.

    Raises:
        BadSample: there is no such rule, or it has no bound.
    """
    if request.rate is not None or request.stage not in (None, "filter"):
        raise BadSample(
            "--near takes documents of the filter stage by their value: neither --rate nor --stage"
        )
    config, limits = request.run.manifest("filter").config, _limits(request.run, rule)
    request = replace(request, stage="filter")
    firsts = {(side, passes): First(request.n) for side in limits for passes in (True, False)}
    matched = 0
    for batch in request.batches(request.condition(), rule):
        measured = batch.filter(pc.is_valid(batch.column(rule)))
        values = measured.column(rule).to_numpy(zero_copy_only=False)
        matched += len(values)
        for (side, passes), first in firsts.items():
            limit = limits[side]
            inside = values >= limit if side == "min" else values <= limit
            wanted = _least(np.abs(values - limit), inside == passes, request.n)
            keys = measured.filter(wanted).record_keys()
            for key, value in zip(keys, values[wanted].tolist(), strict=True):
                first.add([((abs(value - limit), position(key[1], request.salt)), (key, value))])
    chosen = [
        SampledDocument(card=card(row), value=value, bound=f"{side} {number(limits[side])}", passes=passes)
        for (side, passes), first in firsts.items()
        for row, (_, value) in zip(
            fetch(request.run, [key for key, _ in first.items]), first.items, strict=True
        )
    ]
    notes = () if config.get("measure") == "all" else (NEEDED,)
    return Sample(request=request, matched=matched, sampled=len(chosen), chosen=tuple(chosen), notes=notes)


def _limits(run: OpenedRun, rule: str) -> dict[str, float]:
    """Return `min` and `max` of a rule, as far as they bind."""
    if rule not in run.rules:
        raise BadSample(f"--near: no rule named '{rule}'{nearest(rule, run.rules)}")
    bounds = {"min": run.rules[rule].min, "max": run.rules[rule].max}
    limits = {side: limit for side, limit in bounds.items() if is_bound(limit)}
    if not limits:
        raise BadSample(f"--near: {rule} is only measured; it has no bound to be near to")
    return limits


def _least(distance: npt.NDArray[np.float64], among: Flags, n: int) -> Flags:
    """Return which are the `n` least of those among which to choose; all that tie with the last too."""
    if not n or among.sum() <= n:
        return among & (n > 0)
    limit: np.float64 = np.partition(distance[among], n - 1)[n - 1]
    return among & (distance <= limit)
