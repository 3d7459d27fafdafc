"""The command that trains a quality model."""

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


def quality(options: argparse.Namespace) -> int:
    """Train a quality model (fastText) and tell what it learned; FILE.json is written beside it.

    AUC on other sources than it was trained on, beside what length and source alone would reach, and how
    many verdicts change with line feeds, case and length. The same texts and seed give the same bytes.
    `dsir` writes importance weights of the positives against the negatives (importance_ratio), `unigrams` the
    positives' word counts (unigram_perplexity).
    """
    from curation.filters.quality_training import TrainingFailed
    from curation.look.quality import BadTexts, train_quality, write_likeness
    from curation.recipe.config import load
    from curation.recipe.quality import QualityTraining

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
