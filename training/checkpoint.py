"""Checkpoints: written aside, with a manifest of digests, then renamed; loaded on any number of ranks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from curation.accounting.fingerprint import digest_file
from training.parallel import Ranks

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A checkpoint that is whole: its directory and its manifest.

    The manifest holds `step` (the next batch's number), `ranks`, `model` (what the weights fit), `plan` (its
    state and past) and `files` (name -> bytes and digest).
    """

    directory: Path
    manifest: Mapping[str, Any]


class Checkpoints:
    """The checkpoints of one run, below `out`/checkpoints."""

    def __init__(self, out: Path, place: Ranks, keep_count: int) -> None:
        self.folder, self._place, self._keep_count = out / "checkpoints", place, keep_count

    def save(self, model: nn.Module, optimizer: torch.optim.Optimizer, facts: Mapping[str, Any]) -> None:
        """Write one checkpoint, its manifest with `facts` (`step` among them); a kill leaves the last one."""
        final = self.folder / f"step-{facts['step']:08d}"
        aside = final.with_name(f"{final.name}.incomplete")
        if self._place.is_first:
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
        dist.barrier()
        save(_state(model, optimizer), checkpoint_id=aside)
        if self._place.is_first:
            files = {
                file.name: {"bytes": file.stat().st_size, "digest": digest_file(str(file))}
                for file in sorted(aside.iterdir())
            }
            text = json.dumps({**facts, "ranks": self._place.count, "files": files}, indent=1)
            (aside / MANIFEST).write_text(text, encoding="utf-8")
            shutil.rmtree(final, ignore_errors=True)
            aside.rename(final)
            for old in self._all()[: -self._keep_count]:
                shutil.rmtree(old)
        dist.barrier()

    def latest(self) -> tuple[Saved | None, list[str]]:
        """Return the newest checkpoint that is what its manifest says, and why newer ones are not used.

        The first rank looks; all get its answer.
        """
        found: list[Any] = [None, []]
        if self._place.is_first:
            for directory in reversed(self._all()):
                manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
                if fault := _fault(directory, manifest["files"]):
                    found[1].append(f"{fault}; the checkpoint before it is used")
                    continue
                found[0] = Saved(directory=directory, manifest=manifest)
                break
        dist.broadcast_object_list(found, src=0)
        return found[0], found[1]

    def restore(self, saved: Saved, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Load weights, optimizer and random state; each rank reads what it owns now, whoever wrote it."""
        state = _state(model, optimizer)
        load(state, checkpoint_id=saved.directory)
        set_state_dict(model, optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"])
        torch.set_rng_state(state["rng"])

    def _all(self) -> list[Path]:
        """Return the published checkpoints, oldest first; one without a manifest does not exist."""
        return sorted(p.parent for p in self.folder.glob(f"step-*/{MANIFEST}") if p.parent.suffix == "")


def _state(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    weights, moments = get_state_dict(model, optimizer)
    return {"model": weights, "optimizer": moments, "rng": torch.get_rng_state()}


def _fault(directory: Path, files: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what is wrong with the files of a checkpoint, or nothing."""
    for name, expected in files.items():
        path = directory / name
        if not path.exists():
            return f"{path}: expected {expected['bytes']} bytes, found no file"
        if path.stat().st_size != expected["bytes"]:
            return f"{path}: expected {expected['bytes']} bytes, found {path.stat().st_size}"
        if (digest := digest_file(str(path))) != expected["digest"]:
            return f"{path}: expected the digest {expected['digest']}, found {digest}"
    return ""
