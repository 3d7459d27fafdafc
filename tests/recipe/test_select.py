"""The select section and rules with a top_fraction: what they declare, and their mistakes with their places."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.recipe.config import ConfigError
from curation.recipe.recipe import Recipe, read_recipe
from curation.recipe.sections.select import measured_only, selections

BASE = "name: t\ninputs: {a: {format: warc, path: a.warc.gz}}\nshard: {tokenizer: {train: {vocab: 300}}}\n"


def read(folder: Path, text: str) -> Recipe:
    path = folder / "r.yaml"
    path.write_text(BASE + text)
    return read_recipe(str(path))


def test_rules_come_first_then_the_section(tmp_path: Path) -> None:
    recipe = read(
        tmp_path,
        "filter: [{name: p, keep: {word_count: {min: 3, top_fraction: 0.1, weigh: characters, per: [source]}}}]\n"
        "select: [{name: s, of: [p.word_count], min: 7}]",
    )
    first, second = selections(recipe.filter, recipe.select)
    assert (first.called, first.of, first.top_fraction, first.weigh, first.per) == (
        "p.word_count",
        ("p.word_count",),
        0.1,
        "characters",
        ("source",),
    )
    assert (second.called, second.min) == ("select.s", 7.0)
    (rule,) = measured_only(recipe.filter[0]).rules
    assert (rule.min, rule.top) == (3.0, None)


def test_what_is_right_beside_a_mistake_is_checked_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        read(
            tmp_path,
            "filter:\n"
            "  - {name: p, keep: {wrd_count: {top_fraction: 0.1, weigh: p.tokens}}}\n"
            "  - {name: q, keep: {word_count: {mni: 1, top_fraction: 0.1, weigh: q.tokens}}}\n"
            "select: [{name: a, of: [q.edu]}, {name: a, of: [q.best], weigh: q.lines, min: 1}]",
        )
    assert [
        str(each).removeprefix(f"{tmp_path}/r.yaml:").partition(";")[0] for each in error.value.mistakes
    ] == [
        "5:22: no signal named 'wrd_count' (did you mean 'word_count'?)",
        "5:60: no pass measures 'p.tokens'",
        "6:35: word_count takes no 'mni' (did you mean 'min'?)",
        "6:69: no pass measures 'q.tokens'",
        "7:10: selection 'a' needs one of top_fraction and min",
        "7:24: no pass measures 'q.edu'",
        "7:41: a second selection is called 'a'",
        "7:48: no pass measures 'q.best'",
        "7:65: no pass measures 'q.lines'",
    ]


KEEP = "filter: [{name: p, keep: {word_count: %s}}]\n"
TABLE = [
    (KEEP % "{top_fraction: 1.5}", "4:54: top_fraction is 1.5; expected a share between 0 and 1"),
    (KEEP % "{min: 2, per: [source]}", "4:48: 'per' says how top_fraction counts, which is not here"),
    (KEEP % "{top_fraction: 0.1, per: [site]}", "4:64: expected source, language or both, found 'site'"),
    (
        KEEP % "{top_fraction: 0.1, weigh: q.tokens}",
        "4:66: no pass measures 'q.tokens'; known: characters, documents, p.word_count",
    ),
    (
        KEEP % "{top_fraction: 0.1, weigh: tokens}",
        "4:66: tokens are weighed where a pass counts them: `measure: {token_count: {tokenizer: FILE}}` in a pass, "
        "here `weigh: PASS.token_count`",
    ),
    (
        "filter: [{name: p, measure: {word_count: {top_fraction: 0.1}}}]",
        "4:43: what is under measure has no 'top_fraction'; a bound belongs under keep",
    ),
    (
        KEEP % "{min: 2}" + "select: [{name: a, of: [p.word_cont], min: 1}]",
        "5:24: no pass measures 'p.word_cont' (did you mean 'p.word_count'?)",
    ),
    (
        KEEP % "{min: 2}" + "select: [{name: a, of: [p.word_count, characters], min: 1}]",
        "5:10: selection 'a' combines several measures, which needs 'bins'",
    ),
    (
        KEEP % "{min: 2}" + "select: [{name: a, of: [p.word_count]}]",
        "5:10: selection 'a' needs one of top_fraction and min",
    ),
    (
        KEEP % "{min: 2}"
        + "select: [{name: a, of: [p.word_count], min: 1}, {name: a, of: [p.word_count], min: 2}]",
        "5:56: a second selection is called 'a'; names must differ",
    ),
]


@pytest.mark.parametrize(("text", "said"), TABLE)
def test_mistakes_have_a_place(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text)
    assert str(error.value) == f"{tmp_path}/r.yaml:{said}"
