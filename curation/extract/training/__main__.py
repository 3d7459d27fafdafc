"""Trains a model of the engine `blocks` from pages whose main text is known.

    python -m curation.extract.training PAGES.jsonl.gz --out my.npz [--without SET] [--floor 0.9]
    python -m curation.extract.training MARKS.jsonl --crawl A.warc.gz --out my.npz

A line of PAGES has `html`, `text` (the main text), `url` and `set` (the data set's name). MARKS is what
`curate label RUN --export MARKS.jsonl` wrote: documents marked `keep`, whose pages are looked up in the
archives. The model is judged on pages of sites, and of data sets, that it has not learned from; below the
floor nothing is written. Beside the model, OUT.json says what it was made of and how it was judged. The same
pages and versions give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from curation.extract.classifier.columns.names import NameScores, name_columns
from curation.extract.classifier.columns.table import static_columns
from curation.extract.classifier.model import Model, dump
from curation.extract.training.fit import Fit, fit
from curation.extract.training.groups import site_groups
from curation.extract.training.pages import BadPages, TrainingPage, read_marked, read_pages
from curation.extract.training.prepare import Prepared, prepare
from curation.extract.training.report import HeldOut, by_set, by_site
from curation.files.digests import digest_bytes, digest_file

_LIBRARIES = ("catboost", "numpy", "resiliparse")


def trained(
    pages: Sequence[TrainingPage], settings: Fit, *, judged: bool
) -> tuple[Model, dict[str, list[HeldOut]]]:
    """Return a model of the pages, and how models without some of them choose on these.

    Raises:
        BadPages: none of the pages has text.
    """
    prepared: list[Prepared] = list(filter(None, map(prepare, pages)))
    if not prepared:
        raise BadPages("no page has text in it; expected HTML pages and their main text")
    groups = site_groups([page.page.url for page in prepared], [page.classes for page in prepared])
    first = prepared[0]
    columns = [*static_columns(first.sums), *name_columns(first.batch, NameScores(lambda _: 0.0))]

    def fitted(positions: Sequence[int]) -> Model:
        return fit([prepared[i] for i in positions], [groups[i] for i in positions], columns, settings)

    splits = {}
    if judged:
        splits = {"site": by_site(prepared, groups, fitted), "set": by_set(prepared, groups, fitted)}
    return fitted(range(len(prepared))), splits


def show(splits: dict[str, list[HeldOut]]) -> None:
    """Print how the model was judged."""
    for kind, rows in splits.items():
        print(f"{'other ' + kind + 's':60}{'pages':>7}{'F1':>8}{'< .5':>8}")
        for row in rows:
            print(f"{row.name:60}{row.pages:7}{row.f1:8.4f}{row.lost:8.4f}")


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m curation.extract.training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pages", help="JSON lines, compressed or not")
    parser.add_argument("--crawl", action="append", default=[], help="an archive of marked documents' pages")
    parser.add_argument("--out", required=True, help="the model to write, a local path")
    parser.add_argument("--without", metavar="SET", action="append", default=[], help="leave a data set out")
    parser.add_argument("--floor", type=float, default=0.0, help="least F1 on pages of other sites")
    parser.add_argument("--unjudged", action="store_true", help="only train: a thirteenth of the time")
    parser.add_argument("--threads", type=int, default=1, help="of CatBoost")
    return parser.parse_args()


def main() -> int:
    """Train, judge, write."""
    options = arguments()
    if options.floor and options.unjudged:
        print("--unjudged: nothing tells whether the --floor is met; give one of them", file=sys.stderr)
        return 2
    try:
        marked = options.crawl and read_marked(options.pages, options.crawl)
        pages = list(marked or read_pages(options.pages))
        sets = Counter(page.set for page in pages)
        unknown = [name for name in options.without if name not in sets]
        if unknown:
            raise BadPages(
                f"--without {unknown[0]}: no page is of it; the sets are {', '.join(sorted(sets))}"
            )
        pages = [page for page in pages if page.set not in options.without]
        settings = Fit(threads=options.threads)
        model, splits = trained(pages, settings, judged=not options.unjudged)
    except (BadPages, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    show(splits)
    score = splits["site"][-1].f1 if splits and splits["site"] else 0.0
    if score < options.floor:
        print(
            f"not written: F1 is {score:.4f} on pages of other sites; the floor is {options.floor}",
            file=sys.stderr,
        )
        return 1
    data = dump(model)
    Path(options.out).write_bytes(data)
    card = {
        "model": Path(options.out).name,
        "digest": digest_bytes(data),
        "pages": digest_file(options.pages),
        "sets": dict(sorted(Counter(page.set for page in pages).items())),
        "without": options.without,
        "settings": {name: value for name, value in asdict(settings).items() if name != "threads"},
        "versions": {name: version(name) for name in _LIBRARIES},
        "splits": {kind: [asdict(row) for row in rows] for kind, rows in splits.items()},
    }
    Path(f"{options.out}.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n")
    print(f"{options.out}: {len(data):,} bytes, {card['digest']}, from {len(pages):,} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
