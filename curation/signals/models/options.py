"""What is wrong with a rule's options, before any text is seen: languages and labels that there are not."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib.util import find_spec

import fsspec

from curation.signals.models.likeness import HINT
from curation.signals.models.model_files import fasttext_labels
from curation.text.language import codes, likely_code

#: (what was found, what is known) -> the nearest of them, in words.
Nearest = Callable[[str, Collection[str]], str]


def option_mistakes(
    signal: str, options: Mapping[str, object], nearest: Nearest
) -> Iterator[tuple[str, str]]:
    """Yield (option, what is wrong) of a signal's options, whose types are right and whose files are whole.

    The language of `language_probability` is a code of CLD2 or, as `label` is, a label of the model given.
    """
    model = options.get("model")
    if signal == "kenlm_perplexity" and find_spec("kenlm") is None:
        yield "language_model", f"a KenLM model needs the package kenlm, which is not here; {HINT}"
    if signal == "language_probability" and not model:
        wrong = language_mistake(str(options.get("language", "")), nearest)
        if wrong and "language" in options:
            yield "language", wrong
    elif isinstance(model, str):
        labels = fasttext_labels(model)
        for option in ("language", "label"):
            name = options.get(option)
            if isinstance(name, str) and name.removeprefix("__label__") not in labels:
                yield option, f"'{model}' knows no label '{name}'{nearest(name, labels)}"
        yield from _read_otherwise(model, options.get("characters"))


def _read_otherwise(model: str, characters: object) -> Iterator[tuple[str, str]]:
    """Yield what is wrong where a model was trained on other first characters than it is to read.

    `curate quality train` writes that beside the model; of others nothing is known.
    """
    filesystem, name = fsspec.core.url_to_fs(f"{model}.json")
    if not filesystem.exists(name):
        return
    try:
        trained = json.loads(filesystem.cat_file(name))["settings"]["characters"]
    except (ValueError, KeyError, TypeError):
        return  # another tool's file
    if trained != characters:
        read, told = (
            f"the first {each:,} characters" if each else "whole texts" for each in (trained, characters)
        )
        yield (
            "characters",
            f"'{model}' was trained on {read}, here it reads {told}; its scores mean another thing",
        )


def language_mistake(language: str, nearest: Nearest) -> str | None:
    """Return what is wrong with a language's code; None where CLD2 can tell it."""
    if language in codes():
        return None
    meant = likely_code(language)
    hint = f" (did you mean '{meant}'?)" if meant else nearest(language, codes())
    return f"no language '{language}' that CLD2 tells{hint}"
