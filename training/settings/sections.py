"""The sections of a training run's configuration, with their defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

AT_LEAST_ZERO = {"min": 0}
AT_LEAST_ONE = {"min": 1}
FRACTION = {"min": 0, "max": 1}

PathAndText = tuple[tuple[str | int, ...], str]  # where below a mapping something is wrong, and what


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The shape of the decoder; `hidden_width` 0 means 8/3 of the width, rounded up to a multiple of 64."""

    width: int = field(default=256, metadata=AT_LEAST_ONE)
    layers: int = field(default=4, metadata=AT_LEAST_ONE)
    heads: int = field(default=4, metadata=AT_LEAST_ONE)
    kv_heads: int = field(default=2, metadata=AT_LEAST_ONE)
    hidden_width: int = field(default=0, metadata=AT_LEAST_ZERO)
    rope_base: float = field(default=10_000.0, metadata={"min": 1})
    tied: bool = True

    @staticmethod
    def mistakes(values: Mapping[str, Any]) -> Iterator[PathAndText]:
        """Yield the fields that contradict each other."""
        width, heads, kv_heads = (
            values.get(name, getattr(ModelConfig(), name)) for name in ("width", "heads", "kv_heads")
        )
        if width and heads and width % (2 * heads):
            yield (
                (),
                f"width {width} is no multiple of 2 x {heads} heads, which rotate pairs of numbers",
            )
        if heads and kv_heads and heads % kv_heads:
            yield (), f"{heads} heads cannot share {kv_heads} kv_heads evenly"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerConfig:
    """The settings of every optimizer; the subclass that `name` selects adds its own.

    Attributes:
        name: one of `training.optim.OPTIMIZERS`.
        learning_rate: the peak.
        clip_norm: gradients are scaled down to this global norm; 0 leaves them.
        warmup_steps: the rate rises over them in a straight line.
        schedule: `cosine` falls to `cosine_floor_fraction` of the peak, `wsd` stays level; then to zero.
        z_loss: weight of log(sum of exp of the logits)^2 in the loss.
    """

    name: str
    learning_rate: float = field(default=1e-3, metadata=AT_LEAST_ZERO)
    clip_norm: float = field(default=1.0, metadata=AT_LEAST_ZERO)
    warmup_steps: int = field(default=20, metadata=AT_LEAST_ZERO)
    schedule: Literal["cosine", "wsd"] = "cosine"
    cosine_floor_fraction: float = field(default=0.1, metadata=FRACTION)
    z_loss: float = field(default=0.0, metadata=AT_LEAST_ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdamWConfig(OptimizerConfig):
    """AdamW; embeddings and norms have no weight decay."""

    name: str = "adamw"
    beta1: float = field(default=0.9, metadata=FRACTION)
    beta2: float = field(default=0.95, metadata=FRACTION)
    weight_decay: float = field(default=0.1, metadata=AT_LEAST_ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointConfig:
    """How often to save, and which checkpoints to keep.

    Attributes:
        every_steps: save after every so many steps; 0 derives the period from the failure rate.
        expected_gpu_hours_between_failures: of one rank. With the measured cost of a save it gives the period
            that loses the least time (Daly 2006).
        keep_count: how many of the newest are kept.
        keep_every_steps: also save after every so many steps, and keep those for ever; 0 is never.
    """

    every_steps: int = field(default=0, metadata=AT_LEAST_ZERO)
    expected_gpu_hours_between_failures: float = field(default=1000.0, metadata={"min": 0.001})
    keep_count: int = field(default=2, metadata=AT_LEAST_ONE)
    keep_every_steps: int = field(default=0, metadata=AT_LEAST_ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchConfig:
    """What counts as a spike and what is done about it; garbage collection, slow and missing ranks.

    Attributes:
        max_z: a loss or gradient norm so many robust deviations above the window's median is a spike.
        window_steps: the earlier steps it is compared with.
        min_steps: with fewer earlier steps nothing is a spike; so many spikes in a row are a new level.
        on_spike: `log` it; `skip` its batch before the optimizer moves; or `rewind` to a checkpoint before
            it and skip the `skip_count` batches that end with it (as PaLM did: Chowdhery et al. 2022, 5.1).
        collect_every_steps: all ranks collect garbage at the same steps; 0 leaves it to Python.
        gather_every_steps: how often the ranks' times are compared.
        timeout_s: how long the ranks wait for a missing one.
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
class EvalsConfig:
    """What is scored during the run, on files of its own, each identified by its digest.

    Attributes:
        every_steps: score after every so many steps; the last step is always scored.
        texts: name (best that of a source) -> JSONL of held-out documents (`text`): bits per byte.
        tasks: name -> JSONL of `prompt`, `choices`, `answer` (the index of the right one): accuracy.
        prompts: texts to be continued by `sample_tokens` tokens.
        levels: bits per byte; the summary says after how many tokens each text reached each level.
    """

    every_steps: int = field(default=1000, metadata=AT_LEAST_ONE)
    texts: Mapping[str, str] = field(default_factory=dict)
    tasks: Mapping[str, str] = field(default_factory=dict)
    prompts: tuple[str, ...] = ()
    sample_tokens: int = field(default=48, metadata=AT_LEAST_ONE)
    levels: tuple[float, ...] = (4.0, 3.0, 2.5, 2.0, 1.75, 1.5, 1.25, 1.0, 0.9, 0.8, 0.7)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheConfig:
    """Where a node keeps copies of remote shards, and how much of them; its ranks share the limit."""

    folder: str = "~/.cache/spark-curation/shards"
    limit_gib: float = field(default=100.0, metadata=AT_LEAST_ZERO)
