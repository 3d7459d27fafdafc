"""What a training run is asked to do, as frozen dataclasses; a YAML file of these fields is the request.

The vocabulary, the end-of-text id and the row length are not here: they belong to the shards and are read
from their manifest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from yaml.nodes import MappingNode, Node, SequenceNode

from curation.recipe.config import ConfigError, Mistake, compose, load, nearest

_AT_LEAST_ZERO = {"min": 0}
_AT_LEAST_ONE = {"min": 1}
_FRACTION = {"min": 0, "max": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stretch of training with one mixture.

    Attributes:
        name: shown in metrics; not part of the order of data.
        steps: how many batches.
        mix: source -> weight, in rows (so in tokens); only the proportions count.
        ramp_steps: over how many of the first steps the mixture moves, in a straight line, from that of the
            phase before; 0 is a hard switch.
    """

    name: str
    steps: int = field(metadata=_AT_LEAST_ONE)
    mix: Mapping[str, float]
    ramp_steps: int = field(default=0, metadata=_AT_LEAST_ZERO)

    def __post_init__(self) -> None:
        for source, weight in self.mix.items():
            if not 0 <= weight < float("inf"):
                raise ValueError(
                    f"phase '{self.name}' gives '{source}' the weight {weight}; expected 0 or more"
                )
        if not any(weight > 0 for weight in self.mix.values()):
            raise ValueError(f"phase '{self.name}' gives no source a weight above 0")
        if self.ramp_steps > self.steps:
            raise ValueError(f"phase '{self.name}' ramps over {self.ramp_steps} steps but lasts {self.steps}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The size of the decoder; `hidden_width` 0 means 8/3 of the width, rounded up to a multiple of 64."""

    width: int = field(default=256, metadata=_AT_LEAST_ONE)
    layers: int = field(default=4, metadata=_AT_LEAST_ONE)
    heads: int = field(default=4, metadata=_AT_LEAST_ONE)
    kv_heads: int = field(default=2, metadata=_AT_LEAST_ONE)
    hidden_width: int = field(default=0, metadata=_AT_LEAST_ZERO)
    rope_base: float = field(default=10_000.0, metadata={"min": 1})
    tied: bool = True

    def __post_init__(self) -> None:
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width {self.width} is no multiple of 2 x {self.heads} heads, which rotate pairs of numbers"
            )
        if self.heads % self.kv_heads:
            raise ValueError(f"{self.heads} heads cannot share {self.kv_heads} kv_heads evenly")


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimizer:
    """AdamW and its schedule: warmup, cosine to a fraction of the peak, zero by the last phase's end."""

    learning_rate: float = field(default=1e-3, metadata=_AT_LEAST_ZERO)
    beta1: float = field(default=0.9, metadata=_FRACTION)
    beta2: float = field(default=0.95, metadata=_FRACTION)
    weight_decay: float = field(default=0.1, metadata=_AT_LEAST_ZERO)
    clip_norm: float = field(default=1.0, metadata=_AT_LEAST_ZERO)
    warmup_steps: int = field(default=20, metadata=_AT_LEAST_ZERO)
    cosine_floor_fraction: float = field(default=0.1, metadata=_FRACTION)
    z_loss: float = field(default=0.0, metadata=_AT_LEAST_ZERO)


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

    every_steps: int = field(default=0, metadata=_AT_LEAST_ZERO)
    expected_gpu_hours_between_failures: float = field(default=1000.0, metadata={"min": 0.001})
    keep_count: int = field(default=2, metadata=_AT_LEAST_ONE)
    keep_every_steps: int = field(default=0, metadata=_AT_LEAST_ZERO)


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
    window_steps: int = field(default=64, metadata=_AT_LEAST_ONE)
    min_steps: int = field(default=16, metadata=_AT_LEAST_ONE)
    on_spike: Literal["log", "skip", "rewind"] = "log"
    skip_count: int = field(default=1, metadata=_AT_LEAST_ONE)
    collect_every_steps: int = field(default=200, metadata=_AT_LEAST_ZERO)
    gather_every_steps: int = field(default=50, metadata=_AT_LEAST_ONE)
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

    every_steps: int = field(default=1000, metadata=_AT_LEAST_ONE)
    texts: Mapping[str, str] = field(default_factory=dict)
    tasks: Mapping[str, str] = field(default_factory=dict)
    prompts: tuple[str, ...] = ()
    sample_tokens: int = field(default=48, metadata=_AT_LEAST_ONE)
    levels: tuple[float, ...] = (4.0, 3.0, 2.5, 2.0, 1.75, 1.5, 1.25, 1.0, 0.9, 0.8, 0.7)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """Where each rank keeps copies of remote shards, and how much of them."""

    folder: str = "~/.cache/spark-curation/shards"
    limit_gib: float = field(default=100.0, metadata=_AT_LEAST_ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole run.

    Attributes:
        data: run directories of the curation, or URLs of them, whose published shards are read.
        out: the directory this run writes; the same command on it continues the run.
        seed: decides the order of data and the first weights.
        batch_rows: rows of one optimizer step, over all ranks.
        lanes: parts each source's shards are dealt into; ranks must divide it. It is part of the order of
            data, so choose one that many numbers of ranks divide and keep it.
        phases: the curriculum.
        micro_rows: rows a rank computes at once, at most; 0 is all of its rows. Fewer need less memory and
            give the same losses.
        precision: of matrix products; weights, moments and the sum of gradients are always float32.
        recompute: which activations the backward pass computes again instead of keeping them: none; selective
            (all but attention and the narrow products); full (all within a block).
        compile: compile the blocks (once, all together).
        max_epochs: how often a source may be read, one number for all or source -> number. Four passes cost
            little beside fresh data, more soon teach nothing (Muennighoff et al. 2023).
    """

    data: tuple[str, ...]
    out: str
    phases: tuple[Phase, ...]
    batch_rows: int = field(metadata=_AT_LEAST_ONE)
    lanes: int = field(metadata=_AT_LEAST_ONE)
    seed: int = field(default=1, metadata=_AT_LEAST_ZERO)
    micro_rows: int = field(default=0, metadata=_AT_LEAST_ZERO)
    max_epochs: float | Mapping[str, float] = 4.0
    precision: Literal["float32", "bfloat16"] = "float32"
    recompute: Literal["none", "selective", "full"] = "none"
    compile: bool = False
    model: Model = field(default_factory=Model)
    optimizer: Optimizer = field(default_factory=Optimizer)
    cache: CacheSettings = field(default_factory=CacheSettings)
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    watch: Watch = field(default_factory=Watch)
    evals: Evals = field(default_factory=Evals)
    tensorboard: bool = False

    def __post_init__(self) -> None:
        if not self.data:
            raise ValueError("data names no directory")
        if not self.phases:
            raise ValueError("phases is empty; a run has at least one")
        if self.phases[0].ramp_steps:
            raise ValueError(f"the first phase, '{self.phases[0].name}', has no phase before it to ramp from")
        if isinstance(self.max_epochs, Mapping):
            for source in self.max_epochs:
                if source not in self.sources:
                    raise ValueError(
                        f"max_epochs names '{source}', no phase does{nearest(source, self.sources)}"
                    )
        if self.batch_rows % self.lanes:
            raise ValueError(f"batch_rows {self.batch_rows} is no multiple of lanes {self.lanes}")

    @property
    def steps(self) -> int:
        """Return the number of optimizer steps of the whole curriculum."""
        return sum(phase.steps for phase in self.phases)

    def limit(self, source: str) -> float:
        """Return how often a source may be read: without end where `max_epochs` names others only."""
        named = self.max_epochs
        return named.get(source, float("inf")) if isinstance(named, Mapping) else named

    @property
    def sources(self) -> tuple[str, ...]:
        """Return every source the curriculum names, sorted."""
        return tuple(sorted({source for phase in self.phases for source in phase.mix}))


def read_config(path: str, overrides: Sequence[str] = ()) -> Config:
    """Return the run a YAML file asks for.

    Raises:
        ConfigError: with every mistake as `file:line:column: text`.
    """
    return load(path, Config, overrides)


def check_sources(path: str, overrides: Sequence[str], config: Config, known: Sequence[str]) -> None:
    """Hold the sources that the phases name against those that the shards hold.

    Raises:
        ConfigError: each source that no shard has, where it stands in the file.
    """
    root, mistakes = compose(path, overrides), []
    for number, phase in enumerate(config.phases):
        for source in phase.mix:
            if source not in known:
                mark = _at(root, ("phases", number, "mix", source)).start_mark
                where = ", ".join(config.data)
                text = f"the shards in {where} hold no source '{source}'{nearest(source, known)}"
                line = mark.line + 1 if mark.line >= 0 else 0
                mistakes.append(Mistake(mark.name, line, mark.column + 1, text))
    if mistakes:
        raise ConfigError(mistakes)


def _at(node: Node, path: Sequence[str | int]) -> Node:
    """Return the node at `path`: the key where the last step names one, else the last node on the way."""
    key = node
    for step in path:
        if isinstance(node, SequenceNode) and isinstance(step, int):
            key = node = node.value[step]
        elif isinstance(node, MappingNode):
            key, node = next(((k, v) for k, v in node.value if k.value == step), (key, node))
    return key
