"""Law 5: a stage is named by what made it; nothing stale, nothing half-written, nothing done twice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from curation.accounting.manifest import MissingManifest, published
from curation.look.questions import ledger
from curation.look.run import open_run
from curation.recipe.recipe import read_recipe
from curation.spark.errors import StageFailed, StaleInput, UnknownStage
from curation.spark.rows import write_rows
from curation.spark.run import Run
from curation.spark.stages import extract
from curation.spark.stages.extract import EXTRACT
from curation.spark.store import InputError, Store, TakenOver

pytestmark = pytest.mark.spark


def said(recipe: Path, out: Path, *overrides: str) -> list[str]:
    lines: list[str] = []
    Run(read_recipe(str(recipe), overrides), Store(str(out)), say=lines.append).run()
    return told(lines)


def told(lines: Iterable[str]) -> list[str]:
    return [f"{line.split()[0]} {'up to date' if 'up to date' in line else 'ran'}" for line in lines]


STAGES = ("extract", "filter", "dedup", "tokenizer", "shard")


def test_only_what_depends_on_a_change_runs_again(made: Any, tmp_path: Path) -> None:
    recipe, out = made.recipe, made.copy(tmp_path / "out")
    assert told(made.said) == [f"{stage} ran" for stage in STAGES]
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")}
    assert said(recipe, out) == [f"{stage} up to date" for stage in STAGES]
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")} == before

    strict = "filter.house.keep.word_count.min=90"
    first = published(str(out), "filter")
    assert said(recipe, out, strict) == ["extract up to date", *[f"{stage} ran" for stage in STAGES[1:]]]
    assert published(str(out), "filter") != first
    assert Path(first, "manifest.json").exists(), "the old output stays"
    assert said(recipe, out) == [f"{stage} up to date" for stage in STAGES]
    assert published(str(out), "filter") == first, "current.json follows the recipe"

    assert said(recipe, out, "shard.row_tokens=32") == [*[f"{s} up to date" for s in STAGES[:4]], "shard ran"]
    assert said(recipe, out, "extract.failure_budget=0.9")[0] == "extract up to date"


def test_a_broken_output_is_made_again(made: Any, tmp_path: Path) -> None:
    recipe, out = made.recipe, made.copy(tmp_path / "out")
    extract, dedup = (Path(published(str(out), stage)) for stage in ("extract", "dedup"))
    manifest = json.loads((extract / "manifest.json").read_text())
    Path(dedup, "manifest.json").unlink()  # a run that died: rows, but no manifest
    (dedup / "rows" / "state=kept" / "stray.parquet").write_bytes(b"left by a dead attempt")
    assert said(recipe, out) == [
        "extract up to date", "filter up to date", "dedup ran", "tokenizer up to date", "shard up to date",
    ]  # fmt: skip
    assert not (dedup / "rows" / "state=kept" / "stray.parquet").exists()
    next((extract / "rows" / "state=kept").glob("*.parquet")).unlink()
    assert said(recipe, out) == ["extract ran", *[f"{stage} up to date" for stage in STAGES[1:]]]
    again = json.loads((extract / "manifest.json").read_text())
    assert (again["digest"], again["ledger"]) == (manifest["digest"], manifest["ledger"])


def test_an_input_that_changes_while_it_is_read_publishes_nothing(
    spark: Any, small: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, out = small(), tmp_path / "out"
    notes = recipe.parent / "notes.jsonl"

    def write_and_touch(*arguments: Any) -> None:
        write_rows(*arguments)
        (recipe.parent / "later.jsonl").write_text("a file that comes meanwhile")
        notes.write_text(notes.read_text() + "\n")

    monkeypatch.setattr(extract, "write_rows", write_and_touch)
    with pytest.raises(StageFailed) as error:
        Run(read_recipe(str(recipe)), Store(str(out)), say=lambda line: None).run(["extract"])
    assert f"'{notes}' changed while it was read: " in str(error.value)
    assert str(error.value).endswith(". Let inputs rest while a run reads them, then run again")
    with pytest.raises(MissingManifest):
        published(str(out), "extract")
    monkeypatch.undo()
    Run(read_recipe(str(recipe)), Store(str(out)), say=lambda line: None).run(["extract"])


def test_changed_bytes_run_again_and_missing_inputs_are_named(
    spark: Any, small: Callable[..., Path], tmp_path: Path
) -> None:
    recipe, out = small(), tmp_path / "out"
    Run(read_recipe(str(recipe)), Store(str(out)), say=lambda line: None).run(["extract"])
    notes = recipe.parent / "notes.jsonl"
    notes.write_text(notes.read_text().replace("river", "brook"))
    lines: list[str] = []
    Run(read_recipe(str(recipe)), Store(str(out)), say=lines.append).run(["extract"])
    assert "up to date" not in lines[0]
    notes.unlink()
    with pytest.raises(InputError) as error:
        Run(read_recipe(str(recipe)), Store(str(out))).run(["extract"])
    assert str(error.value) == f"inputs.notes: '{notes}' names no file; expected a path, URL, folder or glob"


def test_a_stage_alone_reads_where_it_is_told(made: Any, tmp_path: Path) -> None:
    recipe = read_recipe(str(made.recipe))
    made.copy(tmp_path / "a", "extract")
    Run(recipe, Store(str(tmp_path / "b")), source=str(tmp_path / "a"), say=lambda line: None).run(["filter"])
    assert not (tmp_path / "b" / "extract").exists()
    shutil.rmtree(tmp_path / "a" / "extract")
    with pytest.raises(FileNotFoundError) as error:
        Run(recipe, Store(str(tmp_path / "c")), source=str(tmp_path / "a")).run(["filter"])
    assert str(error.value) == (
        f"{tmp_path}/a/extract/current.json: not found, so no extract was published in {tmp_path}/a; "
        "run the stage first"
    )


def test_two_runs_cannot_publish_one_output(spark: Any, made: Any, tmp_path: Path) -> None:
    """Run B begins the output that run A is writing: B's sweep must not let A publish what is left."""
    recipe, out = read_recipe(str(made.recipe)), str(tmp_path / "out")
    first, second = Store(out), Store(out)
    context = Run(recipe, first).context(EXTRACT)
    manifest = EXTRACT.manifest(context)
    path = first.begin("extract", manifest.fingerprint)
    EXTRACT.write(spark, context, path)
    second.begin("extract", manifest.fingerprint)
    with pytest.raises(
        TakenOver, match="another run began to write this output while this one did; nothing was"
    ):
        first.publish(manifest)
    assert second.find("extract", manifest.fingerprint) is None


