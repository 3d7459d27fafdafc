"""The commands that take a recipe: run, check; and what every job does."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from curation.cli.command import Command
from curation.cli.printing import failed, refuse
from curation.spark.arguments import SET, add_input, add_run_arguments, add_stage_choice

if TYPE_CHECKING:
    from yaml.nodes import Node

    from curation.recipe.recipe import Recipe


def add_to(command: Command) -> None:
    """Add these commands to the parser."""
    parser = command("run", run)
    add_run_arguments(parser)
    add_stage_choice(parser)
    parser.set_defaults(source=[])
    parser = command("check", check)
    parser.add_argument("recipe", help="path or URL of the recipe (YAML)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=SET)


def run(options: argparse.Namespace) -> int:
    """Run every stage that is out of date, or `--only` some, then show what became of every record."""
    return _run(options)


def _run(options: argparse.Namespace, **own: Any) -> int:
    from curation.look import questions
    from curation.look.render.terminal import print_answer
    from curation.look.run import open_run
    from curation.spark.job import REQUEST_ERRORS, RUN_ERRORS, execute

    try:
        execute(options, **own)
    except REQUEST_ERRORS as error:
        return refuse(error)
    except RUN_ERRORS as error:
        return failed(error)
    opened = open_run(options.out)
    if any(manifest.ledger for manifest in opened.manifests.values()):
        funnel = questions.ledger(opened)
        if funnel.left_out:
            print(funnel.left_out, file=sys.stderr)
        print_answer(funnel)
    print(f"look at it: curate report {options.out}; curate why {options.out} ID_OR_URL")
    return 0


def submit(doc: str | None, *only: str, **own: Any) -> None:
    """Run from a spark-submit script as `curate run` does, and exit with its status.

    Args:
        doc: what `--help` says.
        only: stages to run; none named: those of `--only`, or all.
        own: `stages` and `sections` of your own, as `curation.spark.job.execute` takes them.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_run_arguments(parser)
    add_input(parser)
    if only:
        parser.set_defaults(only=list(only))
    else:
        add_stage_choice(parser)
    sys.exit(_run(parser.parse_args(), **own))


def check(options: argparse.Namespace) -> int:
    """Check a recipe without running it; all its mistakes are printed at once, on standard error.

    Columns that local files lack are mistakes too, by the first record of each of the first 64. Parts that
    work against each other are warned of; such a recipe can be run all the same.
    """
    from curation.recipe.config import compose
    from curation.recipe.contradictions import contradictions
    from curation.recipe.recipe import read_recipe

    recipe = read_recipe(options.recipe, options.set)
    warnings = [*_look_at_inputs(recipe, compose(options.recipe, options.set)), *contradictions(recipe)]
    rules = sum(len(filter_pass.rules) for filter_pass in recipe.filter)
    parts = ((len(recipe.inputs), "input", "s"), (len(recipe.filter), "pass", "es"), (rules, "rule", "s"))
    counts = ", ".join(f"{count} {name}{plural if count != 1 else ''}" for count, name, plural in parts)
    print(f"{options.recipe}: good; {counts}")
    for warning in warnings:
        print(f"{options.recipe}: warning: {warning}")
    return 0


def _look_at_inputs(recipe: Recipe, node: Node) -> list[str]:
    """Return warnings about the inputs' files, as far as they are there and are quickly looked at.

    Raises:
        ConfigError: a local file lacks a column that the recipe names, with every such column.
    """
    from curation.pages.lacking import lacking_files
    from curation.recipe.config import ConfigError, Reader, below
    from curation.spark.store import InputError, find_files

    reader, warnings = Reader(), []
    for name, source in recipe.inputs.items():
        try:
            files = find_files(name, source.paths)
        except InputError as error:
            warnings.append(f"{error}; `curate run` would refuse it here")
            continue
        sized = [(file.url, file.size_bytes) for file in files]
        for lacking in lacking_files(sized, source.format, source):
            if lacking.option == "columns":  # a record may do without what is only carried along
                warnings.append(f"inputs.{name}: {lacking}")
            else:
                reader.wrong(below(node, ("inputs", name, lacking.option)), str(lacking))
    if reader.mistakes:
        raise ConfigError(reader.mistakes)
    return warnings
