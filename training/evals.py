"""Scores during the run on fixed files: bits per byte of held-out text, accuracy on tasks, samples.

Every score is the same on any number of ranks, since the groups that are scored together do not depend on it.
Each carries the digest of its set.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.distributed.fsdp import FSDPModule

from training.data.heldout import Evals, EvalSet, Stretch
from training.data.segment import IGNORED
from training.model import Decoder, token_losses
from training.parallel import Ranks

_FORWARD_TOKENS = 8192  # scored at once
_PAD_TOKENS = 64  # lengths are rounded up to a multiple
_TEMPERATURE = 0.8


def groups(stretches: Sequence[Stretch], row_tokens: int) -> list[list[int]]:
    """Return the indices of the stretches that are scored at once: of similar length, longest first."""
    order = sorted(range(len(stretches)), key=lambda index: (-len(stretches[index].ids), index))
    out: list[list[int]] = []
    for index in order:
        if out and (len(out[-1]) + 1) * _padded(stretches[out[-1][0]], row_tokens) <= _FORWARD_TOKENS:
            out[-1].append(index)
        else:
            out.append([index])
    return out


def _padded(stretch: Stretch, row_tokens: int) -> int:
    return min(row_tokens, math.ceil((len(stretch.ids) - 1) / _PAD_TOKENS) * _PAD_TOKENS)


@torch.no_grad()
def unit_nats(model: Decoder, eval_set: EvalSet, ranks: Ranks, row_tokens: int) -> list[float]:
    """Return the nats of the scored tokens of each unit, in float64, the same on every rank.

    All ranks run equally many forward passes; in the last round some repeat a group, which is not counted.
    """
    stretches = eval_set.stretches
    batches = groups(stretches, row_tokens)
    nats = torch.zeros(len(stretches), dtype=torch.float64, device=ranks.device)
    for first_batch in range(0, len(batches), ranks.world_size):
        mine = batches[min(first_batch + ranks.rank, len(batches) - 1)]
        width = _padded(stretches[mine[0]], row_tokens)
        tokens = torch.zeros(len(mine), width, dtype=torch.int64)
        labels = torch.full_like(tokens, IGNORED)
        for row, index in enumerate(mine):
            ids, first = stretches[index].ids, stretches[index].first
            tokens[row, : len(ids) - 1] = torch.tensor(ids[:-1])
            labels[row, first - 1 : len(ids) - 1] = torch.tensor(ids[first:])
        losses, _ = token_losses(forward(model, tokens.to(ranks.device)), labels.to(ranks.device))
        if first_batch + ranks.rank < len(batches):
            nats[torch.tensor(mine, device=ranks.device)] = losses.sum(dim=1, dtype=torch.float64)
    ranks.sum(nats)  # all ranks but one hold zero for each stretch, so nothing is rounded
    units = torch.tensor([stretch.unit for stretch in stretches], device=ranks.device)
    return nats.new_zeros(len(eval_set.unit_bytes)).index_add_(0, units, nats).tolist()


def forward(model: Decoder, tokens: torch.Tensor) -> torch.Tensor:
    """Return the logits of rows that each hold one document."""
    positions = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
    logits: torch.Tensor = model(tokens, torch.zeros_like(tokens), positions)
    return logits


def score(eval_set: EvalSet, nats: Sequence[float]) -> dict[str, Any]:
    """Return the scores of a set, given the nats of its units.

    Text: bits per byte (nats / ln 2 / UTF-8 bytes), comparable between tokenizers. Tasks: accuracy, where the
    answer is the likeliest choice, by its summed nats and by its nats per byte; the standard error; the
    accuracy of chance; and the bits per byte of the right choices, which improve before accuracy does.
    """
    identity = {"set": eval_set.name, "digest": eval_set.digest}
    if eval_set.kind == "text":
        size = sum(eval_set.unit_bytes)
        bits = math.fsum(nats) / math.log(2) / size
        return {**identity, "bits_per_byte": bits, "bytes": size, "documents": len(eval_set.unit_bytes)}
    right = right_by_byte = 0
    chance, bits, size = 0.0, 0.0, 0
    for begin, count, answer in eval_set.answers:
        choices, sizes = nats[begin : begin + count], eval_set.unit_bytes[begin : begin + count]
        rates = [choice / choice_bytes for choice, choice_bytes in zip(choices, sizes, strict=True)]
        right += choices.index(min(choices)) == answer
        right_by_byte += rates.index(min(rates)) == answer
        chance, bits, size = chance + 1 / count, bits + choices[answer] / math.log(2), size + sizes[answer]
    count = len(eval_set.answers)
    accuracy = right / count
    return {
        **identity,
        "accuracy": accuracy,
        "accuracy_by_byte": right_by_byte / count,
        "standard_error": math.sqrt(accuracy * (1 - accuracy) / count),
        "chance": chance / count,
        "answer_bits_per_byte": bits / size,
        "questions": count,
    }


@torch.no_grad()
def sample(model: Decoder, evals: Evals, ranks: Ranks, seed: int) -> list[str]:
    """Return a continuation of each prompt, sampled at temperature 0.8 with the seed."""
    tokenizer = evals.tokenizer
    if tokenizer is None or not evals.prompts:
        return []
    width, count = evals.row_tokens, evals.sample_tokens
    texts = [
        [tokenizer.eot_id, *tokenizer.encode(prompt)][-max(width - count, 1) :] for prompt in evals.prompts
    ]
    starts = [len(ids) for ids in texts]
    generator = torch.Generator().manual_seed(seed)
    for _ in range(min(count, width)):
        tokens = torch.zeros(len(texts), width, dtype=torch.int64)
        for row, ids in enumerate(texts):
            tokens[row, : min(len(ids), width)] = torch.tensor(ids[-width:])
        logits = forward(model, tokens.to(ranks.device))
        last = torch.tensor([min(len(ids), width) - 1 for ids in texts], device=logits.device)
        next_logits = logits[torch.arange(len(texts), device=logits.device), last].float().cpu()
        sampled = torch.multinomial((next_logits / _TEMPERATURE).softmax(dim=-1), 1, generator=generator)
        for ids, token in zip(texts, sampled[:, 0].tolist(), strict=True):
            ids.append(token)
    return [tokenizer.decode(ids[start:]) for ids, start in zip(texts, starts, strict=True)]


def evaluate(model: Decoder, evals: Evals, ranks: Ranks, seed: int) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the scores of all sets and a continuation of each prompt; all ranks call it together."""
    scores = [score(eval_set, unit_nats(model, eval_set, ranks, evals.row_tokens)) for eval_set in evals.sets]
    samples = sample(model, evals, ranks, seed)
    if isinstance(model, FSDPModule):
        model.reshard()  # after a forward pass without a backward one the root's weights are still gathered
    return scores, samples
