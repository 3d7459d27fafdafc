"""What keeps the documents on a page from acting on it: escaped text, inert data, a strict content policy."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from curation.look.render.visible import alike, number, shortened, visible

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = files("curation.look.render") / "templates"


def environment() -> Environment:
    """Return the templates: what they print is escaped, and a name that they are not given is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # the trainer's pages have no templates

    loader = PackageLoader("curation.look.render")
    templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    templates.filters |= {f.__name__: f for f in (visible, shortened, number, alike, breakable)}
    return templates


def breakable(name: str) -> Markup:
    """Return the name of a rule, which a narrow column may break behind a dot or an underscore."""
    return Markup(re.sub(r"([._])", r"\1<wbr>", str(escaped(name))))


def script(*names: str) -> Markup:
    """Return the package's own scripts, concatenated."""
    return Markup("\n".join((_TEMPLATES / name).read_text(encoding="utf-8") for name in names))


def policy(source: str = "", *, connect: bool = False) -> str:
    """Return the content policy of a page that loads nothing and runs nothing but the script `source`.

    `connect` lets the script talk to the page's own server.
    """
    parts = ["default-src 'none'", "style-src 'unsafe-inline'"]
    if source:
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        parts.append(f"script-src 'sha256-{digest}'")
    parts += ["connect-src 'self'"] if connect else []
    return "; ".join([*parts, "base-uri 'none'", "form-action 'none'"])


def inert(data: Mapping[str, Any]) -> Markup:
    r"""Return JSON for a script element: no text in it can end the element, or begin one.

    >>> inert({"text": "</script><!-- &amp;"})
    Markup('{"text":"\\u003c/script\\u003e\\u003c!-- \\u0026amp;"}')
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def escaped(text: str) -> Markup:
    r"""Return text for a page: visible, and no markup.

    >>> escaped("<b>\u202e")
    Markup('&lt;b&gt;⟨202E⟩')
    """
    return escape(visible(text))


def opening(title: str, style: str) -> str:
    """Return the beginning of a page without scripts, which loads nothing and runs nothing."""
    return (
        f'<!doctype html><meta charset=utf-8><meta http-equiv="Content-Security-Policy" content="{policy()}">'
        f'<meta name="referrer" content="no-referrer"><title>{escaped(title)}</title><style>{style}</style>'
    )
