"""What keeps a page from being moved by the documents it shows: inert data, one script, a strict policy."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment
from markupsafe import Markup


def script(environment: Environment, *names: str) -> Markup:
    """Return our own script of some files, one behind the other, as they stand in the package."""
    loader = environment.loader
    assert loader is not None
    return Markup("\n".join(loader.get_source(environment, name)[0] for name in names))


def policy(source: str, *, connect: bool = False) -> str:
    """Return the content policy of a page whose one script is `source`: nothing is loaded, nothing else runs.

    `connect` lets the script talk to the page's own server.
    """
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    parts = ["default-src 'none'", "style-src 'unsafe-inline'", f"script-src 'sha256-{digest}'"]
    parts += ["connect-src 'self'"] if connect else []
    return "; ".join([*parts, "base-uri 'none'", "form-action 'none'"])


def inert(data: Mapping[str, Any]) -> Markup:
    r"""Return JSON that stands in a script element whatever its texts are: none can end it, or begin one.

    >>> inert({"text": "</script><!-- &amp;"})
    Markup('{"text":"\\u003c/script\\u003e\\u003c!-- \\u0026amp;"}')
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