def test_a_stage_is_not_run_on_another_recipes_output(made: Any, tmp_path: Path) -> None:
    path, store = str(made.recipe), Store(str(made.copy(tmp_path / "out", "extract", "filter", "dedup")))
    other = read_recipe(path, ["filter.house.keep.word_count.min=90"])
    with pytest.raises(StaleInput) as error:
        Run(other, store).run(["dedup"])
    assert str(error.value).endswith(
        "was made by other settings of filter than this recipe's (filter.1.rules.0.min); "
        "run filter with this recipe first"
    )
    Run(other, store, say=lambda line: None).run(["filter"])
    funnel = ledger(open_run(store.directory))
    assert [each.stage for each in funnel.ledgers] == ["extract", "filter"]
    assert "dedup" in funnel.left_out, "an account of other data is left out, and that is said"


def test_only_some_stages_read_each_other_here_and_the_rest_elsewhere(made: Any, tmp_path: Path) -> None:
    """Of two stages the second reads what the first wrote here, not what `source` holds of it."""
    recipe, lines = read_recipe(str(made.recipe)), list[str]()
    made.copy(tmp_path / "a", "extract", "filter")
    here = Store(str(tmp_path / "b"))
    Run(recipe, here, source=str(tmp_path / "a"), say=lines.append).run(["dedup", "shard", "sites"])
    assert [line.partition(" ")[0] for line in lines] == ["sites:", "dedup", "tokenizer", "shard"]
    assert lines[0] == "sites: the recipe does without it, nothing to do"
    assert not (tmp_path / "b" / "filter").exists()
    with pytest.raises(UnknownStage) as error:
        Run(recipe, here).run(["dedup", "site"])
    assert str(error.value) == (
        "no stage is called 'site'; known: extract, lines, filter, select, dedup, sites, decontaminate, tokenizer, shard"
    )


def test_a_stray_file_does_not_undo_an_output(made: Any, tmp_path: Path) -> None:
    recipe, out = made.recipe, made.copy(tmp_path / "out")
    Path(published(str(out), "shard"), ".DS_Store").write_text("")
    assert said(recipe, out) == [f"{stage} up to date" for stage in STAGES]


def test_a_file_that_is_no_tokenizer_is_named(made: Any, tmp_path: Path) -> None:
    wrong = f"{made.recipe.parent}/notes.jsonl"
    recipe = read_recipe(str(made.recipe), [f"shard.tokenizer={wrong}"])
    out = made.copy(tmp_path / "out", "extract", "filter", "dedup")
    with pytest.raises(StageFailed) as error:
        Run(recipe, Store(str(out)), say=lambda line: None).run()
    assert str(error.value).startswith(
        f"shard: the stage failed; nothing was published. The last error was:\n{wrong}: not a tokenizer ("
    )
