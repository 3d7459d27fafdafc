"""An article page of the usual kind around a piece of HTML."""

from __future__ import annotations

_MENU = "".join(
    f'<li><a href="/{name}">{name.title()}</a></li>' for name in ("home", "news", "guides", "about")
)
_BEFORE = (
    "The survey of the valley began in the spring, when the river was still high and most of the old paths could not"
    " be walked. Everything that was measured in those weeks went into one notebook, and from there into the program.",
    "What follows was written for those who want to repeat it with figures of their own. It needs nothing that is not"
    " on every machine, and a few minutes are enough to see whether the results are the same as the ones printed here.",
)
_AFTER = (
    "After that the numbers of the first week were compared with those of the last one. They agreed but for two, and"
    " for both there is a simple reason: the gauge had been moved, and nobody had told the people who read it.",
    "The committee will meet again in the autumn to decide what should be done with the rest of the money. Until then"
    " anybody who has found a mistake is asked to write to the address at the end of the report, however small it is.",
)


def article(body: str, *, head: str = "", title: str = "A survey of the valley") -> str:
    """Return a page whose article has the body between two paragraphs before and two after it."""
    before, after = ("".join(f"<p>{text}</p>" for text in texts) for texts in (_BEFORE, _AFTER))
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>{head}</head><body>'
        f"<header><nav><ul>{_MENU}</ul></nav></header><main><article><h1>{title}</h1>{before}{body}{after}</article>"
        f"<aside><h3>Related</h3><ul>{_MENU}</ul></aside></main><footer><p>Copyright 2024 The Valley Press</p></footer>"
        "</body></html>"
    )
