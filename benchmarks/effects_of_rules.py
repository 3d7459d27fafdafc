"""What each rule that a recipe may add to `web_en` does alone, on the texts of the shared crawl.

    python benchmarks/effects_of_rules.py

The texts (Markdown) go through the filter of the starter `web_en`; what it keeps is judged again with one pass more, first
in order where it edits, else last. Prints how many documents the pass drops, how many texts an edit changes and by how
many characters, and how many that were kept then break another rule; docs/recipe.md has the table.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter

from filter_corpus import Page, texts
from recording import ROOT

from curation.dedup.lines import part_hashes
from curation.filters.judge import Verdict, judge_text
from curation.filters.rules import Pass
from curation.recipe.config import Reader
from curation.recipe.nodes import parse
from curation.recipe.recipe import read_recipe
from curation.recipe.sections.passes import decode_pass

STARTER = ROOT / "curation" / "recipe" / "starters" / "web_en.yaml"
CODE = ROOT.parent / "shared" / "corpora" / "code.jsonl.gz"
EDITS = (
    "fix_unicode: {}",
    "cap_newlines: {max_consecutive: 2}",
    *(f"drop_repeated: {{unit: {unit}}}" for unit in ("line", "paragraph", "sentence", "three_sentences")),
    'drop_matching_lines: {patterns: ["^\\\\d+ (likes|shares|comments)$"], max_words: 10}',
    "drop_matching_lines: {starts: [sign in, share, log in], max_words: 10}",
    "drop_matching_lines: {ends: [read more, read more..., continue reading], max_words: 10}",
)
RULES = (
    "preset: olmo_repetition",
    "preset: roots_repetition",
    "keep: {longest_periodic_length: {max: 100}}",
    "keep: {periodic_character_fraction: {max: 0.1}}",
)
ACROSS = (("line", 10), ("sentence", 2), ("three_sentences", 2))


def made(yaml: str) -> Pass:
    """Return a pass."""
    reader = Reader()
    found = decode_pass(reader, parse(f"{{name: added, {yaml}}}", "bench"))
    if reader.mistakes:
        raise SystemExit("\n".join(map(str, reader.mistakes)))
    return found


def judged(page: Page, passes: tuple[Pass, ...]) -> Verdict:
    """Return the verdict on a page's text, as the filter stage has it."""
    return judge_text(
        page.text, "crawl", passes, measure_all=False, labels={"language": page.language}, form="markdown"
    )


def edit_line(yaml: str, pages: list[Page], base: tuple[Pass, ...]) -> str:
    """Return the row of an edit."""
    edit = made(f"edit: [{{{yaml}}}], keep: {{}}" if "{" in yaml else f"edit: [{yaml}]")
    changed, characters, lost = 0, 0, 0
    for page in pages:
        text = judged(page, (edit,)).text
        if text != page.text:
            changed += 1
            characters += len(page.text) - len(text)
            lost += bool(judged(page, (edit, *base)).reasons)
    return f"| `{yaml}` | {changed:,} | {characters:,} | {lost} |"


def across(unit: str, least: int, pages: list[Page]) -> str:
    """Return the row of parts that several documents have: they stay in the first."""
    own = [{part for part in part_hashes(page.text, unit, 20) if part is not None} for page in pages]
    documents = Counter(part for parts in own for part in parts)
    common = {part for part, count in documents.items() if count >= least}
    taken: set[int] = set()
    changed = 0
    for parts in own:
        changed += bool((parts & common) & taken)
        taken |= parts & common
    return f"| `lines: {{unit: {unit}, min_documents: {least}}}` | {changed:,} | {len(common):,} parts | |"


def main() -> None:
    """Measure and print."""
    base = read_recipe(STARTER).filter
    pages = [page for page in texts("markdown", None) if not judged(page, base).reasons]
    print(f"web_en keeps {len(pages):,}")
    for yaml in EDITS:
        print(edit_line(yaml, pages, base))
    for unit, least in ACROSS:
        print(across(unit, least, pages))
    for yaml in RULES:
        print(f"| `{yaml}` | drops {sum(bool(judged(page, (made(yaml),)).reasons) for page in pages)} | |")
    if CODE.exists():
        comments = made("preset: starcoder_comments")
        with gzip.open(CODE, "rt", encoding="utf-8") as lines:
            files = [json.loads(line)["text"] for line in lines]
        dropped = sum(
            bool(judge_text(text, "code", [comments], measure_all=True, url="a.py").reasons) for text in files
        )
        print(f"| `preset: starcoder_comments` | {dropped} of {len(files):,} Python files | |")


if __name__ == "__main__":
    main()
