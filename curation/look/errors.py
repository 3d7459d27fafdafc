"""What is wrong with a question to a run, or with the run's own files."""

from __future__ import annotations


class BadQuestion(ValueError):
    """A question that this run cannot answer; says what was found and what was expected."""


class Disagreement(RuntimeError):
    """What the stored measures say is not what the ledger says."""
