"""The commands that train a quality model, and that make conversations into shards."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from curation.cli.printing import answer, refuse

if TYPE_CHECKING:
    from curation.cli import Command


def add_to(command: Command) -> None:
    """Add this command to the parser."""
    each = command("quality", quality)
    each.add_argument("task", choices=["train", "dsir", "unigrams"], help="a fastText model, weights, counts")
    each.add_argument("settings", metavar="SETTINGS", help="YAML: positive, negative, held_out, ...")
    each.add_argument("--out", required=True, metavar="FILE", help="where to write it")
    each.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="dotted.key=value")
    each.add_argument("--json", action="store_true", help="print JSON")
    each = command("chat", chat)
    each.add_argument("files", nargs="+", metavar="FILE.jsonl", help="each is a source of its name")
    each.add_argument("--like", required=True, metavar="RUN", help="run directory of the shards trained on")
    each.add_argument("--template", metavar="FILE", help="tokenizer_config.json that holds `chat_template`")
    each.add_argument("--out", required=True, metavar="DIR", help="a folder; name it in a training's `data`")


def quality(options: argparse.Namespace) -> int:
    """Train a quality model (fastText) and tell what it learned; FILE.json is written beside it.

    AUC on other sources than it was trained on, beside what length and source alone would reach, and how
    many verdicts change with line feeds, case and length. The same texts and seed give the same bytes.
    `dsir` writes importance weights of the positives against the negatives (importance_ratio), `unigrams` the
    positives' word counts (unigram_perplexity).
    """
    from curation.look.label.texts import BadTexts, train_quality, write_likeness
    from curation.quality.training import TrainingFailed
    from curation.recipe.config import load
    from curation.recipe.sections.quality import QualityTraining

    settings = load(options.settings, QualityTraining, options.set)
    try:
        if options.task != "train":
            print(write_likeness(options.task, settings, options.out))
            return 0
        trained = train_quality(settings, options.out)
    except (BadTexts, OSError) as error:
        return refuse(error)
    except TrainingFailed as error:
        print(error, file=sys.stderr)
        return 1
    return answer(options, trained)


def chat(options: argparse.Namespace) -> int:
    """Make conversations into shards of which only the answers are learned; train on `data: [RUN, DIR]`.

    One JSON object a line: `messages` with `role` and `content`, or `prompt` and `response`. Rows have the
    length and the tokenizer of RUN's shards, and hold whole conversations; what is longer than a row is left
    out and counted.
    """
    from curation.shards.chat import convert

    try:
        told = convert(options.files, options.like, options.template, options.out)
    except (OSError, ValueError) as error:
        return refuse(error)
    print("\n".join(told))
    return 0
