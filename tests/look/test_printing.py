"""What a file or a pipe gets of every answer: nothing is cut, and every number stands there whole."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.text import Text

from curation import cli
from curation.cli import main
from curation.look.label import texts
from curation.look.render.terminal import LEAST_TEXT, Grid, as_text
from curation.look.render.visible import number
from curation.quality.training import Judged
from curation.shards.tokens import train_tokenizer
from training.report import learning

MILLIONS = 1_234_567
TOKENS = {"in": 123_456_789, "kept": 123_456_789, "padding": 987_654}
#: Of a ledger the characters that did not stay; they are in the JSON.
LEFT_OUT = {f"{state}.characters" for state in ("in", "dropped", "merged", "failed")}
#: Command -> (arguments after its name, keys of the JSON whose numbers the text leaves to the JSON).
COMMANDS: Mapping[str, tuple[str, set[str]]] = {
    "ledger": ("{large}", {*LEFT_OUT, "docs.reasons", "web.reasons"}),
    "why": ("{small} https://pages.example/3", {"bands_shared", "duplicate_count"}),
    "account": ("{judged} --by source", {"with", "characters"}),
    "account characters": ("{judged} --unit characters", {"with", "documents"}),
    "whatif": ("{judged} gopher.word_count.min=3 house.line_count.max=9", set()),
    "duplicates": ("{small}", set()),
    "contamination": ("{held}", {"example.overlap", "common.overlap", "passage"}),
    "profile": ("{small}", set()),
    "sample": ("{judged} --rate 0.5 --stratify source --n 3", {"request", "strata.rate"}),
    "sample near": ("{judged} --near gopher.word_count --n 2", {"request", "sampled"}),
    "grep": ("{judged} x+ --n 3", {"start"}),
    "diff": ("{small} {large} --n 1", set()),
    "tokenizer": ("check {tokenizer} --text {text}", {"facts", "tokens"}),
    "quality": ("train {settings} --out {out}", {"quantiles", "bytes"}),
}


@pytest.fixture(scope="module")
def paths(
    small_run: Path, judged: Path, judging: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Runs of every kind by name, one with a ledger of many millions; and files to ask about."""
    folder = tmp_path_factory.mktemp("asked")
    large = folder / "large"
    shutil.copytree(small_run, large)
    ledger, before = {}, None
    for stage in ("extract", "filter", "dedup", "shard"):
        (path,) = large.glob(f"{stage}/*/manifest.json")
        manifest = json.loads(path.read_text())
        ledger = _times(manifest["ledger"], MILLIONS) or _sharded(ledger)
        manifest |= {"ledger": ledger, "inputs": {before: manifest["fingerprint"]} if before else {}}
        before = stage
        path.write_text(json.dumps(manifest))
    held = folder / "held"
    sets = {"items": 2_000_000, "items_looked_for": 1_999_999, "items_found": 1_000_001, "items_common": 7}
    detail = {"sets": {"exams": sets | {"documents": 3_000_003}}, "common_documents": 8_000}
    path = judging.publish(held, "decontaminate", [], detail=detail)
    item = {"set": "exams", "id": "q1", "place": "exams.jsonl:4", "documents": 1_234_567, "overlap": 0.75}
    hit = {"id": "a" * 32, "set": "exams", "item_id": "q1", "place": "exams.jsonl:4", "passage": 1}
    hit |= {"words": 30, "found": 24, "overlap": 0.8, "start": 1_000_000, "end": 1_000_200}
    hit |= {"documents": 1_234_567, "common": False, "taken": True, "matched_text": "what is it " * 20}
    tables = {"items": [item], "matches": [hit, hit | {"documents": 9_000, "common": True, "taken": False}]}
    for name, rows in tables.items():
        (path / name).mkdir()
        pq.write_table(pa.Table.from_pylist(rows), path / name / "part-0.parquet")
    (folder / "tokenizer.json").write_bytes(train_tokenizer(["the water of people and the rest"] * 9, 400))
    (folder / "text").write_text("the water of people\n" * 60_000)
    kinds = {"positive": small_run, "negative": small_run, "held_out": judged}
    settings = "".join(f"{kind}: [{{run: {run}}}]\n" for kind, run in kinds.items())
    (folder / "settings.yaml").write_text(settings)
    files = {"tokenizer": "tokenizer.json", "text": "text", "settings": "settings.yaml", "out": "model.bin"}
    runs = {"small": small_run, "judged": judged, "large": large, "held": held}
    return {name: str(path) for name, path in (runs | {k: folder / v for k, v in files.items()}).items()}


