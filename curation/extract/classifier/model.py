"""What the classifier has learned, as one file: trees, and log odds of the names of classes and ids."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
from numpy.typing import NDArray

from curation.extract.classifier.oblivious import MAX_TREE_DEPTH, Oblivious
from curation.files.digests import digest_bytes

#: What comes with the package; see MODEL.md beside it.
SHIPPED = str(Path(__file__).with_name("model.npz"))
_ZIP = b"PK"
_TIME = (1980, 1, 1, 0, 0, 0)  # of every part: the same model has the same bytes


class DamagedModel(ValueError):
    """A file is no model of the engine `blocks`."""


@dataclass(frozen=True, slots=True)
class Model:
    """Trees over named columns, and log odds by part of a class name; digest: 8 hex digits of its file."""

    columns: Sequence[str]
    trees: Oblivious
    odds: Mapping[str, float]
    digest: str = ""


def dump(model: Model) -> bytes:
    """Return the bytes of a model file: the same for the same model."""
    names = sorted(model.odds)
    parts: dict[str, NDArray[Any]] = {
        "columns": _text(list(model.columns)),
        "feature": model.trees.feature.astype(np.uint8),
        "border": model.trees.border.astype(np.float32),
        "leaf": model.trees.leaf.astype(np.float16),
        "bias": np.array(model.trees.bias, np.float32),
        "names": _text(names),
        "odds": np.array([model.odds[name] for name in names], np.float16),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, values in parts.items():
            part = io.BytesIO()
            np.save(part, values)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _TIME), part.getvalue(), zipfile.ZIP_DEFLATED)
    return stream.getvalue()


@lru_cache(maxsize=4)
def load(path: str = SHIPPED) -> Model:
    """Return the model of a path or URL.

    Raises:
        DamagedModel: the file has another format, or parts that do not fit each other.
    """
    with fsspec.open(path, "rb") as stream:
        data = stream.read()
    try:
        if not data.startswith(_ZIP):
            raise ValueError("it is no archive of arrays")
        with np.load(io.BytesIO(data), allow_pickle=False) as parts:
            return _model({name: parts[name] for name in parts.files}, digest_bytes(data))
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DamagedModel(
            f"'{path}' is no model of the engine blocks or is truncated: {error}; expected a file written by"
            " python -m curation.extract.training"
        ) from None


def damage(path: str) -> str | None:
    """Return what is wrong with the model of a path, or None."""
    try:
        load(path)
    except DamagedModel as error:
        return str(error)
    return None


def _model(parts: Mapping[str, NDArray[Any]], digest: str) -> Model:
    columns, names = json.loads(parts["columns"].tobytes()), json.loads(parts["names"].tobytes())
    feature, border, leaf = parts["feature"].astype(np.int64), parts["border"], parts["leaf"]
    depth = feature.shape[1]
    if feature.shape != border.shape or leaf.shape != (len(feature), 1 << depth) or depth > MAX_TREE_DEPTH:
        raise ValueError(f"its trees do not fit: {feature.shape}, {border.shape}, {leaf.shape}")
    if feature.max(initial=0) >= len(columns) or len(names) != len(parts["odds"]):
        raise ValueError("its trees or names do not fit its columns or odds")
    trees = Oblivious(feature, border.astype(np.float32), leaf.astype(np.float32), float(parts["bias"]))
    return Model(
        columns, trees, dict(zip(names, parts["odds"].astype(float).tolist(), strict=True)), digest[-8:]
    )


def _text(values: Sequence[str]) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(values, ensure_ascii=False).encode(), np.uint8)
