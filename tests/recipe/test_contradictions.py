"""What `curate check` warns of: each disagreement of the gate with a later rule, on both sides of its bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.cli import main
from curation.recipe.contradictions import contradictions
from curation.recipe.recipe import read_recipe

RECIPE = """name: test
inputs:
  crawl: {format: warc, path: a.warc.gz}
  wiki: {format: jsonl, path: b.jsonl, text: body}
extract: {gate: GATE}
filter:
  - {name: language, ONLY keep: {english: {signal: language_probability, language: en, min: 0.65}}}
  - {name: size, keep: {words: {signal: word_count, min: 50}}}
shard: {tokenizer: t.json}
"""
DE_PASSES = "extract.gate lets pages in 'de' pass, and rule language.english drops all of them"
EN_DROPPED = "extract.gate drops pages in 'en', the one language that rule language.english keeps"
STRICT = (
    "extract.gate asks for 0.7 of the visible text in its languages, rule language.english only for 0.65 of the"
    " main text: the gate drops pages that the rule would keep"
)
LONG = "extract.gate drops pages of fewer than 100 visible characters, and rule size.words keeps texts of 99"


def recipe(tmp_path: Path, gate: str, only: str = "") -> Path:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE.replace("GATE", gate).replace("ONLY", only))
    return path


@pytest.mark.parametrize(
    ("gate", "only", "expected"),
    [
        ("{languages: [en]}", "", []),
        ("{languages: [en], min: 0.65}", "", []),
        ("{languages: [en], min: 0.7}", "", [STRICT]),
        ("{languages: [en, de]}", "", [DE_PASSES]),
        ("{languages: [de]}", "", [EN_DROPPED, DE_PASSES]),
        ("{languages: [de]}", "only: [wiki],", []),  # text passes no gate
        ("{min_characters: 99}", "", []),
        ("{min_characters: 100}", "", [LONG]),
        ("null", "", []),
    ],
)
def test_contradictions(tmp_path: Path, gate: str, only: str, expected: list[str]) -> None:
    assert list(contradictions(read_recipe(str(recipe(tmp_path, gate, only))))) == expected


def test_lines_of_a_list_that_are_no_entries(tmp_path: Path) -> None:
    path, addresses = recipe(tmp_path, "null"), tmp_path / "hosts.txt"
    addresses.write_text("a.example\nno host\n")
    rule = f"blocked_entry_count: {{lists: [{addresses}], max: 0}}, words:"
    path.write_text(path.read_text().replace("words:", rule))
    assert list(contradictions(read_recipe(str(path)))) == [
        f"'{addresses}': 1 line that is no host or URL is left out: {addresses}, line 2: 'no host'"
    ]


def test_settings_of_a_tokenizer_that_are_switched_off(tmp_path: Path) -> None:
    path, file = recipe(tmp_path, "null"), tmp_path / "t.json"
    file.write_text('{"truncation": null, "padding": {}, "model": {"dropout": 0.1}}')
    path.write_text(path.read_text().replace("t.json", str(file)))
    assert list(contradictions(read_recipe(str(path)))) == [
        f"shard.tokenizer {file}: has BPE dropout of 0.1; the shards are made without"
    ]


def test_a_least_mean_word_length_makes_the_shortest_text_longer(tmp_path: Path) -> None:
    path = recipe(tmp_path, "{min_characters: 199}")
    longer = "{words: {signal: word_count, min: 50}, mean_word_length: {min: 3}}"
    path.write_text(path.read_text().replace("{words: {signal: word_count, min: 50}}", longer))
    assert list(contradictions(read_recipe(str(path)))) == []
    [line] = contradictions(read_recipe(str(path), ["extract.gate.min_characters=200"]))
    assert line.endswith("200 visible characters, and rule size.words keeps texts of 199")


def test_without_a_rule_on_length_any_bound_is_told(tmp_path: Path) -> None:
    path = recipe(tmp_path, "{min_characters: 1}")
    path.write_text(path.read_text().replace("{signal: word_count, min: 50}", "{signal: line_count, min: 1}"))
    [line] = contradictions(read_recipe(str(path)))
    assert line.endswith("1 visible characters, and no later rule asks for a length")


def test_check_prints_them_and_the_recipe_is_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.warc.gz").touch()
    path = recipe(tmp_path, "{languages: [en, de]}")
    assert main(["check", str(path)]) == 0
    assert capsys.readouterr().out == (
        f"{path}: good; 2 inputs, 2 passes, 2 rules\n"
        f"{path}: warning: inputs.wiki: 'b.jsonl' names no file; expected a path, URL, folder or glob; `curate run` "
        f"would refuse it here\n{path}: warning: {DE_PASSES}\n"
    )


def test_a_length_without_a_least_asks_for_none(tmp_path: Path) -> None:
    path = recipe(tmp_path, "{min_characters: 100}")
    old, new = (
        "keep: {words: {signal: word_count, min: 50}}",
        "keep: {text_length: {max: 9}}, measure: {word_count: {}}",
    )
    path.write_text(path.read_text().replace(old, new))
    assert list(contradictions(read_recipe(str(path)))) == [
        "extract.gate drops pages of fewer than 100 visible characters, and no later rule asks for a length"
    ]


def test_bands_that_cannot_find_what_containment_asks_for(tmp_path: Path) -> None:
    path = recipe(tmp_path, "null")
    assert list(contradictions(read_recipe(str(path)))) == []
    (told,) = contradictions(read_recipe(str(path), ["dedup.near.containment=0.9"]))
    assert told.startswith(
        "dedup.near.containment is 0.9, but 14 bands of 8 rows find 5% of the documents that are half of another;"
    )
    wide = ["dedup.near.containment=0.9", "dedup.near.bands=64", "dedup.near.rows_per_band=2"]
    assert list(contradictions(read_recipe(str(path), wide))) == []


SPLIT = """name: test
inputs: {{wiki: {{format: jsonl, path: b.jsonl, text: body}}}}
filter:
  - {{name: language, keep: {{own: {{signal: language_probability, language: {language}, min: 0.65}}}}}}
  - {{name: p, {rules}}}
