"""What in a tokenizer breaks models, found before a token is stored: `curate tokenizer check FILE`.

Each check is a question put to the file through the same `encode` that the shard stage uses, with words and
characters chosen to break it. A finding is a `failure` (text is lost or ends documents), or a `note` (how it
cuts, which is good to know before prompts are written). Ids that no text reaches stay untrained, and a model
answers them at random: Land and Bartolo 2024, "Fishing for Magikarp".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from curation.files.tokenizer_file import switched_off
from curation.shards.lost import TextLoss, unknown_id
from curation.shards.tokens import Ids, Tokenizer, encode_batch, load_tokenizer

_SHOWN = 5  # examples in a finding
_REPLACED = "\ufffd"
#: Texts that must come back byte for byte.
TEXTS: Mapping[str, str] = {
    "plain": "The cat sat, didn't it?",
    "emoji": "👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪",
    "CJK": "漢字とかな交じり文。한국어 中文，",
    "NUL and controls": "a\x00b\x01\x1b[0m\x7f",
    "CRLF": "one\r\ntwo\rthree\nfour\n\n",
    "lone surrogates, replaced": "a\ud800b\udfffc".encode("utf-16-le", "surrogatepass").decode(
        "utf-16-le", "replace"
    ),
    "spaces": "  two, \t tab,        eight, \u00a0\u2003\u3000 wide, trailing  ",
    "code": "def f(x):\n\tif x:\n        return {'a': [1, 2]}\n",
    "composed and decomposed": "\u00e9 e\u0301 \u212b \ufb01 \u2126 ½",
    "byte order mark": "\ufeffa\u200bb\u2028c",
    "every byte of UTF-8": "".join(map(chr, (*range(0x800), *range(0x800, 0xD800, 61), 0xE000, 0xFFFF)))
    + "".join(map(chr, range(0x10000, 0x110000, 4099))),
}
_WORDS = ("the", "of", "and", "to", "in", "is", "for", "that", "was", "on", "with", "as", "water", "people")
_QUESTIONS = ("Answer", "Question", "A", "Label", "Output")
_NUMBERS = ("7", "42", "365", "2024", "12345", "123456", "1234567890")


Level = Literal["ok", "note", "failure"]


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One answer: `what` was found, for people, and the same as numbers or short lists in `facts`."""

    check: str
    level: Level
    what: str
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(slots=True)
class Usage:
    """What texts of one source and language cost, in UTF-8 bytes and tokens."""

    documents: int = 0
    bytes: int = 0
    tokens: int = 0

    @property
    def bytes_per_token(self) -> float:
        """Return bytes per token; 0.0 where there are no tokens."""
        return self.bytes / self.tokens if self.tokens else 0.0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TokenizerCheck:
    """The answer to `curate tokenizer check`; `usage` is by source and language."""

    findings: tuple[Finding, ...]
    usage: Mapping[tuple[str, str], Usage]

    @property
    def failed(self) -> bool:
        """Whether the tokenizer loses text or lets a page end a document."""
        return any(finding.level == "failure" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return the answer as JSON data."""
        rows = [
            {"source": source, "language": language, **dataclasses.asdict(usage)}
            | {"bytes_per_token": usage.bytes_per_token}
            for (source, language), usage in sorted(self.usage.items())
        ]
        return {"findings": [dataclasses.asdict(finding) for finding in self.findings], "usage": rows}

    def __rich__(self) -> RenderableType:
        """Return a line for each finding, and one for each source and language."""
        lines = [f"{finding.level:8}{finding.check}: {finding.what}" for finding in self.findings]
        for (source, language), usage in sorted(self.usage.items()):
            counts = f"{usage.documents:,} documents, {usage.bytes:,} bytes"
            lines.append(f"        {source} {language}: {usage.bytes_per_token:.2f} bytes a token ({counts})")
        return Group(*map(Text, lines))


def check_tokenizer(file: str | Path, texts: Iterable[tuple[str, str, str]] | None = None) -> TokenizerCheck:
    """Check a tokenizer, and what `texts`, which are (source, language, text), cost in its tokens.

    Raises ValueError for a file that `load_tokenizer` refuses.
    """
    tokenizer = load_tokenizer(file)
    checks = (_round_trip, _unknown, _special, _invalid, _unreachable, _leading_space, _colon_space, _digits)
    findings = [*(check(tokenizer) for check in checks), _switched_off(Path(file).read_text("utf-8"))]
    if texts is None:
        return TokenizerCheck(findings=tuple(findings), usage={})
    used, usage, loss = measure(tokenizer, texts)
    findings += [_lost(loss), _unused(tokenizer, used)]
    return TokenizerCheck(findings=tuple(findings), usage=usage)


def measure(
    tokenizer: Tokenizer, texts: Iterable[tuple[str, str, str]]
) -> tuple[np.ndarray[Any, Any], dict[tuple[str, str], Usage], TextLoss]:
    """Return how often each id was used, the usage by (source, language), and what is lost of the texts."""
    used, usage = np.zeros(tokenizer.vocab, np.int64), dict[tuple[str, str], Usage]()
    loss = TextLoss(tokenizer)
    for source, language, text in texts:
        (ids,) = encode_batch(tokenizer, [text])
        used += np.bincount(ids, minlength=tokenizer.vocab)
        counts = usage.setdefault((source, language), Usage())
        counts.documents, counts.tokens = counts.documents + 1, counts.tokens + len(ids)
        counts.bytes += len(text.encode())
        loss.add(text, ids)
    return used, usage, loss


def _ids(tokenizer: Tokenizer, text: str) -> list[int]:
    (ids,) = encode_batch(tokenizer, [text])
    return [int(id_) for id_ in ids]


def _decode(tokenizer: Tokenizer, ids: Sequence[int] | Ids) -> str:
    return str(tokenizer.engine.decode(list(map(int, ids)), skip_special_tokens=False))


def _round_trip(tokenizer: Tokenizer) -> Finding:
    lost = {}
    for name, text in TEXTS.items():
        back = _decode(tokenizer, _ids(tokenizer, text))
        if back != text:
            pairs = enumerate(zip(text, back, strict=False))
            at = next((n for n, (a, b) in pairs if a != b), min(len(text), len(back)))
            lost[name] = f"{text[at : at + 8]!a} came back as {back[at : at + 8]!a}"
    if not lost:
        return Finding("round trip", "ok", f"{len(TEXTS)} hard texts come back byte for byte")
    changes = "; ".join(f"{name}: {how}" for name, how in lost.items())
    if tokenizer.engine.normalizer is not None:
        changes += f" (the file has a normalizer, {type(tokenizer.engine.normalizer).__name__})"
    return Finding("round trip", "failure", f"text is changed: {changes}", {"lost": lost})


def _unknown(tokenizer: Tokenizer) -> Finding:
    id_ = unknown_id(tokenizer)
    hit = [name for name, text in TEXTS.items() if id_ in _ids(tokenizer, text)]
    if hit:
        what = f"{tokenizer.engine.id_to_token(id_)!r} stands for text it cannot write: {', '.join(hit)}"
        return Finding("unknown tokens", "failure", what, {"texts": hit})
    return Finding("unknown tokens", "ok", "no text becomes an unknown token")


def _special(tokenizer: Tokenizer) -> Finding:
    added = tokenizer.engine.get_added_tokens_decoder()
    special = {id_: token.content for id_, token in added.items() if token.special}
    hit = [name for id_, name in special.items() if id_ in _ids(tokenizer, f"a {name} b{name}")]
    if hit:
        what = f"text becomes a special id: {', '.join(hit[:_SHOWN])}"
        return Finding("special tokens in text", "failure", what, {"tokens": hit})
    what = f"{len(special)} special tokens, each text where a page quotes it"
    plain = sorted(token.content for token in added.values() if not token.special)
    if plain:
        shown = ", ".join(plain[:_SHOWN])
        what += (
            f"; {len(plain)} added tokens are not special, so a page that holds one becomes its id: {shown}"
        )
    if eating := sorted(token.content for token in added.values() if token.lstrip or token.rstrip):
        what += f"; the spaces beside {', '.join(eating[:_SHOWN])} are eaten (lstrip, rstrip)"
    level: Level = "note" if plain else "ok"
    return Finding("special tokens in text", level, what, {"added": plain[:_SHOWN]})


def _pieces(tokenizer: Tokenizer) -> tuple[list[int], list[str]]:
    """Return every id that is no added token, and the text it alone stands for."""
    added = tokenizer.engine.get_added_tokens_decoder()
    ids = sorted(set(tokenizer.engine.get_vocab(with_added_tokens=True).values()) - added.keys())
    return ids, tokenizer.engine.decode_batch([[id_] for id_ in ids], skip_special_tokens=False)


def _invalid(tokenizer: Tokenizer) -> Finding:
    ids, pieces = _pieces(tokenizer)
    whole = set(_ids(tokenizer, _REPLACED))
    parts = [i for i, piece in zip(ids, pieces, strict=True) if _REPLACED in piece and {i} != whole]
    what = f"{len(parts):,} of {len(ids):,} ids are part of a character: alone they decode to U+FFFD"
    level: Level = "note" if parts else "ok"
    facts = {"count": len(parts), "examples": parts[:_SHOWN]}
    return Finding("invalid UTF-8", level, what, facts)


def _unreachable(tokenizer: Tokenizer) -> Finding:
    ids, pieces = _pieces(tokenizer)
    whole = [(i, piece) for i, piece in zip(ids, pieces, strict=True) if _REPLACED not in piece]
    back = encode_batch(tokenizer, [piece for _, piece in whole])
    lost = [(i, text) for (i, text), one in zip(whole, back, strict=True) if one.tolist() != [i]]
    facts = {"count": len(lost), "examples": [[i, text] for i, text in lost[:_SHOWN]]}
    if not lost:
        return Finding("unreachable ids", "ok", "each id comes out of its own text")
    shown = ", ".join(f"{i} {text!a}" for i, text in lost[:_SHOWN])
    what = f"{len(lost):,} ids do not come out of their own text, so they may stay untrained: {shown}"
    return Finding("unreachable ids", "note", what, facts)


def _leading_space(tokenizer: Tokenizer) -> Finding:
    joined = sum(len(_ids(tokenizer, f"a {word}")) == 2 for word in _WORDS)
    changed = [
        w for w in _WORDS if _ids(tokenizer, f"a {w}") != _ids(tokenizer, "a") + _ids(tokenizer, f" {w}")
    ]
    plain = len(_ids(tokenizer, "a\nx"))
    spaces = {n: len(_ids(tokenizer, "a\n" + " " * n + "x")) - plain for n in (2, 4, 8, 16)}
    runs = ", ".join(f"{n} spaces take {tokens}" for n, tokens in spaces.items())
    what = f"a space belongs to the word after it for {joined} of {len(_WORDS)} common words; indents: {runs}"
    if changed:
        what += f"; the cut before a space moves the ids of {', '.join(changed)}"
    facts = {"joined": joined, "words": len(_WORDS), "changed": changed, "indents": spaces}
    return Finding("leading space", "note" if changed else "ok", what, facts)


def _colon_space(tokenizer: Tokenizer) -> Finding:
    """A prompt that ends in `Answer:` or `Answer: ` must be cut as the same place inside a text is."""
    kept, space = 0, 0
    for name in _QUESTIONS:
        for word in _WORDS:
            whole = _ids(tokenizer, f"{name}: {word}")
            kept += whole == _ids(tokenizer, f"{name}:") + _ids(tokenizer, f" {word}")
            space += whole == _ids(tokenizer, f"{name}: ") + _ids(tokenizer, word)
    pairs = len(_QUESTIONS) * len(_WORDS)
    what = (
        f"a prompt that ends in ':' is cut as in a text for {kept} of {pairs} pairs, one that ends in ': ' "
        f"for {space}" + ("; end prompts without a space" if kept > space else "")
    )
    facts = {"pairs": pairs, "colon": kept, "colon_space": space}
    return Finding("colon and space", "ok" if kept == pairs else "note", what, facts)


def _digits(tokenizer: Tokenizer) -> Finding:
    cut = {text: [_decode(tokenizer, [i]) for i in _ids(tokenizer, text)] for text in _NUMBERS}
    sizes = {text: [len(piece) for piece in pieces] for text, pieces in cut.items()}
    ways = {
        "one by one": {text: [1] * len(text) for text in cut},
        "in threes from the left": {text: _grouped(len(text)) for text in cut},
        "in threes from the right": {text: _grouped(len(text))[::-1] for text in cut},
    }
    unlike = "by frequency, so numbers of equal length are cut unlike each other"
    how = next((way for way, expected in ways.items() if sizes == expected), unlike)
    alone = sum(len(_ids(tokenizer, str(n))) == 1 for n in range(1000))
    what = f"digits are cut {how}: {'|'.join(cut[_NUMBERS[-1]])}; {alone} of 0 to 999 are one token"
    facts = {"how": how, "cut": cut, "one_token_below_1000": alone}
    return Finding("digits", "note" if how == unlike else "ok", what, facts)


def _grouped(digits: int) -> list[int]:
    """Return the sizes of groups of three from the left.

    >>> _grouped(7)
    [3, 3, 1]
    """
    return [min(3, digits - begin) for begin in range(0, digits, 3)]


def _switched_off(content: str) -> Finding:
    settings = switched_off(content)
    what = f"{', '.join(settings)}: in the file, and switched off here, in shards and in training"
    if not settings:
        return Finding("settings of the file", "ok", "no truncation, padding or dropout")
    return Finding("settings of the file", "note", what, {"switched_off": settings})


def _lost(loss: TextLoss) -> Finding:
    level: Level = "failure" if loss.changed else "note" if loss.spelled.total() else "ok"
    return Finding("text lost", level, loss.in_words(), loss.to_json())


def _unused(tokenizer: Tokenizer, used: np.ndarray[Any, Any]) -> Finding:
    ids, pieces = _pieces(tokenizer)
    never = [(i, piece) for i, piece in zip(ids, pieces, strict=True) if not used[i]]
    shown = ", ".join(f"{i} {text!a}" for i, text in never[-_SHOWN:])
    tokens = int(used.sum())
    what = f"{len(never):,} of {len(ids):,} ids were never used in {tokens:,} tokens" + (
        f", the last: {shown}" if never else ""
    )
    facts = {"count": len(never), "share": len(never) / max(1, len(ids)), "tokens": tokens}
    return Finding("vocabulary used", "note" if never else "ok", what, facts)
