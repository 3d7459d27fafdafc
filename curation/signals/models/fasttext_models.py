"""Signals of a fastText model: probabilities of a language or label.

A model is loaded once per process, on first use. It is read-only, so results do not depend on the order of
documents. Models are named by path or URL; a path must be the same file on every machine.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

import fsspec
import xxhash

from curation.files.whole import replacing
from curation.signals.models.model_files import fasttext_labels
from curation.signals.registry import FilePath, signal
from curation.text.language import detect
from curation.text.text import Text


class _Model(Protocol):
    labels: Sequence[str]

    def predict(self, text: list[str], k: int) -> tuple[list[list[str]], Sequence[Sequence[float]]]: ...


@functools.lru_cache(maxsize=8)
def _load(path: str) -> _Model:
    import fasttext  # takes a second and memory: imported only if a model is used

    local = _local(path)
    fasttext_labels(local)  # the library crashes the process on a truncated model
    return cast(_Model, fasttext.load_model(local))


def _local(path: str) -> str:
    """Return a local path. fastText cannot open URLs, so a remote model is copied once per machine.

    The name of the copy is a hash of the URL and of the store's key for the version of the file.
    """
    if "://" not in path:
        return path
    filesystem, name = fsspec.core.url_to_fs(path)
    folder = Path(tempfile.gettempdir(), "curation-models")
    folder.mkdir(exist_ok=True)
    copy = folder / f"{xxhash.xxh3_128_hexdigest(f'{path} {filesystem.ukey(name)}'.encode())}.bin"
    if not copy.exists():
        with replacing(copy) as part:  # another worker may be faster; its bytes are the same
            filesystem.get_file(name, str(part))
    return str(copy)


def probabilities(
    text: Text, model: str, characters: int | None = None, *, labels: int = -1
) -> dict[str, float]:
    """Return label (without `__label__`) -> probability, 0 to 1; line feeds are read as spaces.

    Args:
        text: the text.
        model: path or URL of the model.
        characters: read only the first characters; None for all.
        labels: number of labels to return, most probable first; -1 for all.
    """
    # fastText reads one line and rejects lone surrogates.
    head = text.raw if characters is None else text.raw[: max(characters, 0)]
    return _predicted(model, head.replace("\n", " ").encode("utf-8", "replace").decode("utf-8"), labels)


@functools.lru_cache(maxsize=4)  # several rules of a pass may read labels of one model
def _predicted(model: str, line: str, labels: int) -> dict[str, float]:
    # The list form works with every numpy version. Sums of 32-bit floats can exceed 1.
    names, values = _load(model).predict([line], k=labels)
    return {
        name.removeprefix("__label__"): min(max(float(value), 0.0), 1.0)
        for name, value in zip(names[0], values[0], strict=True)
    }


def _probability(text: Text, model: str, label: str, characters: int | None) -> float:
    name = label.removeprefix("__label__")
    loaded = _load(model)
    if f"__label__{name}" not in loaded.labels:
        first = ", ".join(sorted(known.removeprefix("__label__") for known in loaded.labels)[:20])
        raise ValueError(f"{model} has no label '{label}'; its first labels: {first}")
    return probabilities(text, model, characters).get(name, 0.0)


@signal
def language_probability(
    text: Text, *, language: str, model: FilePath | None = None, characters: int | None = None
) -> float:
    """Share of the text in a language by CLD2, or the label's probability by a fastText model.

    `language` is the detector's own code: ISO 639-1 for CLD2 ("en"), a label for a fastText model ("en" in
    lid.176, "eng_Latn" in GlotLID). Only the first `characters` are read; None for all. The result is 0.0 if
    the language is unknown.

    Raises:
        ValueError: the model has no such label.
    """
    if model is not None:
        return _probability(text, model, language, characters)
    detected = detect(text.raw if characters is None else text.raw[: max(characters, 0)])
    return detected.fraction if detected.code == language else 0.0


@signal
def fasttext_probability(text: Text, *, model: FilePath, label: str, characters: int | None = None) -> float:
    """Probability of the label by a fastText model; line feeds are read as spaces.

    Only the first `characters` are read; None for all.

    Raises:
        ValueError: the model has no such label.
    """
    return _probability(text, model, label, characters)
