"""A stage defined here, with a section of its own: it runs, is accounted for and looked at like those there are."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from curation.accounting.ledger import Ledger, balanced
from curation.accounting.manifest import read_manifests
from curation.cli import main
from curation.recipe.config import ConfigError
from curation.recipe.recipe import Recipe, read_recipe
from curation.spark.columns import with_columns, with_entries
from curation.spark.rows import Annotated, write_rows
from curation.spark.run import STAGES, Run
from curation.spark.scratch import Scratch
from curation.spark.stage import Stage, check_order, over_documents
from curation.spark.store import Store
from curation.spark.tables import as_received, read_rows

NAME = "constant.value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A section: the number that every document is given."""

    value: float = field(metadata={"min": 0.0})


@dataclass(frozen=True, slots=True, kw_only=True)
class WithConstant(Recipe):
    constant: Constant | None = None


def write(documents: Any, settings: Constant, scratch: Scratch, path: str, dropped_text_rate: float) -> None:
    def annotate(batch: pa.RecordBatch) -> pa.RecordBatch:
        rows = range(len(batch))
        values = [settings.value for _ in rows]
        measures = with_entries(batch["measures"], list(rows), ["constant.value" for _ in rows], values)
        return with_columns(batch, {"measures": measures})

    write_rows(Annotated(as_received(documents), annotate, dropped_text_rate), path, "constant")


CONSTANT = Stage(
    "constant",
    after=("filter",),
    section=lambda recipe: recipe.constant,
    write=over_documents(write),
    output_version=7,
)
_FIRST = [stage.name for stage in STAGES].index("dedup")
WITH_CONSTANT = (*STAGES[:_FIRST], CONSTANT, *STAGES[_FIRST:])


@pytest.mark.spark
def test_it_runs_and_is_accounted_for_like_any_other(
    spark: Any, made: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = read_recipe(str(made.recipe), ["constant.value=4"], WithConstant)
    out, lines = made.copy(tmp_path / "out", "extract", "filter", "dedup"), list[str]()
    run = Run(recipe, Store(str(out)), say=lines.append, stages=WITH_CONSTANT)
    manifests = run.run(["extract", "filter", "constant", "dedup"])
    assert [manifest.stage for manifest in manifests] == ["extract", "filter", "constant", "dedup"]
    kept = manifests[1].ledger["kept"]["records"]
    name = manifests[2].fingerprint
    assert lines[2] == f"constant {name}: {kept} in: kept {kept}, dropped 0, merged 0, failed 0"
    assert lines[3].startswith("dedup ")
    assert "up to date" not in lines[3], "it reads another table than before"
    assert manifests[2].config == {"constant": {"value": 4.0}, "dropped_text_rate": 1.0}
    assert (manifests[2].output_version, manifests[2].inputs) == (7, {"filter": manifests[1].fingerprint})
    assert manifests[3].inputs == {"constant": name}
    rows = read_rows(spark, f"{out}/constant/{name}").toArrow().to_pylist()
    assert len(rows) == kept
    assert {dict(row["measures"])[NAME] for row in rows} == {4.0}
    assert balanced([Ledger.from_json(manifest.ledger) for manifest in manifests])

    assert list(read_manifests(str(out))) == ["extract", "filter", "constant", "dedup"]
    assert main(["ledger", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [stage["stage"] for stage in told["stages"]] == ["extract", "filter", "constant", "dedup"]
    assert told["balanced"]
    assert main(["ledger", str(out)]) == 0
    assert "constant" in capsys.readouterr().out

    lines.clear()
    Run(recipe, Store(str(out)), say=lines.append, stages=WITH_CONSTANT).run(["filter", "constant"])
    assert [line.partition(": ")[2] for line in lines] == ["up to date, nothing to do"] * 2
    plain = Run(read_recipe(str(made.recipe), (), WithConstant), Store(str(out)), stages=WITH_CONSTANT)
    assert [stage.name for stage in plain.declared] == ["extract", "filter", "dedup", "tokenizer", "shard"]


def test_its_section_is_read_and_checked_like_any_other(tmp_path: Path) -> None:
    text = "name: x\ninputs: {a: {format: warc, path: a.warc}}\nshard: {tokenizer: {train: {vocab: 300}}}\n"
    (tmp_path / "recipe.yaml").write_text(f"{text}constant: {{value: -1, valu: 2}}\n")
    with pytest.raises(ConfigError) as error:
        read_recipe(str(tmp_path / "recipe.yaml"), (), WithConstant)
    assert str(error.value) == (
        f"{tmp_path}/recipe.yaml:4:19: value is -1.0; the least is 0.0\n"
        f"{tmp_path}/recipe.yaml:4:23: constant takes no 'valu' (did you mean 'value'?)"
    )
    with pytest.raises(ConfigError) as error:
        read_recipe(str(tmp_path / "recipe.yaml"))
    assert str(error.value).startswith(f"{tmp_path}/recipe.yaml:4:1: a recipe takes no 'constant'")


def test_stages_stand_behind_what_they_need() -> None:
    check_order(WITH_CONSTANT)
    with pytest.raises(ValueError, match=r"^two stages are called dedup; names must differ$"):
        check_order((*STAGES, replace(CONSTANT, name="dedup")))
    with pytest.raises(ValueError, match=r"^stage constant must come after filter; before it are: extract$"):
        check_order((STAGES[0], CONSTANT))
