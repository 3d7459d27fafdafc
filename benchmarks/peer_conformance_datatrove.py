"""Run with datatrove's own interpreter: what each of its filters, and each of their rules alone, says of texts.

    python peer_conformance_datatrove.py TEXTS.jsonl VERDICTS.jsonl

Reads {"text"} lines. Writes, for each, {"words": its words, "first": {filter: the rule that dropped it, or null},
"broken": {filter: the rules that drop it when they alone are switched on}, "texts": {filter: the text after it}}.
Rules are called as in this project's presets of the same names.
"""

import json
import sys
from importlib.metadata import version

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.utils.text import split_into_words

QUALITY = {
    "word_count": {"min_doc_words": 50, "max_doc_words": 100000},
    "mean_word_length": {"min_avg_word_length": 3, "max_avg_word_length": 10},
    "bullet_lines": {"max_bullet_lines_ratio": 0.9},
    "ellipsis_lines": {"max_ellipsis_lines_ratio": 0.3},
    "alphabetic_words": {"max_non_alpha_words_ratio": 0.8},
    "stop_words": {"min_stop_words": 2},
}
NO_QUALITY = {option: None for options in QUALITY.values() for option in options} | {
    "max_symbol_word_ratio": None
}
QUALITY["hashes"] = QUALITY["ellipses"] = {"max_symbol_word_ratio": 0.1}  # one switch for both
NO_REPETITION = {
    "dup_line_frac": None,
    "dup_para_frac": None,
    "dup_line_char_frac": None,
    "dup_para_char_frac": None,
    "top_n_grams": (),
    "dup_n_grams": (),
}
REPETITION = {
    "empty": {},
    "duplicate_paragraphs": {"dup_para_frac": 0.3},
    "duplicate_paragraph_characters": {"dup_para_char_frac": 0.2},
    "duplicate_lines": {"dup_line_frac": 0.3},
    "duplicate_line_characters": {"dup_line_char_frac": 0.2},
    **{f"top_{n}gram": {"top_n_grams": ((n, most),)} for n, most in ((2, 0.2), (3, 0.18), (4, 0.16))},
    **{f"duplicate_{n}gram": {"dup_n_grams": ((n, (20 - n) / 100),)} for n in range(5, 11)},
}
NEVER = 1e9
NO_FINEWEB = {
    "line_punct_thr": -1,
    "short_line_thr": NEVER,
    "char_duplicates_ratio": NEVER,
    "new_line_ratio": NEVER,
}
FINEWEB = {
    "lines_ending_in_marks": {"line_punct_thr": 0.12},
    "short_lines": {"short_line_thr": 0.67},
    "repeated_line_characters": {"char_duplicates_ratio": 0.01},
    "newlines": {"new_line_ratio": 0.3},
}
NO_C4 = {"filter_lorem_ipsum": False, "filter_curly_bracket": False, "min_num_sentences": -1}
C4 = {
    "lorem_ipsum": {"filter_lorem_ipsum": True},
    "curly_brackets": {"filter_curly_bracket": True},
    "sentence_count": {"min_num_sentences": 5},
}
FILTERS = {
    "datatrove_gopher_quality": (GopherQualityFilter, {}, NO_QUALITY, QUALITY),
    "datatrove_gopher_repetition": (GopherRepetitionFilter, {}, NO_REPETITION, REPETITION),
    "datatrove_c4": (C4QualityFilter, {}, NO_C4, C4),
    "fineweb_c4": (C4QualityFilter, {"filter_no_terminal_punct": False}, NO_C4, C4),
    "datatrove_fineweb": (FineWebQualityFilter, {}, NO_FINEWEB, FINEWEB),
}
RULE = {  # the reasons datatrove gives -> rules
    "gopher_short_doc": "word_count",
    "gopher_long_doc": "word_count",
    "gopher_below_avg_threshold": "mean_word_length",
    "gopher_above_avg_threshold": "mean_word_length",
    "gopher_too_many_hashes": "hashes",
    "gopher_too_many_ellipsis": "ellipses",
    "gopher_too_many_bullets": "bullet_lines",
    "gopher_too_many_end_ellipsis": "ellipsis_lines",
    "gopher_below_alpha_threshold": "alphabetic_words",
    "gopher_enough_stop_words": "stop_words",
    "dup_para_frac": "duplicate_paragraphs",
    "dup_para_char_frac": "duplicate_paragraph_characters",
    "dup_line_frac": "duplicate_lines",
    "dup_line_char_frac": "duplicate_line_characters",
    **{f"top_{n}_gram": f"top_{n}gram" for n in (2, 3, 4)},
    **{f"duplicated_{n}_n_grams": f"duplicate_{n}gram" for n in range(5, 11)},
    "line_punct_ratio": "lines_ending_in_marks",
    "short_line_ratio": "short_lines",
    "char_dup_ratio": "repeated_line_characters",
    "list_ratio": "newlines",
    "curly_bracket": "curly_brackets",
    "too_few_sentences": "sentence_count",
}


def said(each, text):
    """Return the rule by which a filter drops a text (None: it keeps it) and the text it leaves."""
    document = Document(text=text, id="0")
    verdict = each.filter(document)
    reason = verdict[1] if isinstance(verdict, tuple) else None
    return RULE.get(reason, reason), document.text


def main(source, target):
    """Judge every text and write what was said."""
    made = {
        name: (kind(**base), {rule: kind(**base, **none | only) for rule, only in rules.items()})
        for name, (kind, base, none, rules) in FILTERS.items()
    }
    with open(source, encoding="utf-8") as lines, open(target, "w", encoding="utf-8") as out:
        for line in lines:
            text = json.loads(line)["text"]
            row = {"words": split_into_words(text), "first": {}, "broken": {}, "texts": {}}
            for name, (whole, alone) in made.items():
                row["first"][name], row["texts"][name] = said(whole, text)
                row["broken"][name] = [rule for rule, each in alone.items() if said(each, text)[0] == rule]
            row["texts"] = {name: each for name, each in row["texts"].items() if name.endswith("c4")}
            out.write(json.dumps(row) + "\n")
    print(json.dumps({name: version(name) for name in ("datatrove", "spacy")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