shard: {{tokenizer: t.json}}
"""
SPACED = "is written without spaces between words"
ENGLISH_ASKED = (
    "rule p.stop_words asks for English words, and pages in 'sw' have few: name words of that language in a table "
    "(per_language)"
)


@pytest.mark.parametrize(
    ("language", "rules", "expected"),
    [
        ("zh", "preset: gopher", []),
        ("en", "preset: gopher", []),
        ("es", "preset: gopher", []),
        ("sw", "preset: gopher", [ENGLISH_ASKED]),
        ("sw", "keep: {stop_words: {signal: stop_word_count, words: [na, ya], min: 1}}", []),
        ("th", "keep: {word_count: {min: 9}}", []),
        (
            "th",
            "splitters: as_named, keep: {word_count: {min: 9}, sentence_count: {min: 1}}",
            [
                f"pass p counts what stands between spaces (word_count), and 'th' {SPACED}; splitter: icu finds "
                "them, as a pass does without splitters: as_named"
            ],
        ),
        ("th", "splitters: as_named, keep: {word_count: {min: 9, splitter: icu}}", []),
        (
            "bo",
            "keep: {a: {signal: word_count, min: 9}, b: {signal: word_count, max: 99}, c: {signal: mean_word_length, "
            "min: 1}, d: {signal: longest_word_length, max: 99}}",
            [
                f"pass p counts words (a, b, c and 1 more), and 'bo' {SPACED}; no splitter here finds them: give those "
                "rules bounds for it in a table (per_language), or leave them out"
            ],
        ),
        ("ja", "preset: c4", []),
        (
            "ja",
            "splitters: as_named, preset: c4",
            [
                f"edit c4_lines of pass p counts what stands between spaces (min_words), and 'ja' {SPACED}: it takes "
                "nearly every line out"
            ],
        ),
    ],
)
def test_a_language_that_a_pass_does_not_fit(
    tmp_path: Path, language: str, rules: str, expected: list[str]
) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(SPLIT.format(language=language, rules=rules))
    assert list(contradictions(read_recipe(str(path)))) == expected


def test_a_pass_for_some_languages_is_compared_with_those(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(SPLIT.format(language="en", rules="when: {language: [sw]}, preset: gopher"))
    assert list(contradictions(read_recipe(str(path)))) == [ENGLISH_ASKED]
