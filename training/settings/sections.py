"""The sections of a training run's configuration, each with its defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

AT_LEAST_ZERO = {"min": 0}
AT_LEAST_ONE = {"min": 1}
FRACTION = {"min": 0, "max": 1}

Found = tuple[tuple[str | int, ...], str]  # where below a mapping something is wrong, and what


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The size of the decoder; `hidden_width` 0 means 8/3 of the width, rounded up to a multiple of 64."""

    width: int = field(default=256, metadata=AT_LEAST_ONE)
    layers: int = field(default=4, metadata=AT_LEAST_ONE)
    heads: int = field(default=4, metadata=AT_LEAST_ONE)
    kv_heads: int = field(default=2, metadata=AT_LEAST_ONE)
    hidden_width: int = field(default=0, metadata=AT_LEAST_ZERO)
    rope_base: float = field(default=10_000.0, metadata={"min": 1})
    tied: bool = True

    @staticmethod
    def mistakes(values: Mapping[str, Any]) -> Iterator[Found]:
        """Yield what the fields given contradict in each other."""
        width, heads, shared = (
            values.get(name, getattr(Model(), name)) for name in ("width", "heads", "kv_heads")
        )
        if width and heads and width % (2 * heads):
            yield (
                (),
                f"width {width} is no multiple of 2 x {heads} heads, which rotate pairs of numbers",
            )
        if heads and shared and heads % shared:
            yield (), f"{heads} heads cannot share {shared} kv_heads evenly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimizer:
    """AdamW and its schedule: warmup, `cosine` to a fraction of the peak (`wsd`: level), zero by the end."""

    learning_rate: float = field(default=1e-3, metadata=AT_LEAST_ZERO)
    beta1: float = field(default=0.9, metadata=FRACTION)
    beta2: float = field(default=0.95, metadata=FRACTION)
    weight_decay: float = field(default=0.1, metadata=AT_LEAST_ZERO)
    clip_norm: float = field(default=1.0, metadata=AT_LEAST_ZERO)
    warmup_steps: int = field(default=20, metadata=AT_LEAST_ZERO)
    schedule: Literal["cosine", "wsd"] = "cosine"
    cosine_floor_fraction: float = field(default=0.1, metadata=FRACTION)
    z_loss: float = field(default=0.0, metadata=AT_LEAST_ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How often to save, and which checkpoints stay.

    Attributes:
        every_steps: save after so many steps; 0 leaves the period to the failure rate.
        expected_gpu_hours_between_failures: of one rank; with what a save was measured to cost, it gives the
            period that loses the least time (Daly 2006).
        keep_count: how many of the newest stay.
        keep_every_steps: those of every so many steps are made as well, and stay for ever; 0 is none.
    """

    every_steps: int = field(default=0, metadata=AT_LEAST_ZERO)
    expected_gpu_hours_between_failures: float = field(default=1000.0, metadata={"min": 0.001})
    keep_count: int = field(default=2, metadata=AT_LEAST_ONE)
    keep_every_steps: int = field(default=0, metadata=AT_LEAST_ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is a spike, what is done about one, and what else is looked after.

    Attributes:
        max_z: a loss or gradient norm is a spike so many robust deviations above the window's median.
        window_steps: the steps before it that it is held against.
        min_steps: fewer than these judge nothing; so many spikes one after another are a new level.
        on_spike: `log` it; `skip` its batch before the optimizer moves; or `rewind` to a checkpoint before
            it and leave out the `skip_count` batches that end with it (PaLM did: Chowdhery et al. 2022, 5.1).
        collect_every_steps: all ranks collect garbage at once; 0 leaves it to Python.
        gather_every_steps: how often the ranks' times are held against each other.
        timeout_s: how long the ranks wait for one that is missing.
    """

    max_z: float = field(default=8.0, metadata={"min": 1})
    window_steps: int = field(default=64, metadata=AT_LEAST_ONE)
    min_steps: int = field(default=16, metadata=AT_LEAST_ONE)
    on_spike: Literal["log", "skip", "rewind"] = "log"
    skip_count: int = field(default=1, metadata=AT_LEAST_ONE)
    collect_every_steps: int = field(default=200, metadata=AT_LEAST_ZERO)
    gather_every_steps: int = field(default=50, metadata=AT_LEAST_ONE)
    timeout_s: float = field(default=600.0, metadata={"min": 1})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evals:
    """What is measured during the run, on files of its own; each is known by its digest.

    Attributes:
        every_steps: measure after so many steps; the last is always measured.
        texts: name (best that of a source) -> JSONL of held-out documents (`text`): bits per byte.
        tasks: name -> JSONL of `prompt`, `choices`, `answer` (the number of the right one): accuracy.
        prompts: continued by `sample_tokens` tokens each.
        levels: bits per byte; the summary says after how many tokens each text reached each of them.
    """

    every_steps: int = field(default=1000, metadata=AT_LEAST_ONE)
    texts: Mapping[str, str] = field(default_factory=dict)
    tasks: Mapping[str, str] = field(default_factory=dict)
    prompts: tuple[str, ...] = ()
    sample_tokens: int = field(default=48, metadata=AT_LEAST_ONE)
    levels: tuple[float, ...] = (4.0, 3.0, 2.5, 2.0, 1.75, 1.5, 1.25, 1.0, 0.9, 0.8, 0.7)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """Where a node keeps copies of remote shards, and how much of them: its ranks share the limit."""

    folder: str = "~/.cache/spark-curation/shards"
    limit_gib: float = field(default=100.0, metadata=AT_LEAST_ZERO)
