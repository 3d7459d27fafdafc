"""The presets that pin datatrove, Dolma and DCLM: every rule drops what it is for, and edits cut what they should."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .pinned import PROSE, loaded, names, verdict

WORDS = PROSE.split()
SOLID = PROSE.replace("\n\n", "\n")  # without blank lines, which Dolma counts as duplicates
AGAIN = " ".join(WORDS[:30])
LETTERS = [chr(97 + i % 26) * 3 + chr(97 + i // 26) for i in range(200)]


QUALITY = {
    "word_count": " ".join(WORDS[:30]) + " , . ; :" * 20,
    "mean_word_length": " ".join(word * 4 for word in WORDS),
    "alphabetic_words": PROSE + " 1 2 3 4 5" * 20,
    "stop_words": " ".join(
        word for word in WORDS if word.lower() not in ("the", "of", "and", "that", "to", "with")
    ),
}
REPETITION = {
    "duplicate_lines": PROSE + "\nx\nx\nx\ny\ny\ny\nz\nz\n",
    "top_2gram": PROSE + " wonderful offers" * 12,
    "top_3gram": PROSE + " wonderful cheap offers" * 9,
    "top_4gram": PROSE + " wonderful cheap good offers" * 7,
    **{f"duplicate_{n}gram": f"{PROSE} {AGAIN} {AGAIN}" for n in range(5, 11)},
}
CASES = {
    "datatrove_gopher_quality": QUALITY
    | {
        "hashes": PROSE + "# " * 25,
        "ellipses": PROSE + "well... so… " * 12,
        "bullet_lines": "\n".join("-" + line for line in PROSE.splitlines() if line),
        "ellipsis_lines": PROSE.replace(".\n", "...\n"),
    },
    "datatrove_gopher_repetition": REPETITION
    | {
        "empty": "",
        "duplicate_paragraphs": PROSE + "\n\nx\n\nx\n\nx\n\ny\n\ny\n\ny",
        "duplicate_paragraph_characters": SOLID + "\n\n" + SOLID,
        "duplicate_line_characters": SOLID + SOLID,
    },
    "datatrove_fineweb": {
        "lines_ending_in_marks": "\n".join(
            f"the {word} is a line of words without an end" for word in LETTERS[:9]
        ),
        "short_lines": "\n".join(f"{word} is a short line." for word in LETTERS[:9]),
        "repeated_line_characters": PROSE + PROSE.splitlines()[0],
        "newlines": "\n".join(word * 20 + "." for word in LETTERS[:9]),
    },
    "datatrove_c4": {
        "lorem_ipsum": PROSE + "This is Lorem Ipsum text only.",
        "curly_brackets": PROSE + "This is {not} prose to me.",
        "sentence_count": "\n".join(PROSE.splitlines()[:4]),
    },
    "fineweb_c4": {
        "lorem_ipsum": PROSE + "This is Lorem Ipsum text only",
        "curly_brackets": PROSE + "int main() { return 0; }",
        "sentence_count": "One two three.\nfour five six. No more",
    },
    "dolma_gopher": {
        "word_count": " ".join(WORDS[:49]),
        "median_word_length": " ".join(word * 3 for word in WORDS if len(word) > 3) + " the the",
        "symbols": SOLID + "#tag " * 15,
        "alphabetic_words": SOLID + "1 - " * 20,
        "stop_words": " ".join(word for word in LETTERS[:99]),
        "bullet_lines": "\n".join("-" + line for line in SOLID.splitlines()),
        "ellipsis_lines": SOLID.replace(".\n", "…\n"),
        "duplicate_lines": PROSE + "\n\n\n\n",
        "duplicate_line_characters": SOLID + SOLID,
        **{f"duplicate_{n}gram": f"{SOLID} {AGAIN}" for n in range(5, 11)},
    },
    "dolma_c4": {"text_length": "A heading\nAnother one\n"},
    "dclm": QUALITY
    | REPETITION
    | {
        "symbols": PROSE + "# ... . . . " * 10,
        "bullet_lines": "\n".join("●" + line for line in PROSE.splitlines() if line),
        "ellipsis_lines": PROSE.replace(".\n", ". . .\n"),
        "duplicate_paragraphs": PROSE + "\n\nx\n\nx\n\ny\n\ny",
        "duplicate_line_characters": SOLID + SOLID.splitlines()[3],
        "duplicate_paragraph_characters": SOLID + "\n\n" + SOLID,
        "mean_word_length": " ".join(word * 4 for word in WORDS),
        "word_count": " ".join(WORDS[:49]) + " -- ,, ..",
        "stop_words": " ".join(LETTERS[:99]),
    },
    "dclm_lines": {"removed_words": PROSE + "THE END OF THE PAGE IS NEAR AND LOUD NOW\n"},
}


@pytest.mark.parametrize(
    ("preset", "rule"), [(name, rule) for name, rules in CASES.items() for rule in rules]
)
def test_a_rule_drops_what_it_is_for(preset, rule):
    assert rule in names(preset, CASES[preset][rule])


@pytest.mark.parametrize("preset", CASES)
def test_every_rule_has_a_case_and_prose_breaks_none(preset):
    assert set(CASES[preset]) == {rule.name for rule in loaded(preset).rules}
    assert names(preset, PROSE) == []


def test_dclm_lines_cut_and_keep_a_page_that_lost_little():
    text = (
        "Sign-in "
        + PROSE.splitlines()[0][:30]
        + "\n"
        + PROSE * 2
        + "3 likes\n2019\nMENU HERE\nMore\nItems in cart\n"
    )
    result = verdict("dclm_lines", text)
    assert result.reasons == []
    assert result.text == PROSE.splitlines()[0][:30] + "\n" + PROSE * 2
    edits = {"dclm_lines.drop_lines": 8 + 5 + 10 + 5, "dclm_lines.cut_phrases": 8 + 14}
    assert result.edits == edits | {"dclm_lines.cap_newlines": 0}


@pytest.mark.parametrize(
    ("preset", "line", "left"),
    [
        ("datatrove_c4", "Ends in 'quotes'", "Ends in 'quotes'"),
        ("datatrove_c4", "Has no end mark", None),
        ("datatrove_c4", "Trails off like so...", None),
        ("datatrove_c4", "Ends [1].", None),  # two words, before the citation goes and after it
        ("datatrove_c4", "Ends here [1].", "Ends here ."),  # three words before it goes
        ("fineweb_c4", "Has no end mark", "Has no end mark"),
        ("fineweb_c4", "Please enable JavaScript now", None),
        ("dolma_c4", "One.", "One."),
        ("dolma_c4", "Trails off like so...", "Trails off like so..."),
        ("dolma_c4", "Ends in 'quotes'", None),
    ],
)
def test_lines_that_stay(preset, line, left):
    first = "The first line of these always stays as it is."
    assert verdict(preset, f"{first}\n{line}").text == (f"{first}\n{left}" if left is not None else first)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "of the", "#", "…", "{", "- ", ".", "\n", "\n\n", "x" * 40, "I'm"])).map(
        " ".join
    )
)
def test_reasons_come_in_the_order_of_the_rules(text):
    for preset in CASES:
        order = [rule.name for rule in loaded(preset).rules]
        broken = names(preset, text)
        assert broken == sorted(broken, key=order.index)
