"""The filter section of a recipe as values: rules, edits, labels and the passes that group them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from curation.signals import LABELLERS, SIGNALS
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

    def broken_by(self, value: float) -> bool:
        """Return whether the value is outside the interval; NaN is."""
        return not self.min <= value <= self.max


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """An edit of the text, with its options."""

    name: str
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """A label for every document, such as its topic; the label `language` sets the document's language."""

    name: str
    labeller: str
    options: Mapping[str, object] = field(default_factory=dict)

    def of(self, text: Text) -> str:
        """Return the text's label."""
        return LABELLERS[self.labeller](text, **self.options)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """A named group of edits, labels and rules, run in this order on some or all documents.

    Attributes:
        only: sources of the documents (empty: all).
        when: label -> allowed values; a document must have an allowed value of every label.
        per_language: language -> rules with the same names that replace `rules` for its documents.
    """

    name: str
    edits: tuple[Edit, ...] = ()
    rules: tuple[Rule, ...]
    only: tuple[str, ...] = ()
    labels: tuple[Label, ...] = ()
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    per_language: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)

    def applies_to(self, source: str, labels: Mapping[str, str] | None = None) -> bool:
        """Return whether the pass runs on documents of a source with these labels.

        Without labels: whether it may run on some documents of the source.
        """
        if self.only and source not in self.only:
            return False
        return labels is None or all(labels.get(name) in values for name, values in self.when.items())

    def rules_for(self, language: str) -> tuple[Rule, ...]:
        """Return the rules for documents in a language."""
        return self.per_language.get(language, self.rules)


def broken_rules(
    measures: Mapping[str, float], step: Pass, language: str = ""
) -> Iterator[tuple[Rule, float]]:
    """Yield (rule, value) for every broken rule of a pass, in recipe order; measures are by "pass.rule"."""
    for rule in step.rules_for(language):
        value = measures[f"{step.name}.{rule.name}"]
        if rule.broken_by(value):
            yield rule, value
