"""The notebooks on runs that lack what the demo's has: they say what is not there, and go on."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace as Namespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.accounting.ledger import Ledger
from curation.cli import main
from curation.filters.rules import Rule
from curation.look import frames
from curation.look.render import cells
from curation.look.run import open_run, read_changes, suggested

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


def shown(name: str) -> list[str]:
    """Run a notebook's cells in this process, without a kernel; return what each shows as HTML or text."""
    found, namespace = [], {"__name__": name}
    for cell in json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            *before, last = ast.parse("".join(cell["source"])).body
            exec(compile(ast.Module(before, []), name, "exec"), namespace)
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), name, "eval"), namespace)
                found.append(value._repr_html_() if hasattr(value, "_repr_html_") else repr(value))
            else:
                exec(compile(ast.Module([last], []), name, "exec"), namespace)
    return found


CLUSTERS = {
    **dict.fromkeys(("id", "kept_id", "reason", "kept_in"), pa.string()),
    **dict.fromkeys(("jaccard", "containment"), pa.float64()),
    **dict.fromkeys(("bands_shared", "cluster_size"), pa.int32()),
}
MATCHES = {
    **dict.fromkeys(("id", "item_id", "matched_text", "set", "place"), pa.string()),
    **dict.fromkeys(("passage", "words", "found", "start", "end", "documents"), pa.int64()),
    **dict.fromkeys(("common", "taken"), pa.bool_()),
    "overlap": pa.float64(),
}


def _write_empty(folder: Path, columns: dict[str, pa.DataType]) -> None:
    """Write a table without a row, which has its columns, as a stage that found nothing does."""
    folder.mkdir()
    pq.write_table(pa.schema(columns).empty_table(), folder / "part-0.parquet")


@pytest.fixture
def bare(judging: Namespace, tmp_path: Path) -> Any:
    """Write a run of so many documents whose one rule has only a max: none dropped, merged or trained on."""

    def write(count: int) -> str:
        rows = [judging.document(n) for n in range(count)]
        texts = [(row["source"], row["language"], row["text"]) for row in rows]
        rule = Rule(name="lines", signal="line_count", max=9)
        judging.write(tmp_path, texts=texts, passes=[replace(judging.passes[0], rules=(rule,), only=())])
        for stage in ("extract", "dedup"):
            ledger = {} if rows else {"ledger": Ledger(stage).to_json()}
            path = judging.publish(tmp_path, stage, rows, **ledger)
            (path / "rows").mkdir(exist_ok=True)
            _write_empty(path / "clusters", CLUSTERS)
        path = judging.publish(
            tmp_path, "decontaminate", rows, detail={"sets": {}, "common_documents": 9}, **ledger
        )
        (path / "rows").mkdir(exist_ok=True)
        _write_empty(path / "matches", MATCHES)
        _write_empty(path / "items", {"item": pa.int64(), "documents": pa.int64()})
        return str(tmp_path)

    return write


@pytest.mark.parametrize("count", [3, 0])
def test_a_run_that_lost_nothing(count: int, bare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATION_RUN", run := bare(count))
    told = {name: "\n".join(shown(name)) for name in NAMES}
    assert "No document broke a rule." in told["2_look_at_drops"]
    assert "No rule removed a document that kept to all others." in told["2_look_at_drops"]
    assert "No page failed." in told["2_look_at_drops"]
    assert "No document would come back or go." in told["3_choose_thresholds"]
    assert ("gopher.lines: max 9 → 1" in told["3_choose_thresholds"]) == bool(count)
    assert "No near duplicate was merged." in told["4_look_at_duplicates"]
    assert "No shards were made." in told["5_look_at_the_mixture"]
    assert f"No training run to show: {run}/train/metrics.jsonl is not there" in told["5_look_at_the_mixture"]


QUESTIONS = """\
ledger RUN
account RUN
account RUN --by source
account RUN --unit characters
whatif RUN gopher.lines.max=1
whatif RUN gopher.lines.max=1000
duplicates RUN
contamination RUN
profile RUN
sample RUN
sample RUN --state dropped
sample RUN --state failed
sample RUN --state merged
sample RUN --near gopher.lines
sample RUN --rate 0.001
sample RUN --rate 0.001 --stratify language,source --at-least 1 --out OUT.parquet
grep RUN nothing-to-find
grep RUN fox --stage dedup --state dropped
diff RUN RUN
report RUN --out OUT.html
why RUN https://pages.example/1
""".splitlines()


@pytest.mark.parametrize("count", [3, 0])
def test_every_question_is_answered_where_its_subject_is_empty(
    count: int, bare: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = bare(count)
    for question in QUESTIONS:
        words = [word.replace("RUN", run).replace("OUT", f"{tmp_path}/out") for word in question.split()]
        no_such_page = question.startswith("why") and not count
        assert main(words) == (2 if no_such_page else 0), (question, capsys.readouterr().err)
        if not question.startswith("report"):
            assert main([*words, "--json"]) == (2 if no_such_page else 0), question


def test_a_run_of_which_all_was_measured(small_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATION_RUN", str(small_run))
    told = {name: "\n".join(shown(name)) for name in NAMES}
    assert "np.float64" not in told["3_choose_thresholds"]
    assert "gopher.word_count: min 5 → 2" in told["3_choose_thresholds"]
    assert "<ins" in told["4_look_at_duplicates"]
    for html in told.values():
        assert "<script>" not in html
        assert "\u202e" not in html


def test_a_recipe_without_bounds_has_none_to_move(judging: Namespace, tmp_path: Path) -> None:
    run = str(judging.write(tmp_path, passes=[replace(judging.passes[0], rules=())]))
    measured, rules = frames.measures(run), frames.rules(run)
    assert suggested(measured, rules) == []
    assert "The recipe has no rules." in cells.histograms(measured, rules).html
    assert "nothing is near to one" in cells.nearest(frames.documents(run, "filter"), rules).html


def test_the_move_that_is_suggested_brings_half_back(judged: Path) -> None:
    measured, rules = frames.measures(str(judged)), frames.rules(str(judged))
    (word,) = suggested(measured, rules)
    (move,) = read_changes(open_run(str(judged)), [word])
    assert move.looser
    values = measured[move.rule].dropna()
    broke = values[values < move.now] if move.side == "min" else values[values > move.now]
    passes = broke >= move.then if move.side == "min" else broke <= move.then
    assert passes.sum() >= len(broke) / 2
