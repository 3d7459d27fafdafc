"""The files of evals, read, checked and tokenized: held-out text, tasks, prompts.

A set is identified by the digest of its contents.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fsspec.compression import compr
from fsspec.utils import infer_compression

from curation.files.digests import digest_bytes
from curation.files.remote import read
from training.data.corpus import Corpus, reading
from training.data.tokenizer import ShardTokenizer, TokenizerError, open_tokenizer
from training.settings import EvalsConfig

EVALS_VERSION = 1  # part of every digest; raise it when the same files would get other scores


class EvalError(ValueError):
    """Files of evals that cannot be used, with a line for each mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Input tokens; those from `first` on are scored and count for unit `unit` of the set."""

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
    """All sets of a run, its prompts, and the tokenizer that encoded them."""

    sets: tuple[EvalSet, ...]
    prompts: tuple[str, ...]
    sample_tokens: int
    row_tokens: int
    tokenizer: ShardTokenizer | None

    @property
    def digests(self) -> dict[str, str]:
        """Return set -> digest."""
        return {eval_set.name: eval_set.digest for eval_set in self.sets}


def open_evals(config: EvalsConfig, corpus: Corpus | None) -> Evals:
    """Read and tokenize all files of the evals; without a corpus only check them.

    Raises:
        EvalError: with every mistake in them, or if there is no tokenizer for them.
    """
    faults = [f"the evals name '{name}' twice" for name in sorted(config.texts.keys() & config.tasks.keys())]
    tokenizer, sets = None, list[EvalSet]()
    row_tokens = corpus.row_tokens if corpus else 0
    try:
        if corpus and (config.texts or config.tasks or config.prompts):
            tokenizer = open_tokenizer(corpus)
    except TokenizerError as error:
        faults.append(str(error))
    for kind, files in (("text", config.texts), ("task", config.tasks)):
        for name, path in files.items():
            entries, mistakes = _read(path, kind)
            faults += mistakes
            if tokenizer and not mistakes:
                make = _text_set if kind == "text" else _task_set
                sets.append(make(name, entries, tokenizer, row_tokens))
    if faults:
        raise EvalError("\n".join(faults))
    return Evals(
        sets=tuple(sets),
        prompts=config.prompts,
        sample_tokens=config.sample_tokens,
        row_tokens=row_tokens,
        tokenizer=tokenizer,
    )


def _read(path: str, kind: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the entries of a JSONL file and what is wrong with it."""
    entries: list[dict[str, Any]] = []
    faults: list[str] = []
    try:
        with reading(path, EvalError):
            data = compr[infer_compression(path)](io.BytesIO(read(path)), mode="rb")
            for number, line in enumerate(io.TextIOWrapper(data, encoding="utf-8"), start=1):
                if line.strip():
                    entry, fault = _entry(line, kind)
                    entries += [entry] if entry else []
                    faults += [f"{path}:{number}: {fault}"] if fault else []
    except EvalError as error:
        faults.append(str(error))
    if not entries and not faults:
        faults.append(f"{path}: expected lines of JSON, found none")
    return entries, faults


def _entry(line: str, kind: str) -> tuple[dict[str, Any] | None, str]:
    """Return the fields of one line that are scored, or what is wrong with it."""
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
        or not all(isinstance(choice, str) and choice for choice in choices)
    ):
        return None, f"expected `choices`, two strings or more, none empty, found {choices!r:.60}"
    if not isinstance(answer, int) or isinstance(answer, bool) or not 0 <= answer < len(choices):
        return None, f"expected `answer`, a number from 0 to {len(choices) - 1}, found {answer!r:.60}"
    return {"prompt": prompt, "choices": choices, "answer": answer}, ""


def _digest(kind: str, entries: Sequence[Mapping[str, Any]]) -> str:
    return digest_bytes(json.dumps([EVALS_VERSION, kind, entries], sort_keys=True).encode())


def _text_set(
    name: str, entries: list[dict[str, Any]], tokenizer: ShardTokenizer, row_tokens: int
) -> EvalSet:
    """Return documents scored from their first token on; long ones in stretches of a row without context."""
    stretches: list[Stretch] = []
    for unit, entry in enumerate(entries):
        ids = [tokenizer.eot_id, *tokenizer.encode(entry["text"])]
        parts = (tuple(ids[start : start + row_tokens + 1]) for start in range(0, len(ids) - 1, row_tokens))
        stretches.extend(Stretch(ids=part, first=1, unit=unit) for part in parts)
    return EvalSet(
        name=name,
        kind="text",
        digest=_digest("text", entries),
        stretches=tuple(stretches),
        unit_bytes=tuple(len(entry["text"].encode()) for entry in entries),
    )


def _task_set(
    name: str, entries: list[dict[str, Any]], tokenizer: ShardTokenizer, row_tokens: int
) -> EvalSet:
    """Return each choice after its prompt, which is cut from the left if both exceed a row."""
    stretches: list[Stretch] = []
    sizes: list[int] = []
    answers: list[tuple[int, int, int]] = []
    for entry in entries:
        answers.append((len(sizes), len(entry["choices"]), entry["answer"]))
        begin = len(tokenizer.encode(entry["prompt"]))
        for choice in entry["choices"]:
            ids = [tokenizer.eot_id, *tokenizer.encode(entry["prompt"] + choice)]
            kept = tuple(ids[-(row_tokens + 1) :])
            first = max(1, min(begin + 1, len(ids) - 1) - (len(ids) - len(kept)))
            stretches.append(Stretch(ids=kept, first=first, unit=len(sizes)))
            sizes.append(len(choice.encode()))
    return EvalSet(
        name=name,
        kind="task",
        digest=_digest("task", entries),
        stretches=tuple(stretches),
        unit_bytes=tuple(sizes),
        answers=tuple(answers),
    )
