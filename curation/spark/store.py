"""Where outputs live: every side effect on a run directory goes through here.

`DIR/STAGE/FINGERPRINT/` holds one output. It is written in place under its own name, which nobody reads
before `manifest.json` stands in it; that file is written last. `DIR/STAGE/current.json` names the published
one. Object stores have no rename, so nothing here needs one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import fsspec

from curation.accounting.manifest import NAME, Manifest, MissingManifest, join, read_manifest

SCRATCH = "_scratch"  # Spark and Arrow readers pass over names that begin with an underscore


class InputError(ValueError):
    """An input of the recipe that names no file."""


@dataclass(frozen=True, slots=True)
class File:
    """One input file, and what says that it has not changed."""

    url: str
    size_bytes: int
    version: str  # the store's etag, else the time of the last change


def url_to_fs(url: str) -> tuple[Any, str]:
    """Return (file system, path in it); Hadoop's s3a:// is fsspec's s3://."""
    return fsspec.core.url_to_fs(url.replace("s3a://", "s3://", 1))  # type: ignore[no-any-return]


def find_files(source: str, paths: Iterable[str]) -> list[File]:
    """Return the files that paths, URLs and globs name, sorted by URL.

    Raises:
        InputError: one of them names nothing.
    """
    files: dict[str, File] = {}
    for path in paths:
        filesystem, pattern = url_to_fs(path)
        is_folder = not _is_glob(pattern) and filesystem.isdir(pattern)
        found = filesystem.glob(f"{pattern.rstrip('/')}/**" if is_folder else pattern, detail=True)
        found = {name: info for name, info in found.items() if info["type"] == "file"}
        if not found:
            raise InputError(f"inputs.{source}: '{path}' names no file; expected a path, URL, folder or glob")
        for name, info in found.items():
            url = filesystem.unstrip_protocol(name) if "://" in path else name
            version = info.get("ETag") or info.get("etag") or info.get("mtime") or info.get("LastModified")
            files[url] = File(url, int(info["size"]), str(version))
    return [files[url] for url in sorted(files)]


def _is_glob(pattern: str) -> bool:
    return any(mark in pattern for mark in "*?[")


@dataclass(frozen=True, slots=True)
class Store:
    """One run directory, local or on an object store."""

    directory: str

    def path(self, stage: str, fingerprint: str) -> str:
        """Return the directory of one output."""
        return join(self.directory, stage, fingerprint)

    def find(self, stage: str, fingerprint: str) -> Manifest | None:
        """Return the manifest of an output that was published and is still whole, else None."""
        try:
            manifest = read_manifest(self.path(stage, fingerprint))
        except MissingManifest:
            return None
        return manifest if sizes(self.path(stage, fingerprint)) == manifest.files else None

    def begin(self, stage: str, fingerprint: str) -> str:
        """Return an empty directory to write an output to; what an earlier attempt left there goes."""
        path = self.path(stage, fingerprint)
        remove(path)
        filesystem, name = url_to_fs(path)
        filesystem.makedirs(name, exist_ok=True)
        return path

    def publish(self, manifest: Manifest) -> None:
        """Make an output exist: sweep the scratch, write its manifest last, then point to it."""
        path = self.path(manifest.stage, manifest.fingerprint)
        remove(join(path, SCRATCH))
        write_text(join(path, NAME), manifest.to_json())
        self.point(manifest.stage, manifest.fingerprint)

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
        if relative != NAME and not relative.startswith(SCRATCH) and not relative.endswith(".crc"):
            out[relative] = int(info["size"])
    return dict(sorted(out.items()))


def remove(path: str) -> None:
    """Remove a file or directory with all below it; nothing there is fine."""
    filesystem, name = url_to_fs(path)
    if filesystem.exists(name):
        filesystem.rm(name, recursive=True)


def write_text(path: str, text: str) -> None:
    """Write a small file whole: under another name first where the store can rename, else in one put."""
    filesystem, name = url_to_fs(path)
    filesystem.makedirs(name.rpartition("/")[0], exist_ok=True)
    if filesystem.protocol in ("file", ("file", "local")):
        with filesystem.open(f"{name}.part", "wb") as stream:
            stream.write(text.encode())
        filesystem.mv(f"{name}.part", name)
        return
    with filesystem.open(name, "wb") as stream:
        stream.write(text.encode())
