"""Which language a text is in: labelled sentences and pages, by CLD2 and by fastText, whole and by first characters.

Sentences: the translations of their messages that Django carries (a package of an environment of its own), in the
languages that CLD2 tells, by the folder they lie in. Pages: those of the shared crawl whose language was labelled
by people. A published model for fastText is a download: name one with CURATION_LID_MODEL to see it beside. Without
one a small model is trained here, on sentences of the same catalogues that the test does not have: it shows that
the way works, not how well a published model tells languages.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import peers
from extract_corpus import TRUTH

from curation.quality.training import line, train
from curation.signals.models.labels import language_label, script_label
from curation.text.language import codes, likely_code
from curation.text.text import Text

DJANGO = ("Django==5.2.8",)
PEOPLE = ("human", "human_reviewed_llm")
LEAST_CHARACTERS, MOST_SENTENCES, JOINED = 40, 60, 20
#: fastText's, for some hundred sentences of each language: words and parts of words of up to four characters.
TRAINING = {
    "dim": 16,
    "minn": 1,
    "maxn": 4,
    "bucket": 100_000,
    "epoch": 20,
    "lr": 0.5,
    "minCount": 1,
    "seed": 1,
}
#: As CLD2 calls what Django and the crawl call otherwise.
_SAME = {"zh_Hans": "zh", "zh_Hant": "zh", "pt_BR": "pt", "sr_Latn": "sr", "no": "nb"}
Labelled = Sequence[tuple[str, str]]


def sentences() -> tuple[dict[str, list[str]], Labelled]:
    """Return language -> translated messages, a sample by a seed, and (language, message) of the others.

    Of the messages in English, which they are translated from, all are among the others.
    """
    python = peers.environment("django", DJANGO)
    ask = "import django, os; print(os.path.dirname(django.__file__))"
    folder = Path(
        subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip()
    )
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(folder.rglob("locale/*/LC_MESSAGES/*.po")):
        name = path.parts[-3]
        code = _SAME.get(name, name.partition("_")[0])
        if code in codes() and name not in ("en", "en_AU", "en_GB"):
            for source, translated in _messages(path.read_text(encoding="utf-8")):
                found[code].add(translated)
                found["en"].add(source)
    rng = random.Random(8)
    english = sorted(found.pop("en"))
    chosen = {
        code: rng.sample(sorted(each), min(len(each) // 2, MOST_SENTENCES))
        for code, each in sorted(found.items())
    }
    others = [
        (code, text) for code, each in sorted(found.items()) for text in sorted(each - set(chosen[code]))
    ]
    told = {code: each for code, each in chosen.items() if len(each) >= JOINED}
    return told, [*others, *(("en", text) for text in english)]


def _messages(catalogue: str) -> set[tuple[str, str]]:
    """Return (English, translation) of a catalogue's messages that are sentences, without what is filled in."""
    found = set()
    for entry in catalogue.split("\n\n"):
        if "#, fuzzy" in entry or "msgid_plural" in entry:
            continue
        source, _, translated = entry.partition("msgstr ")
        plain, english = _plain(translated), _plain(source.partition("msgid ")[2])
        long = len(plain) >= (
            LEAST_CHARACTERS if plain.isascii() or max(plain) < "\u2e80" else LEAST_CHARACTERS // 3
        )
        if long and plain not in source:
            found.add((english, plain))
    return found


def _plain(quoted: str) -> str:
    text = "".join(re.findall(r'^"?(.*?)"?$', quoted, re.MULTILINE)).replace('\\"', '"').replace("\\n", " ")
    return re.sub(r"%\(\w+\)\w|%\w|\{\w*\}|<[^>]*>|[\"“”«»]", " ", text).strip()


