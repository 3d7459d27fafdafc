"""Which language a text is in: labelled sentences and pages, by CLD2 whole and by first characters, and its speed.

Sentences: the translations of their messages that Django carries (a package of an environment of its own), in the
languages that CLD2 tells, by the folder they lie in. Pages: those of the shared crawl whose language was labelled
by people. A model for fastText is a download: name one with CURATION_LID_MODEL to see it beside.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import peers
from extract_corpus import TRUTH

from curation.language import codes, likely_code
from curation.signals.labels import language_label, script_label
from curation.text.text import Text

DJANGO = ("Django==5.2.8",)
PEOPLE = ("human", "human_reviewed_llm")
LEAST_CHARACTERS, MOST_SENTENCES, JOINED = 40, 60, 20
#: As CLD2 calls what Django and the crawl call otherwise.
_SAME = {"zh_Hans": "zh", "zh_Hant": "zh", "pt_BR": "pt", "sr_Latn": "sr", "no": "nb"}
Labelled = Sequence[tuple[str, str]]


def sentences() -> dict[str, list[str]]:
    """Return language -> translated messages, a sample of each language by a seed."""
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
            found[code].update(_messages(path.read_text(encoding="utf-8")))
    rng = random.Random(8)
    chosen = {
        code: rng.sample(sorted(each), min(len(each), MOST_SENTENCES)) for code, each in sorted(found.items())
    }
    return {code: each for code, each in chosen.items() if len(each) >= JOINED}


def _messages(catalogue: str) -> set[str]:
    """Return the translations of a catalogue that are sentences, without what is filled in."""
    found = set()
    for entry in catalogue.split("\n\n"):
        if "#, fuzzy" in entry or "msgid_plural" in entry:
            continue
        source, _, translated = entry.partition("msgstr ")
        text = (
            "".join(re.findall(r'^"?(.*?)"?$', translated, re.MULTILINE))
            .replace('\\"', '"')
            .replace("\\n", " ")
        )
        plain = re.sub(r"%\(\w+\)\w|%\w|\{\w*\}|<[^>]*>|[\"“”«»]", " ", text).strip()
        long = len(plain) >= (
            LEAST_CHARACTERS if plain.isascii() or max(plain) < "\u2e80" else LEAST_CHARACTERS // 3
        )
        if long and plain not in source:
            found.add(plain)
    return found


def pages() -> Labelled:
    """Return (language, text) of the crawl's pages whose text and language people labelled."""
    found = []
    with gzip.open(TRUTH, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            code = likely_code(row.get("lang") or "")
            if row.get("truth_text") and row.get("truth_kind") in PEOPLE and code and not row.get("note"):
                found.append((code, row["truth_text"]))
    return found


def asked() -> dict[str, Callable[[Text], str]]:
    """Return name -> labeller."""
    ways: dict[str, Callable[[Text], str]] = {
        "CLD2, whole text": language_label,
        "CLD2, first 1,000": lambda text: language_label(text, characters=1_000),
    }
    if model := os.environ.get("CURATION_LID_MODEL"):
        ways[f"fastText {Path(model).name}"] = lambda text: language_label(text, model=model)
        ways["fastText, first 1,000"] = lambda text: language_label(text, model=model, characters=1_000)
    return ways


def _accuracy(labelled: Labelled, way: Callable[[Text], str]) -> tuple[float, float, float]:
    """Return (share right, share of other languages called English, documents a second)."""
    texts = [Text(text) for _, text in labelled]
    start = time.process_time()
    told = [way(text) for text in texts]
    seconds = time.process_time() - start
    right = sum(a == b for (a, _), b in zip(labelled, told, strict=True)) / len(labelled)
    others = [b for (a, _), b in zip(labelled, told, strict=True) if a != "en"]
    return right, sum(each == "en" for each in others) / max(1, len(others)), len(labelled) / seconds


def bench(quick: bool) -> tuple[dict[str, object], dict[str, tuple[float, float]]]:
    """Print and return how often each way is right, on sentences, on twenty joined, and on pages."""
    by_language = sentences()
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
    figures: dict[str, object] = {"languages": sorted(by_language)}
    print(f"{len(by_language)} languages of sentences: {' '.join(by_language)}")
    accuracy: dict[tuple[str, str], float] = {}
    for what, labelled in sets.items():
        for name, way in asked().items():
            right, false_english, rate = _accuracy(labelled, way)
            accuracy[what, name] = right
            figures[f"{what}, {name}"] = {
                "right": right,
                "false_english": false_english,
                "documents_per_s": rate,
            }
            print(
                f"{what:16}{name:28}{right:7.3f} right of {len(labelled):6,}, {false_english:6.4f} falsely English{rate:12,.0f}/s/core"
            )
    wrong = sorted(
        (sum(language_label(Text(text)) == code for text in each) / len(each), code)
        for code, each in by_language.items()
    )
    print("least told sentences:", ", ".join(f"{code} {share:.2f}" for share, code in wrong[:12]))
    scripts = {code: script_label(Text(" ".join(each))) for code, each in by_language.items()}
    known = {
        "ru": "Cyrl",
        "el": "Grek",
        "he": "Hebr",
        "ar": "Arab",
        "th": "Thai",
        "hi": "Deva",
        "ka": "Geor",
        "hy": "Armn",
        "de": "Latn",
        "ko": "Hang",
    }
    right = [scripts[code] == script for code, script in known.items() if code in scripts]
    print(f"scripts: {sum(right)} of {len(right)} right")
    bars = {
        "twenty_joined_right": (accuracy["twenty joined", "CLD2, whole text"], 0.95),
        "pages_right": (accuracy["pages", "CLD2, whole text"], 0.97),
        "scripts_right": (sum(right) / max(1, len(right)), 1.0),
    }
    return figures, bars
