"""A tokenizer.json as an engine that gives a text the same ids every time, and all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tokenizers


def read_engine(content: str) -> tokenizers.Tokenizer:
    """Return the engine of a file's content, with what `switched_off` names switched off.

    Raises what the library raises for a malformed file, which is nothing narrower than `Exception`.
    """
    import tokenizers  # imported only where tokens are wanted

    engine = tokenizers.Tokenizer.from_str(content)
    engine.no_truncation()
    engine.no_padding()
    if getattr(engine.model, "dropout", None) is not None:
        engine.model.dropout = None
    return engine


def switched_off(content: str) -> list[str]:
    """Return the settings of a tokenizer.json that would lose tokens, add some, or draw them at random.

    >>> switched_off('{"truncation": {"max_length": 512}, "padding": null, "model": {"dropout": 0.1}}')
    ['truncation to 512 tokens', 'BPE dropout of 0.1']
    """
    file: Mapping[str, Any] = json.loads(content)
    truncation, dropout = file.get("truncation"), (file.get("model") or {}).get("dropout")
    settings = [f"truncation to {truncation.get('max_length')} tokens"] if truncation else []
    settings += ["padding"] if file.get("padding") else []
    return settings + ([f"BPE dropout of {dropout:g}"] if dropout else [])
