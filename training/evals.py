"""Scores during the run, on fixed files: bits per byte of held-out text, tasks by likelihood, samples.

Every number is the same on any number of ranks: what is scored together never depends on them. Each score
carries the digest of its set.
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
    """Return the numbers of stretches that are scored at once: of like length, longest first."""
    order = sorted(range(len(stretches)), key=lambda n: (-len(stretches[n].ids), n))
    out: list[list[int]] = []
    for number in order:
        if out and (len(out[-1]) + 1) * _padded(stretches[out[-1][0]], row_tokens) <= _FORWARD_TOKENS:
            out[-1].append(number)
        else:
            out.append([number])
    return out


def _padded(stretch: Stretch, row_tokens: int) -> int:
    return min(row_tokens, math.ceil((len(stretch.ids) - 1) / _PAD_TOKENS) * _PAD_TOKENS)


@torch.no_grad()
def surprise(model: Decoder, each: EvalSet, place: Ranks, row_tokens: int) -> list[float]:
    """Return the nats of the scored tokens of each unit, in float64, the same on every rank.

    All ranks run equally many forward passes; those left over repeat one whose result is not counted.
    """
    of = groups(each.stretches, row_tokens)
    parts = torch.zeros(len(each.stretches), dtype=torch.float64, device=place.device)
    for round_ in range(0, len(of), place.count):
        mine = of[min(round_ + place.rank, len(of) - 1)]
        width = _padded(each.stretches[mine[0]], row_tokens)
        tokens = torch.zeros(len(mine), width, dtype=torch.int64)
        labels = torch.full_like(tokens, IGNORED)
        for row, number in enumerate(mine):
            ids, first = each.stretches[number].ids, each.stretches[number].first
            tokens[row, : len(ids) - 1] = torch.tensor(ids[:-1])
            labels[row, first - 1 : len(ids) - 1] = torch.tensor(ids[first:])
        losses, _ = token_losses(forward(model, tokens.to(place.device)), labels.to(place.device))
        if round_ + place.rank < len(of):
            parts[torch.tensor(mine, device=place.device)] = losses.sum(dim=1, dtype=torch.float64)
    place.sum(parts)  # of each part all ranks but one hold zero, so nothing is rounded
    units = torch.tensor([stretch.unit for stretch in each.stretches], device=place.device)
    return parts.new_zeros(len(each.unit_bytes)).index_add_(0, units, parts).tolist()


def forward(model: Decoder, tokens: torch.Tensor) -> torch.Tensor:
    """Return the logits of rows that are each one document."""
    positions = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
    logits: torch.Tensor = model(tokens, torch.zeros_like(tokens), positions)
    return logits


def score(each: EvalSet, nats: Sequence[float]) -> dict[str, Any]:
    """Return what the nats of its units say of a set.

    Text: bits per byte (nats / ln 2 / UTF-8 bytes), comparable between tokenizers. Tasks: the share of
    questions whose right choice is the likeliest, by its tokens together and by its bytes; the standard error
    and what chance gives; and the bits per byte of the right choices, which move before the share does.
    """
    known = {"set": each.name, "digest": each.digest}
    if each.kind == "text":
        size = sum(each.unit_bytes)
        bits = math.fsum(nats) / math.log(2) / size
        return {**known, "bits_per_byte": bits, "bytes": size, "documents": len(each.unit_bytes)}
    right = right_by_byte = 0
    chance, bits, size = 0.0, 0.0, 0
    for begin, count, answer in each.answers:
        own, sizes = nats[begin : begin + count], each.unit_bytes[begin : begin + count]
        rates = [a / b for a, b in zip(own, sizes, strict=True)]
        right += own.index(min(own)) == answer
        right_by_byte += rates.index(min(rates)) == answer
        chance, bits, size = chance + 1 / count, bits + own[answer] / math.log(2), size + sizes[answer]
    count = len(each.answers)
    share = right / count
    return {
        **known,
        "accuracy": share,
        "accuracy_by_byte": right_by_byte / count,
        "standard_error": math.sqrt(share * (1 - share) / count),
        "chance": chance / count,
        "answer_bits_per_byte": bits / size,
        "questions": count,
    }


@torch.no_grad()
def sample(model: Decoder, evals: Evals, place: Ranks, seed: int) -> list[str]:
    """Return a continuation of each prompt, drawn at temperature 0.8 from numbers the seed decides."""
    words = evals.vocabulary
    if words is None or not evals.prompts:
        return []
    width, made = evals.row_tokens, evals.sample_tokens
    held = [[words.eot_id, *words.encode(prompt)][-max(width - made, 1) :] for prompt in evals.prompts]
    starts = [len(ids) for ids in held]
    generator = torch.Generator().manual_seed(seed)
    for _ in range(min(made, width)):
        tokens = torch.zeros(len(held), width, dtype=torch.int64)
        for row, ids in enumerate(held):
            tokens[row, : min(len(ids), width)] = torch.tensor(ids[-width:])
        logits = forward(model, tokens.to(place.device))
        last = torch.tensor([min(len(ids), width) - 1 for ids in held], device=logits.device)
        chosen = logits[torch.arange(len(held), device=logits.device), last].float().cpu() / _TEMPERATURE
        drawn = torch.multinomial(chosen.softmax(dim=-1), 1, generator=generator)
        for ids, token in zip(held, drawn[:, 0].tolist(), strict=True):
            ids.append(token)
    return [words.decode(ids[start:]) for ids, start in zip(held, starts, strict=True)]


def evaluate(model: Decoder, evals: Evals, place: Ranks, seed: int) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the scores of all sets, and a continuation of each prompt; all ranks call it at once."""
    scores = [score(each, surprise(model, each, place, evals.row_tokens)) for each in evals.sets]
    samples = sample(model, evals, place, seed)
    if isinstance(model, FSDPModule):
        model.reshard()  # a forward pass without a backward one leaves the root's weights whole
    return scores, samples
