"""The pinned presets: they load, say where they come from, keep prose and drop what their rules are for."""

from __future__ import annotations

import gzip
import json
from importlib import resources

import pytest
import yaml

from curation.filters.judge import judge_text
from curation.recipe.sections.passes import presets

from .pinned import PROSE, loaded, names

WORDS = PROSE.split()


@pytest.mark.parametrize("name", presets())
def test_every_preset_says_its_source_and_how_it_differs_and_keeps_prose(name):
    text = (resources.files("curation.recipe") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    assert set(content) <= {"source", "differs", "edit", "keep", "measure", "per_language"}
    assert len(content["source"]) > 40
    assert len(content["differs"]) > 100
    assert names(name, PROSE) == []


def lines(count, line):
    return "\n".join(line.format(i=i, a=chr(97 + i % 26)) for i in range(count))


GOPHER = {
    "word_count": " ".join(WORDS[:49]),
    "mean_word_length": " ".join(word * 3 for word in WORDS),
    "hashes": PROSE + "# " * 20,
    "ellipses": PROSE.replace(" the", "... the").replace(" and", "… and").replace("a ", "a ..."),
    "bullet_lines": "\n".join("• " + line for line in PROSE.splitlines() if line),
    "ellipsis_lines": PROSE.replace(".\n", "...\n"),
    "alphabetic_words": PROSE + " ".join(map(str, range(60))),
    "stop_words": " ".join(word for word in WORDS if len(word) > 4) + " lengthy other words",
    "duplicate_lines": PROSE + "\nx\nx\ny\ny\nz\nz\n",
    "duplicate_paragraphs": PROSE + "\n\nx\n\nx\n\ny\n\ny",
    "duplicate_line_characters": PROSE + PROSE.splitlines()[0],
    "duplicate_paragraph_characters": PROSE + "\n\n" + PROSE.split("\n\n")[0],
    "top_2gram": PROSE + " wonderful offers" * 12,
    "top_3gram": PROSE + " wonderful cheap offers" * 8,
    "top_4gram": PROSE + " wonderful cheap good offers" * 6,
    **{f"duplicate_{n}gram": PROSE + " " + " ".join(WORDS[:14]) for n in range(5, 11)},
}


@pytest.mark.parametrize("rule", [rule.name for rule in loaded("gopher").rules])
def test_gopher_drops(rule):
    assert rule in names("gopher", GOPHER[rule])


@pytest.mark.parametrize(
    ("preset", "text", "broken"),
    [
        ("c4", "\n".join(PROSE.splitlines()[:2]) + "\nA line without end", {"sentence_count"}),
        ("c4", PROSE + "\nint main() { return 0 and more; }.", {"curly_brackets"}),
        ("c4", PROSE + "\nint main() { return 0; }", set()),  # the line has no end mark and is left out
        ("c4", PROSE + "\nThis is Lorem Ipsum text only.", {"lorem_ipsum"}),
        ("c4", PROSE * 400, {"text_length"}),
        ("c4", "Home\nContact us\nLogin\n", {"sentence_count"}),
        ("fineweb_c4", "One two three.\n" * 4, {"sentence_count"}),
        ("fineweb_c4", "One two three\n" * 5, set()),
        ("fineweb_c4", PROSE + "\nint main() { return 0; }", {"curly_brackets"}),
        (
            "fineweb",
            lines(9, "{i} is one of the longer lines of this text, without an end"),
            {"lines_ending_in_marks"},
        ),
        ("fineweb", lines(9, "{i} is one of the short lines."), {"short_lines"}),
        ("fineweb", PROSE + PROSE.splitlines()[0], {"repeated_line_characters"}),
        ("fineweb", lines(9, "{a}.") + "\n" + PROSE, set()),
        (
            "fineweb",
            lines(
                9,
                "{a}" * 31 + ".",
            ),
            {"newlines"},
        ),
        ("fineweb", PROSE.replace("\n", "\n\n\n\n"), set()),
    ],
)
def test_preset_drops(preset, text, broken):
    assert set(names(preset, text)) == broken


@pytest.mark.shared
@pytest.mark.parametrize(("corpus", "least"), [("news", 0.8), ("speeches", 0.8), ("reviews", 0.8)])
def test_most_edited_english_passes_every_preset(shared, corpus, least):
    with gzip.open(shared / "corpora" / f"{corpus}.jsonl.gz", "rt", encoding="utf-8") as stream:
        texts = [json.loads(line)["text"] for line, _ in zip(stream, range(300), strict=False)]
    texts = [text for text in texts if len(text.split()) >= 50]
    passes = [loaded(name) for name in ("gopher", "fineweb")]
    kept = sum(not judge_text(text, "x", passes, measure_all=False).reasons for text in texts)
    assert kept / len(texts) >= least
