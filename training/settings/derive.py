"""What a request leaves open and its `size` decides; what a `fork` takes from its trunk. As YAML nodes.

Derived values are laid into the request as if they had been written there, so that all of it is checked,
printed and stored alike. What is written wins over what is derived.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node

from curation.accounting.manifest import join, published, read_manifest
from curation.recipe.config import ConfigError, Reader, below, compose, lay, parse, plain
from training.settings import sizes
from training.settings.sections import Model

LANES = 48  # 1, 2, 3, 4, 6, 8, 12, 16, 24 or 48 ranks see the same batches
MICRO_TOKENS = 16_384  # at once on a rank
TOKENS_PER_PARAMETER = 20.0  # Hoffmann et al. 2022
_UNKNOWN = (2048, 50_000)  # row length and vocabulary where no shards can be read: they are refused later


def tree(path: str, overrides: Sequence[str] = ()) -> tuple[Node, dict[str, Any]]:
    """Return the whole request as a YAML node, and what was derived for it, as dotted key -> value.

    Raises:
        ConfigError: the file, or the configuration of a fork's trunk, is no YAML or is not there.
    """
    root = _forked(compose(path, overrides))
    derived = _derived(plain(root))
    for dotted, value in derived.items():
        put(root, dotted, value)
    return root, derived


def put(root: Node, dotted: str, value: Any) -> None:
    """Lay a value into the request as one that was derived."""
    name = f"derived {dotted} {value}"
    lay(root, dotted, parse(yaml.safe_dump(value), name), name)


def _derived(asked: Any) -> dict[str, Any]:
    """Return every derived value that is not given; nothing for a request that is wrong in its form."""
    if not isinstance(asked, dict):
        return {}
    phases: list[Any] = found if isinstance(found := asked.get("phases"), list) else []
    shares = [_number(each.get("share")) if isinstance(each, dict) else 0 for each in phases]
    if not (asked.get("size") or asked.get("batch_tokens") or any(shares)):
        return {}
    row_tokens, vocab = _facts(asked.get("data"))
    out: dict[str, Any] = {}

    def settle(dotted: str, derived: Any) -> Any:
        section, _, key = dotted.rpartition(".")
        given = asked.get(section) if section else asked
        if isinstance(given, dict) and given.get(key) is not None:
            return type(derived)(_number(given[key]) or derived)
        if given is None or isinstance(given, dict):
            out[dotted] = derived
        return derived

    sized = asked.get("size") is not None
    shape = sizes.SHAPES.get(str(asked.get("size")), {})
    model = asked.get("model")
    written = model.items() if isinstance(model, dict) else ()
    given = {key: value for key, value in written if isinstance(value, int)}
    chosen = {key: settle(f"model.{key}", value) for key, value in shape.items()}
    known = {key: value for key, value in {**chosen, **given}.items() if key in Model.__slots__}
    counts = sizes.parameters(Model(**{k: v for k, v in known.items() if k == "tied" or v > 0}), vocab)
    inside = counts["attention"] + counts["feed"]
    lanes = settle("lanes", LANES) if sized else max(1, int(_number(asked.get("lanes"))))
    wanted = _number(asked.get("batch_tokens")) or sizes.batch_tokens(inside)
    rows = settle("batch_rows", lanes * max(1, round(wanted / row_tokens / lanes)))
    per_parameter = _number(asked.get("tokens_per_parameter")) or TOKENS_PER_PARAMETER
    budget = settle("budget_tokens", round(per_parameter * sum(counts.values())))
    steps = max(1, round(budget / (rows * row_tokens)))
    done = 0.0
    for number, (phase, share) in enumerate(zip(phases, shares, strict=True)):
        if share and "steps" not in phase:
            first, done = round(done * steps), done + share
            out[f"phases.{number}.steps"] = max(1, round(done * steps) - first)
    if sized:
        settle("micro_rows", max(1, MICRO_TOKENS // row_tokens))
        settle("optimizer.learning_rate", sizes.learning_rate(inside))
        settle("optimizer.warmup_steps", max(1, min(round(inside / (rows * row_tokens)), steps // 10)))
    return out


def _number(value: Any) -> float:
    """Return a positive number, 0 for anything else: the decoder says what is wrong with it."""
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
    except Exception:  # noqa: BLE001 - stores raise kinds of their own; what cannot be read is refused later
        return _UNKNOWN


def _forked(root: Node) -> Node:
    """Return the trunk's configuration, cut at the step of the fork, with the fork's own on top.

    Raises:
        ConfigError: the trunk's configuration cannot be read, or `fork` is not whole.
    """
    asked = plain(root)
    fork = asked.get("fork") if isinstance(asked, dict) else None
    if not isinstance(fork, dict) or "phase" not in fork:
        return root
    place = below(root, ["fork"])
    trunk, at = fork.get("from"), fork.get("at")
    if not isinstance(trunk, str) or not isinstance(at, int) or not isinstance(fork["phase"], dict):
        raise _wrong(place, "expected fork: {from: RUN, at: STEP, phase: {name: ..., steps: ..., mix: ...}}")
    if "phases" in asked:
        raise _wrong(place, "a fork has its trunk's phases up to `at`, then `phase`; take out `phases`")
    base, before, phases = compose(join(trunk, "config.yaml")), 0, []
    for number, phase in enumerate(plain(base)["phases"]):
        if before < at:
            put(base, f"phases.{number}.steps", min(phase["steps"], at - before))
            phases.append(below(base, ["phases", number]))
        before += phase["steps"]
    if not 0 < at <= before:
        raise _wrong(place, f"at {at} is outside the steps 1 to {before} of {trunk}")
    below(base, ["phases"]).value = [*phases, below(place, ["phase"])]
    place.value = [pair for pair in place.value if pair[0].value != "phase"]
    _merge(base, root)
    return base


def _merge(base: Node, over: Node) -> None:
    """Lay one mapping over another, key by key."""
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
