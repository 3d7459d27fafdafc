"""What a plan will read: `python -m training.plan explain CONFIG --step N` and `... epochs CONFIG`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from curation.accounting.manifest import MissingManifest
from curation.recipe.config import ConfigError, Reader, below, nearest
from training.data.corpus import Corpus, Piece, ShardError, open_corpus, read_pieces
from training.data.shards import ShardReader
from training.plan import Plan, PlanError, RowLocation
from training.settings import Config, read_config
from training.settings.derive import tree


def check_sources(path: str, overrides: Sequence[str], config: Config, known: Sequence[str]) -> None:
    """Check that the shards hold the sources that the phases name.

    Raises:
        ConfigError: each source that no shard has, with its position in the file.
    """
    root, reader = tree(path, overrides)[0], Reader()
    for number, phase in enumerate(config.phases):
        for source in phase.mix:
            if source not in known:
                directories = ", ".join(config.data)
                text = f"the shards in {directories} hold no source '{source}'{nearest(source, known)}"
                reader.wrong(below(root, ("phases", number, "mix", source)), text)
    if reader.mistakes:
        raise ConfigError(reader.mistakes)


def make_plan(config: Config, corpus: Corpus) -> Plan:
    """Return the plan of a configuration over the shards it names.

    Raises:
        PlanError: it cannot be made, or it reads a source more often than `max_epochs` allows.
    """
    plan = _plan(config, corpus)
    lines = []
    for source, rows in zip(plan.sources, plan.phase_rows().T, strict=True):
        count, limit = rows.sum() / source.rows, config.limit(source.name)
        if rows.sum() > limit * source.rows:
            phases = zip(plan.phases, rows.tolist(), strict=True)
            parts = ", ".join(f"{phase.name} {n:,} rows = {n / source.rows:.2f}" for phase, n in phases if n)
            lines.append(
                f"  {source.name}: {count:.2f} epochs of its {source.rows:,} rows, at most {limit:g} "
                f"({parts})"
            )
    if lines:
        raise PlanError(
            "the curriculum reads more of a source than max_epochs allows:\n"
            + "\n".join(lines)
            + "\nlower the weights or steps there or budget_tokens, add data, or raise max_epochs"
        )
    return plan


def _plan(config: Config, corpus: Corpus) -> Plan:
    sources = corpus.plan_sources(config.sources)
    return Plan(sources, config.phases, batch_rows=config.batch_rows, lanes=config.lanes, seed=config.seed)


def epochs(path: str, overrides: Sequence[str] = ()) -> str:
    """Return a table of how often each phase reads each source, and how often it may be read in total."""
    config, corpus = _open(path, overrides)
    return table(_plan(config, corpus), config)


def table(plan: Plan, config: Config) -> str:
    """Return a table of how often each phase reads each source, and how often it may be read in total."""
    lines = [["source", "rows", *(phase.name for phase in plan.phases), "epochs", "at most"]]
    for source, rows in zip(plan.sources, plan.phase_rows().T.tolist(), strict=True):
        cells = [f"{count / source.rows:.2f}" for count in (*rows, sum(rows))]
        lines.append([source.name, f"{source.rows:,}", *cells, f"{config.limit(source.name):g}"])
    return columns(lines)


def columns(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of cells as a table, its first column aligned left, the others right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))]
        ).rstrip()
        for line in lines
    )


def _open(path: str, overrides: Sequence[str]) -> tuple[Config, Corpus]:
    config = read_config(path, overrides)
    corpus = open_corpus(config.data, config.cache)
    check_sources(path, overrides, config, list(corpus.sources))
    return config, corpus


def documents(reader: ShardReader, rows: Sequence[RowLocation]) -> list[list[Piece]]:
    """Return the documents of each row, reading each shard's provenance once."""
    wanted: dict[tuple[int, int], list[int]] = {}
    for row in rows:
        wanted.setdefault((row.source, row.shard), []).append(row.row)
    pieces = {key: read_pieces(reader.shard(*key), numbers) for key, numbers in wanted.items()}
    return [pieces[row.source, row.shard][row.row] for row in rows]


def explain(path: str, step: int, overrides: Sequence[str] = ()) -> str:
    """Return the source, shard, row and documents of each slot of the batch at `step`, as text.

    Steps count from 0, as in metrics.jsonl.
    """
    config, corpus = _open(path, overrides)
    plan = make_plan(config, corpus)
    phase = config.phases[plan.phase_of(step)].name
    plan.step = step
    rows = plan.locate(plan.draw(), range(config.batch_rows))
    reader = ShardReader(corpus, plan.names)
    lines = [f"step {step}, phase {phase}, {config.batch_rows} rows of {corpus.row_tokens} tokens"]
    for row, pieces in zip(rows, documents(reader, rows), strict=True):
        shard = reader.shard(row.source, row.shard).path.name
        lines.append(f"slot {row.slot}  {plan.names[row.source]}  {shard}  row {row.row}  epoch {row.epoch}")
        lines += [f"    {p.id}  tokens {p.start} to {p.start + p.length}" for p in pieces]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, 1 if shards are damaged, or 2 if the configuration is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m training.plan", description="Print what a training run will read."
    )
    questions = parser.add_subparsers(required=True, dest="question")
    batch = questions.add_parser("explain", help="list the documents of one batch")
    batch.add_argument("--step", type=int, required=True, help="number of the batch, from 0")
    table = questions.add_parser("epochs", help="print how often each phase reads each source")
    for question in (batch, table):
        question.add_argument("config", help="YAML of the run")
        question.add_argument(
            "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides", help="override a key"
        )
    options = parser.parse_args(arguments)
    try:
        if options.question == "epochs":
            print(epochs(options.config, options.overrides))
        else:
            print(explain(options.config, options.step, options.overrides))
        sys.stdout.flush()  # raises here if the pipe is closed, not when Python ends
    except BrokenPipeError:  # the reader (head, less) has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ConfigError, PlanError, MissingManifest) as error:
        print(error, file=sys.stderr)
        return 2
    except ShardError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
