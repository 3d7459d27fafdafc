"""Verdict and reason beside NeMo Curator and Dolma's code taggers, rule by rule, on the same texts.

    python benchmarks/bench_conformance_nemo.py

English pages of the shared crawl go through preset nemo_english and the peer's shipped chain; the shared code
through redpajama_github and starcoder, Dolma's taggers and the peer's filters; the crawl's HTML through
starcoder_html. English pages are read in both forms, as in bench_conformance.py; no text is stripped first. Prints a
table for each and writes build/bench/conformance_nemo.json; docs/conformance-nemo.md explains what differs.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import filter_corpus
import peers
from bench_conformance import FORMS
from extract_corpus import crawl
from recording import ROOT, record

from curation.filters.judge import judge_text
from curation.filters.rules import Pass
from curation.pages.charset import decode
from curation.recipe.config import Reader
from curation.recipe.nodes import parse
from curation.recipe.sections.passes import decode_pass
from curation.text.markdown import Form, readable

HERE, WORK = Path(__file__).parent, ROOT / "build" / "bench" / "conformance_nemo"
BAR, HTML_PAGES = 0.995, 300

#: NeMo Curator's filters, in its order -> rules of preset nemo_english.
ENGLISH: Mapping[str, tuple[str, ...]] = {
    "NonAlphaNumericFilter": ("alphanumeric_characters",),
    "SymbolsToWordsFilter": ("symbols",),
    "NumbersFilter": ("digits",),
    "UrlsFilter": ("urls",),
    "WhiteSpaceFilter": ("white_space",),
    "ParenthesesFilter": ("brackets",),
    "BoilerPlateStringFilter": ("policy_paragraphs", "lorem_ipsum"),
    "RepeatedLinesFilter": ("duplicate_lines",),
    "RepeatedParagraphsFilter": ("duplicate_paragraphs",),
    "RepeatedLinesByCharFilter": ("duplicate_line_characters",),
    "RepeatedParagraphsByCharFilter": ("duplicate_paragraph_characters",),
    "WordCountFilter": ("word_count",),
    "PunctuationFilter": ("lines_ending_in_marks",),
    "WordsWithoutAlphabetsFilter": ("alphabetic_words",),
    "CommonEnglishWordsFilter": ("stop_words",),
    "MeanWordLengthFilter": ("mean_word_length",),
    "LongWordFilter": ("longest_word",),
    "EllipsisFilter": ("ellipsis_lines",),
    **{f"RepeatingTopNGramsFilter{n}": (f"top_{n}gram",) for n in (2, 3, 4)},
    **{f"RepeatingDuplicateNGramsFilter{n}": (f"duplicate_{n}gram",) for n in range(5, 11)},
    "BulletsFilter": ("bullet_lines",),
}
#: Dolma's attributes -> rule of redpajama_github and what the attribute must be to keep the text.
DOLMA = {
    "max_line_length_doc": ("longest_line", lambda score: score <= 1000),
    "alnum_prop_doc": ("alphanumeric_characters", lambda score: score >= 0.25),
    "alpha_token_prop_doc": ("letters_per_token", lambda score: score >= 1.5),
}


@dataclass(slots=True)
class Row:
    """One rule: texts both sides judged, texts the peer raised on, drops of each side, verdicts that differ."""

    judged: int = 0
    raised: int = 0
    peer: int = 0
    ours: int = 0
    differ: list[int] = field(default_factory=list)

    @property
    def equal(self) -> float:
        """The share of texts with the same verdict."""
        return 1 - len(self.differ) / self.judged if self.judged else 1.0

    def add(self, number: int, peer: bool | None, ours: bool) -> None:
        """Take one text: whether each side keeps it."""
        if peer is None:
            self.raised += 1
            return
        self.judged += 1
        self.peer += not peer
        self.ours += not ours
        if peer != ours:
            self.differ.append(number)


def preset(name: str) -> Pass:
    """Return a preset as a pass."""
    return decode_pass(Reader(), parse(f"{{name: {name}, preset: {name}}}", "bench"))


def broken(each: Pass, text: str, form: Form = "plain") -> list[str]:
    """Return the rules that a text breaks, in recipe order."""
    reasons = judge_text(text, "bench", [each], measure_all=True, form=form).reasons
    return [str(reason["name"]).partition(".")[2] for reason in reasons]


def ask(python: Path, program: str, kind: str, texts: Iterable[str]) -> tuple[list[dict[str, object]], str]:
    """Return what a peer says of each text, and its version."""
    WORK.mkdir(parents=True, exist_ok=True)
    source, target = WORK / f"{kind}.jsonl", WORK / f"{program}-{kind}.jsonl"
    with source.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps({"text": text}) + "\n" for text in texts)
    command = [str(python), str(HERE / f"{program}.py"), kind, str(source), str(target)]
    seeded = {
        **os.environ,
        "PYTHONHASHSEED": "0",
    }  # NeMo Curator's top n-gram is whichever a set yields first
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=seeded)
    with target.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines], done.stdout.strip().splitlines()[-1]


def english(texts: list[str], form: Form, python: Path) -> tuple[dict[str, Row], dict[str, float], str]:
    """Return the rows of NeMo Curator's English chain, and how often the whole verdict and reason are equal."""
    said, version = ask(python, "peer_nemo", "english", [readable(text, form) for text in texts])
    each, rows = preset("nemo_english"), {name: Row() for name in ENGLISH}
    whole: Counter[str] = Counter()
    for number, (text, theirs) in enumerate(zip(texts, said, strict=True)):
        ours = broken(each, text, form)
        for name, rules in ENGLISH.items():
            rows[name].add(number, theirs[name], not set(rules) & set(ours))
        if None in theirs.values():
            whole["raised"] += 1
            continue
        first = next((rules for name, rules in ENGLISH.items() if not theirs[name]), ())
        whole["judged"] += 1
        whole["verdict"] += bool(first) == bool(ours)
        whole["reason"] += (ours[0] in first) if ours and first else not ours and not first
    chain = {name: whole[name] / max(whole["judged"], 1) for name in ("verdict", "reason")}
    return rows, {**chain, "texts the peer raised on": float(whole["raised"])}, version


