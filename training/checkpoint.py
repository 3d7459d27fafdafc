"""Checkpoints: written in the background, aside, then renamed; loaded on any number of ranks.

A save copies the state (on a GPU while the next step computes its gradients) and returns. Threads write the
files, digest them, write the manifest with the digests last, and rename. A kill leaves the checkpoint before.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.staging import DefaultStager, StagingOptions
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import AsyncSaveResponse, async_save

from curation.files.digests import digest_file
from training.parallel import Ranks
from training.settings import CheckpointConfig

MANIFEST = "manifest.json"
VERSION = 2  # raised when parameters get other names or the manifest other fields
_MEASURE_STEPS = 10  # before a process's first save, if the measured cost of a save decides the period


class CheckpointError(RuntimeError):
    """A checkpoint that could not be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedCheckpoint:
    """A complete checkpoint: its directory and its manifest.

    The manifest holds `version`, `step` (the next batch's number), `ranks`, `config`, `fits` (what the
    weights fit), `plan` (its state and past), `watch` (the spike detector's state), `evals` (digests),
    `skipped` (steps left out) and `files` (name -> bytes and digest).
    """

    directory: Path
    manifest: Mapping[str, Any]


def period_s(cost_s: float, between_failures_s: float) -> float:
    """Return the time between two saves that loses the least time to saving and to repeated work.

    Daly 2006, "A higher order estimate of the optimum checkpoint interval", equation 37; where a save costs
    little beside the time between failures this is Young's sqrt(2 cost between_failures).

    >>> round(period_s(2.0, 64 * 3600.0)), round((2 * 2.0 * 64 * 3600.0) ** 0.5)
    (959, 960)
    """
    if cost_s >= 2 * between_failures_s:
        return between_failures_s
    part = math.sqrt(cost_s / (2 * between_failures_s))
    return math.sqrt(2 * cost_s * between_failures_s) * (1 + part / 3 + part**2 / 9) - cost_s


