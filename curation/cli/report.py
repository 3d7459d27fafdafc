"""The commands that open a run in a browser: report, label."""

from __future__ import annotations

import argparse

from curation.cli.command import Command
from curation.cli.printing import refuse


def add_to(command: Command) -> None:
    """Add these commands to the parser."""
    parser = command("report", report)
    parser.add_argument("directory", metavar="DIR", help="directory of the run")
    parser.add_argument("--out", metavar="FILE", help="file to write (default: DIR/report.html)")
    train = "a training run to show as well (default: DIR/train, if it exists)"
    parser.add_argument("--train", metavar="DIR", help=train)
    parser = command("label", label)
    parser.add_argument("directory", metavar="DIR", help="directory of the run")
    parser.add_argument("--n", type=int, default=100, metavar="N", help="documents to mark (default: 100)")
    parser.add_argument("--port", type=int, default=0, metavar="PORT", help="port (default: a free one)")
    exported = (
        "instead of marking, write the marked documents to FILE.parquet or .jsonl: id, text, label, weight"
    )
    parser.add_argument("--export", metavar="FILE", help=exported)
    parser.add_argument("--only", choices=["keep", "drop"], help="export only documents with this mark")


def report(options: argparse.Namespace) -> int:
    """Write a report of a run; one HTML file that needs no server and no network."""
    from curation.look.report import write_report
    from curation.look.run import open_run

    print(write_report(open_run(options.directory), options.out, training=options.train))
    return 0


def label(options: argparse.Namespace) -> int:
    """Mark documents keep, drop or unsure on a local page; by keyboard, and each mark is saved at once.

    Half of them were kept by the filter and half dropped. The marks are in DIR/labels.jsonl, and `curate
    report` shows how far the recipe and each rule agree with them.
    """
    from curation.look.label import LabelStore, LocalPage, draw, export, label_page, path
    from curation.look.run import open_run

    if options.only and not options.export:
        return refuse(f"--only {options.only}: chooses what --export FILE writes; give both")
    try:
        run = open_run(options.directory)
        if options.export:
            written = export(run, options.export, only=options.only)
            print(f"written: {options.export}, {written:,} documents")
            return 0
        drawn = draw(run, options.n)
        marks = LabelStore(options.directory, drawn.strata)
        server = LocalPage(*label_page(run, drawn, marks), marks.add, port=options.port)
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
