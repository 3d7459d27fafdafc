"""The command line as people script it: what it prints, and its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from curation.cli import main
from curation.recipe.recipe import read_recipe
from curation.spark.run import Run
from curation.spark.store import Store

from .conftest import SPARK_SETTINGS, conf

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def run_directory(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the demo's recipe over a JSONL of a few documents."""
    folder = tmp_path_factory.mktemp("cli")
    sentence = (
        "The river of stones ran past the old mill and the people of the town walked there with their dogs. "
    )
    rows = [
        {"key": str(i), "text": f"{sentence * 9}Number {i} {'word ' * i}.", "url": f"https://a.org/{i}"}
        for i in range(6)
    ]
    rows += [{"key": "short", "text": "Too short.", "url": "https://a.org/short"}]
    rows += [{"key": "copy", "text": rows[0]["text"], "url": "https://a.org/copy"}]
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + "no json\n")
    (folder / "recipe.yaml").write_text(
        "name: cli\n"
        f"inputs:\n  notes: {{format: jsonl, path: {folder}/in.jsonl, text: text, id: key, url: url}}\n"
        "filter: [{name: house, keep: {word_count: {min: 50}}}]\n"
        "dedup: {near: null}\n"
        "shard: {tokenizer: {train: {vocab: 300}}, row_tokens: 32}\n"
    )
    assert main(["run", str(folder / "recipe.yaml"), "--out", str(folder / "out")]) == 0
    return folder


def test_a_second_run_does_nothing_and_says_so(
    run_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(run_directory / "recipe.yaml"), "--out", str(run_directory / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1] for line in lines[:5]] == ["up to date, nothing to do"] * 5