def pages() -> Labelled:
    """Return (language, text) of the crawl's pages whose text and language people labelled."""
    found = []
    with gzip.open(TRUTH, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            code = likely_code(row.get("lang") or "")
            if row.get("truth_text") and row.get("truth_kind") in PEOPLE and code and not row.get("note"):
                found.append((code, row["truth_text"]))
    return found


def trained(labelled: Labelled, file: str) -> str:
    """Train a model that tells the languages of the sentences; return its path."""
    lines = [f"__label__{code} {line(text)}\n" for code, text in labelled]
    random.Random(8).shuffle(lines)
    train("".join(lines), file, TRAINING)
    return file


def asked(model: str) -> dict[str, Callable[[Text], str]]:
    """Return name -> labeller."""
    return {
        "CLD2, whole text": language_label,
        "CLD2, first 1,000": lambda text: language_label(text, characters=1_000),
        f"{FASTTEXT}, whole text": lambda text: language_label(text, model=model),
        f"{FASTTEXT}, first 1,000": lambda text: language_label(text, model=model, characters=1_000),
    }


FASTTEXT = "fastText"


def _accuracy(labelled: Labelled, way: Callable[[Text], str]) -> dict[str, float]:
    """Return the share that is right, of other languages than English alone, of these what is called English.

    Where nearly all texts are English, who always says so is nearly always right: so they are counted apart.
    """
    texts = [Text(text) for _, text in labelled]
    start = time.process_time()
    told = [way(text) for text in texts]
    seconds = time.process_time() - start
    pairs = [(code, found) for (code, _), found in zip(labelled, told, strict=True)]
    others = [(code, found) for code, found in pairs if code != "en"]
    return {
        "right": sum(code == found for code, found in pairs) / len(pairs),
        "others": len(others),
        "others_right": sum(code == found for code, found in others) / max(1, len(others)),
        "false_english": sum(found == "en" for _, found in others) / max(1, len(others)),
        "documents_per_s": len(pairs) / seconds,
    }


def _tell_least(by_language: Mapping[str, Sequence[str]]) -> None:
    shares = sorted(
        (sum(language_label(Text(text)) == code for text in each) / len(each), code)
        for code, each in by_language.items()
    )
    print("least told sentences:", ", ".join(f"{code} {share:.2f}" for share, code in shares[:12]))


#: Language -> the script that it is written in.
_SCRIPTS = {
    "ru": "Cyrl", "el": "Grek", "he": "Hebr", "ar": "Arab", "th": "Thai", "hi": "Deva",
    "ka": "Geor", "hy": "Armn", "de": "Latn", "ko": "Hang",
}  # fmt: skip


def _scripts_right(by_language: Mapping[str, Sequence[str]]) -> float:
    """Return in which share of the languages whose script is known it is told."""
    told = {
        code: script_label(Text(" ".join(each))) for code, each in by_language.items() if code in _SCRIPTS
    }
    right = sum(_SCRIPTS[code] == script for code, script in told.items())
    print(f"scripts: {right} of {len(told)} right")
    return right / max(1, len(told))


def bench(quick: bool) -> tuple[dict[str, object], dict[str, tuple[float, float]]]:
    """Print and return how often each way is right, on sentences, on twenty joined, and on pages."""
    by_language, others = sentences()
    joined = [
        (code, " ".join(each[i : i + JOINED]))
        for code, each in by_language.items()
        for i in range(0, len(each) - JOINED + 1, JOINED)
    ]
    sets: Mapping[str, Labelled] = {
        "sentences": [(code, text) for code, each in by_language.items() for text in each],
        "twenty joined": joined,
        "pages": pages()[: 300 if quick else None],
    }
    figures: dict[str, object] = {"languages": sorted(by_language), "trained_on": len(others)}
    print(f"{len(by_language)} languages of sentences: {' '.join(by_language)}")
    accuracy: dict[tuple[str, str], float] = {}
    others_right: dict[tuple[str, str], float] = {}
    with tempfile.TemporaryDirectory() as folder:
        model = os.environ.get("CURATION_LID_MODEL") or trained(others, f"{folder}/trained.bin")
        print(
            f"fastText: {Path(model).name}, {Path(model).stat().st_size / 2**20:.1f} MiB, {len(others):,} sentences"
        )
        for what, labelled in sets.items():
            for name, way in asked(model).items():
                told = _accuracy(labelled, way)
                accuracy[what, name] = told["right"]
                others_right[what, name] = told["others_right"]
                figures[f"{what}, {name}"] = told
                print(
                    f"{what:16}{name:28}{told['right']:7.3f} right of {len(labelled):6,}, "
                    f"{told['others_right']:.3f} of {told['others']:,} that are not English, "
                    f"{told['false_english']:6.4f} falsely English{told['documents_per_s']:12,.0f}/s/core"
                )
    _tell_least(by_language)
    scripts_right = _scripts_right(by_language)
    bars = {
        "twenty_joined_right": (accuracy["twenty joined", "CLD2, whole text"], 0.95),
        "pages_right": (accuracy["pages", "CLD2, whole text"], 0.97),
        "pages_not_english_right": (others_right["pages", "CLD2, whole text"], 0.95),
        "sentences_right_by_fasttext": (accuracy["sentences", f"{FASTTEXT}, whole text"], 0.75),
        "pages_right_by_fasttext": (accuracy["pages", f"{FASTTEXT}, whole text"], 0.97),
        "scripts_right": (scripts_right, 1.0),
    }
    return figures, bars
