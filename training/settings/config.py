"""The configuration of a training run: frozen dataclasses, written as YAML of the same fields.

The vocabulary, the end-of-text id and the row length are not here: they are read from the shards' manifest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from yaml.nodes import Node

from curation.recipe.config import ConfigError, Reader, below, nearest
from training.settings.derive import TOKENS_PER_PARAMETER, tree
from training.settings.sections import (
    AT_LEAST_ONE,
    AT_LEAST_ZERO,
    FRACTION,
    AdamWConfig,
    CacheConfig,
    CheckpointConfig,
    EvalsConfig,
    ModelConfig,
    OptimizerConfig,
    PathAndText,
    WatchConfig,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stretch of training with one mixture.

    Attributes:
        name: shown in metrics; not part of the order of data.
        steps: how many batches; derived where only `share` is given.
        share: of the run's budget, 0 to 1.
        mix: source -> weight, in rows (so in tokens); only the proportions count.
        ramp_steps: over how many of its first steps the mixture moves in a straight line from that of the
            phase before; 0 is a hard switch.
    """

    name: str
    steps: int = field(metadata=AT_LEAST_ONE)
    mix: Mapping[str, float]
    share: float = field(default=0.0, metadata=FRACTION)
    ramp_steps: int = field(default=0, metadata=AT_LEAST_ZERO)

    @staticmethod
    def mistakes(values: Mapping[str, Any]) -> Iterator[PathAndText]:
        """Yield what is wrong with the mixture or the ramp."""
        name, mix = values.get("name"), values.get("mix")
        for source, weight in (mix or {}).items():
            if weight is not None and not 0 <= weight < float("inf"):
                yield (
                    ("mix", source),
                    f"phase '{name}' gives '{source}' the weight {weight}; expected 0 or more",
                )
        if mix is not None and not any(weight is None or weight > 0 for weight in mix.values()):
            yield ("mix",), f"phase '{name}' gives no source a weight above 0"
        steps, ramp = values.get("steps"), values.get("ramp_steps")
        if steps and ramp and ramp > steps:
            yield ("ramp_steps",), f"phase '{name}' ramps over {ramp} steps but lasts {steps}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole run.

    Attributes:
        data: run directories of the curation, or their URLs, whose published shards are read.
        out: the directory this run writes; the same command continues the run in it.
        seed: decides the order of data and the first weights.
        batch_rows: rows of one optimizer step, over all ranks.
        lanes: parts each source's shards are dealt into; the number of ranks must divide it. It is part of
            the order of data, so choose a number with many divisors and keep it.
        phases: the curriculum.
        size: derives what is not written: the model's shape, `optimizer`'s learning_rate and warmup_steps,
            batch_rows, micro_rows, lanes, budget_tokens, and the steps of phases by their `share`.
        tokens_per_parameter: gives the budget where `budget_tokens` is not given (Hoffmann et al. 2022).
        budget_tokens: the tokens that phases have a share of.
        batch_tokens: gives batch_rows where that is not given, rounded to a multiple of the lanes.
        fork: {from: RUN, at: STEP, phase: {...}} continues another run from its checkpoint at that step, with
            that run's configuration (other keys here override it) and one last phase of its own.
        micro_rows: the most rows a rank computes at once; 0 is all of its rows. Fewer need less memory and
            give the same losses.
        precision: of matrix products; weights, optimizer state and summed gradients are always float32.
        recompute: which activations the backward pass computes again instead of keeping: none; selective
            (all but attention and the narrow products); full (all within a layer).
        compile: compile the layers; they share the compiled code.
        max_epochs: how often a source may be read, one number for all or source -> number. Up to four epochs
            are nearly as good as fresh data, more soon add nothing (Muennighoff et al. 2023).
    """

    data: tuple[str, ...]
    out: str
    phases: tuple[Phase, ...]
    batch_rows: int = field(metadata=AT_LEAST_ONE)
    lanes: int = field(metadata=AT_LEAST_ONE)
    size: Literal["15m", "60m", "125m", "350m", "1b", "3b", "8b"] | None = None
    tokens_per_parameter: float = field(default=TOKENS_PER_PARAMETER, metadata=AT_LEAST_ZERO)
    budget_tokens: float = field(default=0.0, metadata=AT_LEAST_ZERO)
    batch_tokens: float = field(default=0.0, metadata=AT_LEAST_ZERO)
    fork: Mapping[str, str] = field(default_factory=dict)
    seed: int = field(default=1, metadata=AT_LEAST_ZERO)
    micro_rows: int = field(default=0, metadata=AT_LEAST_ZERO)
    max_epochs: float | Mapping[str, float] = 4.0
    precision: Literal["float32", "bfloat16"] = "float32"
    recompute: Literal["none", "selective", "full"] = "none"
    compile: bool = False
    model: ModelConfig = field(default_factory=ModelConfig)
    optimizer: OptimizerConfig = field(default_factory=AdamWConfig)
    cache: CacheConfig = field(default_factory=CacheConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    watch: WatchConfig = field(default_factory=WatchConfig)
    evals: EvalsConfig = field(default_factory=EvalsConfig)
    tensorboard: bool = False

    @staticmethod
    def mistakes(values: Mapping[str, Any]) -> Iterator[PathAndText]:
        """Yield the fields that contradict each other."""
        if values.get("data") == ():
            yield ("data",), "data names no directory"
        phases = values.get("phases")
        if phases == ():
            yield ("phases",), "phases is empty; a run has at least one"
        if phases and phases[0] and phases[0].ramp_steps:
            yield (
                ("phases", 0, "ramp_steps"),
                f"the first phase, '{phases[0].name}', has no phase before it to ramp from",
            )
        limits = values.get("max_epochs")
        known = sorted({source for phase in phases or () if phase for source in phase.mix})
        for source in limits if known and isinstance(limits, Mapping) else ():
            if source not in known:
                yield (
                    ("max_epochs", source),
                    f"max_epochs names '{source}', no phase does{nearest(source, known)}",
                )
        if (shares := sum(phase.share for phase in phases or () if phase)) > 1 + 1e-9:
            yield ("phases",), f"the shares of the phases sum to {shares:g}, over 1"
        rows, lanes = values.get("batch_rows"), values.get("lanes")
        if rows and lanes and rows % lanes:
            yield ("lanes",), f"batch_rows {rows} is no multiple of lanes {lanes}"

    @property
    def steps(self) -> int:
        """Return the number of optimizer steps of the whole curriculum."""
        return sum(phase.steps for phase in self.phases)

    def micro_batches(self, world_size: int) -> int:
        """Return the least number of equal parts of a rank's rows that have at most `micro_rows`."""
        rows = self.batch_rows // world_size
        most = min(self.micro_rows or rows, rows)
        return next(n for n in range(1, rows + 1) if rows % n == 0 and rows // n <= most)

    def limit(self, source: str) -> float:
        """Return how often a source may be read: without end where `max_epochs` names others only."""
        named = self.max_epochs
        return named.get(source, float("inf")) if isinstance(named, Mapping) else named

    @property
    def sources(self) -> tuple[str, ...]:
        """Return every source the curriculum names, sorted."""
        return tuple(sorted({source for phase in self.phases for source in phase.mix}))


def read_config(path: str, overrides: Sequence[str] = ()) -> Config:
    """Return the configuration in a YAML file.

    Raises:
        ConfigError: with every mistake as `file:line:column: text`.
    """
    reader = config_reader()
    config = reader.dataclass(tree(path, overrides)[0], Config)
    if reader.mistakes:
        raise ConfigError(reader.mistakes)
    return cast(Config, config)


def config_reader() -> Reader:
    """Return a reader that decodes the optimizer's section with the settings of the optimizer it names."""
    return Reader(decoders={OptimizerConfig: _optimizer})


def _optimizer(reader: Reader, node: Node) -> Any:
    from training.optim import OPTIMIZERS  # loads torch, which a plan of the data does not need

    named = below(node, ["name"])
    name = "adamw" if named is node else str(named.value)
    if name not in OPTIMIZERS:
        reader.wrong(named, f"no optimizer is named '{name}'{nearest(name, OPTIMIZERS)}")
        return None
    return reader.dataclass(node, OPTIMIZERS[name].config, "optimizer")
