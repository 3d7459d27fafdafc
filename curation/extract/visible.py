"""The gate before the engine: a page whose visible text alone says that a later rule would drop it.

Visible text costs a tenth of the main text's extraction, and holds it: what is too short here is too short
there. The recipe sets the bounds; without a gate nothing is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from curation.extract.gate import DROPPED, Reason
from curation.extract.settings import Gate
from curation.extract.trees import visible_text
from curation.text.language import shares

#: Of a crawl's 2,463 pages 5 fall on the other side than by all of their visible text, none of them English,
#: and it costs a third.
_LANGUAGE_CHARACTERS = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A page the gate dropped: why, its main language, and what was measured."""

    reason: Reason
    language: str
    measures: Mapping[str, float]


def judge(html: str, gate: Gate) -> tuple[Mapping[str, float], Refusal | None]:
    """Return what the gate measured (`gate.length` characters, `gate.language` 0..1), and its refusal if any.

    The cheaper bound comes first; a page too short has no language measured.
    """
    text = visible_text(html)
    measures = {"gate.length": float(len(text))}
    if len(text) < gate.min_characters:
        reason = Reason(
            name="gate.length",
            state=DROPPED,
            value=len(text),
            min=gate.min_characters,
            detail="of visible text",
        )
        return measures, Refusal(reason=reason, language="un", measures=measures)
    if not gate.languages:
        return measures, None
    by_language = shares(text, characters=_LANGUAGE_CHARACTERS)
    # Rounded once: the order of a set, which is another in every process, is not the result's.
    share = min(1.0, math.fsum(by_language.get(language, 0.0) for language in set(gate.languages)))
    measures["gate.language"] = share
    if share >= gate.min:
        return measures, None
    main = max(by_language, key=lambda code: by_language[code], default="un")
    detail = f"{' + '.join(gate.languages)} in the visible text, mostly {main}"
    reason = Reason(name="gate.language", state=DROPPED, value=share, min=gate.min, detail=detail)
    return measures, Refusal(reason=reason, language=main, measures=measures)
