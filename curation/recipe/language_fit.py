"""Where a pass judges a language, which the recipe names, by rules for another: worth a word, no mistake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from curation.filters.rules import Pass, Rule
from curation.recipe.recipe import Recipe
from curation.signals.registry import word_splitter
from curation.text.splitters import DICTIONARIES, WITHOUT_SPLITTER, base_code

_NAMED = 3  # rules of a pass
_SPLIT_BY_SPACES = ("whitespace", "unpunctuated", "spacy-like", "wordpunct")
_ENGLISH = {"the", "of", "and"}


def unfit(recipe: Recipe) -> Iterator[str]:
    """Yield one line for each language that a pass cannot split, or asks for English words."""
    for filter_pass in recipe.filter:
        for language in dict.fromkeys(_named_languages(recipe, filter_pass)):
            yield from _unfit(filter_pass, language)


def _named_languages(recipe: Recipe, filter_pass: Pass) -> Iterator[str]:
    """Yield the languages that the recipe keeps by name and that come to a pass."""
    if "language" in filter_pass.when:
        yield from filter_pass.when["language"]
        return
    sources = [name for name in recipe.inputs if filter_pass.applies_to(name)]
    for one in recipe.filter:
        for rule in one.rules if set(one.only or sources) & set(sources) else ():
            if rule.signal == "language_probability" and rule.min > 0:
                yield str(rule.options["language"])
    gate = recipe.extract.gate
    if gate and any(not recipe.inputs[name].text for name in sources):
        yield from gate.languages


def _unfit(filter_pass: Pass, language: str) -> Iterator[str]:
    """Compare a pass with a language: whether it finds its words, and whether it asks for English ones."""
    rules, name, code = filter_pass.rules_for(language), filter_pass.name, base_code(language)
    counting = [rule for rule in rules if word_splitter(rule.signal)]
    unspaced = f"'{language}' is written without spaces between words"
    if counting and code in WITHOUT_SPLITTER:
        yield (
            f"pass {name} counts words ({_some(counting)}), and {unspaced}; no splitter here finds them: "
            "give those rules bounds for it in a table (per_language), or leave them out"
        )
    whole = [rule for rule in counting if rule.options.get("splitter", "whitespace") in _SPLIT_BY_SPACES]
    if whole and code in DICTIONARIES:
        yield (
            f"pass {name} counts what stands between spaces ({_some(whole)}), and {unspaced}; "
            "splitter: icu finds them, as a pass does without splitters: as_named"
        )
    for edit in filter_pass.edits_for(language):
        by_spaces = edit.options.get("splitter", "whitespace") in _SPLIT_BY_SPACES
        if edit.options.get("min_words") and by_spaces and code in DICTIONARIES | WITHOUT_SPLITTER:
            yield (
                f"edit {edit.name} of pass {name} counts what stands between spaces (min_words), and "
                f"{unspaced}: it takes nearly every line out"
            )
    for rule in rules:
        words = set(map(str, cast(tuple[str, ...], rule.options.get("words", ()))))
        if code != "en" and rule.signal == "stop_word_count" and rule.min > 0 and words >= _ENGLISH:
            yield (
                f"rule {name}.{rule.name} asks for English words, and pages in '{language}' have few: "
                "name words of that language in a table (per_language)"
            )


def _some(rules: Sequence[Rule]) -> str:
    names = ", ".join(rule.name for rule in rules[:_NAMED])
    return f"{names} and {len(rules) - _NAMED} more" if len(rules) > _NAMED else names
