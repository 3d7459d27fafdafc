"""Which documents a batch holds: `python -m training.plan explain CONFIG --step N`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from curation.accounting.manifest import MissingManifest
from curation.recipe.config import ConfigError
from training.config import Config, check_sources, read_config
from training.plan import Plan, PlanError, Row
from training.shards import Corpus, Piece, Reader, ShardError, open_corpus, read_pieces


def make_plan(config: Config, corpus: Corpus) -> Plan:
    """Return the plan of a configuration over the shards it names."""
    return Plan(
        corpus.plan_sources(config.sources),
        config.phases,
        batch_rows=config.batch_rows,
        lanes=config.lanes,
        seed=config.seed,
    )


def documents(reader: Reader, rows: Sequence[Row]) -> list[list[Piece]]:
    """Return the documents of each row, reading each shard's provenance once."""
    wanted: dict[tuple[int, int], list[int]] = {}
    for row in rows:
        wanted.setdefault((row.source, row.shard), []).append(row.row)
    known = {key: read_pieces(reader.shard(*key), numbers) for key, numbers in wanted.items()}
    return [known[row.source, row.shard][row.row] for row in rows]


def explain(path: str, step: int, overrides: Sequence[str] = ()) -> str:
    """Return a page of text: each slot of the batch at `step` with its source, shard, row and documents.

    The plan is replayed from its start, as a pure function can be. Steps count from 0, as in metrics.jsonl.
    """
    config = read_config(path, overrides)
    corpus = open_corpus(config.data)
    check_sources(path, overrides, config, list(corpus.sources))
    plan = make_plan(config, corpus)
    phase = config.phases[plan.phase_of(step)].name
    while plan.step < step:
        plan.draw()
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
    questions = parser.add_subparsers(required=True)
    question = questions.add_parser("explain", help="name the documents of one batch")
    question.add_argument("config")
    question.add_argument("--step", type=int, required=True, help="the batch's number, from 0")
    question.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    asked = parser.parse_args(arguments)
    try:
        print(explain(asked.config, asked.step, asked.overrides))
    except (ConfigError, PlanError, MissingManifest) as error:
        print(error, file=sys.stderr)
        return 2
    except ShardError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
