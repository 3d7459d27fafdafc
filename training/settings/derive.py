"""What a `size` derives of a configuration, and what a `fork` takes from its trunk, as YAML nodes.

Derived values are put into the configuration as if they had been written there, so that all of it is checked,
printed and stored alike. A written value wins over a derived one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node

from curation.accounting.manifest import join, published, read_manifest
from curation.recipe.config import ConfigError, Reader, below, compose, lay, parse, plain
from training.settings.sections import ModelConfig
from training.settings.sizes import SHAPES, batch_tokens, learning_rate, parameters

LANES = 48  # 1, 2, 3, 4, 6, 8, 12, 16, 24 or 48 ranks read the same batches
MICRO_TOKENS = 16_384  # at once on a rank
TOKENS_PER_PARAMETER = 20.0  # Hoffmann et al. 2022
_UNKNOWN = (2048, 50_000)  # row length and vocabulary if no shards can be read, which `checks` refuses


def tree(path: str, overrides: Sequence[str] = ()) -> tuple[Node, dict[str, Any]]:
    """Return the whole configuration as a YAML node, and what was derived, as dotted key -> value.

    Raises:
        ConfigError: the file, or the configuration of a fork's trunk, is missing or is no YAML.
    """
    root = _forked(compose(path, overrides))
    derived = _derived(plain(root))
    for dotted, value in derived.items():
        put(root, dotted, value)
    return root, derived


def put(root: Node, dotted: str, value: Any) -> None:
    """Put a derived value into the configuration."""
    name = f"derived {dotted} {value}"
    lay(root, dotted, parse(yaml.safe_dump(value), name), name)


def _derived(config: Any) -> dict[str, Any]:
    """Return every derived value that is not written; nothing for a malformed configuration."""
    if not isinstance(config, dict):
        return {}
    phases: list[Any] = value if isinstance(value := config.get("phases"), list) else []
    shares = [_number(phase.get("share")) if isinstance(phase, dict) else 0 for phase in phases]
    if not (config.get("size") or config.get("batch_tokens") or any(shares)):
        return {}
    row_tokens, vocab = _facts(config.get("data"))
    out: dict[str, Any] = {}

    def settle(dotted: str, derived: Any) -> Any:
        section, _, key = dotted.rpartition(".")
        written = config.get(section) if section else config
        if isinstance(written, dict) and written.get(key) is not None:
            return type(derived)(_number(written[key]) or derived)
        if written is None or isinstance(written, dict):
            out[dotted] = derived
        return derived

    sized = config.get("size") is not None
    shape = {
        key: settle(f"model.{key}", value) for key, value in SHAPES.get(str(config.get("size")), {}).items()
    }
    counts = parameters(_model(shape, config.get("model")), vocab)
    in_layers = counts["attention"] + counts["mlp"]
    lanes = settle("lanes", LANES) if sized else max(1, int(_number(config.get("lanes"))))
    wanted_tokens = _number(config.get("batch_tokens")) or batch_tokens(in_layers)
    rows = settle("batch_rows", lanes * max(1, round(wanted_tokens / row_tokens / lanes)))
    per_parameter = _number(config.get("tokens_per_parameter")) or TOKENS_PER_PARAMETER
    budget = settle("budget_tokens", round(per_parameter * sum(counts.values())))
    steps = max(1, round(budget / (rows * row_tokens)))
    done = 0.0
    for number, (phase, share) in enumerate(zip(phases, shares, strict=True)):
        if share and "steps" not in phase:
            first, done = round(done * steps), done + share
            out[f"phases.{number}.steps"] = max(1, round(done * steps) - first)
    if sized:
        settle("micro_rows", max(1, MICRO_TOKENS // row_tokens))
        settle("optimizer.learning_rate", learning_rate(in_layers))
        settle("optimizer.warmup_steps", max(1, min(round(in_layers / (rows * row_tokens)), steps // 10)))
    return out


def _model(shape: dict[str, Any], written: Any) -> ModelConfig:
    """Return the model of a shape and what is written, without values that the reader will refuse."""
    numbers = written.items() if isinstance(written, dict) else ()
    values = {**shape, **{key: value for key, value in numbers if isinstance(value, int)}}
    known = {key: value for key, value in values.items() if key in ModelConfig.__slots__}
    return ModelConfig(**{key: value for key, value in known.items() if key == "tied" or value > 0})


def _number(value: Any) -> float:
    """Return a positive number, or 0 for anything else, which the reader refuses."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return 0.0
    return number if 0 < number < float("inf") else 0.0


def _facts(data: Any) -> tuple[int, int]:
    """Return the row length and the vocabulary of the first shards, from their manifest."""
    try:
        detail = read_manifest(published(str(data[0]), "shard")).detail
        return int(detail["row_tokens"]), int(detail["tokenizer"]["vocab"])
    except Exception:  # noqa: BLE001 - stores raise kinds of their own; `checks` refuses what cannot be read
        return _UNKNOWN


def _forked(root: Node) -> Node:
    """Return the trunk's configuration, cut at the step of the fork, overridden by the fork's own.

    Raises:
        ConfigError: the trunk's configuration cannot be read, or `fork` is incomplete.
    """
    config = plain(root)
    fork = config.get("fork") if isinstance(config, dict) else None
    if not isinstance(fork, dict) or "phase" not in fork:
        return root
    node = below(root, ["fork"])
    trunk, at = fork.get("from"), fork.get("at")
    if not isinstance(trunk, str) or not isinstance(at, int) or not isinstance(fork["phase"], dict):
        raise _wrong(node, "expected fork: {from: RUN, at: STEP, phase: {name: ..., steps: ..., mix: ...}}")
    if "phases" in config:
        raise _wrong(node, "a fork has its trunk's phases up to `at`, then `phase`; remove `phases`")
    base, before, phases = compose(join(trunk, "config.yaml")), 0, []
    for number, phase in enumerate(plain(base)["phases"]):
        if before < at:
            put(base, f"phases.{number}.steps", min(phase["steps"], at - before))
            phases.append(below(base, ["phases", number]))
        before += phase["steps"]
    if not 0 < at <= before:
        raise _wrong(node, f"at {at} is outside the steps 1 to {before} of {trunk}")
    below(base, ["phases"]).value = [*phases, below(node, ["phase"])]
    node.value = [pair for pair in node.value if pair[0].value != "phase"]
    _merge(base, root)
    return base


def _merge(base: Node, over: Node) -> None:
    """Override one mapping by another, key by key."""
    for key, value in over.value:
        known = below(base, [key.value])
        if known is not base and isinstance(known, MappingNode) and isinstance(value, MappingNode):
            _merge(known, value)
        else:
            base.value = [pair for pair in base.value if pair[0].value != key.value] + [(key, value)]


def _wrong(node: Node, text: str) -> ConfigError:
    reader = Reader()
    reader.wrong(node, text)
    return ConfigError(reader.mistakes)
