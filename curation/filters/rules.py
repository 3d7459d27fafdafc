"""What a recipe declares of filtering, as values: rules, edits, and the passes that group them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from curation.signals import LABELLERS, SIGNALS
from curation.text.text import Text


@dataclass(frozen=True, kw_only=True, slots=True)
class Top:
    """A bound that the corpus sets: the best `fraction` of its weight, for each source or language or all."""

    fraction: float
    weigh: str = "documents"
    per: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """Keep a document while `min <= signal(text, **options) <= max`; both ends belong to the interval.

    Without bounds it is measured and keeps every document: what a recipe has under `measure`. Where it asks
    for the `top` of the corpus, a later stage keeps those.
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
        """Return whether the value lies outside the interval; not-a-number does."""
        return not self.min <= value <= self.max


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """A named change of the text, with its options."""

    name: str
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """A name given to every document, such as its topic; what is called `language` becomes its language."""

    name: str
    labeller: str
    options: Mapping[str, object] = field(default_factory=dict)

    def of(self, text: Text) -> str:
        """Return the text's label."""
        return LABELLERS[self.labeller](text, **self.options)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """Edits, then labels, then rules, of one name, for some documents or for all.

    Attributes:
        only: sources (none: all).
        when: label -> its values; a document goes through where every one of its labels is among them.
        per_language: language -> the rules for its documents, instead of `rules`, and of the same names.
    """

    name: str
    edits: tuple[Edit, ...]
    rules: tuple[Rule, ...]
    only: tuple[str, ...] = ()
    labels: tuple[Label, ...] = ()
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    per_language: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)

    def concerns(self, source: str, labels: Mapping[str, str] | None = None) -> bool:
        """Return whether documents of the source, with these labels, go through this pass.

        Without labels: whether some documents of the source may.
        """
        if self.only and source not in self.only:
            return False
        return labels is None or all(labels.get(name) in values for name, values in self.when.items())

    def rules_for(self, language: str) -> tuple[Rule, ...]:
        """Return the rules for documents in a language."""
        return self.per_language.get(language, self.rules)


def broken(measures: Mapping[str, float], each: Pass, language: str = "") -> Iterator[tuple[Rule, float]]:
    """Yield every rule of the pass that its measure ("pass.rule" -> value) breaks, in recipe order."""
    for rule in each.rules_for(language):
        value = measures[f"{each.name}.{rule.name}"]
        if rule.broken_by(value):
            yield rule, value
