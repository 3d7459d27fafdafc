"""Batches, read ahead by one thread: no worker processes, no shared memory, nothing left after a kill.

The thread draws the plan for all ranks and reads only this rank's rows. It is ahead of the training, so each
batch carries the state that continues the plan after it.
"""

from __future__ import annotations

import os
import queue
import threading
import time
import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.data.cache import CacheShare
from training.data.segment import Segments, documents_bound, segments
from training.data.shards import ShardReader
from training.plan import Draw, Plan, PlanError, RowLocation

_DEPTH = 2  # batches read ahead
_AHEAD = 64  # batches whose remote shards are fetched ahead


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One rank's rows of a step.

    Attributes:
        drawn: the global batch as the plan drew it, the same on every rank.
        tokens: (rows, row_tokens).
        labels: the next token, or `IGNORED` (see `segment`).
        documents: number of the document within the row; attention stays within it.
        positions: position within the document, from 0.
        cu_seqlens: (micro batches, n + 1) int32: where each document begins in the flattened tokens of a
            micro batch, padded with their number up to a fixed n (`documents_bound`); the padding stands for
            documents of length 0.
        sources: number of each row's source in the plan.
        state: continues the plan after this batch.
        wait_s: seconds the training waited for it.
    """

    drawn: Draw
    tokens: torch.Tensor
    labels: torch.Tensor
    documents: torch.Tensor
    positions: torch.Tensor
    cu_seqlens: torch.Tensor
    sources: torch.Tensor
    state: dict[str, Any]
    wait_s: float = 0.0


class Loader:
    """Iterates the batches from the plan's present step to its last; use it as a context manager.

    Every rank ends at the same step, which the plan alone decides. An error in the thread is raised here.
    A rank's rows are `micro_batches` equal parts, one after another.
    """

    def __init__(
        self,
        plan: Plan,
        reader: ShardReader,
        *,
        rank: int,
        world_size: int,
        device: torch.device,
        micro_batches: int = 1,
    ) -> None:
        self._plan, self._reader, self._device = plan, reader, device
        self._slots = plan.slots(rank, world_size)
        if len(self._slots) % micro_batches:
            raise PlanError(
                f"{len(self._slots)} rows of a rank cannot be divided into {micro_batches} micro batches"
            )
        if reader.is_remote:
            reader.use_cache(self._share(rank, world_size))
        self._micro_batches = micro_batches
        self._bound = documents_bound(len(self._slots) // micro_batches, reader.corpus.row_tokens)
        self._drawn: deque[tuple[Draw, list[RowLocation], dict[str, Any]]] = deque()
        self._queue: queue.Queue[Batch | BaseException | None] = queue.Queue(maxsize=_DEPTH)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loader", daemon=True)

    def _share(self, rank: int, world_size: int) -> CacheShare:
        """Return this rank's share of the copies on its node."""
        plan, paths, slots = self._plan, self._reader.paths, self._slots
        local = min(int(os.environ.get("LOCAL_WORLD_SIZE", "1")), world_size)
        first = rank - rank % local
        others = [
            plan.owned(plan.slots(other, world_size))
            for other in range(first, min(first + local, world_size))
            if other != rank
        ]
        return CacheShare(
            mine=paths(plan.owned(slots)),
            others=paths(set().union(*others)),
            is_first=rank == first,
            ranks=local,
            begun=lambda: paths(plan.begun(slots)),
        )

    def __enter__(self) -> Loader:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def __iter__(self) -> Iterator[Batch]:
        while True:
            began = time.perf_counter()
            item = self._queue.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield self._moved(item, time.perf_counter() - began)

    def _run(self) -> None:
        try:
            ahead = _AHEAD if self._reader.is_remote else 1
            while not self._stop.is_set():
                while len(self._drawn) < ahead and self._plan.step < self._plan.steps:
                    self._draw()
                if not self._drawn:
                    break
                self._put(self._next())
            self._put(None)
        except BaseException as error:  # noqa: BLE001 - the training loop raises it
            self._put(error)
        finally:
            self._reader.close()

    def _put(self, item: Batch | BaseException | None) -> None:
        """Put an item into the queue once there is room, unless the training ends."""
        while not self._stop.is_set():
            try:
                return self._queue.put(item, timeout=0.1)
            except queue.Full:
                continue
        return None

    def _draw(self) -> None:
        drawn = self._plan.draw()
        rows = self._plan.locate(drawn, self._slots)
        self._reader.expect(rows)
        self._drawn.append((drawn, rows, self._plan.state()))

    def _next(self) -> Batch:
        drawn, rows, state = self._drawn.popleft()
        tokens, eot_id = self._reader.read(rows), self._reader.corpus.eot_id
        rows_segments = segments(tokens, eot_id)
        documents, positions = rows_segments.numbers_and_positions()
        return Batch(
            drawn=drawn,
            tokens=self._tensor(tokens),
            labels=self._tensor(rows_segments.labels(tokens, self._reader.mask(rows))),
            documents=self._tensor(documents),
            positions=self._tensor(positions),
            cu_seqlens=self._tensor(self._cu_seqlens(drawn.step, rows_segments)),
            sources=self._tensor(np.array([row.source for row in rows], np.int64)),
            state=state,
        )

    def _cu_seqlens(self, step: int, batch: Segments) -> NDArray[np.int32]:
        """Return the cumulative lengths of each micro batch; the bound is doubled if they do not fit."""
        count, before = batch.max_documents(self._micro_batches), self._bound
        while self._bound < count:
            self._bound *= 2
        if self._bound > before:
            rows = len(self._slots) // self._micro_batches
            warnings.warn(
                f"step {step}: {count} documents in {rows} rows; cu_seqlens had room for {before} and now "
                f"has room for {self._bound}: compiled layers are compiled once more",
                RuntimeWarning,
                stacklevel=2,
            )
        return batch.cumulative_lengths(self._micro_batches, self._bound)

    def _tensor(self, array: NDArray[np.integer[Any]]) -> torch.Tensor:
        tensor = torch.from_numpy(array)
        return tensor.pin_memory() if self._device.type == "cuda" else tensor

    def _moved(self, batch: Batch, wait_s: float) -> Batch:
        moved: dict[str, Any] = {
            name: value.to(self._device, non_blocking=True)
            for name, value in vars(batch).items()
            if isinstance(value, torch.Tensor)
        }
        return replace(batch, wait_s=wait_s, **moved)
