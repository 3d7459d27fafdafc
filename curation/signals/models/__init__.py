"""Signals and labels that ask a model, and what is checked about a model before a text is seen."""
