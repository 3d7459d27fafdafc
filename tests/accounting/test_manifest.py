"""A directory without a manifest does not exist."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from curation.accounting.manifest import (
    BadManifest,
    Manifest,
    MissingManifest,
    published,
    read_manifest,
    read_manifests,
)

MANIFEST = Manifest(
    stage="filter",
    fingerprint="0123456789abcdef",
    config={"a": 1},
    inputs={"extract": "fedcba9876543210"},
    resources={},
    versions={"regex": "1"},
    output_version=1,
    files={"rows/state=kept/part-0.parquet": 12},
    rows=3,
    digest="ff",
)


def test_round_trip(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(MANIFEST.to_json())
    assert read_manifest(str(tmp_path)) == MANIFEST


def test_what_was_never_published_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingManifest) as error:
        read_manifest(str(tmp_path))
    assert str(error.value) == (
        f"{tmp_path}: holds no manifest.json, so nothing was published there; expected a directory such as "
        "RUN/shard/FINGERPRINT"
    )
    with pytest.raises(MissingManifest) as error:
        published(str(tmp_path), "filter")
    assert str(error.value) == (
        f"{tmp_path}/filter/current.json: not found, so no filter was published in {tmp_path}; run the stage first"
    )


def test_a_manifest_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"version": 2, "shards": []}')
    with pytest.raises(ValueError, match=r"manifest\.json: is no manifest of a stage: .*'version'"):
        read_manifest(str(tmp_path))


def test_half_a_file_is_named_with_what_is_wrong_in_it(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(MANIFEST.to_json()[:40])
    with pytest.raises(BadManifest) as error:
        read_manifest(str(tmp_path))
    assert str(error.value).startswith(f"{tmp_path}/manifest.json: is no JSON, or only a part of it: ")
    (tmp_path / "filter").mkdir()
    (tmp_path / "filter" / "current.json").write_text("[]")
    with pytest.raises(BadManifest) as error:
        published(str(tmp_path), "filter")
    assert str(error.value) == (
        f"{tmp_path}/filter/current.json: names no output; expected {{'fingerprint': ...}}, run the stage again"
    )


def publish(run: Path, stage: str, made_from: str = "", ledger: bool = True) -> None:
    """Publish an empty output of a stage, made from another one."""
    inputs = {made_from: "f"} if made_from else {"web": [{"url": "a.warc.gz"}]}
    manifest = replace(
        MANIFEST, stage=stage, fingerprint="f", inputs=inputs, ledger={"in": {}} if ledger else {}
    )
    (run / stage / "f").mkdir(parents=True)
    (run / stage / "f" / "manifest.json").write_text(manifest.to_json())
    (run / stage / "current.json").write_text(json.dumps({"fingerprint": "f"}))


def test_the_order_of_the_stages_is_read_from_what_each_was_made_from(tmp_path: Path) -> None:
    publish(tmp_path, "shard", "late")
    publish(tmp_path, "tokenizer", "late", ledger=False)
    publish(tmp_path, "late", "early")
    publish(tmp_path, "early", "first")
    publish(tmp_path, "first")
    (tmp_path / "train").mkdir()
    (tmp_path / "report.html").write_text("")
    found = read_manifests(str(tmp_path))
    assert list(found) == ["first", "early", "late", "tokenizer", "shard"]
    assert [manifest.made_from for manifest in found.values()] == ["", "first", "early", "late", "late"]


def test_stages_whose_input_lies_elsewhere_and_leftovers_are_not_lost(tmp_path: Path) -> None:
    publish(tmp_path, "filter", "extract")
    publish(tmp_path, "dedup", "filter")
    publish(tmp_path, "select", "filter")
    publish(tmp_path, "odd", "even")
    publish(tmp_path, "even", "odd")
    assert list(read_manifests(str(tmp_path))) == ["filter", "dedup", "select", "even", "odd"]
    for directory in (tmp_path / "nowhere", tmp_path / "filter" / "current.json", tmp_path / "filter"):
        with pytest.raises(MissingManifest) as error:
            read_manifests(str(directory))
        assert str(error.value) == f"{directory}: no stage was published there; expected the --out of a run"