def test_only_some_stages(run_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = ["run", str(run_directory / "recipe.yaml"), "--out", str(run_directory / "out"), "--only"]
    assert main([*request, "dedup", "filter"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" ")[0] for line in lines if "up to date" in line] == ["filter", "dedup"]
    assert main([*request, "sites", "filtre"]) == 2
    assert capsys.readouterr().err == (
        "no stage is called 'filtre'; known: extract, lines, filter, select, dedup, sites, decontaminate, "
        "tokenizer, shard\n"
    )


def test_the_ledger(run_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", str(run_directory / "out"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["balanced"] is True
    assert [each["stage"] for each in found["stages"]] == ["extract", "filter", "dedup", "shard"]
    records = [
        {k: each[k]["records"] for k in ("in", "kept", "dropped", "merged", "failed")}
        for each in found["stages"]
    ]
    assert records == [
        {"in": 9, "kept": 8, "dropped": 0, "merged": 0, "failed": 1},
        {"in": 8, "kept": 7, "dropped": 1, "merged": 0, "failed": 0},
        {"in": 7, "kept": 6, "dropped": 0, "merged": 1, "failed": 0},
        {"in": 6, "kept": 6, "dropped": 0, "merged": 0, "failed": 0},
    ]
    for each in found["stages"]:
        taken = each["in"]["characters"]
        assert taken == sum(each[state]["characters"] for state in ("kept", "dropped", "merged", "failed"))
    assert found["stages"][1]["reasons"]["house.word_count"]["records"] == 1
    tokens = found["stages"][3]["tokens"]
    assert tokens["in"] == tokens["kept"] > 0
    assert (tokens["kept"] + tokens["padding"]) % 32 == 0
    assert main(["ledger", str(run_directory / "out")]) == 0
    assert "balanced: every record is accounted for" in capsys.readouterr().out


def test_why(run_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", str(run_directory / "out"), "https://a.org/short"]) == 0
    told = capsys.readouterr().out
    assert "house.word_count" in told
    assert "50" in told
    assert main(["why", str(run_directory / "out"), "short"]) == 0, "by the id its input gave it"
    assert "https://a.org/short" in capsys.readouterr().out
    assert main(["why", str(run_directory / "out"), "https://a.org/copy", "--json"]) == 0
    copy = merged(capsys.readouterr().out)
    assert main(["why", str(run_directory / "out"), "https://a.org/0", "--json"]) == 0
    original = merged(capsys.readouterr().out)
    assert copy != original, "one of the two was merged into the other"
    assert main(["why", str(run_directory / "out"), "https://a.org/none"]) == 2
    assert "no record has the id or URL 'https://a.org/none'" in capsys.readouterr().err


def merged(printed: str) -> bool:
    """Whether the story of the one document that `why --json` printed ends with a merge."""
    (life,) = json.loads(printed)["documents"]
    return bool(life["steps"][-1]["state"] == "merged" and life["steps"][-1]["merged_into"])


def test_the_account_and_a_what_if(
    run_directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(run_directory / "out")
    assert main(["account", out, "--json", "--by", "source"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["units"] == ["documents", "characters", "tokens"]
    (source,) = found["accounts"]
    assert source["source"] == "notes"
    (rule,) = source["rules"]
    assert rule["rule"] == "house.word_count"
    assert rule["breaks"] == rule["only"] == rule["shapley"] == source["dropped"]
    assert (rule["breaks"]["documents"], rule["breaks"]["characters"]) == (1, len("Too short."))
    assert 1 < rule["breaks"]["tokens"] <= len("Too short.") + 1
    new = tmp_path / "new.yaml"
    write = ["--recipe", str(run_directory / "recipe.yaml"), "--write", str(new)]
    assert main(["whatif", out, "house.word_count.min=2", *write]) == 0
    told = capsys.readouterr().out
    assert "come back: 1 of 1, a sample" in told
    assert "https://a.org/short" in told
    assert "Too short." in told
    Run(read_recipe(str(new)), Store(str(tmp_path / "out")), say=lambda line: None).run(["extract", "filter"])
    assert main(["ledger", str(tmp_path / "out"), "--json"]) == 0
    stages = json.loads(capsys.readouterr().out)["stages"]
    assert stages[1]["kept"]["records"] == 8, "what the answer said"


def test_a_store_that_cannot_be_opened_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "nosuch://bucket/run"]) == 2
    assert "nosuch://bucket/run" in (said := capsys.readouterr().err)
    assert "cannot be read" in said


def test_the_report(run_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run_directory / "out")]) == 0
    assert capsys.readouterr().out.strip() == f"{run_directory}/out/report.html"
    assert "house.word_count" in (run_directory / "out" / "report.html").read_text()


def test_it_runs_as_a_module_too(root: Path) -> None:
    command = [sys.executable, "-m", "curation.cli", "--version"]
    found = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert found.stdout.startswith("curate ")


def test_requests_that_are_wrong_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.yaml").write_text("name: x\nfliter: []\n")
    assert main(["check", str(tmp_path / "bad.yaml")]) == 2
    error = capsys.readouterr().err
    assert f"{tmp_path}/bad.yaml:2:1: a recipe takes no 'fliter' (did you mean 'filter'?)" in error
    assert "a recipe has no 'inputs'" in error
    assert main(["ledger", str(tmp_path)]) == 2
    assert capsys.readouterr().err.strip() == (
        f"{tmp_path}: no stage was published there; expected the --out of a run"
    )
    good = (
        "name: x\ninputs: {a: {format: warc, path: none.warc}}\nshard: {tokenizer: {train: {vocab: 300}}}\n"
    )
    (tmp_path / "good.yaml").write_text(good)
    assert main(["check", str(tmp_path / "good.yaml")]) == 0
    assert main(["run", str(tmp_path / "good.yaml"), "--out", str(tmp_path / "out")]) == 2
    assert "inputs.a: 'none.warc' names no file" in capsys.readouterr().err
    with pytest.raises(SystemExit) as exit_:
        main(["run"])
    assert exit_.value.code == 2


def test_a_run_that_fails_exits_1(
    run_directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = ["run", str(run_directory / "recipe.yaml"), "--out", str(tmp_path / "out")]
    assert main([*request, "--set", "extract.failure_budget=0"]) == 1
    assert "extract: 1 of 9 records failed, over the budget of 0%" in capsys.readouterr().err
    assert main(["ledger", str(tmp_path / "out")]) == 0, "what failed is there to be looked at"
    capsys.readouterr()
    assert main([*request, "--set", "extract.failure_budget=0"]) == 1, "nor does a second try get past it"
    assert main(["run", str(run_directory / "recipe.yaml"), "--out", str(tmp_path / "a[1]")]) == 2
    assert "Spark reads *?[]{} as patterns" in capsys.readouterr().err


@pytest.mark.slow
def test_the_jobs_under_spark_submit(root: Path, run_directory: Path, tmp_path: Path) -> None:
    """One stage after another as spark-submit runs them, each in its own JVM; the tables are the same."""
    submit = Path(sys.executable).with_name("spark-submit")
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": str(root)}

    def job(name: str, *words: str) -> subprocess.CompletedProcess[str]:
        command = [
            str(submit),
            "--master",
            "local[2]",
            *conf(SPARK_SETTINGS | {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2"}),
            "--driver-java-options",
            "-XX:TieredStopAtLevel=1",  # as a session of our own has it: most of a short job is its start
            f"jobs/{name}.py",
            str(run_directory / "recipe.yaml"),
            *words,
        ]
        return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)

    first = job("extract", "--in", str(run_directory / "in.jsonl"), "--out", str(tmp_path / "a"))
    assert first.returncode == 0, first.stderr
    assert "balanced: every record is accounted for" in first.stdout
    second = job("run", "--only", "filter", "--in", str(tmp_path / "a"), "--out", str(tmp_path / "b"))
    assert second.returncode == 0, second.stderr
    digests = [stage_digest(folder, "filter") for folder in (tmp_path / "b", run_directory / "out")]
    assert digests[0] == digests[1]
    refused = job("dedup", "--in", str(tmp_path / "a"), "--out", str(tmp_path / "c"))
    assert refused.returncode == 2
    assert "no filter was published" in refused.stdout + refused.stderr  # spark-submit joins the two


def stage_digest(folder: Path, stage: str) -> str:
    """The digest of a stage's published table."""
    name = json.loads((folder / stage / "current.json").read_text())["fingerprint"]
    return str(json.loads((folder / stage / name / "manifest.json").read_text())["digest"])