def _sharded(ledger: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ledger of a shard stage after the stage of another ledger."""
    nothing = {"records": 0, "characters": 0}
    states = {"in": ledger["kept"], "kept": ledger["kept"], "dropped": nothing, "merged": nothing}
    return {**ledger, **states, "stage": "shard", "reasons": {}, "sources": {}, "tokens": TOKENS}


def _times(ledger: Any, factor: int) -> Any:
    """Return a ledger in which everything was counted so many times."""
    if isinstance(ledger, dict):
        return {key: _times(value, factor) for key, value in ledger.items()}
    return ledger * factor if type(ledger) is int else ledger


TRAINED = texts.QualityModel(
    model="model.bin",
    digest="0" * 16,
    training_digest="1" * 16,
    bytes=2**30,
    normalisation="none",
    settings={},
    examples={"good": 1_234_567, "other": 7_654_321},
    judged={"other sources": Judged(model=0.9123, length=0.5123, source=0.6123, negatives=98_765)},
    between_sources=0.5432,
    stability={"line feeds": {"stays": 0.987, "moved": 0.0123}},
    quantiles={"50": 0.1},
    fasttext="1",
)


@pytest.mark.parametrize("columns", [None, 40, 80])
@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_is_cut(
    name: str,
    columns: int | None,
    paths: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments, hidden = COMMANDS[name]
    command = [name.split()[0], *(word.format(**paths) for word in arguments.split())]
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("curation.look.label.train_quality", lambda settings, out: TRAINED)
    assert main(command) == 0
    text = capsys.readouterr().out
    assert name == "grep" or "…" not in text, "only what stands around a match is cut"
    assert columns is None or len(text.splitlines()) > 3
    assert main([*command, "--json"]) == 0
    shown = set(re.findall(r"[+-]?\d+(?:,\d{3})*(?:\.\d+)?", text))
    shown |= {token.lstrip("+-") for token in shown}
    numbers = [(path, n) for path, n in _numbers(json.loads(capsys.readouterr().out)) if n]
    lost = {
        path: value
        for path, value in numbers
        if not any(path.startswith(f"{key}.") or f".{key}." in f".{path}." for key in hidden)
        and not _written(value) & shown
    }
    assert numbers
    assert not lost


def test_every_command_that_answers_is_asked() -> None:
    (commands,) = (each for each in cli._parser()._actions if hasattr(each, "choices") and each.choices)
    assert isinstance(commands.choices, dict)
    answering = {
        name
        for name, parser in commands.choices.items()
        if any("--json" in action.option_strings for action in parser._actions)
    }
    assert answering == {name.split()[0] for name in COMMANDS}


def _numbers(data: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Yield (dotted path, number) of every number in JSON data; items of a list have the list's path."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _numbers(value, f"{path}.{key}".lstrip("."))
    elif isinstance(data, list):
        for value in data:
            yield from _numbers(value, path)
    elif isinstance(data, int | float) and not isinstance(data, bool):
        yield path, data


def _written(value: float) -> set[str]:
    """Return the ways in which a text may write a number: as it is, rounded, or as a percentage."""
    plain = (",.0f", ",.1f", ".2f", ".3f", ".4f", ".5f", ",.4g", ".3g")
    ways = {f"{value:{form}}" for form in plain} | {f"{100 * value:.{digits}f}" for digits in (0, 1, 2)}
    return {way.lstrip("-") for way in ways | {number(value)}}


def test_a_terminal_that_is_too_narrow_wraps_text_and_leaves_numbers_whole() -> None:
    rows = [["a rule with a rather long name", "1,234,567", "98,765,432"], ["x" * 30, "1", "2"]]
    text = as_text(Grid(["rule", "breaks", "characters"], rows), width=20)
    lines = text.splitlines()
    assert "1,234,567  98,765,432" in lines[1]
    assert [line[:LEAST_TEXT].strip() for line in lines[1:4]] == ["a rule with", "a rather", "long name"]
    assert text.count("x") == 30
    wide = as_text(Grid(["rule", "breaks", "characters"], rows))
    assert wide.splitlines()[1] == "a rule with a rather long name  1,234,567  98,765,432"


def test_a_name_too_wide_for_its_column_breaks_behind_a_dot_or_an_underscore() -> None:
    grid = Grid(["", "broke"], [["    dedup.exact", "1"], ["gopher.duplicate_lines one", "22"]])
    assert [line.split() for line in as_text(grid, 20).splitlines()] == [
        ["broke"],
        ["dedup.", "1"],
        ["exact"],
        ["gopher.", "22"],
        ["duplicate_"],
        ["lines", "one"],
    ]


def test_nothing_in_a_cell_acts_on_the_terminal_or_is_markup() -> None:
    text = as_text(Grid(["name"], [["[bold]x[/] :smile: \x1b[31m"], [Text("ours", style="bold")]]))
    assert text == "name\n[bold]x[/] :smile: ⟨001B⟩[31m\nours\n"


def test_a_pipe_that_takes_colours_has_no_width_whatever_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "dumb")):  # as CI sets them
        monkeypatch.setenv(name, value)
    assert as_text(Text("word " * 40)).count("\n") == 1


def test_how_fast_runs_learn_is_not_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    for name in ("base", "other"):
        (tmp_path / name).mkdir()
        line = {"step": 0, "tokens": 10**9, "set": "documents of a long name", "digest": "d"}
        (tmp_path / name / "evals.jsonl").write_text(json.dumps(line | {"bits_per_byte": 1.2345}) + "\n")
    assert learning.main([str(tmp_path / "base"), str(tmp_path / "other")]) == 0
    text = capsys.readouterr().out
    assert "…" not in text
    assert text.count("1.2345") >= 2
