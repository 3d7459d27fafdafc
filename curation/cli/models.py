"""The commands about tokenizers, quality models and conversations: tokenizer check, quality, chat."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from curation.cli.command import Command
from curation.cli.printing import answer, failed, json_argument, refuse
from curation.files.packed_file import open_unpacked


def add_to(command: Command) -> None:
    """Add these commands to the parser."""
    parser = command("tokenizer", tokenizer_check)
    parser.add_argument("question", choices=["check"], metavar="check", help="the word check")
    parser.add_argument("file", metavar="FILE", help="a tokenizer.json of Hugging Face `tokenizers`")
    texts = parser.add_mutually_exclusive_group()
    texts.add_argument(
        "--run", metavar="DIR", help="also count the tokens of a sample of the documents that a run kept"
    )
    texts.add_argument("--text", metavar="FILE", help="also count the tokens of a text file")
    json_argument(parser)
    parser = command("quality", quality)
    tasks = "train: a fastText model; dsir: importance weights; unigrams: word counts"
    parser.add_argument("task", choices=["train", "dsir", "unigrams"], help=tasks)
    settings = "YAML that names the texts: positive, negative, held_out and more"
    parser.add_argument("settings", metavar="SETTINGS", help=settings)
    parser.add_argument("--out", required=True, metavar="FILE", help="file to write")
    changed = "a setting in place of the file's, as dotted.key=value; may be repeated"
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=changed)
    json_argument(parser)
    parser = command("chat", chat)
    files = "conversations, one JSON object a line; each file is a source of its name"
    parser.add_argument("files", nargs="+", metavar="FILE.jsonl", help=files)
    like = "directory of the run whose shards the model was trained on"
    parser.add_argument("--like", required=True, metavar="RUN", help=like)
    template = "a tokenizer_config.json with a `chat_template` (default: the texts, line by line)"
    parser.add_argument("--template", metavar="FILE", help=template)
    out = "directory to write the shards to; name it in the training's `data`"
    parser.add_argument("--out", required=True, metavar="DIR", help=out)


def tokenizer_check(options: argparse.Namespace) -> int:
    """Find what in a tokenizer breaks models; exit 1 if it loses text or lets a page end a document."""
    from curation.shards.check import check_tokenizer

    try:
        checked = check_tokenizer(options.file, _texts(options))
    except (OSError, ValueError) as error:
        return refuse(error)
    answer(options, checked)
    return 1 if checked.failed else 0


def _texts(options: argparse.Namespace) -> list[tuple[str, str, str]] | None:
    """Return the (source, language, text) that `--run` or `--text` names; None where neither is given."""
    if options.text:
        with open_unpacked(options.text) as stream:
            return [(options.text, "un", stream.read().decode("utf-8", "replace"))]
    return list(_kept(options.run)) if options.run else None


def _kept(directory: str) -> Iterator[tuple[str, str, str]]:
    from curation.look.run import open_run, stored

    columns = ["source", "language", "text"]
    for source, language, text in stored(open_run(directory), "dedup", "kept", columns=columns)[
        columns
    ].values:
        yield str(source), str(language or "un"), text


def quality(options: argparse.Namespace) -> int:
    """Train a quality model (fastText) and show how well it works; FILE.json is written beside it.

    It shows the AUC on sources that the model was not trained on, beside the AUC of length alone and of
    source alone, and how many verdicts change with line feeds, case and length. The same texts and seed give
    the same bytes. `dsir` writes importance weights of the positive texts against the negative ones, for the
    signal importance_ratio; `unigrams` writes the positive texts' word counts, for unigram_perplexity.
    """
    from curation.look.label import train_quality, write_likeness
    from curation.quality.settings import QualityTraining
    from curation.quality.training import TrainingFailed
    from curation.recipe.config import load

    settings = load(options.settings, QualityTraining, options.set)
    try:
        if options.task != "train":
            print(write_likeness(options.task, settings, options.out))
            return 0
        return answer(options, train_quality(settings, options.out))
    except OSError as error:
        return refuse(error)
    except TrainingFailed as error:
        return failed(error)


def chat(options: argparse.Namespace) -> int:
    """Make shards of conversations, to train on with `data: [RUN, DIR]`; only the answers are learned.

    Each line of a file is a JSON object with `messages` (of `role` and `content`), or with `prompt` and
    `response`. Rows have the length and the tokenizer of RUN's shards. A row holds whole conversations; one
    that is longer than a row is left out and counted.
    """
    from curation.shards.chat import convert

    try:
        lines = convert(options.files, options.like, options.template, options.out)
    except (OSError, ValueError) as error:
        return refuse(error)
    print("\n".join(lines))
    return 0
