"""Which lines of a text a broken rule leans on: those without which its value comes nearest to the bound.

Every line (of a long one, every sentence) is left out in turn and the rule measured again. So a span needs no
second definition of a signal, and a rule that no line can mend (too few words) has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

from curation.filters.rules import Rule
from curation.text.markdown import Form
from curation.text.text import Text

#: Lines of a text that are tried; what follows is not marked.
MOST_LINES = 60
#: Stretches of a text that are tried alone.
MOST_STRETCHES = 200
#: Characters from which on a line is tried sentence by sentence.
LONG_LINE = 200
#: A line is marked if leaving it out helps at least so much as leaving out the one that helps most.
_SHARE_OF_BEST = 0.5
_LINE = re.compile(r"[^\n]*\S[^\n]*")
_SENTENCE = re.compile(r"\S.*?(?:[.!?。！？](?=\s)|$)", re.DOTALL)

Span = tuple[int, int]


def measurable(rules: Mapping[str, Rule]) -> dict[str, Rule]:
    """Return those of some rules that can be measured here.

    Left out are those of a trained model (it may not lie here any more, and its probability has no line to
    blame), and of an earlier version whose signals or options are gone.
    """
    return {name: rule for name, rule in rules.items() if not _needs_file(rule.options) and _measurable(rule)}


def _measurable(rule: Rule) -> bool:
    try:
        rule.measure(Text(""))
    except (KeyError, TypeError, ValueError):
        return False
    return True


def _needs_file(options: Mapping[str, object]) -> bool:
    return any(options.get(name) for name in ("model", "tokenizer"))


def spans(text: str, rule: Rule, value: float, form: Form = "plain") -> list[Span]:
    r"""Return where in `text` (its beginning, for a long one) stands what breaks `rule` with `value`.

    >>> rule = Rule(name="hashes", signal="symbol_word_ratio", max=0.1, options={"symbols": ("#",)})
    >>> spans("A line of prose.\n# # # tags\nAnother one.", rule, 0.3)
    [(17, 27)]
    """
    pieces = _pieces(text)
    if len(pieces) < 2:
        return []
    sign = 1.0 if value < rule.min else -1.0
    held = rule.measure(Text(text, form))
    rests = [Text(text[:start] + text[end:], form) for start, end in pieces]
    gains = [sign * (rule.measure(rest) - held) for rest in rests]
    best = max(gains)
    if not best > 0:
        return []
    return [piece for piece, gain in zip(pieces, gains, strict=True) if gain >= _SHARE_OF_BEST * best]


def _pieces(text: str) -> list[Span]:
    """Return the lines that are not blank; of a long line, or the only one, its sentences."""
    lines = [match.span() for match in _LINE.finditer(text)]
    pieces: list[Span] = []
    for start, end in lines:
        whole = end - start <= LONG_LINE and len(lines) > 1
        pieces += [(start, end)] if whole else [m.span() for m in _SENTENCE.finditer(text, start, end)]
    return pieces[:MOST_LINES]


def worst(text: str, rule: Rule, value: float, characters: int, form: Form = "plain") -> Span | None:
    r"""Return the stretch of lines, about `characters` long, that alone breaks `rule` most, if one does.

    `value` is that of the text, and says which bound it breaks. Of equals it is the first.

    >>> rule = Rule(name="brackets", signal="phrase_count", max=0, options={"phrases": ("{",)})
    >>> worst("prose\nmore prose\n{ code }\nprose", rule, 1, 8)
    (17, 26)
    """
    sign = 1.0 if value < rule.min else -1.0
    breaking = [
        (sign * measured, stretch)
        for stretch in _stretches(text, characters)
        if not rule.min <= (measured := rule.measure(Text(text[slice(*stretch)], form))) <= rule.max
        and (measured < rule.min) == (value < rule.min)
    ]
    return min(breaking)[1] if breaking else None


def _stretches(text: str, characters: int) -> list[Span]:
    """Return neighbouring lines together, each stretch the first to be so long; a long line is cut."""
    stretches, start = [], 0
    for match in re.finditer(r"\n|\Z", text):
        while match.end() - start >= characters or (start < match.end() == len(text)):
            end = match.end() if match.end() - start < 2 * characters else start + characters
            stretches.append((start, end))
            start = end
    return stretches[:MOST_STRETCHES]


def segments(text: str, marks: Mapping[int, list[Span]]) -> Iterator[tuple[str, list[int]]]:
    """Yield the text in pieces, each with the numbers of those whose spans cover it.

    >>> list(segments("abcd", {0: [(1, 3)], 1: [(2, 4)]}))
    [('a', []), ('b', [0]), ('c', [0, 1]), ('d', [1])]
    """
    cuts = {0, len(text)} | {at for spans_ in marks.values() for span in spans_ for at in span}
    edges = sorted(cuts)
    for start, end in pairwise(edges):
        covering = [n for n, spans_ in marks.items() if any(a <= start and end <= b for a, b in spans_)]
        yield text[start:end], covering
