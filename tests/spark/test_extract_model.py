"""A model of one's own is part of what names the extract stage, by its bytes, wherever it lies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from curation.extract.classifier.model import SHIPPED
from curation.extract.settings import EngineConfig, Extract
from curation.files.digests import digest_file
from curation.recipe.recipe import Recipe, read_recipe
from curation.spark.stages.extract import EXTRACT


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    (tmp_path / "t.json").write_text("{}")
    text = f"name: n\ninputs: {{a: {{format: jsonl, path: a, html: h}}}}\nshard: {{tokenizer: {tmp_path}/t.json}}\n"
    (tmp_path / "r.yaml").write_text(text)
    return read_recipe(str(tmp_path / "r.yaml"))


def named(recipe: Recipe, **settings: Any) -> tuple[Any, dict[str, str]]:
    """What of the recipe, and which files, name the stage's output."""
    chosen = replace(recipe, extract=Extract(**settings))
    context: Any = SimpleNamespace(recipe=chosen)
    return EXTRACT.decided_by(chosen), dict(EXTRACT.resources(context))


def test_a_model_is_known_by_its_bytes(recipe: Recipe, tmp_path: Path) -> None:
    one, copy, other = (tmp_path / name for name in ("one.npz", "copy.npz", "other.npz"))
    for path in (one, copy):
        path.write_bytes(Path(SHIPPED).read_bytes())
    other.write_bytes(b"other")
    first = named(recipe, engine=EngineConfig(blocks=str(one)))
    assert first[1] == {"blocks": digest_file(SHIPPED)}
    assert named(recipe, engine=EngineConfig(blocks=str(copy))) == first
    assert named(recipe, engine=EngineConfig(blocks=str(other))) != first
    assert named(recipe, engine="blocks")[1] == first[1]
    assert named(recipe, engine="blocks", cascade=0.5) != named(recipe, engine="blocks")
    assert named(recipe)[1] == {}


def test_settings_reach_the_process_that_extracts(tmp_path: Path) -> None:
    settings = Extract(engine=EngineConfig(blocks="my.npz"), cascade=0.8)
    assert Extract.from_json(settings.to_json()) == settings
    assert (settings.engine_name, settings.model) == ("blocks", "my.npz")
    assert (Extract().model, Extract(engine="blocks").model) == (None, SHIPPED)
