"""A dedup stage that stopped half-way goes on where it was, to the same output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation.recipe.recipe import read_recipe
from curation.spark.run import Run
from curation.spark.stages import dedup as duplicates
from curation.spark.store import Store

pytestmark = pytest.mark.spark


def finished(store: Store) -> dict[str, int]:
    """Return the scratch tables that are whole, and when each became so."""
    return {
        str(path.parent.relative_to(store.directory)): path.stat().st_mtime_ns
        for path in Path(store.directory).glob("dedup/*/_scratch/tables/**/_SUCCESS")
    }


def test_a_stopped_stage_takes_up_its_finished_tables(
    made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = read_recipe(str(made.recipe))
    store = Store(str(made.copy(tmp_path / "a", "extract", "filter")))

    def stop(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(duplicates, "explained", stop)
        with pytest.raises(KeyboardInterrupt):
            Run(recipe, store, say=lambda line: None).run(("dedup",))
    before = finished(store)
    assert len(before) >= 4
    half = Path(store.directory, min(before))
    (half / "_SUCCESS").unlink()  # as if it had been stopped while this one was written
    (half / "part-half.parquet").write_bytes(b"PAR1")
    during: dict[str, int] = {}
    publish = Store.publish

    def watched(self: Store, manifest: Any) -> None:
        during.update(finished(self))
        publish(self, manifest)

    monkeypatch.setattr(Store, "publish", watched)
    [resumed] = Run(recipe, Store(store.directory), say=lambda line: None).run(("dedup",))
    again = {name for name, moment in before.items() if during[name] != moment}
    assert again == {str(half.relative_to(store.directory))}, "the table that was not whole is made again"
    assert finished(store) == {}, "scratch is swept when the output is published"
    fresh = {each.stage: each.digest for each in made.manifests}
    assert resumed.digest == fresh["dedup"]
