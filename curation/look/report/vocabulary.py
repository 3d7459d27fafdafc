"""What the run's tokenizer makes of what it kept: fertility by language, and tokens that few texts hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from curation.look.run import OpenedRun, stored, tokens
from curation.shards.tokens import Tokenizer, encode_batch

SAMPLED_DOCUMENTS, SAMPLED_CHARACTERS = 1_000, 4_000
LANGUAGES_SHOWN, TOKENS_SHOWN = 15, 25
#: A token is rare if at most so many of the sampled texts hold it.
FEW_DOCUMENTS = 2


def tokenizer_use(run: OpenedRun) -> dict[str, Any] | None:
    """Return what the tokenizer of a run makes of a hash-sample of its kept texts; None without one.

    `used` of its `size` tokens occur in them.
    """
    tokenizer = tokens.load(run)
    if tokenizer is None or not run.row_stages:
        return None
    frame = stored(
        run, run.row_stages[-1], "kept", wanted=SAMPLED_DOCUMENTS, columns=["id", "language", "text"]
    )
    frame = frame[frame["text"].fillna("") != ""]
    texts = [text[:SAMPLED_CHARACTERS] for text in frame["text"]]
    encoded = [ids.tolist() for ids in encode_batch(tokenizer, texts)]
    counts: Counter[int] = Counter()
    held: dict[int, list[str]] = {}
    for document, ids in zip(frame["id"], encoded, strict=True):
        counts.update(ids)
        for token in set(ids):
            held.setdefault(token, []).append(document)
    return {
        "languages": _fertility([str(name or "un") for name in frame["language"]], texts, encoded),
        "rare": _rare(tokenizer, counts, held),
        "used": len(counts),
        "size": tokenizer.vocab,
        "documents": len(texts),
    }


def _fertility(
    languages: Sequence[str], texts: Sequence[str], encoded: Sequence[Sequence[int]]
) -> list[dict[str, Any]]:
    """Return tokens of each language's texts, against the words, characters and bytes they stand for."""
    sums: dict[str, list[int]] = {}
    for language, text, ids in zip(languages, texts, encoded, strict=True):
        mine = sums.setdefault(language, [0] * 5)
        units = (1, len(ids), len(text.split()), len(text), len(text.encode("utf-8", "replace")))
        sums[language] = [a + b for a, b in zip(mine, units, strict=True)]
    names = ("documents", "tokens", "words", "characters", "bytes")
    rows: list[dict[str, Any]] = [
        {"language": name, **dict(zip(names, sums[name], strict=True))} for name in sums
    ]
    return sorted(rows, key=lambda row: (-row["tokens"], row["language"]))[:LANGUAGES_SHOWN]


def _rare(
    tokenizer: Tokenizer, counts: Counter[int], held: Mapping[int, Sequence[str]]
) -> list[dict[str, Any]]:
    """Return tokens that few texts hold, and often: a page's own markup, a name, a tokenizer's fault."""
    few = [token for token in counts if len(held[token]) <= FEW_DOCUMENTS]
    few.sort(key=lambda token: (-counts[token], token))
    return [
        {
            "token": tokenizer.engine.decode([token], skip_special_tokens=False),
            "id": token,
            "count": counts[token],
            "documents": len(held[token]),
            "example": held[token][0],
        }
        for token in few[:TOKENS_SHOWN]
    ]
