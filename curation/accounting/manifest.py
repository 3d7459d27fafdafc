"""What a directory holds, written last: a directory without a manifest does not exist (law 5)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from curation.files.remote import attempts, open_store, read

NAME = "manifest.json"


class MissingManifest(FileNotFoundError):
    """A directory that was never published, or is not one of ours."""


class BadManifest(ValueError):
    """A file that should say what a directory holds, and is damaged or another thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What made a stage's output, and what it holds.

    Attributes:
        stage: its name (see `curation.spark.run.STAGES`).
        fingerprint: 16 hex digits of everything below that made it.
        config: the stage's section of the recipe, defaults filled in.
        inputs: name -> fingerprint of each stage, or identity of each file, it read.
        resources: path -> digest of every model, list or tokenizer it read.
        versions: libraries whose version changes the output.
        output_version: raised by hand when code changes what a stage writes.
        files: path below the directory -> bytes, of everything published.
        rows: written rows; `digest` does not depend on their order.
        ledger: the stage's account (see `curation.accounting.ledger`), or empty.
        detail: what only this stage has to say (shards: streams, tokenizer).
    """

    stage: str
    fingerprint: str
    config: Any
    inputs: Mapping[str, Any]
    resources: Mapping[str, str]
    versions: Mapping[str, str]
    output_version: int
    files: Mapping[str, int] = field(default_factory=dict)
    rows: int = 0
    digest: str = ""
    ledger: Mapping[str, Any] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def made_from(self) -> str:
        """The stage whose kept documents it was made from; empty for the first, which reads files."""
        return next((name for name, value in self.inputs.items() if isinstance(value, str)), "")

    def to_json(self) -> str:
        """Return the manifest as JSON text, keys sorted."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def join(directory: str, *names: str) -> str:
    """Return a path or URL below `directory`."""
    return "/".join([directory.rstrip("/"), *names])


def read_json(path: str) -> Any:
    """Return the JSON data at a path or URL.

    Raises:
        FileNotFoundError: there is none.
        StoreError: it is behind a URL, and the store does not give it.
        BadManifest: it is no JSON.
    """
    try:
        return json.loads(read(path))
    except ValueError as error:
        raise BadManifest(f"{path}: is no JSON, or only a part of it: {error}") from None


def read_manifest(directory: str) -> Manifest:
    """Return the manifest of a published directory.

    Raises:
        MissingManifest: there is none, so the directory was never published.
        BadManifest: it is not one of ours, or only a part of one.
    """
    path = join(str(directory), NAME)
    try:
        data = read_json(path)
    except FileNotFoundError:
        raise MissingManifest(
            f"{directory}: holds no {NAME}, so nothing was published there; expected a directory such as "
            "RUN/shard/FINGERPRINT"
        ) from None
    try:
        return Manifest(**data)
    except TypeError as error:
        raise BadManifest(f"{path}: is no manifest of a stage: {error}") from None


def published(directory: str, stage: str) -> str:
    """Return the directory of a stage's published output in the run directory `directory`.

    Raises:
        MissingManifest: the stage was never published there.
        BadManifest: what names its output is damaged.
    """
    pointer = join(str(directory), stage, "current.json")
    try:
        current = read_json(pointer)
    except FileNotFoundError:
        raise MissingManifest(
            f"{pointer}: not found, so no {stage} was published in {directory}; run the stage first"
        ) from None
    if not (isinstance(current, dict) and isinstance(current.get("fingerprint"), str)):
        raise BadManifest(f"{pointer}: names no output; expected {{'fingerprint': ...}}, run the stage again")
    return join(str(directory), stage, current["fingerprint"])


def read_manifests(directory: str) -> dict[str, Manifest]:
    """Return stage -> manifest of all that a run directory has published, in the order of its stages.

    The order is the run's own: a stage comes after the one that it was made from. So nothing that looks at
    runs needs a list of the stages there are. Of several that were made from the same, what keeps no ledger
    (a tokenizer) comes first; the others can only be leftovers of another recipe beside this one's.

    Raises:
        MissingManifest: nothing was published there.
        BadManifest: a manifest, or what names it, is damaged.
    """
    manifests = {}
    for stage in _folders(directory):
        try:
            manifests[stage] = read_manifest(published(directory, stage))
        except MissingManifest:
            continue
    if not manifests:
        raise MissingManifest(f"{directory}: no stage was published there; expected the --out of a run")
    order = dict.fromkeys([*_after("", manifests), *sorted(manifests)])
    return {stage: manifests[stage] for stage in order}


def _folders(directory: str) -> list[str]:
    """Return the names in a directory that are no files; none where it does not exist."""
    filesystem, path = open_store(str(directory))
    try:
        entries = attempts(str(directory), lambda: filesystem.ls(path, detail=True))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [entry["name"].rstrip("/").rpartition("/")[2] for entry in entries if entry["type"] != "file"]


def _after(stage: str, manifests: Mapping[str, Manifest]) -> Iterator[str]:
    """Yield the stages that were made from `stage`, each followed by those made from it."""
    following = [
        name
        for name, manifest in manifests.items()
        if (manifest.made_from if manifest.made_from in manifests else "") == stage and name != stage
    ]
    for name in sorted(
        following, key=lambda name: (manifests[name].made_from, bool(manifests[name].ledger), name)
    ):
        yield name
        yield from _after(name, manifests)
