"""What can be refused before a GPU is touched or another process is met, reported all at once."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yaml.nodes import MappingNode, SequenceNode

from curation.accounting.manifest import MissingManifest
from curation.recipe.config import ConfigError
from training.checkpoint import VERSION, checkpoints_in
from training.data.corpus import Corpus, ShardError, Unreachable, open_corpus
from training.data.heldout import EvalError, Evals, open_evals
from training.plan import Plan, PlanError, difference
from training.plan.explain import check_sources, make_plan
from training.schedule import anneal_start
from training.settings.config import Config, config_reader, read_config
from training.settings.derive import put, tree


class Refused(ValueError):
    """A run that cannot be started, with every reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSetup:
    """What a run starts from, checked; `derived` holds unwritten values, as dotted key -> value."""

    config: Config
    corpus: Corpus
    plan: Plan
    derived: dict[str, Any]
    evals: Evals


def fits(config: Config, corpus: Corpus) -> dict[str, Any]:
    """Return what the weights of a checkpoint fit: model, vocabulary and tokenizer."""
    return {"model": asdict(config.model), "vocab": corpus.vocab, "tokenizer": corpus.tokenizer_digest}


def prepare(path: str, overrides: Sequence[str] = (), world_size: int = 1) -> RunSetup:
    """Return the run of a YAML file, checked against the shards, the checkpoints and the number of ranks.

    Raises:
        Refused: with every reason.
    """
    reasons: list[str] = []
    config: Config | None
    try:
        config, wrong = read_config(path, overrides), None
    except ConfigError as error:
        config, wrong = _without(path, overrides, error), error
        reasons.append(str(error))
    if config is None:
        raise Refused("\n".join(reasons))
    corpora, plan, evals = *_opened(path, overrides, config, reasons), None
    if corpora:
        reasons += _of_checkpoint(config, corpora, None if wrong else plan)
        try:
            if plan is not None and not wrong:
                plan.slots(0, world_size)
        except PlanError as error:
            reasons.append(str(error))
    try:
        evals = open_evals(config.evals, corpora[0] if corpora else None)
    except EvalError as error:
        reasons.append(str(error))
    if reasons or plan is None or evals is None:
        raise Refused("\n".join(reasons))
    return RunSetup(
        config=config, corpus=corpora[0], plan=plan, derived=tree(path, overrides)[1], evals=evals
    )


def _without(path: str, overrides: Sequence[str], error: ConfigError) -> Config | None:
    """Return the configuration without its mistakes, so that the rest can be checked, or None."""
    try:
        root: Any = tree(path, overrides)[0]
    except ConfigError:
        return None
    _prune(root, {(mistake.file, mistake.line, mistake.column) for mistake in error.mistakes})
    put(root, "lanes", 1)  # of any number of rows
    config = config_reader().value(root, Config)
    return config if isinstance(config, Config) else None


def _prune(node: Any, positions: Container[tuple[str, int, int]]) -> None:
    """Remove every node that starts at one of the positions (file, line, column)."""

    def is_wrong(child: Any) -> bool:
        mark = child.start_mark
        return (mark.name, max(mark.line + 1, 0), mark.column + 1) in positions

    children = node.value if isinstance(node, SequenceNode) else []
    if isinstance(node, MappingNode):
        node.value = [(key, child) for key, child in node.value if not (is_wrong(key) or is_wrong(child))]
        children = [child for _, child in node.value]
    for child in children:
        _prune(child, positions)


def _opened(
    path: str, overrides: Sequence[str], config: Config, reasons: list[str]
) -> tuple[list[Corpus], Plan | None]:
    """Return the shards and the plan over them; if there is no plan, add the reason to `reasons`.

    Shards that cannot be read together are returned directory by directory.
    """
    try:
        corpus = open_corpus(config.data, config.cache)
    except (ShardError, MissingManifest) as error:
        reasons.append(str(error))
        corpora = []
        for directory in config.data if not isinstance(error, Unreachable) else ():
            with suppress(ShardError, MissingManifest):  # it is among the reasons
                corpora.append(open_corpus([directory], config.cache))
        return corpora, None
    try:
        check_sources(path, overrides, config, list(corpus.sources))
        return [corpus], make_plan(config, corpus)
    except (ConfigError, PlanError) as error:
        reasons.append(str(error))
        return [corpus], None


def _of_checkpoint(config: Config, corpora: Sequence[Corpus], plan: Plan | None) -> list[str]:
    """Return why the checkpoint that the run would continue cannot be used."""
    own, reasons = checkpoints_in(Path(config.out) / "checkpoints"), []
    directory = own[-1] if own else None
    if directory is None and config.fork:
        at, folder = int(config.fork["at"]), Path(config.fork["from"]) / "checkpoints"
        directory = folder / f"step-{at:08d}"
        if directory not in (published := checkpoints_in(folder)):
            has = ", ".join(str(int(path.name[5:])) for path in published) or "none"
            return [f"fork: {config.fork['from']} has no checkpoint at step {at}; it has {has}"]
        reasons += _of_schedule(config, directory)
    if directory is None:
        return []
    saved = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    if (version := saved.get("version", 1)) != VERSION:
        return [
            f"{directory}: expected a checkpoint of version {VERSION}, found version {version}: finish that "
            "run with the release that wrote it, or choose another `out` and start again"
        ]
    lines: list[str] = []
    for corpus in corpora:
        prefix = f"  {corpus.directories[0]}: " if len(corpora) > 1 else "  "
        lines += [prefix + line for line in difference(saved["fits"], fits(config, corpus))]
    if lines:
        text = "\n".join(lines)
        reasons.append(f"{directory}: a checkpoint of another model:\n{text}\nchoose another `out`")
    if plan is not None:
        try:
            make_plan(config, corpora[0]).resume(saved["plan"]["state"], saved["plan"]["past"])
        except PlanError as error:
            reasons.append(f"{directory}: {error}")
    return reasons


def _of_schedule(config: Config, directory: Path) -> list[str]:
    """Return why the fork's learning rate would not continue the trunk's.

    After the end of a trunk (to tune it, say) there is no rate to continue.
    """
    trunk = read_config(str(directory.parent.parent / "config.yaml"))
    if int(config.fork["at"]) == trunk.steps:
        return []
    if config.optimizer.schedule != "wsd":
        return [
            "fork: expected optimizer.schedule: wsd, found cosine: under a cosine the rate at a step "
            "depends on where the run was to end, and the fork ends elsewhere"
        ]
    if (at := int(config.fork["at"])) > (start := anneal_start(trunk)):
        return [f"fork: at {at} lies within the trunk's own anneal, which begins at step {start}"]
    return []
