"""The commands that work on a recipe or a tokenizer: run, check, tokenizer check."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import fsspec

from curation.accounting.ledger import balanced
from curation.accounting.manifest import STAGES
from curation.cli.printing import ledgers, print_funnel, refuse, show

if TYPE_CHECKING:
    from curation.cli import Command


def add_to(command: Command) -> None:
    """Add these commands to the parser."""
    each = command("run", run)
    run_arguments(each)
    each.set_defaults(source=[])
    each = command("check", check)
    each.add_argument("recipe", help="path or URL of the recipe (YAML)")
    each.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="dotted.key=value")
    each = command("tokenizer", tokenizer_check)
    each.add_argument("question", choices=["check"], metavar="check", help="the one question there is")
    each.add_argument("file", metavar="FILE", help="tokenizer.json of Hugging Face `tokenizers`")
    texts = each.add_mutually_exclusive_group()
    texts.add_argument("--run", metavar="DIR", help="count over a sample of a run's kept documents")
    texts.add_argument("--text", metavar="FILE", help="count over a text file")
    each.add_argument("--json", action="store_true", help="print JSON")


def run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `curate run` and every job take; here, so that `curate check` need not import pyspark."""
    parser.add_argument("recipe", help="path or URL of the recipe (YAML)")
    parser.add_argument("--out", required=True, metavar="DIR", help="run directory, local or object store")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="dotted.key=value")
    parser.add_argument("--master", metavar="URL", help="Spark master (default: all local cores)")


def run(options: argparse.Namespace) -> int:
    """Run every stage that is out of date, then print the funnel."""
    from curation.look.questions.estimate import estimate
    from curation.spark.job import REQUEST_ERRORS, RUN_ERRORS, execute

    try:
        execute(options, STAGES)
    except REQUEST_ERRORS as error:
        return refuse(error)
    except RUN_ERRORS as error:
        print(error, file=sys.stderr)
        return 1
    found = ledgers(options.out)
    print_funnel(found)
    print("balanced: every record is accounted for" if balanced(found) else "NOT BALANCED")
    if expected := estimate(options.out):
        show(expected.shown(), 120)
    print(f"look at it: curate report {options.out}; curate why {options.out} ID_OR_URL")
    return 0


def check(options: argparse.Namespace) -> int:
    """Read a recipe and say what it declares; its mistakes go to standard error, all at once.

    Parts that work against each other are warned of; the recipe is good all the same.
    """
    from curation.recipe.contradictions import contradictions
    from curation.recipe.recipe import read_recipe

    recipe = read_recipe(options.recipe, options.set)
    rules = sum(len(each.rules) for each in recipe.filter)
    print(f"{options.recipe}: good; {len(recipe.inputs)} inputs, {len(recipe.filter)} passes, {rules} rules")
    for each in contradictions(recipe):
        print(f"{options.recipe}: warning: {each}")
    return 0


def tokenizer_check(options: argparse.Namespace) -> int:
    """Find what in a tokenizer breaks models; exit 1 if it loses text or lets a page end a document."""
    from curation.shards.check import check_tokenizer

    try:
        findings, usage = check_tokenizer(options.file, _texts(options))
    except (OSError, ValueError) as error:
        return refuse(error)
    rows = [
        {"source": source, "language": language, **asdict(each), "bytes_per_token": each.bytes_per_token}
        for (source, language), each in sorted(usage.items())
    ]
    if options.json:
        print(json.dumps({"findings": [asdict(each) for each in findings], "usage": rows}, indent=1))
    else:
        for each in findings:
            print(f"{each.level:8}{each.check}: {each.what}")
        for row in rows:
            print(
                "        {source} {language}: {bytes_per_token:.2f} bytes a token "
                "({documents:,} documents, {bytes:,} bytes)".format(**row)
            )
    return 1 if any(each.level == "failure" for each in findings) else 0


def _texts(options: argparse.Namespace) -> list[tuple[str, str, str]] | None:
    """Return the (source, language, text) that `--run` or `--text` names; None where neither is given."""
    if options.text:
        with fsspec.open(
            options.text, "rt", encoding="utf-8", errors="replace", compression="infer"
        ) as stream:
            return [(options.text, "un", stream.read())]
    if options.run:
        from curation.look.frames import stored

        frame = stored(options.run, "dedup", "kept", columns=["source", "language", "text"])
        return [(str(s), str(lang or "un"), t) for s, lang, t in frame[["source", "language", "text"]].values]
    return None
