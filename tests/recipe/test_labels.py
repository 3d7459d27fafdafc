"""Labels, passes for some of them, and tables of languages: decoded, and every mistake where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.filters.rules import Label
from curation.recipe.config import ConfigError
from curation.recipe.recipe import Recipe, read_recipe
from curation.recipe.sections.passes import files_of

BASE = """name: test
inputs: {wiki: {format: jsonl, path: b.jsonl, text: body}}
shard: {tokenizer: t.json, by: [source]}
filter:
"""


def read(text: str) -> Recipe:
    Path("r.yaml").write_text(BASE + text)
    return read_recipe("r.yaml")


def mistakes(text: str, *overrides: str) -> list[str]:
    Path("r.yaml").write_text(BASE + text)
    with pytest.raises(ConfigError) as error:
        read_recipe("r.yaml", overrides)
    return str(error.value).split("\n")


def test_labels_and_the_passes_that_go_by_them(tiny_model: Path) -> None:
    recipe = read(
        f"- {{name: kinds, label: {{kind: {{labeller: fasttext, model: {tiny_model}}}, script: {{}}}}}}\n"
        "- {name: good, when: {kind: hq, script: [Latn, Cyrl]}, keep: {word_count: {min: 5}}}\n"
    )
    kinds, good = recipe.filter
    assert kinds.labels[0] == Label(name="kind", labeller="fasttext", options={"model": str(tiny_model)})
    assert list(files_of(kinds)) == [str(tiny_model)]
    assert good.when == {"kind": ("hq",), "script": ("Latn", "Cyrl")}
    assert good.applies_to("wiki", {"kind": "hq", "script": "Cyrl"})
    assert not good.applies_to("wiki", {"kind": "hq"})


KIND = "- {name: a, label: {kind: {labeller: fasttext, model: tiny.bin}}}\n"
KEEP = "keep: {word_count: {min: 5}}"
TABLE = [
    (
        "- {name: a, label: {topic: {}}}",
        "r.yaml:5:21: no labeller named 'topic'; known: extension, fasttext, language, script",
    ),
    (
        "- {name: a, label: {fasttext: {}}}",
        "r.yaml:5:21: fasttext has no 'model', which it needs",
    ),
    (
        "- {name: a, label: {fasttext: {model: gone.bin}}}",
        "r.yaml:5:39: no file at 'gone.bin'",
    ),
    (
        "- {name: a, label: {script: {characters: 9}}}",
        "r.yaml:5:30: script takes no 'characters'; known: labeller",
    ),
    (
        "- {name: a, label: {a/b: {labeller: script}}}",
        "r.yaml:5:21: 'a/b' cannot name a label; use letters, digits, '_' and '-'",
    ),
    (
        f"- {{name: a, when: {{kind: hq}}, {KEEP}}}",
        "r.yaml:5:26: no pass before this one gives a label 'kind'; known: language",
    ),
    (
        f"- {{name: a, when: {{language: english}}, {KEEP}}}",
        "r.yaml:5:30: CLD2 has no language 'english' (did you mean 'en'?)",
    ),
    (
        f"{KIND}- {{name: b, when: {{kind: [hq, lp]}}, {KEEP}}}",
        "r.yaml:6:26: the label 'kind' is never 'lp'; known: hq, lq, unknown",
    ),
    (
        f"{KIND}- {{name: b, label: {{kind: {{labeller: script}}}}}}",
        "r.yaml:6:27: an earlier pass gives a label 'kind' already",
    ),
    (
        f"- {{name: a, when: {{language: de}}, {KEEP}}}\n- {{name: b, label: {{language: {{}}}}}}",
        "r.yaml:6:31: rules before this one go by the language; label it in a pass before them",
    ),
    (f"- {{name: a, {KEEP}, per_language: gone.csv}}", "r.yaml:5:57: no file at 'gone.csv'"),
]


@pytest.mark.parametrize(("text", "mistake"), TABLE, ids=[each[1][:60] for each in TABLE])
def test_one_mistake(text: str, mistake: str, tiny_model: Path) -> None:
    assert mistakes(text) == [mistake]


def test_streams_by_a_label(tiny_model: Path) -> None:
    recipe = Path("r.yaml")
    recipe.write_text(BASE + KIND)
    assert read_recipe("r.yaml", ["shard.by=[source, kind]"]).shard.by == ("source", "kind")
    assert mistakes(KIND, "shard.by=[kinds]") == [
        "--set shard.by=[kinds]: expected source, language or the name of a label, found 'kinds' (did you mean 'kind'?)"
    ]
    data = tiny_model.read_bytes().replace(b"__label__hq", b"__label__h/")
    tiny_model.write_bytes(data)
    assert mistakes(KIND, "shard.by=[kind]") == [
        "--set shard.by=[kind]: the label 'kind' may be 'h/', which cannot name a folder, and each value gets one; "
        "expected letters, digits, '_', '-' and '.', a letter or digit first"
    ]


def test_two_streams_never_share_a_name(tiny_model: Path) -> None:
    tiny_model.write_bytes(tiny_model.read_bytes().replace(b"__label__hq", b"__label__h."))
    dotted = BASE.replace("wiki:", "wiki.en:") + KIND
    Path("r.yaml").write_text(BASE + KIND)
    read_recipe("r.yaml", ["shard.by=[source, kind]"])
    Path("r.yaml").write_text(dotted)
    read_recipe("r.yaml", ["shard.by=[source, language]"])
    with pytest.raises(ConfigError) as error:
        read_recipe("r.yaml", ["shard.by=[source, kind]"])
    assert (
        str(error.value)
        .splitlines()[-1]
        .endswith(
            "'source' may be 'wiki.en' and 'kind' may be 'h.': two streams could get one name, joined by dots"
        )
    )


ROWS = {
    "t.yaml": "de: {word_count: {min: 7, max: 70}, stop_word_count: {words: [der, die]}}\nfr: {word_count: false}\n",
    "t.jsonl": (
        '{"language": "de", "word_count": {"min": 7, "max": 70}, "stop_word_count": {"words": ["der", "die"]}}\n\n'
        '{"word_count": false, "language": "fr"}\n'
    ),
    "t.csv": (
        "language,word_count.min,word_count.max,stop_word_count.words[],word_count\n"
        "de,7,70,der die,\nfr,,,,false\n"
    ),
}
HOUSE = (
    "- {name: house, keep: {word_count: {min: 5}, stop_word_count: {min: 2, words: [the]}}, per_language: "
)


@pytest.mark.parametrize("name", ROWS)
def test_a_table_lies_over_the_rules_of_its_pass(name: str) -> None:
    Path(name).write_text(ROWS[name])
    [house] = read(f"{HOUSE}{name}}}").filter
    words, stops = house.rules_for("de")
    assert (words.min, words.max) == (7, 70)
    assert (stops.min, stops.options) == (2, {"words": ("der", "die")})
    assert [rule.name for rule in house.rules_for("fr")] == ["stop_word_count"]
    assert house.rules_for("en") == house.rules


def test_a_table_of_1900_languages_is_read_in_its_order(tiny_model: Path) -> None:
    lines = ["language,word_count.min", *(f"l{i},{i + 1}" for i in range(1900))]
    Path("t.csv").write_text("\n".join(lines))
    found = mistakes(f"{HOUSE}t.csv}}")
    assert len(found) == 1900
    assert found[0].startswith("r.yaml:5:102: CLD2 has no language 'l0'")


WRONG = [
    (
        "t.yaml",
        "de: {word_cuont: {min: 7}}",
        "t.yaml:1:6: the table for 'de' takes no 'word_cuont' (did you mean 'word_count'?)",
    ),
    ("t.yaml", "de: {word_count: {min: x}}", "t.yaml:1:24: expected a number, found 'x'"),
    ("t.yaml", "de: {word_count: [}", "t.yaml:1:19: no YAML: expected the node content, but found '}'"),
    ("t.yaml", "- de", "t.yaml:1:1: expected a mapping for a table of languages, found a list"),
    ("t.jsonl", '\n{"word_count": {"min": 7}}', "t.jsonl:2:1: this row has no 'language'"),
    (
        "t.jsonl",
        '{"language": "de"',
        "t.jsonl:1:18: no JSON: Expecting ',' delimiter: line 1 column 18 (char 17)",
    ),
    (
        "t.jsonl",
        '{"language": "de", "word_count": {"min": 9, "max": 1}}',
        "t.jsonl:1:20: word_count has min 9 above max 1, so it would drop every document",
    ),
    ("t.csv", "language,word_count.min\nde,7\nfr,seven", "t.csv:3:4: expected a number, found 'seven'"),
    ("t.csv", "language,word_count.min\nde,7\nde,8", "t.csv:3:1: 'de' stands here a second time"),
    ("t.csv", "language,word_count.min\nde,7,8", "t.csv:2:1: expected 2 cells as in the header, found 3"),
    ("t.csv", "language,word_count.least\nde,7", "t.csv:2:4: word_count takes no 'least'"),
]


@pytest.mark.parametrize(("name", "text", "mistake"), WRONG, ids=[each[2][:50] for each in WRONG])
def test_a_mistake_in_a_table_stands_at_its_own_line(name: str, text: str, mistake: str) -> None:
    Path(name).write_text(text)
    found = mistakes(f"{HOUSE}{name}}}")
    assert len(found) == 1
    assert found[0] == mistake or found[0].startswith(f"{mistake}; known: "), found


LISTED = "- {name: sites, keep: {blocked_entry_count: {max: 0, lists: %s}}}"


def test_lists_are_files_and_folders_that_enter_the_fingerprint() -> None:
    Path("ut1/adult").mkdir(parents=True)
    Path("ut1/adult/domains").write_text("a.org\n")
    Path("l.txt").write_text("b.org\n")
    [sites] = read(LISTED % "[ut1, l.txt]").filter
    assert list(files_of(sites)) == ["ut1/adult/domains", "l.txt"]
    assert read(LISTED % "l.txt").filter[0].rules[0].options == {"lists": ("l.txt",)}
    Path("l.txt").write_text("no host\n")
    assert mistakes(LISTED % "[ut1, gone, l.txt]") == [
        "r.yaml:5:67: no file or folder at 'gone'",
        "r.yaml:5:73: 'l.txt' has no entries; 'no host' is no host or URL",
    ]


def test_bounds_by_the_ending_of_a_file() -> None:
    label = "- {name: kind, label: {extension: {}}}\n"
    code = "- {name: code, when: {extension: [%s]}, preset: starcoder_comments}\n"
    assert read(label + code % "py, pyi, unknown").filter[1].when == {"extension": ("py", "pyi", "unknown")}
    assert mistakes(label + code % "py, .Java") == ["r.yaml:6:34: the ending '.Java' is written 'java'"]
