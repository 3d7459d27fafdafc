"""A text is judged by its form: Markdown without its marks, plain text as it stands. Values are the peers'."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.filters.judge import judge_text
from curation.recipe.sections.passes import presets
from curation.signals import SIGNALS
from curation.text.text import Text

from .pinned import PROSE, loaded

LINES = "\n".join(f"line number {n} ends here." for n in range(34))
STARRED = f"{LINES}\n" + "\n".join(["****"] * 34)  # 34 of 68 lines are the same four asterisks
BULLETS = "* first\n- second\nthird"
HASHES = "\n".join(["# one two three four five six"] * 30)


@pytest.mark.parametrize(
    ("signal", "options", "raw", "plain", "markdown"),
    [
        ("symbol_word_ratio", {"symbols": ("#",)}, HASHES, 30 / 210, 0.0),
        ("line_start_fraction", {"starts": ("●", "•", "*", "-")}, BULLETS, 2 / 3, 2 / 3),
        ("line_start_fraction", {"starts": ("●", "•", "*", "-")}, BULLETS.replace("* ", "*"), 2 / 3, 2 / 3),
        ("duplicate_line_fraction", {"count_first": False}, STARRED, 33 / 68, 33 / 68),
        ("line_ending_fraction", {"endings": (".",)}, STARRED, 0.5, 0.5),
        ("line_ending_fraction", {"endings": (".",)}, "| a. |\n| b |", 0.0, 0.5),
        ("phrase_count", {"phrases": ("5*3*2", "f(*args, **kw)")}, "5*3*2 f(*args, **kw)", 2.0, 2.0),
        ("phrase_count", {"phrases": ("#", "*")}, "```\n# *a*\n```\n# *b*", 6.0, 3.0),
        ("word_count", {}, "```\na * b\n```\n*c*", 6.0, 4.0),
        ("line_count", {}, "```\na\n```", 3.0, 1.0),
    ],
)
def test_signals_take_marks_away_only_where_there_are_marks(signal, options, raw, plain, markdown):
    assert SIGNALS[signal](Text(raw), **options) == pytest.approx(plain)
    assert SIGNALS[signal](Text(raw, "markdown"), **options) == pytest.approx(markdown)


@pytest.mark.parametrize(
    ("preset", "raw", "plain", "markdown"),
    [
        ("gopher", HASHES.replace("six", "of the"), {"hashes"}, set()),
        ("c4", "\n".join(f"| {line} |" for line in PROSE.splitlines()), {"sentence_count"}, set()),
        (
            "c4",
            PROSE + "\n```\nint main() { return 0 and more; }.\n```",
            {"curly_brackets"},
            {"curly_brackets"},
        ),
    ],
)
def test_a_preset_judges_by_the_form(preset, raw, plain, markdown):
    for form, broken in (("plain", plain), ("markdown", markdown)):
        reasons = judge_text(raw, "crawl", [loaded(preset)], measure_all=True, form=form).reasons
        names = {str(reason["name"]).partition(".")[2] for reason in reasons}
        assert {name for name in names if "gram" not in name and "duplicate" not in name} == broken


def test_an_edit_sees_through_marks_only_in_markdown():
    text = "## 2,019\n" + PROSE
    kept = [
        judge_text(text, "crawl", [loaded("dclm_lines")], measure_all=True, form=form).text
        for form in ("plain", "markdown")
    ]
    assert kept == [text, PROSE]


def test_removed_words_are_counted_in_the_form_of_the_text():
    before = "a b c *d*"
    text = Text("a b c", "markdown", before=before)
    assert SIGNALS["removed_word_fraction"](text, splitter="unicode") == 0.25
    assert SIGNALS["removed_word_fraction"](Text("a b c", before=before), splitter="unicode") == 0.5


def test_the_presets_that_read_marks_as_they_stand_say_so_and_the_recipe_names_them():
    from curation.recipe.nodes import parse
    from curation.recipe.sections.passes import _FOLDER

    as_they_stand = []
    for preset in presets():
        root = parse((_FOLDER / f"{preset}.yaml").read_text(encoding="utf-8"), preset)
        differs = next(value.value for key, value in root.value if key.value == "differs")
        if "fences" in differs:
            as_they_stand.append(f"`{preset}`")
    recipe = (Path(__file__).parents[2] / "docs/recipe.md").read_text(encoding="utf-8")
    assert f"{' and '.join(as_they_stand)} read a text as it stands" in recipe
