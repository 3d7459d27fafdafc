"""The decontaminate section: what it declares, and its mistakes with their places."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.recipe.config import ConfigError
from curation.recipe.recipe import read_recipe

BASE = "name: t\ninputs: {a: {format: warc, path: a.warc.gz}}\nshard: {tokenizer: {train: {vocab: 300}}}\n"


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    for name in ("gsm", "arc", "deep/arc"):
        path = tmp_path / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"question": "why is it so", "id": 1}) + "\n")
    (tmp_path / "cut.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00nothing")
    return tmp_path


def test_every_item_is_read(sets: Path) -> None:
    with (sets / "gsm.jsonl").open("a") as out:
        out.writelines('{"question": "why"}\n' for _ in range(1499))
        out.write('{"question": {"stem": "so"}}\n')
    with pytest.raises(ConfigError) as error:
        read_recipe(section("{against: [DIR/gsm.jsonl], fields: [question]}", sets))
    assert str(error.value) == (
        f"{sets}/r.yaml:4:27: {sets}/gsm.jsonl, line 1501: 'question' is a dict; expected a text"
    )


def section(text: str, folder: Path) -> str:
    path = folder / "r.yaml"
    path.write_text(BASE + f"decontaminate: {text.replace('DIR', str(folder))}\n")
    return str(path)


def test_globs_name_sets_by_their_files(sets: Path) -> None:
    recipe = read_recipe(
        section(
            '{against: ["DIR/[ga]*.jsonl", {path: DIR/deep/arc.jsonl, name: b, fields: [id]}], fields: [question]}',
            sets,
        )
    )
    assert recipe.decontaminate is not None
    found = [(file.set, file.path, file.fields) for file in recipe.decontaminate.files()]
    assert found == [
        ("arc", f"{sets}/arc.jsonl", ("question",)),
        ("b", f"{sets}/deep/arc.jsonl", ("id",)),
        ("gsm", f"{sets}/gsm.jsonl", ("question",)),
    ]


TABLE = [
    ("{against: []}", "4:26: against is empty; name at least one evaluation set"),
    ("{}", "4:16: decontaminate has no 'against'"),
    ("{against: [DIR/none*.jsonl]}", "4:27: 'DIR/none*.jsonl' names no file; expected a path, URL or glob of JSONL"),
    ("{against: [DIR/gsm.jsonl]}", "4:27: DIR/gsm.jsonl: no line has a field 'text'; line 1 has question, id"),
    (
        "{against: [{path: DIR/gsm.jsonl, fields: [question], id: key}]}",
        "4:27: DIR/gsm.jsonl: no line has a field 'key'; line 1 has question, id",
    ),
    (
        "{against: [DIR/arc.jsonl, DIR/deep/arc.jsonl], fields: [question]}",
        "4:WHERE: two sets are called 'arc'; tell them apart: {path: …, name: …}",
    ),
    ("{against: [DIR/gsm.jsonl], fields: [question], overlap: 1.5}", "4:WHERE: overlap is 1.5; the most is 1.0"),
    (
        "{against: [DIR/gsm.jsonl], fields: [question], min_words: 4}",
        "4:WHERE: min_words is 4, but no passage of fewer than ngram_words (5) words is found",
    ),
    (
        "{against: [{path: DIR/gsm.jsonl, name: a/b}], fields: [question]}",
        "4:27: 'a/b' cannot name a set; use letters, digits, '_', '-' and '.'",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), TABLE)
def test_mistakes_have_a_place(text: str, said: str, sets: Path) -> None:
    path = section(text, sets)
    with pytest.raises(ConfigError) as error:
        read_recipe(path)
    found = str(error.value).replace(f"{path}:", "").replace(str(sets), "DIR")
    place, _, rest = found.partition(": ")
    assert rest == said.partition(": ")[2]
    assert "WHERE" in said or place == said.partition(": ")[0]


def test_a_file_that_is_cut_short_is_a_mistake(sets: Path) -> None:
    path = section("{against: [DIR/cut.jsonl.gz]}", sets)
    with pytest.raises(ConfigError) as error:
        read_recipe(path)
    assert f"{path}:4:27: {sets}/cut.jsonl.gz: cannot be read: " in str(error.value)
