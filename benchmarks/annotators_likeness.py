"""How like a corpus a text is: perplexity by word counts and by KenLM, and importance weights (DSIR).

The corpus is the encyclopedia, four fifths of it; documents of the last fifth are told from three others: news,
their own words in an order by chance (which only a model of pairs can tell), and their words reversed in spelling.
KenLM is no dependency: it is built in an environment of its own and asked from there, with a model of words and
pairs that is counted and written here in ARPA's format, by absolute discounting (Ney, Essen, Kneser 1994).
"""

from __future__ import annotations

import json
import math
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import peers
from annotators_contamination import corpus

from curation.quality.training import auc, log_ratios, unigram_counts
from curation.signals.models.likeness import importance_ratio, kenlm_perplexity, unigram_perplexity
from curation.text.text import Text

KENLM = ("kenlm==0.3.0",)
DISCOUNT, LEAST_COUNT, BUCKETS = 0.75, 2, 10_000
BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
#: What the words in an order by chance must be told from the text by: a model of pairs, and one that has none.
PAIRS_BAR, RATE_BAR = 0.95, 200.0

Signal = Callable[[Text], float]


def lines(texts: Sequence[str]) -> Iterator[list[str]]:
    """Yield the words of every line, as the signal has them."""
    for text in texts:
        for line in Text(text).lines:
            words = Text(line).words("alphanumeric", lowercase=True)
            if words.count:
                yield [words.vocabulary[i] for i in words.ids]


def write_arpa(texts: Sequence[str], path: str) -> None:
    """Write a model of words and pairs; a word seen once is unknown, one of as many words as were seen once."""
    counted = Counter(word for words in lines(texts) for word in words)
    known = {word for word, count in counted.items() if count >= LEAST_COUNT}
    pairs: Counter[tuple[str, str]] = Counter()
    for words in lines(texts):
        pairs.update(pairwise([BEGIN, *(word if word in known else UNKNOWN for word in words), END]))
    firsts, after, followers = Counter(), Counter(), Counter()
    for (first, second), count in pairs.items():
        firsts[first] += count
        after[second] += count
        followers[first] += 1
    total, unknown = sum(after.values()) + len(after), max(1, len(counted) - len(known))
    among = {UNKNOWN: unknown}
    chance = {word: (count + 1) / total / among.get(word, 1) for word, count in after.items()}
    left = {word: DISCOUNT * followers[word] / firsts[word] for word in firsts}
    with Path(path).open("w", encoding="utf-8") as out:
        out.write(f"\\data\\\nngram 1={len(chance) + 1}\nngram 2={len(pairs)}\n\n\\1-grams:\n")
        for word in (BEGIN, *chance):
            own = math.log10(chance[word]) if word in chance else -99
            out.write(f"{own:.6f}\t{word}\t{math.log10(left.get(word, 1.0)):.6f}\n")
        out.write("\n\\2-grams:\n")
        for (first, second), count in sorted(pairs.items()):
            both = (count - DISCOUNT) / firsts[first] / among.get(second, 1) + left[first] * chance[second]
            out.write(f"{math.log10(both):.6f}\t{first} {second}\n")
        out.write("\n\\end\\\n")


def shuffled(text: str, number: int) -> str:
    """Return a text with the words of all its lines in an order by chance, the lines as long as they were."""
    words = text.split()
    random.Random(number).shuffle(words)
    rest = iter(words)
    return "\n".join(" ".join(next(rest) for _ in line.split()) for line in text.split("\n"))


def told(signal: Signal, like: Sequence[str], other: Sequence[str]) -> float:
    """Return how often a text that is like the corpus has the lower value."""
    return auc(*(-np.array([signal(Text(text)) for text in part]) for part in (like, other)))


def bench(quick: bool) -> tuple[dict[str, object], dict[str, tuple[float, float]]]:
    """Print and return how well each signal tells the corpus from the others, and documents a second."""
    articles = list(corpus("wiki"))[: 100 if quick else None]
    target, held = [t for i, t in enumerate(articles) if i % 5], articles[::5]
    news = list(corpus("news"))[: 2 * len(held)]
    others = {"news": news, "own words, shuffled": [shuffled(text, i) for i, text in enumerate(held)]}
    others["spelled backwards"] = [text[::-1] for text in held]
    with tempfile.TemporaryDirectory() as folder:
        signals = dict(_signals(folder, target, news))
        table = {
            name: {what: told(s, held, each) for what, each in others.items()} for name, s in signals.items()
        }
        rates = {name: _rate(signal, held) for name, signal in signals.items()}
    print(f"{'told from':20}{''.join(f'{what:>22}' for what in others)}{'documents/s/core':>20}")
    for name, found in table.items():
        print(f"{name:20}{''.join(f'{found[what]:22.4f}' for what in others)}{rates[name]:20,.0f}")
    figures: dict[str, object] = {"auc": table, "documents_per_s": rates}
    bars = {"unigram_from_backwards": (table["unigram_perplexity"]["spelled backwards"], 0.99)}
    bars["dsir_from_news"] = (table["importance_ratio"]["news"], 0.9)
    if "kenlm_perplexity" in table:
        bars["kenlm_from_own_words_shuffled"] = (table["kenlm_perplexity"]["own words, shuffled"], PAIRS_BAR)
        bars["kenlm_from_backwards"] = (table["kenlm_perplexity"]["spelled backwards"], 0.99)
        bars["kenlm_documents_per_s"] = (rates["kenlm_perplexity"], RATE_BAR)
    return figures, bars


def _signals(folder: str, target: Sequence[str], raw: Sequence[str]) -> Iterator[tuple[str, Signal]]:
    counts, weights, model = (f"{folder}/{name}" for name in ("counts.tsv", "weights.json", "pairs.arpa"))
    Path(counts).write_text(unigram_counts(target, LEAST_COUNT), encoding="utf-8")
    logs = log_ratios(target, raw, BUCKETS)
    Path(weights).write_text(json.dumps({"normalisation": "words, lower case; pairs", "log_ratios": logs}))
    yield "unigram_perplexity", lambda text: unigram_perplexity(text, counts=counts)
    yield "importance_ratio", lambda text: -importance_ratio(text, weights=weights)
    try:
        python = peers.environment("kenlm", KENLM)
    except peers.Unavailable as error:
        print(f"kenlm_perplexity is not measured: {error}")
        return
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    sys.path.append(str(python.parent.parent / "lib" / version / "site-packages"))
    write_arpa(target, model)
    yield "kenlm_perplexity", lambda text: kenlm_perplexity(text, language_model=model)


def _rate(signal: Signal, texts: Sequence[str]) -> float:
    start = time.process_time()
    for text in texts:
        signal(Text(text))
    return len(texts) / (time.process_time() - start)
