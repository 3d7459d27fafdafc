"""Labellers: pure functions from a text to a name, such as its topic, script or language.

A signal returns a number, a labeller returns a name. A pass stores the label, `when:` selects passes by it,
and shards and strata group documents by it. A labeller never drops a document.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

import regex

from curation.signals.models.fasttext_models import probabilities
from curation.signals.registry import FilePath, signal
from curation.text.language import detect
from curation.text.text import Text

Labeller = Callable[..., str]
_L = TypeVar("_L", bound=Labeller)

LABELLERS: dict[str, Labeller] = {}
#: The label of a text that cannot be classified; languages use the code "un".
UNKNOWN = "unknown"
# The most frequent scripts come first, because they are tried in this order.
_CODES = """
Latn Cyrl Hani Hira Kana Arab Hang Deva Grek Thai Hebr Beng Taml Telu Mlym Knda Gujr Guru Orya Sinh Mymr
Khmr Laoo Tibt Geor Armn Ethi Mong Cans Cher Thaa Nkoo Syrc Tfng Bopo Yiii Vaii Java Bali Sund Lana Tale
Talu Olck Mtei Cakm Adlm Batk Bugi Cham Copt Dsrt Glag Goth Hano Buhd Tagb Tglg Kali Kthi Lepc Limb Lisu
Mand Ogam Osge Phag Rjng Rohg Runr Samr Saur Shaw Sidd Sora Sylo Takr Tirh Wara Xsux Egyp Brai Bamu Bass
Hmng Hmnp Plrd Mend Mroo Newa Osma Tavt Vith Wcho Yezi Gonm Gong Nshu Medf Tnsa Toto
"""
#: Codes of the scripts in use (ISO 15924).
SCRIPTS = tuple(_CODES.split())
NO_SCRIPT = "Zyyy"  # ISO 15924: common to all scripts


def labeller(function: _L) -> _L:
    """Register a labeller under its function's name without `_label`, and return it unchanged."""
    name = function.__name__.removesuffix("_label")
    if name in LABELLERS:
        raise ValueError(f"there is already a labeller named '{name}', in {LABELLERS[name].__module__}")
    LABELLERS[name] = function
    return function


@labeller
def fasttext_label(
    text: Text, *, model: FilePath, characters: int | None = None, min_probability: float = 0.0
) -> str:
    """The most probable label of a fastText model, without `__label__`; "unknown" below `min_probability`.

    The model reads the first `characters` of the text (None: all).
    """
    best, probability = next(iter(probabilities(text, model, characters, labels=1).items()), (UNKNOWN, 0.0))
    return best if probability >= min_probability else UNKNOWN


@labeller
def language_label(
    text: Text, *, model: FilePath | None = None, characters: int | None = None, min_probability: float = 0.0
) -> str:
    """The main language by CLD2 (its share of the text is the probability) or by a fastText model.

    "un" if it is unknown or less probable than `min_probability`. `characters`: see `fasttext_label`.

    >>> language_label(Text("The quick brown fox jumps over the lazy dog and runs away."))
    'en'
    """
    if model is not None:
        label = fasttext_label(text, model=model, characters=characters, min_probability=min_probability)
        return "un" if label == UNKNOWN else label
    language = detect(text.raw if characters is None else text.raw[: max(characters, 0)])
    return language.code if language.fraction >= min_probability else "un"


@labeller
def script_label(text: Text) -> str:
    """The ISO 15924 code of the script of most letters; "Zyyy" if there are no letters.

    >>> script_label(Text("Съешь же ещё")), script_label(Text("Съешь these buns")), script_label(Text("12"))
    ('Cyrl', 'Latn', 'Zyyy')
    """
    counts = _script_counts(text)
    return max(sorted(counts), key=counts.__getitem__, default=NO_SCRIPT)


@signal
def script_fraction(text: Text, *, script: str) -> float:
    """Share of the characters in one script (its ISO 15924 code); 0.0 if no character belongs to a script.

    Digits, marks and spaces, which all scripts share, do not count.

    >>> round(script_fraction(Text("Москва (Moscow), 1147"), script="Cyrl"), 2)
    0.5
    """
    counts = _script_counts(text)
    return counts.get(script, 0) / sum(counts.values()) if counts else 0.0


def _script_counts(text: Text) -> dict[str, int]:
    counts: dict[str, int] = {}
    for character, count in text.characters.items():
        script = _script(character)
        if script != NO_SCRIPT:
            counts[script] = counts.get(script, 0) + count
    return counts


@functools.lru_cache(maxsize=1 << 16)
def _script(character: str) -> str:
    return next((code for code, pattern in _patterns() if pattern.match(character)), NO_SCRIPT)


@functools.cache
def _patterns() -> tuple[tuple[str, regex.Pattern[str]], ...]:
    return tuple((code, regex.compile(rf"\p{{Script={code}}}")) for code in SCRIPTS)
