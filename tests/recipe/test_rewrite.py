"""Bounds written into a recipe's text: the recipe reads as asked, and everything else is as it was."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from curation.recipe.config import ConfigError
from curation.recipe.recipe import read_recipe
from curation.recipe.rewrite import CannotTake, NewBound, with_bound, write_recipe

BASE = "name: x\ninputs: {a: {format: warc, path: p}}\nshard: {tokenizer: t.json}\n"
COMMENTED = """\
# ours
filter:
  - name: gopher    # the paper
    preset: gopher  # as published

  # and what we found
  - name: house
    keep:
      word_count:
        min: 50     # words
      line_count: {min: 2}   # lines
    # the end of house
dedup: {near: null}
"""


def change(words: str) -> NewBound:
    key, _, value = words.partition("=")
    pass_name, rule, side = key.split(".")
    return NewBound(pass_name=pass_name, rule=rule, side=side, value=float(value))


FORMS = [
    # a rule of a preset, in flow and in block style
    ("filter: [{name: g, preset: gopher}]  # all", "g.word_count.min=80", "filter: [{name: g, preset: gopher, keep: {word_count: {min: 80}}}]  # all"),
    ("filter:\n- name: g  # ours\n  preset: gopher  # theirs\n# end", "g.word_count.min=80", "filter:\n- name: g  # ours\n  preset: gopher  # theirs\n  keep: {word_count: {min: 80}}\n# end"),
    # one that the pass overrides already
    ("filter: [{name: g, preset: gopher, keep: {word_count: {min: 60}}}]", "g.word_count.max=500", "filter: [{name: g, preset: gopher, keep: {word_count: {min: 60, max: 500}}}]"),
    ("filter: [{name: g, preset: gopher, keep: {word_count: {min: 60,},},}]", "g.hashes.max=0.5", "filter: [{name: g, preset: gopher, keep: {word_count: {min: 60,}, hashes: {max: 0.5},},}]"),
    # the number itself
    ("filter: [{name: h, keep: {word_count: {min: 60, max: 9e4}}}]", "h.word_count.max=1000", "filter: [{name: h, keep: {word_count: {min: 60, max: 1000}}}]"),
    ("filter: [{name: h, keep: {word_count: {min: !!int '60'}}}]", "h.word_count.min=61", None),
    # a section that is there and empty
    ("filter: [{name: g, preset: gopher, keep: {}}]", "g.hashes.max=0.2", "filter: [{name: g, preset: gopher, keep: {hashes: {max: 0.2}}}]"),
    # numbers
    ("filter: [{name: g, preset: gopher}]", "g.hashes.max=1e-7", "filter: [{name: g, preset: gopher, keep: {hashes: {max: 1.0e-07}}}]"),
    ("filter: [{name: h, keep: {word_count: {min: 60, max: 90}}}]", "h.word_count.max=inf", "filter: [{name: h, keep: {word_count: {min: 60, max: .inf}}}]"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words", "expected"), FORMS)
def test_a_bound_in_every_form_of_text(tmp_path: Path, text: str, words: str, expected: str | None) -> None:
    if expected is not None:
        assert with_bound(text, "r", change(words)) == expected
    (tmp_path / "r.yaml").write_text(BASE + text + "\n")
    write_recipe(str(tmp_path / "r.yaml"), [], [change(words)], str(tmp_path / "new.yaml"))
    asked = change(words)
    (rule,) = (
        rule
        for each in read_recipe(str(tmp_path / "new.yaml")).filter
        for rule in each.rules
        if rule.name == asked.rule
    )
    assert getattr(rule, asked.side) == asked.value


def test_comments_order_and_style_stay(tmp_path: Path) -> None:
    old, new = tmp_path / "r.yaml", tmp_path / "new.yaml"
    old.write_text(BASE + COMMENTED)
    changes = [
        change(words)
        for words in ("gopher.hashes.max=0.2", "house.word_count.min=80", "house.line_count.max=9")
    ]
    write_recipe(str(old), [], changes, str(new))
    expected = COMMENTED.replace("min: 50 ", "min: 80 ").replace("{min: 2}", "{min: 2, max: 9}")
    expected = expected.replace("as published\n", "as published\n    keep: {hashes: {max: 0.2}}\n")
    assert new.read_text() == BASE + expected


def test_the_recipes_that_ship_take_a_bound(root: Path, tmp_path: Path) -> None:
    recipe, new = root / "curation/recipe/starters/web_en.yaml", tmp_path / "new.yaml"
    write_recipe(
        str(recipe), [], [change("gopher.word_count.min=80"), change("language.english.min=0.5")], str(new)
    )
    old, lines = recipe.read_text().splitlines(), new.read_text().splitlines()
    assert [line for line in lines if line not in old] == [
        "  - {name: language, keep: {english: {signal: language_probability, language: en, min: 0.5}}}",
        "  - {name: gopher, preset: gopher, keep: {word_count: {min: 80}}}",
    ]
    assert len(lines) == len(old)


REFUSED = [
    ("filter: [{name: h, keep: {word_count: &a {min: 60}, other: {signal: line_count, min: 1}}}, {name: i, keep: {word_count: *a}}]", "i.word_count.min=70", CannotTake, "its text cannot take these bounds: an alias"),
    ("filter: [{name: h, measure: {word_count: {}}}]", "h.word_count.min=70", ConfigError, "with these bounds: 'word_count' stands under keep too"),
    ("filter: [{name: h, keep: {word_count: {min: 60}}}]", "h.word_count.min=-inf", ConfigError, "with these bounds: word_count has neither min nor max"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words", "error", "said"), REFUSED)
def test_what_the_text_cannot_say_is_not_written(
    tmp_path: Path, text: str, words: str, error: type[Exception], said: str
) -> None:
    (tmp_path / "r.yaml").write_text(BASE + text + "\n")
    with pytest.raises(error, match=re.escape(said)):
        write_recipe(str(tmp_path / "r.yaml"), [], [change(words)], str(tmp_path / "new.yaml"))
    assert not (tmp_path / "new.yaml").exists()


def test_a_set_that_decides_the_bound_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(BASE + "filter: [{name: h, keep: {word_count: {min: 60}}}]\n")
    request = (str(tmp_path / "r.yaml"), ["filter.h.keep.word_count.min=65"], [change("h.word_count.min=70")])
    with pytest.raises(CannotTake, match="or a --set decides them"):
        write_recipe(*request, str(tmp_path / "new.yaml"))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(BASE + "filter: [{name: h, keep: {word_count: {min: 60}}}]\n")
    with pytest.raises(FileExistsError, match=re.escape("r.yaml: is there already; name a file that is not")):
        write_recipe(str(tmp_path / "r.yaml"), [], [change("h.word_count.min=70")], str(tmp_path / "r.yaml"))
