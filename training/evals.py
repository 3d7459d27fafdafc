"""Scores during the run, on fixed files: bits per byte of held-out text, tasks by likelihood, samples.

Every number is the same on any number of ranks: what is scored together never depends on them. A set is known
by the digest of what it holds, and each score carries it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import fsspec
import torch
from torch.distributed.fsdp import FSDPModule

from curation.accounting.fingerprint import digest_bytes
from training import config
from training.data.corpus import Corpus
from training.data.loader import IGNORED
from training.data.vocabulary import Vocabulary, open_vocabulary
from training.model import Decoder, token_losses
from training.parallel import Ranks

EVALS_VERSION = 1  # part of every digest; raise it when the same files would be scored otherwise
_FORWARD_TOKENS = 8192  # scored at once
_PAD_TOKENS = 64  # lengths are rounded up to a multiple
_TEMPERATURE = 0.8


class EvalError(ValueError):
    """Files of evals that cannot be used: a line for each mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Tokens to be fed, of which those from `first` on are scored, for unit `unit` of its set."""

    ids: tuple[int, ...]
    first: int
    unit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalSet:
    """One file, ready to be scored.

    Attributes:
        kind: `text` (a unit is a document) or `task` (a unit is a choice of a question).
        unit_bytes: UTF-8 bytes of each unit.
        answers: for each question the number of its first unit, of its units, and of the right one.
    """

    name: str
    kind: str
    digest: str
    stretches: tuple[Stretch, ...]
    unit_bytes: tuple[int, ...]
    answers: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evals:
    """All sets of a run, its prompts, and the tokenizer they were read with."""

    sets: tuple[EvalSet, ...]
    prompts: tuple[str, ...]
    sample_tokens: int
    row_tokens: int
    vocabulary: Vocabulary | None

    @property
    def digests(self) -> dict[str, str]:
        """Return set -> digest."""
        return {each.name: each.digest for each in self.sets}


def open_evals(asked: config.Evals, corpus: Corpus) -> Evals:
    """Read all files of the evals and tokenize them.

    Raises:
        EvalError: with every mistake in them.
        VocabularyError: there is something to score and no tokenizer to do it with.
    """
    named = bool(asked.texts or asked.tasks or asked.prompts)
    vocabulary = open_vocabulary(corpus) if named else None
    sets: list[EvalSet] = []
    faults = [f"the evals name '{name}' twice" for name in asked.texts.keys() & asked.tasks.keys()]
    for kind, files in (("text", asked.texts), ("task", asked.tasks)):
        for name, path in files.items():
            entries, wrong = _read(path, kind)
            faults += wrong
            if vocabulary and not wrong:
                make = _text_set if kind == "text" else _task_set
                sets.append(make(name, entries, vocabulary, corpus.row_tokens))
    if faults:
        raise EvalError("\n".join(faults))
    return Evals(
        sets=tuple(sets),
        prompts=asked.prompts,
        sample_tokens=asked.sample_tokens,
        row_tokens=corpus.row_tokens,
        vocabulary=vocabulary,
    )


def _read(path: str, kind: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the entries of a JSONL file and what is wrong with it."""
    entries: list[dict[str, Any]] = []
    faults: list[str] = []
    try:
        with fsspec.open(path, "rt", encoding="utf-8", compression="infer") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    entry, fault = _entry(line, kind)
                    entries += [entry] if entry else []
                    faults += [f"{path}:{number}: {fault}"] if fault else []
    except OSError as error:
        faults.append(f"{path}: cannot be read ({error.strerror or error})")
    if not entries and not faults:
        faults.append(f"{path}: expected lines of JSON, found none")
    return entries, faults


def _entry(line: str, kind: str) -> tuple[dict[str, Any] | None, str]:
    """Return what is scored of one line, or what is wrong with it."""
    try:
        entry = json.loads(line)
    except ValueError as error:
        return None, f"not JSON ({error})"
    if not isinstance(entry, dict):
        return None, f"expected an object, found {type(entry).__name__}"
    if kind == "text":
        if not isinstance(text := entry.get("text"), str) or not text:
            return None, f"expected `text`, a string that is not empty, found {text!r:.60}"
        return {"text": text}, ""
    prompt, choices, answer = (entry.get(key) for key in ("prompt", "choices", "answer"))
    if not isinstance(prompt, str):
        return None, f"expected `prompt`, a string, found {prompt!r:.60}"
    if (
        not isinstance(choices, list)
        or len(choices) < 2
        or not all(isinstance(c, str) and c for c in choices)
    ):
        return None, f"expected `choices`, two strings or more, none empty, found {choices!r:.60}"
    if not isinstance(answer, int) or isinstance(answer, bool) or not 0 <= answer < len(choices):
        return None, f"expected `answer`, a number from 0 to {len(choices) - 1}, found {answer!r:.60}"
    return {"prompt": prompt, "choices": choices, "answer": answer}, ""


def _digest(kind: str, entries: Sequence[Mapping[str, Any]]) -> str:
    return digest_bytes(json.dumps([EVALS_VERSION, kind, entries], sort_keys=True).encode())


def _text_set(name: str, entries: list[dict[str, Any]], words: Vocabulary, row_tokens: int) -> EvalSet:
    """Return documents from their first token on; long ones in stretches of a row, each read from nothing."""
    stretches: list[Stretch] = []
    for unit, entry in enumerate(entries):
        ids = [words.eot_id, *words.encode(entry["text"])]
        parts = (tuple(ids[start : start + row_tokens + 1]) for start in range(0, len(ids) - 1, row_tokens))
        stretches.extend(Stretch(ids=part, first=1, unit=unit) for part in parts)
    known: dict[str, Any] = {"name": name, "kind": "text", "digest": _digest("text", entries)}
    sizes = tuple(len(entry["text"].encode()) for entry in entries)
    return EvalSet(**known, stretches=tuple(stretches), unit_bytes=sizes)


def _task_set(name: str, entries: list[dict[str, Any]], words: Vocabulary, row_tokens: int) -> EvalSet:
    """Return each choice after its prompt; the prompt is cut from the left where both exceed a row."""
    stretches: list[Stretch] = []
    sizes: list[int] = []
    answers: list[tuple[int, int, int]] = []
    for entry in entries:
        answers.append((len(sizes), len(entry["choices"]), entry["answer"]))
        begin = len(words.encode(entry["prompt"]))
        for choice in entry["choices"]:
            ids = [words.eot_id, *words.encode(entry["prompt"] + choice)]
            held = tuple(ids[-(row_tokens + 1) :])
            first = max(1, min(begin + 1, len(ids) - 1) - (len(ids) - len(held)))
            stretches.append(Stretch(ids=held, first=first, unit=len(sizes)))
            sizes.append(len(choice.encode()))
    known: dict[str, Any] = {
        "name": name,
        "kind": "task",
        "digest": _digest("task", entries),
        "answers": tuple(answers),
    }
    return EvalSet(**known, stretches=tuple(stretches), unit_bytes=tuple(sizes))


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
