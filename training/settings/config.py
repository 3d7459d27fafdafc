"""What a training run is asked to do, as frozen dataclasses; a YAML file of these fields is the request.

The vocabulary, the end-of-text id and the row length are not here: they belong to the shards and are read
from their manifest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from curation.recipe.config import ConfigError, Reader, nearest
from training.settings.derive import TOKENS_PER_PARAMETER, tree
from training.settings.sections import (
    AT_LEAST_ONE,
    AT_LEAST_ZERO,
    FRACTION,
    CacheSettings,
    Checkpoint,
    Evals,
    Found,
    Model,
    Optimizer,
    Watch,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stretch of training with one mixture.

    Attributes:
        name: shown in metrics; not part of the order of data.
        steps: how many batches; derived where `share` is given instead.
        share: of the run's budget, 0 to 1.
        mix: source -> weight, in rows (so in tokens); only the proportions count.
        ramp_steps: over how many of the first steps the mixture moves, in a straight line, from that of the
            phase before; 0 is a hard switch.
    """

    name: str
    steps: int = field(metadata=AT_LEAST_ONE)
    mix: Mapping[str, float]
    share: float = field(default=0.0, metadata=FRACTION)
    ramp_steps: int = field(default=0, metadata=AT_LEAST_ZERO)

    @staticmethod
    def mistakes(values: Mapping[str, Any]) -> Iterator[Found]:
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
        data: run directories of the curation, or URLs of them, whose published shards are read.
        out: the directory this run writes; the same command on it continues the run.
        seed: decides the order of data and the first weights.
        batch_rows: rows of one optimizer step, over all ranks.
        lanes: parts each source's shards are dealt into; ranks must divide it. It is part of the order of
            data, so choose one that many numbers of ranks divide and keep it.
        phases: the curriculum.
        size: decides what is not written: the model's shape, `optimizer`'s learning_rate and warmup_steps,
            batch_rows, micro_rows, lanes, budget_tokens, and the steps of phases by their `share`.
        tokens_per_parameter: of the budget, where `budget_tokens` is not given (Hoffmann et al. 2022).
        budget_tokens: what phases have a share of.
        batch_tokens: gives batch_rows where that is not given, to the nearest multiple of the lanes.
        fork: {from: RUN, at: STEP, phase: {...}} continues the checkpoint of another run at that step, with
            its configuration (what else stands here changes it) and one phase, the last, of its own.
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
    model: Model = field(default_factory=Model)
    optimizer: Optimizer = field(default_factory=Optimizer)
    cache: CacheSettings = field(default_factory=CacheSettings)
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    watch: Watch = field(default_factory=Watch)
    evals: Evals = field(default_factory=Evals)
    tensorboard: bool = False

    @staticmethod
    def mistakes(values: Mapping[str, Any]) -> Iterator[Found]:
        """Yield what the fields given contradict in each other."""
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
        most = values.get("max_epochs")
        known = sorted({source for phase in phases or () if phase for source in phase.mix})
        for source in most if known and isinstance(most, Mapping) else ():
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

    def micro_batches(self, ranks: int) -> int:
        """Return in how many equal parts a rank computes its rows: the fewest of at most `micro_rows`."""
        rows = self.batch_rows // ranks
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
    """Return the run a YAML file asks for.

    Raises:
        ConfigError: with every mistake as `file:line:column: text`.
    """
    reader = Reader()
    config = reader.dataclass(tree(path, overrides)[0], Config)
    if reader.mistakes:
        raise ConfigError(reader.mistakes)
    return cast(Config, config)
