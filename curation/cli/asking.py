"""The commands that ask a run's files for documents: sample, grep, diff, profile."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from curation.accounting.ledger import STATES
from curation.accounting.manifest import STAGES
from curation.cli.printing import refuse, show

if TYPE_CHECKING:
    from curation.cli import Command

_STAGES = tuple(stage for stage in STAGES if stage != "shard")  # which holds rows of tokens


def add_to(command: Command) -> None:
    """Add these commands to the parser."""
    each = command("sample", sample)
    _narrowing(each)
    each.add_argument(
        "--where", metavar="PREDICATE", help="as in SQL: \"language = 'en' and characters > 500\""
    )
    each.add_argument("--near", metavar="PASS.RULE", help="those nearest to its bounds, on either side")
    each.add_argument("--rate", type=float, metavar="R", help="share to take: 0.01 lies inside 0.1")
    each.add_argument("--stratify", default="", metavar="A,B", help="columns to test the skew over")
    each.add_argument(
        "--at-least", type=int, default=0, metavar="N", help="of every stratum, by a higher rate"
    )
    each.add_argument("--salt", default="sample", metavar="WORD", help="another one gives another sample")
    each.add_argument("--out", metavar="FILE", help="write them whole, weighted: .parquet or .jsonl")
    each = command("grep", grep)
    _narrowing(each)
    each.add_argument(
        "pattern", metavar="PATTERN", help="a regular expression; ^ and $ are the ends of lines"
    )
    each.add_argument("--ignore-case", action="store_true", help="letters match in either case")
    each = command("diff", diff)
    each.add_argument("before", metavar="DIR_A", help="run directory")
    each.add_argument("after", metavar="DIR_B", help="another one")
    each.add_argument("--n", type=int, default=3, metavar="N", help="examples of each change (default: 3)")
    each.add_argument("--json", action="store_true", help="print JSON")
    each = command("profile", profile)
    each.add_argument("directory", metavar="DIR", help="run directory")
    each.add_argument("--n", type=int, default=10, metavar="N", help="values of each aspect (default: 10)")
    each.add_argument("--json", action="store_true", help="print JSON")


def _narrowing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", metavar="DIR", help="run directory")
    parser.add_argument(
        "--stage", choices=_STAGES, help="as it wrote them (default: where each record ended)"
    )
    parser.add_argument("--state", choices=STATES, help="what became of them")
    parser.add_argument("--n", type=int, default=20, metavar="N", help="how many to show (default: 20)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def sample(options: argparse.Namespace) -> int:
    """Show documents: a hash-sample of those that meet a condition; or those nearest to a rule's bound."""
    from curation.look.questions import sampled
    from curation.look.questions.sample import BadSample, Request, draw, near

    try:
        request = Request(
            directory=options.directory,
            where=options.where,
            stage=options.stage,
            state=options.state,
            n=options.n,
            salt=options.salt,
            rate=options.rate,
            by=tuple(filter(None, (name.strip() for name in options.stratify.split(",")))),
            at_least=options.at_least,
        )
        found = near(request, options.near) if options.near else draw(request)
        written = sampled.write(found, options.out) if options.out else None
    except (BadSample, OSError) as error:
        return refuse(error)
    if options.json:
        print(json.dumps(found.to_json(), indent=1, ensure_ascii=False))
    else:
        show(sampled.shown(found), 120)
        if written is not None:
            print(f"written: {options.out}, {written:,} documents")
    return 0


def grep(options: argparse.Namespace) -> int:
    """Find documents whose text matches a pattern; all are counted, kept or dropped, and some shown."""
    from curation.look.questions.grep import BadPattern
    from curation.look.questions.grep import grep as matches_of

    narrowed = {name: getattr(options, name) for name in ("stage", "state", "n", "ignore_case")}
    try:
        found = matches_of(options.directory, options.pattern, **narrowed)
    except BadPattern as error:
        return refuse(error)
    if options.json:
        print(json.dumps(found.to_json(), indent=1, ensure_ascii=False))
    else:
        show(found.shown(), 120)
    return 0


def diff(options: argparse.Namespace) -> int:
    """Tell what changed between two runs; settings, funnels, documents with another fate, and their texts."""
    from curation.look.questions import differing
    from curation.look.questions.diff import diff as difference_of

    found = difference_of(options.before, options.after, n=options.n)
    if options.json:
        print(json.dumps(found.to_json(), indent=1, ensure_ascii=False))
    else:
        show(differing.shown(found), 140)
    return 0


def profile(options: argparse.Namespace) -> int:
    """Tell a run in numbers; sizes, languages, sites, duplicates, n-grams, and what each stage shifted."""
    from curation.look.questions.profile import profile as profile_of

    found = profile_of(options.directory, n=options.n)
    if options.json:
        print(json.dumps(found.to_json(), indent=1, ensure_ascii=False))
    else:
        show(found.shown(), 140)
    return 0
