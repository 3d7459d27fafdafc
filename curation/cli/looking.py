"""The commands that look at a run's files: ledger, why, report, account, whatif, duplicates."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from curation.accounting.ledger import balanced
from curation.cli.printing import answer, ledgers, print_funnel, refuse, show

if TYPE_CHECKING:
    from curation.cli import Command


def add_to(command: Command) -> None:
    """Add these commands to the parser."""
    for each in (
        command("ledger", ledger),
        command("duplicates", duplicates),
        command("contamination", contamination),
    ):
        each.add_argument("directory", metavar="DIR", help="run directory")
        each.add_argument("--json", action="store_true", help="print JSON")
    each = command("why", why)
    each.add_argument("directory", metavar="DIR", help="run directory")
    each.add_argument("page", metavar="ID_OR_URL", help="id (32 hex digits) or URL of a page")
    each.add_argument("--json", action="store_true", help="print JSON")
    each = command("report", report)
    each.add_argument("directory", metavar="DIR", help="run directory")
    each.add_argument("--out", metavar="FILE", help="where to write (default: DIR/report.html)")
    each.add_argument("--train", metavar="DIR", help="a training run to show (default: DIR/train, if there)")
    each = command("account", account)
    each.add_argument("directory", metavar="DIR", help="run directory")
    each.add_argument(
        "--by",
        metavar="WHAT",
        help="one account for each: source, language, or a label of the recipe, label.NAME",
    )
    units = ["documents", "characters", "tokens"]
    each.add_argument("--unit", choices=units, default=units[0], help="what to count in (default: documents)")
    each.add_argument(
        "--json", action="store_true", help="print JSON, with every pair of rules and every unit"
    )
    each = command("whatif", whatif)
    each.add_argument("directory", metavar="DIR", help="run directory")
    each.add_argument(
        "changes", nargs="+", metavar="PASS.RULE.min=NUMBER", help="a bound (min or max) to move"
    )
    each.add_argument("--examples", type=int, default=10, metavar="N", help="to show a side (default: 10)")
    each.add_argument("--json", action="store_true", help="print JSON")
    each.add_argument("--write", metavar="NEW", help="write RECIPE with these bounds; comments stay")
    each.add_argument("--recipe", metavar="RECIPE", help="the recipe that the run was made by")
    each.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as the run was given")


def ledger(options: argparse.Namespace) -> int:
    """Print what became of every record, stage by stage; exit 1 if an account does not close.

    Of a run on a sample, an estimate of what the full run will keep follows.
    """
    from curation.look.questions.estimate import estimate

    found = ledgers(options.directory)
    closed, expected = balanced(found), estimate(options.directory)
    if options.json:
        told: dict[str, Any] = {"balanced": closed, "stages": [each.to_json() for each in found]}
        print(json.dumps(told | ({"estimate": expected.to_json()} if expected else {}), indent=1))
    else:
        print_funnel(found)
        print("balanced: every record is accounted for" if closed else "NOT BALANCED")
        if expected:
            show(expected.shown(), 120)
    return 0 if closed else 1


def contamination(options: argparse.Namespace) -> int:
    """Tell which items of evaluation sets documents hold; by set and by item, with the matched text."""
    from curation.look.questions.contamination import contamination as contamination_of

    return answer(options, contamination_of(options.directory))


def why(options: argparse.Namespace) -> int:
    """Tell one page's whole story; exit 2 if no record has that id or URL."""
    from curation.look.questions.why import UnknownPage
    from curation.look.questions.why import why as story_of

    try:
        story = story_of(options.directory, options.page)
    except UnknownPage as error:
        return refuse(error)
    return answer(options, story)


def duplicates(options: argparse.Namespace) -> int:
    """Tell what deduplication removed; sizes, similarity, sources, hot buckets, and pairs side by side."""
    from curation.look.questions.duplicates import duplicates as found_in

    return answer(options, found_in(options.directory))


def report(options: argparse.Namespace) -> int:
    """Write the report, one HTML file that opens anywhere."""
    from curation.look.questions.account import Disagreement
    from curation.look.report.page import write_report
    from curation.look.report.training import MissingTraining
    from curation.look.run import open_run

    try:
        print(write_report(open_run(options.directory), options.out, training=options.train))
    except MissingTraining as error:
        return refuse(error)
    except Disagreement as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def account(options: argparse.Namespace) -> int:
    """Tell what each rule of the filter removed; alone, only by itself, with others, and its fair share."""
    from curation.look.questions import tables
    from curation.look.questions.account import Disagreement, NoSuchLabel
    from curation.look.questions.account import account as account_of

    try:
        found = account_of(options.directory, [options.by] if options.by else [])
    except NoSuchLabel as error:
        return refuse(error)
    except Disagreement as error:
        print(error, file=sys.stderr)
        return 1
    if options.unit not in found.units:
        return refuse(
            ValueError(f"{options.directory}: has no shards, so no tokenizer counts its {options.unit}")
        )
    if options.json:
        print(json.dumps(found.to_json(options.by), indent=1, ensure_ascii=False))
    else:
        show(tables.account(found, options.by, options.unit), 140)
    return 0


def whatif(options: argparse.Namespace) -> int:
    """Tell what other bounds would bring back or drop; from stored measures, and no text is read to count."""
    from curation.look.questions import tables
    from curation.look.questions.whatif import what_if
    from curation.look.run import BadChange, open_run, read_changes, write_changed

    if options.write and not options.recipe:
        return refuse(ValueError("--write needs --recipe RECIPE, the file that the run was made by"))
    try:
        asked = read_changes(open_run(options.directory), options.changes)
        if options.write:
            write_changed(open_run(options.directory), asked, options.recipe, options.set, options.write)
    except (BadChange, OSError) as error:
        return refuse(error)
    found = what_if(options.directory, asked, examples=options.examples)
    if options.json:
        print(json.dumps(found.to_json(), indent=1, ensure_ascii=False))
    else:
        show(tables.answer(found), 140)
        if options.write:
            print(f"written: {options.write}")
    return 0