class Checkpoints:
    """The checkpoints of one run, in `out`/checkpoints; all ranks call its methods together.

    A context manager, which waits for the last save.
    """

    def __init__(self, out: Path, ranks: Ranks, config: CheckpointConfig, timeout_s: float) -> None:
        self.folder, self._ranks, self._config = out / "checkpoints", ranks, config
        self._group = dist.new_group(  # its own, since threads communicate while the training does
            backend="gloo", timeout=timedelta(seconds=timeout_s)
        )
        cuda = ranks.device.type == "cuda"
        self._stager = DefaultStager(StagingOptions(cuda, False, cuda, cuda))
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._staging: Future[None] | None = None
        self._publishing: Future[None] | None = None
        self._since_s = time.perf_counter()
        self._steps_done = 0
        self.cost_s = math.nan  # for how long the last save, with its copy, held the training up
        self.write_s = 0.0  # from the beginning of the last save to its rename

    def due(self) -> bool:
        """Return whether it is time to save, after one more step; the first rank's answer counts."""
        self._steps_done += 1
        if self._config.every_steps:
            return False
        if math.isnan(self.cost_s):
            return self._steps_done >= _MEASURE_STEPS
        between_s = self._config.expected_gpu_hours_between_failures * 3600 / self._ranks.world_size
        return time.perf_counter() - self._since_s >= max(period_s(self.cost_s, between_s), self.write_s)

    def falls_on(self, step: int) -> bool:
        """Return whether `every_steps` or `keep_every_steps` asks to save after so many steps."""
        periods = (self._config.every_steps, self._config.keep_every_steps)
        return any(period and step % period == 0 for period in periods)

    def save(self, model: nn.Module, optimizer: torch.optim.Optimizer, facts: Mapping[str, Any]) -> None:
        """Begin to write one checkpoint; `facts`, with `step` among them, go into its manifest.

        Raises:
            CheckpointError: the previous one could not be written.
        """
        began = time.perf_counter()
        self.wait()
        final = self.folder / f"step-{facts['step']:08d}"
        aside = final.with_name(f"{final.name}.incomplete")
        if self._ranks.is_first:
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
        dist.barrier(group=self._group)
        state = _state(model, optimizer)
        if self._ranks.device.type == "cuda":
            torch.cuda.synchronize()  # the copy runs beside the stream that updated the weights
        answer = async_save(state, checkpoint_id=aside, process_group=self._group, async_stager=self._stager)
        written, self._staging = (
            (answer.upload_completion, answer.staging_completion)
            if isinstance(answer, AsyncSaveResponse)
            else (answer, None)
        )
        self._publishing = self._pool.submit(self._publish, written, aside, final, dict(facts), began)
        self._since_s = time.perf_counter()
        self.cost_s = self._since_s - began

    def staged(self) -> float:
        """Wait until the last save's state is copied, so the optimizer may move; return the seconds."""
        if not self._staging:
            return 0.0
        began = time.perf_counter()
        self._staging.result()
        self._staging = None
        waited_s = time.perf_counter() - began
        self.cost_s += waited_s
        return waited_s

    def wait(self) -> None:
        """Wait until the last save is complete."""
        self.staged()
        pending, self._publishing = self._publishing, None
        if pending:
            try:
                pending.result()
            except Exception as error:
                raise CheckpointError(
                    f"{self.folder}: a checkpoint could not be written: {error}; make room there or choose "
                    "another `out`, then run the same command again: it continues from the one before"
                ) from error

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Wait for the last save and end the threads; after another error a failed save is not reported."""
        try:
            with suppress(CheckpointError) if error else nullcontext():
                self.wait()
        finally:
            self._pool.shutdown()
            self._stager.close()

    def _publish(
        self, written: Future[Any], aside: Path, final: Path, facts: dict[str, Any], began: float
    ) -> None:
        """Gather each rank's files and digests, write the manifest, rename, and remove old checkpoints."""
        written.result()
        mine = list(aside.glob(f"__{self._ranks.rank}_*")) + [aside / ".metadata"] * self._ranks.is_first
        own = {f.name: {"bytes": f.stat().st_size, "digest": digest_file(str(f))} for f in sorted(mine)}
        parts: list[Any] | None = [None] * self._ranks.world_size if self._ranks.is_first else None
        dist.gather_object(own, parts, dst=0, group=self._group)
        if parts is not None:
            files = {name: file for part in parts for name, file in part.items()}
            text = json.dumps(
                {"version": VERSION, **facts, "ranks": self._ranks.world_size, "files": files}, indent=1
            )
            with (aside / MANIFEST).open("w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            shutil.rmtree(final, ignore_errors=True)
            aside.rename(final)
            self._prune()
        self.write_s = time.perf_counter() - began

    def _prune(self) -> None:
        """Remove all but the newest checkpoints and those of every `keep_every_steps`."""
        kept_every = self._config.keep_every_steps
        for old in checkpoints_in(self.folder)[: -self._config.keep_count]:
            if not kept_every or int(old.name.removeprefix("step-")) % kept_every:
                shutil.rmtree(old)

    def latest(
        self, at_most: float = math.inf, folder: Path | None = None
    ) -> tuple[SavedCheckpoint | None, list[str]]:
        """Return the newest undamaged checkpoint, and what is wrong with newer ones.

        Only those of at most `at_most` steps are considered; `folder` is given for another run's. The first
        rank lists them, and each rank checks a share of the files.
        """
        folder = folder or self.folder
        published = checkpoints_in(folder) if self._ranks.is_first else []
        names: list[Any] = [[path.name for path in reversed(published)]]
        dist.broadcast_object_list(names, src=0)
        warnings: list[str] = []
        for name in names[0]:
            if int(name.removeprefix("step-")) > at_most:
                continue
            directory = folder / name
            manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
            share = sorted(manifest["files"].items())[self._ranks.rank :: self._ranks.world_size]
            faults: list[Any] = [None] * self._ranks.world_size
            dist.all_gather_object(faults, _fault(directory, dict(share)))
            if not any(faults):
                return SavedCheckpoint(directory=directory, manifest=manifest), warnings
            warnings.append(f"{next(filter(None, faults))}; the checkpoint before it is used")
        return None, warnings

    def restore(self, saved: SavedCheckpoint, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Load weights, optimizer and random state; each rank reads its shards, whichever rank wrote them."""
        state = _state(model, optimizer)
        stored = FileSystemReader(saved.directory).read_metadata().state_dict_metadata
        if "rng.cuda" in state and "rng.cuda" not in stored:
            del state["rng.cuda"]  # written without a GPU
        load(state, checkpoint_id=saved.directory)
        set_state_dict(model, optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"])
        torch.set_rng_state(state["rng"])
        if "rng.cuda" in state:
            torch.cuda.set_rng_state(state["rng.cuda"])


def checkpoints_in(folder: Path) -> list[Path]:
    """Return the published checkpoints, oldest first; one without a manifest does not exist."""
    return sorted(path.parent for path in folder.glob(f"step-????????/{MANIFEST}"))


def _state(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    weights, optimizer_state = get_state_dict(model, optimizer)
    state = {"model": weights, "optimizer": optimizer_state, "rng": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["rng.cuda"] = torch.cuda.get_rng_state()
    return state


def _fault(directory: Path, files: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what is wrong with the files of a checkpoint, or ''."""
    for name, expected in files.items():
        path = directory / name
        if not path.exists():
            return f"{path}: expected {expected['bytes']} bytes, found no file"
        if path.stat().st_size != expected["bytes"]:
            return f"{path}: expected {expected['bytes']} bytes, found {path.stat().st_size}"
        if (digest := digest_file(str(path))) != expected["digest"]:
            return f"{path}: expected the digest {expected['digest']}, found {digest}"
    return ""
