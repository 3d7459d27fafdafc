"""The filter section of a recipe as values: rules, edits, labels and the passes that group them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from curation.filters.registry import counts_words
from curation.signals import LABELLERS, SIGNALS
from curation.signals.registry import word_splitter
from curation.text.splitters import DICTIONARIES, Splitter, base_code, with_dictionary
from curation.text.text import Text


@dataclass(frozen=True, kw_only=True, slots=True)
class Top:
    """A bound set by the corpus: keep the best `fraction` of its weight, overall or `per` group."""

    fraction: float
    weigh: str = "documents"
    per: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """Keep a document if `min <= signal(text, **options) <= max`.

    A rule without bounds only measures: these are the entries under `measure` in a recipe. With `top` a later
    stage keeps the best documents of the corpus.
    """

    name: str
    signal: str
    min: float = -math.inf
    max: float = math.inf
    options: Mapping[str, object] = field(default_factory=dict)
    top: Top | None = None

    def measure(self, text: Text) -> float:
        """Return the signal's value, in its own unit."""
        return SIGNALS[self.signal](text, **self.options)

    def with_dictionary(self, language: str) -> Rule:
        """Return the rule as it reads a language: words of one without spaces are a dictionary's."""
        named = word_splitter(self.signal)
        if named is None:
            return self
        splitter = cast(Splitter, self.options.get("splitter", named))
        return replace(self, options={**self.options, "splitter": with_dictionary(splitter, language)})

    def broken_by(self, value: float) -> bool:
        """Return whether the value is outside the interval; NaN is."""
        return not self.min <= value <= self.max


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """An edit of the text, with its options."""

    name: str
    options: Mapping[str, object] = field(default_factory=dict)

    def with_dictionary(self, language: str) -> Edit:
        """Return the edit as it reads a language: words of one without spaces are a dictionary's."""
        if not counts_words(self.name):
            return self
        splitter = cast(Splitter, self.options.get("splitter", "whitespace"))
        return replace(self, options={**self.options, "splitter": with_dictionary(splitter, language)})


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """A label for every document, such as its topic; the label `language` sets the document's language."""

    name: str
    labeller: str
    options: Mapping[str, object] = field(default_factory=dict)

    def of(self, text: Text) -> str:
        """Return the text's label."""
        return LABELLERS[self.labeller](text, **self.options)


Splitters = Literal["by_language", "as_named"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """A named group of edits, labels and rules, run in this order on some or all documents.

    Attributes:
        only: sources of the documents (empty: all).
        when: label -> allowed values; a document must have an allowed value of every label.
        per_language: language -> rules with the same names that replace `rules` for its documents.
        shipped: language -> rules of the package's own table that replace those of the same names. What
            `per_language` says of a language is complete, and goes first.
        splitters: whether rules and edits split a language written without spaces `by_language` (with a
            dictionary), or `as_named`, as every other.
    """

    name: str
    edits: tuple[Edit, ...] = ()
    rules: tuple[Rule, ...]
    only: tuple[str, ...] = ()
    labels: tuple[Label, ...] = ()
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    per_language: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    shipped: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    splitters: Splitters = "by_language"

    def applies_to(self, source: str, labels: Mapping[str, str] | None = None) -> bool:
        """Return whether the pass runs on documents of a source with these labels.

        Without labels: whether it may run on some documents of the source.
        """
        if self.only and source not in self.only:
            return False
        return labels is None or all(labels.get(name) in values for name, values in self.when.items())

    def edits_for(self, language: str | None) -> tuple[Edit, ...]:
        """Return the edits for documents in a language (None or "un": unknown)."""
        if self.splitters == "by_language" and language and base_code(language) in DICTIONARIES:
            return tuple(edit.with_dictionary(language) for edit in self.edits)
        return self.edits

    def rules_for(self, language: str | None) -> tuple[Rule, ...]:
        """Return the rules for documents in a language (None or "un": unknown)."""
        if language is None:
            return self.rules
        if language in self.per_language:
            return self.per_language[language]
        own = {rule.name: rule for rule in self.shipped.get(language, ())}
        if self.splitters == "by_language" and base_code(language) in DICTIONARIES:
            return tuple(own.get(rule.name) or rule.with_dictionary(language) for rule in self.rules)
        return tuple(own.get(rule.name, rule) for rule in self.rules) if own else self.rules

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that have bounds of their own."""
        return tuple(dict.fromkeys((*self.per_language, *self.shipped)))
