"""Tokens are counted whole, whatever a tokenizer's file asks for."""

from __future__ import annotations

from pathlib import Path

import tokenizers
from tokenizers import models, pre_tokenizers

from curation.signals.models.tokens import token_count
from curation.text.text import Text


def test_truncation_and_padding_in_the_file_do_not_count(tmp_path: Path) -> None:
    engine = tokenizers.Tokenizer(models.WordLevel({"a": 0, "?": 1}, unk_token="?"))
    engine.pre_tokenizer = pre_tokenizers.Whitespace()
    engine.enable_truncation(8)
    engine.enable_padding(length=16, pad_token="?")
    path = tmp_path / "tokenizer.json"
    engine.save(str(path))
    assert token_count(Text("a " * 100), tokenizer=str(path)) == 100
    assert token_count(Text("a"), tokenizer=str(path)) == 1
