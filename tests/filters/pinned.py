"""What the tests of the pinned presets share: prose that every one of them keeps, and what a text breaks."""

from __future__ import annotations

import functools

from curation.filters.judge import judge_text
from curation.recipe.config import Reader
from curation.recipe.nodes import parse
from curation.recipe.sections.passes import decode_pass

PROSE = """\
The river rises in the hills above the town, and for most of its length it runs through farmland.
People have fished here since the Middle Ages, though few of them would call it easy water.

In spring the banks are covered with flowers; by August they have turned brown and dry.
A narrow path follows the eastern side, which walkers share with horses and the occasional cyclist.
It is said that the old bridge was built by a miller who was tired of getting wet feet.

Whether that is true nobody knows. The records were lost in the fire of 1893, together with much else
that the parish had collected. What remains is kept in a small museum, open on Sundays!
"""


@functools.cache
def loaded(name):
    """The pass of a preset alone."""
    reader = Reader()
    step = decode_pass(reader, parse(f"{{name: {name}, preset: {name}}}", "recipe.yaml"))
    assert reader.mistakes == []
    return step


def verdict(preset, text):
    """What the preset makes of a text."""
    return judge_text(text, "crawl", [loaded(preset)], measure_all=False)


def names(preset, text):
    """The rules of the preset that the text breaks, in the order of their reasons."""
    return [reason["name"].removeprefix(f"{preset}.") for reason in verdict(preset, text).reasons]
