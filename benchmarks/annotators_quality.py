"""Quality models: what their size buys, beside length and source alone, and how stable their verdicts are.

Positives are documentation and news, negatives the crawl; the test is against reviews and speeches, which no
training sees. A row of the table is a size; its noise is the spread over three seeds. The last row has fewer texts
and shows that they would not do: an AUC far below, and noise above what sizes differ by.
"""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from annotators_contamination import corpus
from filter_corpus import texts

from curation.look.label.texts import HELD_OUT, parted, train_quality
from curation.look.render.terminal import print_answer
from curation.quality.settings import QualityTraining, TextSource
from curation.quality.training import Classifier, Texts, auc, train, training_text

POSITIVE, OTHER = ("docs", "news"), ("reviews", "speeches")
#: (buckets, dim); the last is fastText's default.
SIZES = ((10_000, 16), (50_000, 16), (50_000, 32), (200_000, 32), (500_000, 32), (2_000_000, 100))
SEEDS = (1, 2, 3)
CHOSEN = (200_000, 32)
PER_CLASS, FEWER = 1_500, 600
LEAST_NOISE = 0.005  # of an AUC over some hundred texts
MOST_MIB = 60.0
#: Change of a text -> how much of the best tenth must stay; a peer's handling of line feeds kept .82.
STAYS = {
    "line feeds deleted": 0.82,
    "white space collapsed": 0.98,
    "lower case": 0.85,
    "first 5,000 characters": 0.95,
    "without its last tenth": 0.9,
}

Row = dict[str, float]


def table(folder: str, name: str, found: Iterator[str]) -> TextSource:
    """Write texts as a table; return it as a source."""
    path = Path(folder, f"{name}.jsonl.gz")
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as out:
        out.writelines(json.dumps({"text": text}) + "\n" for text in found)
    return TextSource(path=str(path), name=name)


def row(settings: QualityTraining, size: tuple[int, int], file: str) -> Row:
    """Train a size with every seed (the largest with one); return MiB, mean AUC on other sources, spread."""
    start, examples, aucs = seconds(), parted(settings), []
    for seed in SEEDS if size[0] < 1_000_000 else SEEDS[:1]:
        sized = replace(settings, buckets=size[0], dim=size[1], seed=seed)
        aucs.append(held_out(sized, examples, file))
    found = {"mib": os.path.getsize(file) / 2**20, "auc": float(np.mean(aucs)), "spread": float(np.ptp(aucs))}
    print(
        f"{settings.per_class:>6,}{size[0]:>12,}{size[1]:>5}{found['mib']:>8.1f}{found['auc']:>20.4f}"
        f"{found['spread']:>8.4f}{seconds() - start:>9.1f}"
    )
    return found


def seconds() -> float:
    """Return the processor seconds of this process and of those that trained for it."""
    now = os.times()
    return now.user + now.system + now.children_user + now.children_system


def held_out(settings: QualityTraining, examples: Texts, file: str) -> float:
    """Train one model; return how well held-out positives are told from negatives of other sources."""
    train(training_text(examples, settings.label, settings.characters), file, settings.options)
    model = Classifier(file, settings.label, settings.characters)
    scores = (
        model.scores([each.text for each in part])
        for part in (examples.held_positive, examples.other_negative)
    )
    return auc(*scores)


def bench(quick: bool) -> tuple[dict[str, object], dict[str, tuple[float, float]]]:
    """Measure; see the module."""
    with tempfile.TemporaryDirectory() as folder:
        settings = QualityTraining(
            positive=tuple(table(folder, name, corpus(name)) for name in POSITIVE),
            negative=(table(folder, "crawl", (page.text for page in texts("text"))),),
            held_out=tuple(table(folder, name, corpus(name)) for name in OTHER),
            per_class=PER_CLASS,
            buckets=CHOSEN[0],
            dim=CHOSEN[1],
        )
        file = f"{folder}/m.bin"
        print(
            f"{'texts':>6}{'buckets':>12}{'dim':>5}{'MiB':>8}{'AUC, other sources':>20}{'spread':>8}{'seconds':>9}"
        )
        rows = {size: row(settings, size, file) for size in ((SIZES[0], CHOSEN) if quick else SIZES)}
        fewer = row(replace(settings, per_class=FEWER), CHOSEN, file)
        chosen = train_quality(settings, f"{folder}/chosen.bin")
        again = train_quality(settings, f"{folder}/again.bin")
    print_answer(chosen)
    mine, best = rows[CHOSEN], max(each["auc"] for each in rows.values())
    judged = chosen.judged[HELD_OUT]
    figures: dict[str, object] = {
        "sizes": {f"{buckets} x {dim}": each for (buckets, dim), each in rows.items()},
        "fewer_texts": fewer,
        "chosen": {"judged": {name: each.model for name, each in chosen.judged.items()}},
        "length_only": judged.length,
        "source_only": judged.source,
        "stability": chosen.stability,
    }
    noise = max(LEAST_NOISE, mine["spread"])
    bars = {
        "same_bytes": (float(again.digest == chosen.digest), 1.0),
        "mib_below_60": (MOST_MIB - mine["mib"], 0.0),
        "auc_within_noise_of_best": (mine["auc"] - best + noise, 0.0),
        "auc_above_length_only": (judged.model - judged.length, 0.05),
    }
    bars |= {
        f"stays_{name.replace(' ', '_')}": (chosen.stability[name]["stays"], least)
        for name, least in STAYS.items()
    }
    return figures, bars
