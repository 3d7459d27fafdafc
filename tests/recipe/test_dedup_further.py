"""What a recipe may say of semantic and substring duplicates, and how each mistake in it is told."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.recipe.config import ConfigError
from curation.recipe.recipe import Dedup, read_recipe

BASE = """
name: a
inputs:
  wiki: {format: parquet, path: w/*.parquet, text: text}
shard: {tokenizer: t.json}
"""


def read(tmp_path: Path, section: str) -> Dedup:
    """Return the dedup section of a recipe."""
    path = tmp_path / "recipe.yaml"
    path.write_text(f"{BASE}dedup: {section}\n")
    return read_recipe(str(path)).dedup


def test_both_are_off_unless_asked_for(tmp_path: Path) -> None:
    assert (read(tmp_path, "{}").semantic, read(tmp_path, "{}").substring) == (None, None)
    table = {"id": ["a"], "embedding": [[0.5, 1.0]]}
    (tmp_path / "e").mkdir()
    pq.write_table(pa.table(table), tmp_path / "e" / "part-0.parquet")
    dedup = read(tmp_path, f"{{substring: {{}}, semantic: {{embeddings: {tmp_path / 'e'}}}}}")
    assert dedup.substring is not None
    assert (dedup.substring.min_tokens, dedup.substring.action) == (75, "remove")
    assert dedup.semantic is not None
    assert (dedup.semantic.embeddings, dedup.semantic.min_cosine) == (str(tmp_path / "e"), 0.95)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{substring: {min_tokens: 2}}", "min_tokens is 2; the least is 3"),
        ("{substring: {action: cut}}", "'cut'"),
        ("{semantic: {}}", "semantic needs either 'embeddings' (a table) or 'encoder' (module:function)"),
        (
            "{semantic: {embeddings: e, encoder: 'json:loads'}}",
            "semantic needs either 'embeddings' (a table) or 'encoder' (module:function)",
        ),
        ("{semantic: {encoder: json.loads}}", "expected 'module:function', found 'json.loads'"),
        (
            "{semantic: {encoder: 'no_such.module:f'}}",
            "module 'no_such.module' is not installed; install it, or put it on PYTHONPATH",
        ),
        ("{semantic: {encoder: 'json:nope'}}", "has no 'nope'; it has "),
        (
            "{semantic: {embeddings: /no/where.parquet}}",
            "'/no/where.parquet' names no file; expected a Parquet",
        ),
        ("{semantic: {embeddings: recipe.yaml}}", "'recipe.yaml' cannot be read as Parquet: "),
        (
            "{semantic: {embeddings: ids.parquet}}",
            "needs a column 'embedding' of lists of numbers; it has id (string)",
        ),
        (
            "{semantic: {embeddings: numbered.parquet}}",
            "needs a column 'id' of text; it has id (int64), embedding (list",
        ),
        ("{semantic: {embeddings: e, min_cosine: 0}}", "min_cosine is 0.0; the least is 0.01"),
        ("{semantic: {embeddings: e, clusters: 0}}", "clusters is 0; the least is 1"),
    ],
)
def test_a_mistake_is_told_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"id": ["a"]}), "ids.parquet")
    pq.write_table(pa.table({"id": [1], "embedding": [[0.5]]}), "numbered.parquet")
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, section)
    assert message in str(caught.value)
    assert "recipe.yaml:6:" in str(caught.value)
