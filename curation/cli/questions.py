"""The commands that ask a run's files: ledger, why, account, whatif, sample, grep and more."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from curation.accounting.account import STATES
from curation.accounting.manifest import MissingManifest
from curation.cli.command import Command
from curation.cli.printing import answer, json_argument, refuse

if TYPE_CHECKING:
    from curation.look.run import OpenedRun

_UNITS = ("documents", "characters", "tokens")


def add_to(command: Command) -> None:
    """Add these commands to the parser."""
    for name, function in (
        *(("ledger", ledger), ("why", why), ("account", account), ("whatif", whatif)),
        *(("duplicates", duplicates), ("contamination", contamination), ("profile", profile)),
        *(("sample", sample), ("grep", grep), ("diff", diff)),
    ):
        parser = command(name, function)
        if name != "diff":
            parser.add_argument("directory", metavar="DIR", help="directory of the run")
        json_argument(parser)
        _ARGUMENTS.get(name, lambda _: None)(parser)


def _why_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("page", metavar="ID_OR_URL", help="the page's id (32 hex digits) or its URL")


def _account_arguments(parser: argparse.ArgumentParser) -> None:
    by = "one account each by source, by language, or by the values of a label (label.NAME)"
    parser.add_argument("--by", metavar="COLUMN", help=by)
    parser.add_argument(
        "--unit", choices=_UNITS, default=_UNITS[0], help="what to count (default: documents)"
    )


def _whatif_arguments(parser: argparse.ArgumentParser) -> None:
    changes = "a new bound of a rule (.min or .max); inf or -inf takes the bound away"
    parser.add_argument("changes", nargs="+", metavar="PASS.RULE.min=NUMBER", help=changes)
    examples = "documents to show that come back, and as many that go (default: 10)"
    parser.add_argument("--examples", type=int, default=10, metavar="N", help=examples)
    written = "write a copy of the recipe with the new bounds; its comments stay (needs --recipe)"
    parser.add_argument("--write", metavar="NEW", help=written)
    parser.add_argument("--recipe", metavar="RECIPE", help="the recipe that made the run")
    changed = "a setting that `curate run` was given beside the recipe; may be repeated"
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=changed)


def _profile_arguments(parser: argparse.ArgumentParser) -> None:
    shown = "values to show of each aspect, and n-grams (default: 10)"
    parser.add_argument("--n", type=int, default=10, metavar="N", help=shown)


def _sample_arguments(parser: argparse.ArgumentParser) -> None:
    _records_arguments(parser)
    where = "only documents that meet a condition, as in SQL: \"language = 'en' and characters > 500\""
    parser.add_argument("--where", metavar="CONDITION", help=where)
    near = "instead of a sample, the documents nearest to this rule's bounds, on either side"
    parser.add_argument("--near", metavar="PASS.RULE", help=near)
    rate = "share of the documents to take, above 0 and at most 1; a smaller sample lies inside a larger one"
    parser.add_argument("--rate", type=float, metavar="R", help=rate)
    strata = "compare the sample with the whole by these columns: is it skewed? (needs --rate)"
    parser.add_argument("--stratify", default="", metavar="A,B", help=strata)
    least = "take at least N documents of each group of --stratify, where there are so many"
    parser.add_argument("--at-least", type=int, default=0, metavar="N", help=least)
    parser.add_argument("--salt", default="sample", metavar="WORD", help="another word gives another sample")
    out = "also write the sample to FILE.parquet, .jsonl or .jsonl.gz: whole documents and their weights"
    parser.add_argument("--out", metavar="FILE", help=out)


def _grep_arguments(parser: argparse.ArgumentParser) -> None:
    pattern = "a regular expression; ^ and $ match at the ends of lines"
    parser.add_argument("pattern", metavar="PATTERN", help=pattern)
    parser.add_argument("--ignore-case", action="store_true", help="ignore case")
    _records_arguments(parser)


def _records_arguments(parser: argparse.ArgumentParser) -> None:
    stage = "documents as this stage wrote them (default: each as the last stage that it reached wrote it)"
    parser.add_argument("--stage", metavar="STAGE", help=stage)
    parser.add_argument("--state", choices=STATES, help="only documents in this state")
    parser.add_argument("--n", type=int, default=20, metavar="N", help="documents to show (default: 20)")


def _diff_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", metavar="DIR_A", help="directory of a run")
    parser.add_argument("after", metavar="DIR_B", help="directory of another run")
    examples = "examples to show of each change (default: 3)"
    parser.add_argument("--n", type=int, default=3, metavar="N", help=examples)


_ARGUMENTS = {
    "why": _why_arguments,
    "account": _account_arguments,
    "whatif": _whatif_arguments,
    "profile": _profile_arguments,
    "sample": _sample_arguments,
    "grep": _grep_arguments,
    "diff": _diff_arguments,
}


def _run(directory: str) -> OpenedRun:
    from curation.look.run import open_run  # slow to import, and `curate --help` needs none of it

    return open_run(directory)


def ledger(options: argparse.Namespace) -> int:
    """Show what became of every record, stage by stage; exit 1 if the accounts do not balance.

    For a run on a sample of its inputs, an estimate of what the full run would keep follows.
    """
    from curation.look import questions

    funnel = questions.ledger(_run(options.directory))
    if funnel.left_out:
        print(funnel.left_out, file=sys.stderr)
    answer(options, funnel)
    return 0 if funnel.balanced else 1


def why(options: argparse.Namespace) -> int:
    """Show what every stage did to one page, and why; exit 2 if no record has that id or URL."""
    from curation.look import questions

    return answer(options, questions.why(_run(options.directory), options.page))


def account(options: argparse.Namespace) -> int:
    """Show what each rule of the filter removed; how many documents break it, and how many only it."""
    from curation.look import questions

    run = _run(options.directory)
    by = [run.whole_name(options.by)] if options.by else []
    return answer(options, questions.account(run, by, unit=options.unit))


def whatif(options: argparse.Namespace) -> int:
    """Show which documents other bounds would bring back or drop; from stored measures, without a new run."""
    from curation.look import questions
    from curation.look.run import read_changes, write_changed

    if options.write and not options.recipe:
        return refuse("--write needs --recipe RECIPE, the file that the run was made by")
    run = _run(options.directory)
    changes = read_changes(run, options.changes)
    if options.write:
        try:
            write_changed(run, changes, options.recipe, options.set, options.write)
        except OSError as error:
            return refuse(error)
    answer(options, questions.what_if(run, changes, examples=options.examples))
    if options.write and not options.json:
        print(f"written: {options.write}")
    return 0


def duplicates(options: argparse.Namespace) -> int:
    """Show what deduplication removed; cluster sizes, similarity, sources, and pairs side by side."""
    from curation.look import questions

    return answer(options, questions.duplicates(_run(options.directory)))


def contamination(options: argparse.Namespace) -> int:
    """Show which items of evaluation sets the documents hold; by set and by item, with the matched text."""
    from curation.look import questions

    return answer(options, questions.contamination(_run(options.directory)))


def profile(options: argparse.Namespace) -> int:
    """Show a run in numbers; sizes, languages, sites and n-grams, and how each stage shifted them."""
    from curation.look import questions

    return answer(options, questions.profile(_run(options.directory), n=options.n))


def sample(options: argparse.Namespace) -> int:
    """Show a random sample of documents; the same one every time, of all or of some that you name."""
    from curation.look import questions

    names = ("where", "stage", "state", "n", "salt", "rate", "at_least")
    run = _with_rows(_run(options.directory), options.stage)
    request = questions.SampleRequest(
        run=run,
        by=tuple(run.whole_name(name.strip()) for name in options.stratify.split(",") if name.strip()),
        **{name: getattr(options, name) for name in names},
    )
    drawn = questions.near(request, options.near) if options.near else questions.sample(request)
    try:
        written = drawn.write(options.out) if options.out else None
    except OSError as error:
        return refuse(error)
    answer(options, drawn)
    if written is not None and not options.json:
        print(f"written: {options.out}, {written:,} documents")
    return 0


def _with_rows(run: OpenedRun, stage: str | None) -> OpenedRun:
    """Return a run whose stage keeps rows of documents, if one is named."""
    if stage in run.manifests and stage not in run.row_stages:
        able = ", ".join(run.row_stages)
        raise MissingManifest(f"--stage {stage}: keeps no documents; expected one of {able}")
    return run


def grep(options: argparse.Namespace) -> int:
    """Show documents whose text matches a pattern; kept and dropped ones, with counts of all matches."""
    from curation.look import questions

    narrowed = {name: getattr(options, name) for name in ("stage", "state", "n", "ignore_case")}
    run = _with_rows(_run(options.directory), options.stage)
    return answer(options, questions.grep(run, options.pattern, **narrowed))


def diff(options: argparse.Namespace) -> int:
    """Show what changed between two runs; settings, counts, and documents with another fate or text."""
    from curation.look import questions

    return answer(options, questions.diff(_run(options.before), _run(options.after), n=options.n))
