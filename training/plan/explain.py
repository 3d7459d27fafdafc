"""What a plan will read: `python -m training.plan explain CONFIG --step N` and `... epochs CONFIG`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from curation.accounting.manifest import MissingManifest
from curation.recipe.config import ConfigError, below, nearest
from curation.recipe.config import Reader as Mistakes
from training.data.corpus import Corpus, Piece, ShardError, open_corpus, read_pieces
from training.data.shards import Reader
from training.plan import Plan, PlanError, Row
from training.settings.config import Config, read_config
from training.settings.derive import tree


def check_sources(path: str, overrides: Sequence[str], config: Config, known: Sequence[str]) -> None:
    """Hold the sources that the phases name against those that the shards hold.

    Raises:
        ConfigError: each source that no shard has, where it stands in the file.
    """
    root, reader = tree(path, overrides)[0], Mistakes()
    for number, phase in enumerate(config.phases):
        for source in phase.mix:
            if source not in known:
                where = ", ".join(config.data)
                text = f"the shards in {where} hold no source '{source}'{nearest(source, known)}"
                reader.wrong(below(root, ("phases", number, "mix", source)), text)
    if reader.mistakes:
        raise ConfigError(reader.mistakes)


def make_plan(config: Config, corpus: Corpus) -> Plan:
    """Return the plan of a configuration over the shards it names.

    Raises:
        PlanError: it cannot be made, or it reads a source more often than `max_epochs` allows.
    """
    plan = _plan(config, corpus)
    asked = plan.asked_rows()
    lines = []
    for source, rows in zip(plan.sources, asked.T, strict=True):
        if rows.sum() > config.limit(source.name) * source.rows:
            parts = zip(plan.phases, rows.tolist(), strict=True)
            told = ", ".join(f"{phase.name} {n:,} rows = {n / source.rows:.2f}" for phase, n in parts if n)
            passes, most = rows.sum() / source.rows, config.limit(source.name)
            lines.append(
                f"  {source.name}: {passes:.2f} epochs of its {source.rows:,} rows, at most {most:g} ({told})"
            )
    if lines:
        raise PlanError(
            "the curriculum reads more of a source than max_epochs allows:\n"
            + "\n".join(lines)
            + "\nlower the weights or steps there, add data, or raise max_epochs"
        )
    return plan


def _plan(config: Config, corpus: Corpus) -> Plan:
    sources = corpus.plan_sources(config.sources)
    return Plan(sources, config.phases, batch_rows=config.batch_rows, lanes=config.lanes, seed=config.seed)


def epochs(path: str, overrides: Sequence[str] = ()) -> str:
    """Return a table: how often each phase reads each source, and how often it may be read in all."""
    config, corpus = _request(path, overrides)
    plan = _plan(config, corpus)
    return table(plan, config)


def table(plan: Plan, config: Config) -> str:
    """Return how often each phase reads each source, and how often it may be read in all."""
    lines = [["source", "rows", *(phase.name for phase in plan.phases), "epochs", "at most"]]
    for source, rows in zip(plan.sources, plan.asked_rows().T.tolist(), strict=True):
        passes = [n / source.rows for n in (*rows, sum(rows))]
        cells = [f"{each:.2f}" for each in passes]
        lines.append([source.name, f"{source.rows:,}", *cells, f"{config.limit(source.name):g}"])
    return columns(lines)


def columns(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of cells as a table, the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]
        ).rstrip()
        for line in lines
    )


def _request(path: str, overrides: Sequence[str]) -> tuple[Config, Corpus]:
    config = read_config(path, overrides)
    corpus = open_corpus(config.data, config.cache)
    check_sources(path, overrides, config, list(corpus.sources))
    return config, corpus


def documents(reader: Reader, rows: Sequence[Row]) -> list[list[Piece]]:
    """Return the documents of each row, reading each shard's provenance once."""
    wanted: dict[tuple[int, int], list[int]] = {}
    for row in rows:
        wanted.setdefault((row.source, row.shard), []).append(row.row)
    known = {key: read_pieces(reader.shard(*key), numbers) for key, numbers in wanted.items()}
    return [known[row.source, row.shard][row.row] for row in rows]


def explain(path: str, step: int, overrides: Sequence[str] = ()) -> str:
    """Return a page of text: each slot of the batch at `step` with its source, shard, row and documents.

    Steps count from 0, as in metrics.jsonl.
    """
    config, corpus = _request(path, overrides)
    plan = make_plan(config, corpus)
    phase = config.phases[plan.phase_of(step)].name
    plan.step = step
    rows = plan.locate(plan.draw(), range(config.batch_rows))
    reader = Reader(corpus, plan.names)
    lines = [f"step {step}, phase {phase}, {config.batch_rows} rows of {corpus.row_tokens} tokens"]
    for row, pieces in zip(rows, documents(reader, rows), strict=True):
        shard = reader.shard(row.source, row.shard).path.name
        lines.append(f"slot {row.slot}  {plan.names[row.source]}  {shard}  row {row.row}  epoch {row.epoch}")
        lines += [f"    {p.id}  tokens {p.start} to {p.start + p.length}" for p in pieces]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, 1 where shards are damaged, or 2 where the request is wrong."""
    parser = argparse.ArgumentParser(prog="python -m training.plan", description="Ask what a plan will read.")
    questions = parser.add_subparsers(required=True, dest="question")
    batch = questions.add_parser("explain", help="name the documents of one batch")
    batch.add_argument("--step", type=int, required=True, help="the batch's number, from 0")
    table = questions.add_parser("epochs", help="how often each phase reads each source")
    for question in (batch, table):
        question.add_argument("config")
        question.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    asked = parser.parse_args(arguments)
    try:
        if asked.question == "epochs":
            print(epochs(asked.config, asked.overrides))
        else:
            print(explain(asked.config, asked.step, asked.overrides))
        sys.stdout.flush()  # what a closed pipe does not take is noticed here, not when Python ends
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ConfigError, PlanError, MissingManifest) as error:
        print(error, file=sys.stderr)
        return 2
    except ShardError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
