"""Where a recipe's parts work against each other: no mistakes, so the recipe runs, but worth a word."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Sequence

import fsspec

from curation.extract.settings import Gate
from curation.files.tokenizer_file import switched_off
from curation.filters.rules import Pass, Rule
from curation.recipe.language_fit import unfit
from curation.recipe.nodes import missing
from curation.recipe.recipe import Recipe
from curation.recipe.sections.dedup import Near
from curation.recipe.sections.shard import TrainedTokenizer
from curation.signals import SIGNALS, blocklist
from curation.signals.registry import ListPath

_LEAST_CHANCE = 0.9


def contradictions(recipe: Recipe) -> Iterator[str]:
    """Yield one line for each way in which the gate before extraction and a later rule disagree.

    And one where bands find too few of the documents that `containment` is to remove, and one for each list
    of addresses that has lines which are no entries, and where a pass does not fit a language.
    """
    yield from _containment(recipe.dedup.near)
    yield from filter(None, map(blocklist.left_out, _lists(recipe.filter)))
    yield from _tokenizer(recipe.shard.tokenizer)
    yield from unfit(recipe)
    gate = recipe.extract.gate
    if gate is None:
        return
    yielded: set[str] = set()
    for source, settings in recipe.inputs.items():
        if settings.text:  # text passes no gate
            continue
        passes = [one for one in recipe.filter if one.applies_to(source)]
        for line in (*_languages(gate, passes), *_lengths(gate, passes)):
            if line not in yielded:
                yielded.add(line)
                yield line


def _containment(near: Near | None) -> Iterator[str]:
    """Compare what containment asks for with the chance that bands find it: a half is as alike as .5."""
    if near is None or near.containment is None:
        return
    chance = near.candidate_probability(0.5)
    if chance < _LEAST_CHANCE:
        yield (
            f"dedup.near.containment is {near.containment:g}, but {near.bands} bands of {near.rows_per_band} "
            f"rows find {chance:.0%} of the documents that are half of another; bands: 64 and "
            "rows_per_band: 2 find nearly all, at the price of more comparisons"
        )


def _tokenizer(tokenizer: str | TrainedTokenizer) -> Iterator[str]:
    """Name what in the tokenizer's file is switched off."""
    if isinstance(tokenizer, TrainedTokenizer) or missing(tokenizer):
        return
    with fsspec.open(tokenizer, "rt", encoding="utf-8") as stream:
        if settings := switched_off(stream.read()):
            yield f"shard.tokenizer {tokenizer}: has {', '.join(settings)}; the shards are made without"


def _lists(passes: Sequence[Pass]) -> list[str]:
    """Return the lists of addresses that the rules name, once each."""
    paths: dict[str, None] = {}
    for rule in (rule for filter_pass in passes for rule in filter_pass.rules):
        kinds = typing.get_type_hints(SIGNALS[rule.signal])
        for name, value in rule.options.items():
            if ListPath in typing.get_args(kinds.get(name)):
                paths |= dict.fromkeys(typing.cast(tuple[str, ...], value or ()))
    return list(paths)


def _rules(passes: Sequence[Pass], signal: str) -> Iterator[tuple[str, Rule]]:
    for filter_pass in passes:
        for rule in filter_pass.rules:
            if rule.signal == signal:
                yield f"{filter_pass.name}.{rule.name}", rule


def _languages(gate: Gate, passes: Sequence[Pass]) -> Iterator[str]:
    # The labels of a model given by file are its own: only CLD2's codes can be compared with the gate's.
    judging = _rules(passes, "language_probability")
    rules = [(name, rule) for name, rule in judging if not rule.options.get("model") and rule.min > 0]
    for name, rule in rules if gate.languages else ():
        language = rule.options["language"]
        if language not in gate.languages:
            yield f"extract.gate drops pages in '{language}', the one language that rule {name} keeps"
        elif gate.min > rule.min:
            yield (
                f"extract.gate asks for {gate.min:g} of the visible text in its languages, rule {name} only"
                f" for {rule.min:g} of the main text: the gate drops pages that the rule would keep"
            )
        for other in gate.languages:
            if other != language:
                yield f"extract.gate lets pages in '{other}' pass, and rule {name} drops all of them"


def _lengths(gate: Gate, passes: Sequence[Pass]) -> Iterator[str]:
    """Compare the gate's length with the shortest text that every rule allows: n words have n - 1 spaces."""
    if not gate.min_characters:
        return
    word = max((rule.min for _, rule in _rules(passes, "mean_word_length")), default=1.0)
    bounds = [(rule.min, name) for name, rule in _rules(passes, "text_length") if rule.min > 0]
    counts = [(name, rule.min) for name, rule in _rules(passes, "word_count") if rule.min > 0]
    bounds += [(least * (max(word, 1.0) + 1) - 1, name) for name, least in counts]
    least, name = max(bounds, default=(0.0, ""))
    if gate.min_characters > least:
        keeper = f"rule {name} keeps texts of {least:g}" if name else "no later rule asks for a length"
        yield f"extract.gate drops pages of fewer than {gate.min_characters} visible characters, and {keeper}"
