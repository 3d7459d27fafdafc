"""Mistakes in a rule's options that need no text: unknown languages and labels."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec

import fsspec

from curation.signals.models.likeness import HINT
from curation.signals.models.model_files import fasttext_labels
from curation.text.language import codes, likely_code
from curation.text.mistakes import nearest


def option_mistakes(signal: str, options: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield (option, mistake) for a signal's options; their types and files have been checked before.

    The language of `language_probability` is a CLD2 code or, with a model, one of its labels.
    """
    model = options.get("model")
    if signal == "kenlm_perplexity" and find_spec("kenlm") is None:
        yield "language_model", f"a KenLM model needs the package kenlm, which is not installed; {HINT}"
    if signal == "language_probability" and not model:
        mistake = language_mistake(str(options.get("language", "")))
        if mistake and "language" in options:
            yield "language", mistake
    elif isinstance(model, str):
        labels = fasttext_labels(model)
        for option in ("language", "label"):
            name = options.get(option)
            if isinstance(name, str) and name.removeprefix("__label__") not in labels:
                yield option, f"'{model}' has no label '{name}'{nearest(name, labels)}"
        yield from _other_characters(model, options.get("characters"))


def _other_characters(model: str, characters: object) -> Iterator[tuple[str, str]]:
    """Yield a mistake if a model was trained on another number of characters than it is to read.

    `curate quality train` stores that number beside the model; models of other tools are not checked.
    """
    filesystem, name = fsspec.core.url_to_fs(f"{model}.json")
    if not filesystem.exists(name):
        return
    try:
        trained = json.loads(filesystem.cat_file(name))["settings"]["characters"]
    except (ValueError, KeyError, TypeError):
        return  # another tool's file
    if trained != characters:
        expected, actual = (
            f"the first {count:,} characters" if count else "whole texts" for count in (trained, characters)
        )
        yield (
            "characters",
            f"'{model}' was trained on {expected}, but reads {actual} here; its scores do not compare",
        )


def language_mistake(language: str) -> str | None:
    """Return what is wrong with a language code; None if CLD2 detects the language."""
    if language in codes():
        return None
    likely = likely_code(language)
    hint = f" (did you mean '{likely}'?)" if likely else nearest(language, codes())
    return f"CLD2 has no language '{language}'{hint}"
