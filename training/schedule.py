"""The learning rate at every step."""

from __future__ import annotations

import math

from training.settings import Config

_ANNEAL_SHARE = 0.1  # of a single phase, under `cosine`


def anneal_start(config: Config) -> int:
    """Return the step from which the rate falls to zero in a straight line: the start of the last phase.

    In a curriculum of one phase it is the start of its last tenth. Under `wsd` such a curriculum is a trunk,
    to be forked: it has no anneal, and this is its end.
    """
    last = config.phases[-1].steps
    if len(config.phases) == 1:
        last = 0 if config.optimizer.schedule == "wsd" else math.ceil(_ANNEAL_SHARE * last)
    return max(config.optimizer.warmup_steps, config.steps - last)


def learning_rate(step: int, config: Config) -> float:
    """Return the learning rate of the update after batch `step` (from 0).

    It rises in a straight line over the warmup. Under `cosine` it then falls to the floor by the start of the
    anneal; under `wsd` it stays level (Hu et al. 2024, MiniCPM). The anneal falls to zero in a straight line.
    """
    peak, warmup = config.optimizer.learning_rate, config.optimizer.warmup_steps
    anneal, level = anneal_start(config), config.optimizer.schedule == "wsd"
    floor = 1.0 if level else config.optimizer.cosine_floor_fraction
    if step < warmup:
        return peak * (step + 1) / warmup
    if step < anneal:
        return peak * _cosine((step - warmup) / (anneal - warmup), floor)
    start = _cosine(1.0, floor) if anneal > warmup else 1.0
    return peak * start * (config.steps - step) / max(config.steps - anneal, 1)


def _cosine(done: float, floor: float) -> float:
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))
