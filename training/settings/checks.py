"""Everything that can be refused before a GPU is touched or another process is met: all of it at once."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yaml.nodes import MappingNode, SequenceNode

from curation.accounting.manifest import MissingManifest
from curation.recipe.config import ConfigError, Reader
from training.checkpoint import checkpoints_in
from training.data.corpus import Corpus, ShardError, Unreachable, open_corpus
from training.data.heldout import EvalError, Evals, open_evals
from training.optim import anneal_start
from training.plan import Plan, PlanError, difference
from training.plan.explain import check_sources, make_plan
from training.settings.config import Config, read_config
from training.settings.derive import put, tree


class Refused(ValueError):
    """A request that cannot be carried out: every reason, one after another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be done, checked: `derived` holds what was not written, as dotted key -> value."""

    config: Config
    corpus: Corpus
    plan: Plan
    derived: dict[str, Any]
    evals: Evals


def fits(config: Config, corpus: Corpus) -> dict[str, Any]:
    """Return what a checkpoint's weights fit: model, vocabulary and tokenizer."""
    return {"model": asdict(config.model), "vocab": corpus.vocab, "tokenizer": corpus.tokenizer_digest}


def prepare(path: str, overrides: Sequence[str] = (), ranks: int = 1) -> Request:
    """Return the request of a YAML file, held against the shards, the checkpoints and the number of ranks.

    Raises:
        Refused: with every reason there is.
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
                plan.slots(0, ranks)
        except PlanError as error:
            reasons.append(str(error))
    try:
        evals = open_evals(config.evals, corpora[0] if corpora else None)
    except EvalError as error:
        reasons.append(str(error))
    if reasons or plan is None or evals is None:
        raise Refused("\n".join(reasons))
    return Request(config=config, corpus=corpora[0], plan=plan, derived=tree(path, overrides)[1], evals=evals)


def _without(path: str, overrides: Sequence[str], error: ConfigError) -> Config | None:
    """Return the request without what is wrong in it, so that what else is wrong can be told."""
    try:
        root: Any = tree(path, overrides)[0]
    except ConfigError:
        return None
    _prune(root, {(each.file, each.line, each.column) for each in error.mistakes})
    put(root, "lanes", 1)  # of any number of rows
    left = Reader().value(root, Config)
    return left if isinstance(left, Config) else None


def _prune(node: Any, places: Container[tuple[str, int, int]]) -> None:
    """Take out whatever stands at one of the places (file, line, column)."""

    def is_wrong(each: Any) -> bool:
        mark = each.start_mark
        return (mark.name, max(mark.line + 1, 0), mark.column + 1) in places

    below = node.value if isinstance(node, SequenceNode) else []
    if isinstance(node, MappingNode):
        node.value = [(key, each) for key, each in node.value if not (is_wrong(key) or is_wrong(each))]
        below = [each for _, each in node.value]
    for each in below:
        _prune(each, places)


def _opened(
    path: str, overrides: Sequence[str], config: Config, reasons: list[str]
) -> tuple[list[Corpus], Plan | None]:
    """Return the shards and the plan over them; where there is none, why, in `reasons`.

    Shards that cannot be read together are returned as they are in each directory.
    """
    try:
        corpus = open_corpus(config.data, config.cache)
    except (ShardError, MissingManifest) as error:
        reasons.append(str(error))
        corpora = []
        for directory in config.data if not isinstance(error, Unreachable) else ():
            with suppress(ShardError, MissingManifest):  # told already
                corpora.append(open_corpus([directory], config.cache))
        return corpora, None
    try:
        check_sources(path, overrides, config, list(corpus.sources))
        return [corpus], make_plan(config, corpus)
    except (ConfigError, PlanError) as error:
        reasons.append(str(error))
        return [corpus], None


def _of_checkpoint(config: Config, corpora: Sequence[Corpus], plan: Plan | None) -> list[str]:
    """Return why the checkpoint that the run would begin with cannot be taken."""
    own, reasons = checkpoints_in(Path(config.out) / "checkpoints"), []
    directory = own[-1] if own else None
    if directory is None and config.fork:
        at, folder = int(config.fork["at"]), Path(config.fork["from"]) / "checkpoints"
        directory = folder / f"step-{at:08d}"
        if directory not in (known := checkpoints_in(folder)):
            has = ", ".join(str(int(each.name[5:])) for each in known) or "none"
            return [f"fork: {config.fork['from']} has no checkpoint at step {at}; it has {has}"]
        reasons += _of_schedule(config, directory)
    if directory is None:
        return []
    saved = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    if lacks := {"fits", "plan", "watch", "evals", "skipped"} - saved.keys():
        told = ", ".join(sorted(lacks))
        return [f"{directory}: a checkpoint of another version, without {told}: choose another `out`"]
    lines: list[str] = []
    for corpus in corpora:
        where = f"  {corpus.directories[0]}: " if len(corpora) > 1 else "  "
        lines += [where + line for line in difference(saved["fits"], fits(config, corpus))]
    if lines:
        told = "\n".join(lines)
        reasons.append(f"{directory}: a checkpoint of another model:\n{told}\nchoose another `out`")
    if plan is not None:
        try:
            make_plan(config, corpora[0]).resume(saved["plan"]["state"], saved["plan"]["past"])
        except PlanError as error:
            reasons.append(f"{directory}: {error}")
    return reasons


def _of_schedule(config: Config, directory: Path) -> list[str]:
    """Return why a rate that goes on from the trunk's would not be the one the trunk had.

    A trunk that has come to its end (to be tuned, say) has none to go on from.
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
