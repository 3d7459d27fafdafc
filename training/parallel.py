"""Ranks, and the model spread over them: the same code for one process and for many."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.utils.checkpoint import (
    CheckpointPolicy,
    SelectiveCheckpointContext,
    checkpoint,
    create_selective_checkpoint_contexts,
)

from training.model import Block, Decoder, initialize
from training.settings.config import Config

_ATTENTION = {
    torch.ops.torch_attn._varlen_attn.default,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default,
    torch.ops.aten._scaled_dot_product_efficient_attention.default,
    torch.ops.aten._scaled_dot_product_flash_attention.default,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """This process among all: `rank` of `count`, and where it computes."""

    rank: int
    count: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Return whether this process writes for all."""
        return self.rank == 0

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sum over all ranks."""
        dist.all_reduce(values)
        return values

    def gather(self, values: torch.Tensor) -> torch.Tensor:
        """Return every rank's values, which have one shape, one after another."""
        out = [torch.empty_like(values) for _ in range(self.count)]
        dist.all_gather(out, values.contiguous())
        return torch.cat(out)


@contextmanager
def ranks(timeout_s: float = 600.0) -> Iterator[Ranks]:
    """Join the other processes of `torchrun`, or stand alone as one rank of one; leave at the end.

    GPUs talk through NCCL (and gloo for what lies in main memory), CPUs through gloo. A rank that does not
    answer within `timeout_s` ends the others.
    """
    timeout = timedelta(seconds=timeout_s)
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
    if "WORLD_SIZE" in os.environ:
        dist.init_process_group(backend, timeout=timeout)
    else:
        store = dist.HashStore()  # type: ignore[attr-defined]
        dist.init_process_group(backend, store=store, rank=0, world_size=1, timeout=timeout)
    try:
        yield Ranks(rank=dist.get_rank(), count=dist.get_world_size(), device=device)
    finally:
        dist.destroy_process_group()


def build(asked: Config, vocab: int, place: Ranks) -> Decoder:
    """Return the model with its weights set, each block and the whole wrapped by FSDP2.

    It is made without memory first, so that no rank ever holds more than its part and one whole parameter.
    Weights are kept and gradients reduced in float32, products are taken in `precision`.
    """
    with torch.device("meta"):
        model = Decoder(asked.model, vocab)
    mesh = init_device_mesh(place.device.type, (place.count,))
    policy = MixedPrecisionPolicy(
        param_dtype=getattr(torch, asked.precision), reduce_dtype=torch.float32, cast_forward_inputs=False
    )  # of a block's inputs only the angles are float32, and they shall stay it
    for block in model.blocks:
        prepare(cast(Block, block), asked.recompute, compiled=asked.compile)
        fully_shard(block, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    model.to_empty(device=place.device)
    initialize(model, asked.seed)
    return model


def prepare(block: Block, recompute: str, *, compiled: bool) -> None:
    """Let a block recompute its activations in the backward pass, or be compiled, or both.

    It stays the same module with the same names; FSDP's own work is outside of what is compiled. All blocks
    share one compiled code.
    """
    compute = block.plainly
    if recompute != "none":
        plain, options = compute, dict[str, Any]()
        if recompute == "selective":
            options["context_fn"] = partial(create_selective_checkpoint_contexts, _kept)

        def compute(x: Tensor, turned: Tensor, seen: Tensor) -> Tensor:
            return cast(Tensor, checkpoint(plain, x, turned, seen, use_reentrant=False, **options))

    block.compute = torch.compile(compute, fullgraph=True) if compiled else compute


def _kept(_: SelectiveCheckpointContext, op: object, *arguments: Any, **__: Any) -> CheckpointPolicy:
    """Keep what attention gave, and every matrix product that is no wider than what went in.

    The wide ones, inside SwiGLU, are most of the memory and the cheapest part to compute again.
    """
    narrow = op == torch.ops.aten.mm.default and arguments[1].shape[1] <= arguments[0].shape[1]
    keep = narrow or op in _ATTENTION
    return CheckpointPolicy.MUST_SAVE if keep else CheckpointPolicy.PREFER_RECOMPUTE
