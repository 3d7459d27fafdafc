"""Labels: pure functions from a text to one name, such as its topic, its script or its language.

What a signal is to numbers, a labeller is to names: a pass writes the label down, `when:` chooses passes by
it, shards and strata part documents by it. A labeller never drops anything.
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
#: The label of a text of which nothing can be said; languages use the code "un".
UNKNOWN = "unknown"
# Those that most text is in come first, for they are tried first.
_CODES = """
Latn Cyrl Hani Hira Kana Arab Hang Deva Grek Thai Hebr Beng Taml Telu Mlym Knda Gujr Guru Orya Sinh Mymr
Khmr Laoo Tibt Geor Armn Ethi Mong Cans Cher Thaa Nkoo Syrc Tfng Bopo Yiii Vaii Java Bali Sund Lana Tale
Talu Olck Mtei Cakm Adlm Batk Bugi Cham Copt Dsrt Glag Goth Hano Buhd Tagb Tglg Kali Kthi Lepc Limb Lisu
Mand Ogam Osge Phag Rjng Rohg Runr Samr Saur Shaw Sidd Sora Sylo Takr Tirh Wara Xsux Egyp Brai Bamu Bass
Hmng Hmnp Plrd Mend Mroo Newa Osma Tavt Vith Wcho Yezi Gonm Gong Nshu Medf Tnsa Toto
"""
#: Scripts in use by their codes (ISO 15924).
SCRIPTS = tuple(_CODES.split())
NO_SCRIPT = "Zyyy"  # ISO 15924: common to all scripts


def labeller(function: _L) -> _L:
    """Register a labeller under its function's name, less `_label`, and return it unchanged."""
    name = function.__name__.removesuffix("_label")
    if name in LABELLERS:
        raise ValueError(f"there is already a labeller named '{name}', in {LABELLERS[name].__module__}")
    LABELLERS[name] = function
    return function


@labeller
def fasttext_label(
    text: Text, *, model: FilePath, characters: int | None = None, min_probability: float = 0.0
) -> str:
    """The likeliest label of a fastText model, without `__label__`; "unknown" below `min_probability`.

    `characters`: how many of the text's first characters the model reads (None: all).
    """
    best, chance = next(iter(probabilities(text, model, characters, labels=1).items()), (UNKNOWN, 0.0))
    return best if chance >= min_probability else UNKNOWN


@labeller
def language_label(
    text: Text, *, model: FilePath | None = None, characters: int | None = None, min_probability: float = 0.0
) -> str:
    """The main language by CLD2 (its share of the text is the probability) or by a fastText model.

    "un" where it cannot be told, or not with `min_probability`. `characters`: as in `fasttext_label`.

    >>> language_label(Text("The quick brown fox jumps over the lazy dog and runs away."))
    'en'
    """
    if model is not None:
        found = fasttext_label(text, model=model, characters=characters, min_probability=min_probability)
        return "un" if found == UNKNOWN else found
    told = detect(text.raw if characters is None else text.raw[: max(characters, 0)])
    return told.code if told.fraction >= min_probability else "un"


@labeller
def script_label(text: Text) -> str:
    """The script that most of the letters are in, by its ISO 15924 code; "Zyyy" where there are none.

    >>> script_label(Text("Съешь же ещё")), script_label(Text("Съешь these buns")), script_label(Text("12"))
    ('Cyrl', 'Latn', 'Zyyy')
    """
    counts = _counted(text)
    return max(sorted(counts), key=counts.__getitem__, default=NO_SCRIPT)


@signal
def script_fraction(text: Text, *, script: str) -> float:
    """Share of the characters that belong to one script that are of this one (ISO 15924); 0.0 where none are.

    Digits, marks and spaces, which all scripts use, do not count.

    >>> round(script_fraction(Text("Москва (Moscow), 1147"), script="Cyrl"), 2)
    0.5
    """
    counts = _counted(text)
    return counts.get(script, 0) / sum(counts.values()) if counts else 0.0


def _counted(text: Text) -> dict[str, int]:
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