def code(texts: list[str], nemo: Path, dolma: Path) -> dict[str, Row]:
    """Return the rows of Dolma's RedPajama tagger and of NeMo Curator's code filters."""
    tagged, _ = ask(dolma, "peer_dolma_code", "code", texts)
    filtered, _ = ask(nemo, "peer_nemo", "code", texts)
    github, starcoder = preset("redpajama_github"), preset("starcoder")
    rows = {f"dolma {name}": Row() for name in (*DOLMA, "has_xml_template_doc", "avg_line_length_doc")}
    rows |= {f"nemo {name}": Row() for name in ("AlphaFilter", "XMLHeaderFilter")}
    for number, text in enumerate(texts):
        ours, star = broken(github, text), broken(starcoder, text)
        for name, (rule, keeps) in DOLMA.items():
            rows[f"dolma {name}"].add(number, keeps(tagged[number][name]), rule not in ours)
        rows["dolma has_xml_template_doc"].add(
            number, not tagged[number]["has_xml_template_doc"], "xml_head" not in star
        )
        mean = tagged[number]["avg_line_length_doc"] <= 100
        rows["dolma avg_line_length_doc"].add(number, mean, "mean_line" not in star)
        rows["nemo AlphaFilter"].add(number, filtered[number]["AlphaFilter"], "letters" not in star)
        rows["nemo XMLHeaderFilter"].add(number, filtered[number]["XMLHeaderFilter"], "xml_head" not in star)
    return rows


def markup(pages: list[str], nemo: Path) -> dict[str, Row]:
    """Return the row of the HTML filter."""
    filtered, _ = ask(nemo, "peer_nemo", "html", pages)
    each, row = preset("starcoder_html"), Row()
    for number, page in enumerate(pages):
        row.add(number, filtered[number]["HTMLBoilerplateFilter"], not broken(each, page))
    return {"nemo HTMLBoilerplateFilter": row}


def shared_code() -> list[str]:
    """Return the shared corpus of Python files, and every tenth of them spoiled in four ways."""
    path = ROOT.parent / "shared" / "corpora" / "code.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    return texts + spoiled(texts[::10])


def spoiled(texts: list[str]) -> list[str]:
    """Return texts that the rules are for, made of good ones: one line, numbers, marks, XML."""
    found = []
    for text in texts:
        digits = "".join(character if not character.isalpha() else "7" for character in text)
        marks = "".join(character if not character.isalnum() else "#" for character in text)
        found += [text.replace("\n", " "), text[:3000] + digits * 2, marks, '<?xml version="1.0"?>\n' + text]
    return found


def show(title: str, rows: Mapping[str, Row]) -> None:
    """Print one table."""
    print(f"\n{title:34}{'judged':>8}{'raised':>8}{'peer drops':>12}{'ours':>7}{'differ':>8}{'equal':>9}")
    for name, row in rows.items():
        print(
            f"{name:34}{row.judged:>8}{row.raised:>8}{row.peer:>12}{row.ours:>7}{len(row.differ):>8}{row.equal:>9.4f}"
        )


def main() -> int:
    """Compare, print and record."""
    try:
        nemo = peers.environment("nemo", peers.NEMO)
        dolma = peers.environment("dolma", peers.DOLMA)
    except peers.Unavailable as error:
        sys.exit(f"skipped: {error}")
    rows, chain = {}, {}
    for title, stored, form in FORMS:
        texts = [page.text for page in filter_corpus.texts(stored, "en")]
        own, whole, version = english(texts, form, nemo)
        show(f"NeMo Curator {version}, English, {title}", own)
        print("  ".join(f"{name}: {value:.4f}" for name, value in whole.items()))
        rows |= {f"{name}, {title}": row for name, row in own.items()}
        chain |= {f"{name}, {title}": value for name, value in whole.items()}
    coded = code(shared_code(), nemo, dolma)
    show("code", coded)
    pages = [decode(row["body"], row["content_type"]).text for row, _ in crawl()[:HTML_PAGES]]
    seen = markup(pages, nemo)
    show("HTML", seen)
    figures = {
        name: {
            "judged": row.judged,
            "raised": row.raised,
            "peer": row.peer,
            "ours": row.ours,
            "differ": row.differ,
        }
        for name, row in (rows | coded | seen).items()
    }
    least = min(row.equal for row in (rows | coded).values())
    bars = {"equal_by_rule": (least, BAR)}
    bars |= {name: (value, BAR) for name, value in chain.items() if name.startswith("reason")}
    return record("conformance_nemo", {**figures, "chain": chain}, bars, ("regex", "numpy"))


if __name__ == "__main__":
    sys.exit(main())
