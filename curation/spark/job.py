"""What a command line asks of Spark: its recipe, with the changes to it, run up to some stages."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

import yaml

from curation.accounting.ledger import LedgerError
from curation.accounting.manifest import Manifest, MissingManifest, join
from curation.recipe.config import ConfigError, compose
from curation.recipe.contradictions import contradictions
from curation.recipe.recipe import Recipe, read_recipe
from curation.spark.errors import StageFailed, StaleInput, UnknownStage
from curation.spark.run import STAGES, Run
from curation.spark.session import submitted
from curation.spark.stage import Stage
from curation.spark.store import InputError, Store, TakenOver, url_to_fs, write_text

#: Errors of the user's request, not of the run.
REQUEST_ERRORS = (ConfigError, InputError, MissingManifest, StaleInput, UnknownStage)
#: Errors of the run.
RUN_ERRORS = (LedgerError, StageFailed, TakenOver)


def execute(
    options: argparse.Namespace, stages: Sequence[Stage] = STAGES, sections: type[Recipe] = Recipe
) -> list[Manifest]:
    """Run the stages that the command line asks for; return their manifests.

    Args:
        options: the arguments.
        stages: those there are, in order.
        sections: the sections of a recipe, see `read_recipe`.

    Raises:
        InputError: the request cannot be run.
    """
    recipe = read_recipe(options.recipe, options.set, sections)
    if any(mark in options.out for mark in "*?[]{}"):
        raise InputError(f"--out {options.out}: Spark reads *?[]{{}} as patterns; choose another name")
    filesystem, name = url_to_fs(options.out)
    if filesystem.isfile(name):
        raise InputError(f"--out {options.out}: is a file; expected a directory, which may not exist yet")
    if submitted() and options.master:
        raise InputError(f"--master {options.master}: give it to spark-submit, before the script")
    source = None
    if not options.only or any(not stage.after for stage in stages if stage.name in options.only):
        for path in options.source:
            recipe = _redirected(recipe, path)
    elif options.source:
        source = options.source[-1].rstrip("/")
    store = Store(options.out.rstrip("/"))
    run = Run(recipe, store, options.master, source, stages=stages)
    for warning in contradictions(recipe):
        run.say(f"{options.recipe}: warning: {warning}")
    manifests = run.run(options.only)
    declared = yaml.serialize(compose(options.recipe, options.set))
    write_text(join(store.directory, "recipe.yaml"), f"# {options.recipe}, as it was run\n{declared}")
    return manifests


def _redirected(recipe: Recipe, source: str) -> Recipe:
    """Return the recipe with one input's path replaced by `--in NAME=PATH` (or PATH, of an only input)."""
    name, _, path = source.partition("=")
    if name not in recipe.inputs:
        if len(recipe.inputs) != 1:
            raise InputError(
                f"--in {source}: the recipe has the inputs {', '.join(recipe.inputs)}; say NAME=PATH"
            )
        name, path = next(iter(recipe.inputs)), source
    return replace(recipe, inputs={**recipe.inputs, name: replace(recipe.inputs[name], path=path)})
