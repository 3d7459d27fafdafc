"""Run with Dolma's own interpreter: what its Gopher and C4 taggers write of texts, judged as its mix judged.

    python peer_conformance_dolma.py TEXTS.jsonl VERDICTS.jsonl

Reads and writes lines as peer_conformance_datatrove.py does. Bounds and the lines cut out are those of
configs/dolma-v1_6/mixing/cc-head.yaml in Dolma's repository; the mixer drops a text that is outside any of them.
"""

import json
import sys
from importlib.metadata import version

from dolma.core.data_types import Document
from dolma.taggers.c4 import C4Tagger
from dolma.taggers.gopher import GopherTagger

INFINITE = float("inf")
BOUNDS = {  # rule -> attribute, least, most
    "word_count": ("word_count", 50, 100000),
    "median_word_length": ("median_word_length", 3, 10),
    "symbols": ("symbol_to_word_ratio", 0, 0.1),
    "alphabetic_words": ("fraction_of_words_with_alpha_character", 0.8, INFINITE),
    "stop_words": ("required_word_count", 2, INFINITE),
    "bullet_lines": ("fraction_of_lines_starting_with_bullet_point", 0, 0.9),
    "ellipsis_lines": ("fraction_of_lines_ending_with_ellipsis", 0, 0.3),
    "duplicate_lines": ("fraction_of_duplicate_lines", 0, 0.3),
    "duplicate_line_characters": ("fraction_of_characters_in_duplicate_lines", 0, 0.3),
    **{
        f"duplicate_{n}gram": (f"fraction_of_characters_in_duplicate_{n}grams", 0, (20 - n) / 100)
        for n in range(5, 11)
    },
}


def tagged(tagger, text):
    """Return what a tagger writes of a text."""
    return tagger.predict(Document(source="", version="", id="0", text=text)).spans


def main(source, target):
    """Judge every text and write what was said."""
    gopher, c4 = GopherTagger(), C4Tagger()
    with open(source, encoding="utf-8") as lines, open(target, "w", encoding="utf-8") as out:
        for line in lines:
            text = json.loads(line)["text"]
            scores = {span.type: span.score for span in tagged(gopher, text)}
            broken = [
                rule
                for rule, (name, least, most) in BOUNDS.items()
                if name in scores and not least <= scores[name] <= most
            ]
            cut = [span for span in tagged(c4, text) if span.type == "lines_with_no_ending_punctuation"]
            left = text
            for span in reversed(cut):
                left = left[: span.start] + left[span.end :]
            empty = [] if left else ["text_length"]
            row = {
                "words": text.split(),
                "first": {"dolma_gopher": next(iter(broken), None), "dolma_c4": next(iter(empty), None)},
                "broken": {"dolma_gopher": broken, "dolma_c4": empty},
                "texts": {"dolma_c4": left},
            }
            out.write(json.dumps(row) + "\n")
    print(json.dumps({"dolma": version("dolma")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
