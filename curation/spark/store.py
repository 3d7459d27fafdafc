"""Where outputs live: every side effect on a run directory goes through here.

`DIR/STAGE/FINGERPRINT/` holds one output. It is written in place under its own name, which nobody reads
before `manifest.json` stands in it; that file is written last, so publishing needs no rename, which object
stores do not have. `DIR/STAGE/current.json` names the published one.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import fsspec

from curation.accounting.manifest import NAME, Manifest, MissingManifest, join, read_manifest
from curation.files.digests import digest_file
from curation.files.mapped import mark
from curation.files.whole import write_whole

SCRATCH = "_scratch"  # Spark and Arrow readers pass over names that begin with an underscore
TABLES = "tables"  # in scratch: finished ones that a later attempt at the same output takes up


class InputError(ValueError):
    """A request that cannot be run: an input that names no file, an output that cannot be written to."""


class TakenOver(RuntimeError):
    """Another run began to write the same output."""


@dataclass(frozen=True, slots=True)
class File:
    """One input file, and what says that it has not changed."""

    url: str
    size_bytes: int
    version: str  # the store's etag, else the time of the last change


def url_to_fs(url: str) -> tuple[Any, str]:
    """Return (file system, path in it); fsspec knows Hadoop's s3a:// too."""
    return fsspec.core.url_to_fs(url)  # type: ignore[no-any-return]


def spark_url(path: str) -> str:
    """Return a path as Spark must be given it: local paths absolute and said to be local.

    Without a scheme Spark reads `fs.defaultFS`, which on a cluster is another file system than Python's.
    """
    return path if "://" in path else f"file:{os.path.abspath(path)}"


def find_files(source: str, paths: Iterable[str]) -> list[File]:
    """Return the files that paths, URLs, folders and globs name, sorted by URL.

    In a folder (also one that a glob names) every file counts, however deep, but those Spark and Arrow pass
    over: a name on the way that begins with `_` or `.`. What is named but cannot be read (a dangling link)
    is a file of no bytes, so that the reader reports it.

    Raises:
        InputError: one of them names nothing, or nothing opens it.
    """
    files: dict[str, File] = {}
    for path in paths:
        filesystem, matches = matched(source, path)
        for name, info in matches.items():
            url = filesystem.unstrip_protocol(name) if "://" in path else name
            whole = info["type"] == "file" and info["size"] is not None
            files[url] = File(url, int(info["size"]) if whole else 0, _version(filesystem, name, info, whole))
    return [files[url] for url in sorted(files)]


def matched(source: str, path: str) -> tuple[Any, dict[str, Any]]:
    """Return the file system of a path, and name -> facts of every file that the path, folder or glob names.

    Raises:
        InputError: it names nothing, or nothing opens it.
    """
    try:
        filesystem, pattern = url_to_fs(path)
        matches = _matches(filesystem, pattern)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"inputs.{source}: '{path}' cannot be listed: {error}") from error
    if not matches:
        hint = ""
        if "[" in path and "[[]" not in path:
            escaped = path.replace("[", "[[]")
            hint = f". Brackets choose characters; to name them as they are write '{escaped}'"
        raise InputError(
            f"inputs.{source}: '{path}' names no file; expected a path, URL, folder or glob{hint}"
        )
    return filesystem, matches


def check_unchanged(source: str, paths: Sequence[str], files: Iterable[File]) -> None:
    """Raise unless every file is still what it was when it was listed; what came since does not matter.

    Raises:
        InputError: names the file that is not; rows read of it may be of other bytes, or missing.
    """
    for path in paths:
        url_to_fs(path)[0].invalidate_cache()
    now = {file.url: file for file in find_files(source, paths)}
    for file in files:
        current = now.get(file.url)
        if current != file:
            state = f"{current.size_bytes:,} bytes, {current.version}" if current else "gone"
            raise InputError(
                f"inputs.{source}: '{file.url}' changed while it was read: {file.size_bytes:,} bytes, "
                f"{file.version} when the run began, now {state}. Let inputs rest while a run reads them, "
                "then run again"
            )


