"""The small recipe with every stage in it, and its manifests without what belongs to one machine and one day."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from curation.accounting.fingerprint import fingerprint
from curation.accounting.manifest import published, read_manifest

STAGES = ("extract", "lines", "filter", "select", "dedup", "sites", "decontaminate", "tokenizer", "shard")
_NAMED_BY = ("stage", "config", "inputs", "resources", "versions", "output_version")


def overrides(folder: Path, evaluation_text: str) -> list[str]:
    """Return what adds the other stages to the small recipe; their lists and sets are written into `folder`."""
    (folder / "quiz.jsonl").write_text(json.dumps({"question": evaluation_text}) + "\n")
    (folder / "blocked.txt").write_text("example.org/7\n")
    return [
        "lines={min_documents: 2, site_fraction: 0.5, min_words_left: 0}",
        f"filter.house.keep.listed={{signal: blocked_entry_count, lists: [{folder}/blocked.txt], max: 0}}",
        "select=[{name: long_words, of: [house.mean_word_length], top_fraction: 0.8, per: [source]}]",
        "sites={at_most: 35}",
        f"decontaminate={{against: [{folder}/quiz.jsonl], fields: [question]}}",
        "shard.by=[source, language]",
    ]


def frozen(out: Path, folder: Path, stages: Iterable[str] = STAGES) -> dict[str, Any]:
    """Return the manifests of a run whose inputs are in `folder`, the same on every machine.

    A fingerprint is first shown to be that of what the manifest names; then it is taken anew with the inputs
    in a folder IN, and with files and libraries of no version. Of `files`, which Spark names as it likes, the folders stay.
    """
    found: dict[str, Any] = {}
    renamed = {str(folder): "IN"}
    for stage in stages:
        manifest = read_manifest(published(str(out), stage))
        data = json.loads(manifest.to_json())
        assert manifest.fingerprint == fingerprint({name: data[name] for name in _NAMED_BY})
        text = manifest.to_json()
        for old, new in renamed.items():
            text = text.replace(old, new)
        data = json.loads(text)
        for file in [file for files in data["inputs"].values() if isinstance(files, list) for file in files]:
            file["version"] = "any"
        data["versions"] = dict.fromkeys(data["versions"], "any")
        data["fingerprint"] = fingerprint({name: data[name] for name in _NAMED_BY})
        renamed[manifest.fingerprint] = data["fingerprint"]
        data["files"] = sorted({name.partition("/")[0] for name in data["files"]})
        found[stage] = data
    return found
