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

from training.model import Decoder, DecoderLayer, initialize
from training.settings import Config

_ATTENTION = {
    torch.ops.torch_attn._varlen_attn.default,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default,
    torch.ops.aten._scaled_dot_product_efficient_attention.default,
    torch.ops.aten._scaled_dot_product_flash_attention.default,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """This process among all of a run: rank `rank` of `world_size`, computing on `device`."""

    rank: int
    world_size: int
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
        out = [torch.empty_like(values) for _ in range(self.world_size)]
        dist.all_gather(out, values.contiguous())
        return torch.cat(out)


@contextmanager
def process_group(timeout_s: float = 600.0) -> Iterator[Ranks]:
    """Join the other processes of `torchrun`, or be a single rank; leave the group at the end.

    GPUs communicate through NCCL (and gloo for tensors in main memory), CPUs through gloo. If a rank does
    not answer within `timeout_s`, the others end.
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
        yield Ranks(rank=dist.get_rank(), world_size=dist.get_world_size(), device=device)
    finally:
        dist.destroy_process_group()


def build(config: Config, vocab: int, ranks: Ranks) -> Decoder:
    """Return the model with its weights set, each layer and the whole wrapped by FSDP2.

    It is made on the meta device first, so no rank ever holds more than its shard and one whole parameter.
    Weights are kept and gradients reduced in float32; products are taken in `precision`.
    """
    with torch.device("meta"):
        model = Decoder(config.model, vocab)
    mesh = init_device_mesh(ranks.device.type, (ranks.world_size,))
    policy = MixedPrecisionPolicy(
        param_dtype=getattr(torch, config.precision), reduce_dtype=torch.float32, cast_forward_inputs=False
    )  # only the rope table is float32 among a layer's inputs, and it stays so
    for layer in model.layers:
        prepare(cast(DecoderLayer, layer), config.recompute, compiled=config.compile)
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    model.to_empty(device=ranks.device)
    initialize(model, config.seed)
    return model


def prepare(layer: DecoderLayer, recompute: str, *, compiled: bool) -> None:
    """Let a layer recompute its activations in the backward pass, or be compiled, or both.

    The module and its names stay the same, and FSDP's own work is not compiled. All layers share the
    compiled code.
    """
    compute = layer.plain_forward
    if recompute != "none":
        plain, options = compute, dict[str, Any]()
        if recompute == "selective":
            options["context_fn"] = partial(create_selective_checkpoint_contexts, _policy)

        def compute(x: Tensor, rope: Tensor, mask: Tensor) -> Tensor:
            return cast(Tensor, checkpoint(plain, x, rope, mask, use_reentrant=False, **options))

    layer.compute = torch.compile(compute, fullgraph=True) if compiled else compute


def _policy(_: SelectiveCheckpointContext, op: object, *arguments: Any, **__: Any) -> CheckpointPolicy:
    """Keep the outputs of attention, and of every matrix product that is no wider than its input.

    The wide ones, inside the MLP, are most of the memory and the cheapest to compute again.
    """
    narrow = op == torch.ops.aten.mm.default and arguments[1].shape[1] <= arguments[0].shape[1]
    keep = narrow or op in _ATTENTION
    return CheckpointPolicy.MUST_SAVE if keep else CheckpointPolicy.PREFER_RECOMPUTE
