"""Texts of documents on a page: none of them acts on it."""

from __future__ import annotations

import html
import re

#: Control characters (not tab and newline), and marks that turn the direction of the text around them.
_ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def visible(text: str) -> str:
    r"""Return text in which no character acts on its surroundings, as the report on the data shows it.

    >>> visible("safe\x1b[31m and \u202eeverse")
    'safe⟨001B⟩[31m and ⟨202E⟩everse'
    """
    return _ACTING.sub(lambda match: f"⟨{ord(match[0]):04X}⟩", text)


def escaped(text: str) -> str:
    """Return text as it may stand on a page: visible, and no markup."""
    return html.escape(visible(text))


def opening(title: str, style: str) -> str:
    """Return the beginning of a page that loads nothing and runs nothing, whatever is on it."""
    return (
        f'<!doctype html><meta charset=utf-8><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="referrer" content="no-referrer"><title>{escaped(title)}</title><style>{style}</style>'
    )