def _matches(filesystem: Any, pattern: str) -> dict[str, Any]:
    """Return name -> facts of every file a path, folder or glob names."""
    matches: dict[str, Any] = {}
    for name, info in filesystem.glob(pattern.rstrip("/") or pattern, detail=True).items():
        if info["type"] != "directory":
            matches[name] = info
            continue
        for inner, facts in filesystem.find(name, detail=True).items():
            steps = inner[len(name.rstrip("/")) + 1 :].split("/")
            if not any(step.startswith(("_", ".")) for step in steps):
                matches[inner] = facts
    return matches


def _version(filesystem: Any, name: str, info: Mapping[str, Any], whole: bool) -> str:
    """Return what changes when a file's bytes do: the store's own mark, else a digest of the bytes."""
    if not whole:
        return mark(info) or "unreadable"
    return mark(info) or digest_file(filesystem.unstrip_protocol(name))


@dataclass(frozen=True, slots=True)
class Store:
    """One run directory, local or on an object store; `owner` marks what this run is writing."""

    directory: str
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)

    def path(self, stage: str, fingerprint: str) -> str:
        """Return the directory of one output."""
        return join(self.directory, stage, fingerprint)

    def find(self, stage: str, fingerprint: str) -> Manifest | None:
        """Return the manifest of an output that was published and is still whole, else None."""
        try:
            manifest = read_manifest(self.path(stage, fingerprint))
        except MissingManifest:
            return None
        there = sizes(self.path(stage, fingerprint))
        return manifest if manifest.files.items() <= there.items() else None

    def begin(self, stage: str, fingerprint: str) -> str:
        """Return a directory to write an output to; of an earlier attempt only its scratch tables stay.

        The directory is marked as this run's: should another run begin the same output, which sweeps what
        this one wrote, `publish` notices.
        """
        path = self.path(stage, fingerprint)
        for directory, stays in ((path, SCRATCH), (join(path, SCRATCH), TABLES)):
            filesystem, name = url_to_fs(directory)
            for entry in filesystem.ls(name, detail=False) if filesystem.exists(name) else ():
                if entry.rstrip("/").rpartition("/")[2] != stays:
                    filesystem.rm(entry, recursive=True)
        write_text(join(path, SCRATCH, "owner"), self.owner)
        return path

    def publish(self, manifest: Manifest) -> None:
        """Make an output exist: sweep the scratch, write its manifest last, then point to it.

        Raises:
            TakenOver: another run began to write this output meanwhile.
        """
        path = self.path(manifest.stage, manifest.fingerprint)
        filesystem, mark = url_to_fs(join(path, SCRATCH, "owner"))
        if not filesystem.exists(mark) or filesystem.cat_file(mark).decode() != self.owner:
            raise TakenOver(
                f"{path}: another run began to write this output while this one did; nothing was published. "
                "Let one run at a time write to a directory, then run again"
            )
        remove(join(path, SCRATCH))
        write_text(join(path, NAME), manifest.to_json())
        self.point(manifest.stage, manifest.fingerprint)

    def withdraw(self, stage: str) -> None:
        """Name no output of a stage as its current one; those there are stay."""
        remove(join(self.directory, stage, "current.json"))

    def point(self, stage: str, fingerprint: str) -> None:
        """Name an output as the stage's current one."""
        text = json.dumps({"fingerprint": fingerprint}) + "\n"
        write_text(join(self.directory, stage, "current.json"), text)


def sizes(directory: str) -> Mapping[str, int]:
    """Return path -> bytes of every file below a directory, but the manifest and scratch."""
    filesystem, root = url_to_fs(directory)
    out = {}
    for name, info in filesystem.find(root, detail=True).items():
        relative = name[len(root.rstrip("/")) + 1 :]
        if relative != NAME and not relative.startswith(f".{NAME}.") and relative.split("/")[0] != SCRATCH:
            out[relative] = int(info["size"])
    return dict(sorted(out.items()))


def remove(path: str) -> None:
    """Remove a file or directory with all below it; nothing there is fine."""
    filesystem, name = url_to_fs(path)
    if filesystem.exists(name):
        filesystem.rm(name, recursive=True)


def write_text(path: str, text: str) -> None:
    """Write a small file whole, and its folder where there is none."""
    filesystem, name = url_to_fs(path)
    filesystem.makedirs(name.rpartition("/")[0], exist_ok=True)
    write_whole(path, text.encode())
