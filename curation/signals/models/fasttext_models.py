"""Signals that ask a model: which language, which label.

A model is loaded once per process, when first asked; it is read-only, so nothing depends on the order of
documents. Models are given by path or URL; a path must lead to the same file on every host.
"""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

import fsspec
import xxhash

from curation.signals.models.model_files import fasttext_labels
from curation.signals.registry import FilePath, signal
from curation.text.language import detect
from curation.text.text import Text


class _Model(Protocol):
    labels: Sequence[str]

    def predict(self, text: list[str], k: int) -> tuple[list[list[str]], Sequence[Sequence[float]]]: ...


@functools.lru_cache(maxsize=8)
def _load(path: str) -> _Model:
    import fasttext  # costs a second and some memory: only processes that use a model pay for it

    local = _local(path)
    fasttext_labels(local)  # the library takes the process with it where a model was cut short
    return cast(_Model, fasttext.load_model(local))


def _local(path: str) -> str:
    """Return a path on this host: fastText opens no URL, so what lies elsewhere is copied once a host.

    The copy is named by the URL and by what its store says changes with its bytes.
    """
    if "://" not in path:
        return path
    filesystem, name = fsspec.core.url_to_fs(path)
    folder = Path(tempfile.gettempdir(), "curation-models")
    folder.mkdir(exist_ok=True)
    copy = folder / f"{xxhash.xxh3_128_hexdigest(f'{path} {filesystem.ukey(name)}'.encode())}.bin"
    if not copy.exists():
        part = copy.with_suffix(f".{os.getpid()}.part")
        filesystem.get_file(name, str(part))
        os.replace(part, copy)  # another worker may have been quicker, with the same bytes
    return str(copy)


def probabilities(
    text: Text, model: str, characters: int | None = None, *, labels: int = -1
) -> dict[str, float]:
    """Return label (without `__label__`) -> probability, 0 to 1, by a fastText model; line feeds are spaces.

    Args:
        text: what to read.
        model: path or URL of the model.
        characters: how many of the text's first characters are read; None for all.
        labels: how many labels to tell, the likeliest first; -1 for all.
    """
    # fastText reads one line and takes no lone surrogates.
    head = text.raw if characters is None else text.raw[: max(characters, 0)]
    return _predicted(model, head.replace("\n", " ").encode("utf-8", "replace").decode("utf-8"), labels)


@functools.lru_cache(maxsize=4)  # the rules of a pass ask one model for several of its labels
def _predicted(model: str, line: str, labels: int) -> dict[str, float]:
    # The list form works under every numpy; the sums of 32-bit floats can pass 1.
    names, chances = _load(model).predict([line], k=labels)
    found = zip(names[0], chances[0], strict=True)
    return {name.removeprefix("__label__"): min(max(float(chance), 0.0), 1.0) for name, chance in found}


def _probability(text: Text, model: str, label: str, characters: int | None) -> float:
    name = label.removeprefix("__label__")
    loaded = _load(model)
    if f"__label__{name}" not in loaded.labels:
        some = ", ".join(sorted(each.removeprefix("__label__") for each in loaded.labels)[:20])
        raise ValueError(f"{model} knows no label '{label}'; its labels begin: {some}")
    return probabilities(text, model, characters).get(name, 0.0)


@signal
def language_probability(
    text: Text, *, language: str, model: FilePath | None = None, characters: int | None = None
) -> float:
    """Share of the text in the language by CLD2, or, given a fastText model, the label's probability.

    `language` is the code the detector uses: ISO 639-1 for CLD2 ("en"), the label for a fastText model
    ("en" in lid.176, "eng_Latn" in GlotLID). `characters` is how many of the text's first characters are
    looked at; None for all. 0.0 where the language could not be told.

    Raises:
        ValueError: the model knows no such label.
    """
    if model is not None:
        return _probability(text, model, language, characters)
    found = detect(text.raw if characters is None else text.raw[: max(characters, 0)])
    return found.fraction if found.code == language else 0.0


@signal
def fasttext_probability(text: Text, *, model: FilePath, label: str, characters: int | None = None) -> float:
    """Probability of the label by a fastText model; line feeds are read as spaces.

    `characters`: how many of the text's first characters are read; None for all.

    Raises:
        ValueError: the model knows no such label.
    """
    return _probability(text, model, label, characters)
