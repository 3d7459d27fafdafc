"""The command that asks people: label."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from curation.cli.printing import refuse

if TYPE_CHECKING:
    from curation.cli import Command


def add_to(command: Command) -> None:
    """Add this command to the parser."""
    each = command("label", label)
    each.add_argument("directory", metavar="DIR", help="run directory")
    each.add_argument("--n", type=int, default=100, metavar="N", help="how many documents (default: 100)")
    each.add_argument("--port", type=int, default=0, metavar="PORT", help="of the page (default: a free one)")
    each.add_argument(
        "--export", metavar="FILE", help="write what is marked to .parquet or .jsonl: id, text, label, weight"
    )
    each.add_argument("--only", choices=["keep", "drop"], help="export what has this mark")


def label(options: argparse.Namespace) -> int:
    """Mark sampled documents keep, drop or unsure; a local page by keyboard, saved after each answer.

    Half of them the filter kept, half it dropped. Marks are in DIR/labels.jsonl; `curate report` tells how
    far the recipe and each rule agree with them.
    """
    from curation.look.label.marks import export, path
    from curation.look.label.page import Marks, draw, page
    from curation.look.label.server import LocalPage
    from curation.look.run import open_run

    if options.only and not options.export:
        return refuse(ValueError(f"--only {options.only}: chooses what --export FILE writes; give both"))
    try:
        run = open_run(options.directory)
        if options.export:
            written = export(run, options.export, only=options.only)
            print(f"written: {options.export}, {written:,} documents")
            return 0
        drawn = draw(run, options.n)
        marks = Marks(options.directory, drawn.strata)
        server = LocalPage(*page(run, drawn, marks), marks.add, port=options.port)
    except (ValueError, OSError) as error:
        return refuse(error)
    print(f"{len(drawn.rows):,} documents to mark: {server.url}", flush=True)
    print(f"saved after each answer to {path(options.directory)}; Ctrl-C ends", flush=True)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0
