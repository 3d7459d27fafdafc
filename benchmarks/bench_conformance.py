"""Whether the presets that pin a peer say what the peer says: verdict, reason and every rule, text by text.

    python benchmarks/bench_conformance.py [--texts N] [--peers NAME ...]

Each peer runs in an environment of its own (benchmarks/peers.py) over the English texts of the shared crawl. They come
in both forms: `plain`; `marks`, the Markdown of extraction given to both sides as plain text; and `markdown`, the same
given to us as Markdown and to the peer, which knows no Markdown, as one reads it. Every preset is judged twice: on the
peer's own words, and on those of the splitter it names. Prints a table, and what differs; writes build/bench/conformance.json, and one line
for every difference to build/bench/conformance-differences.jsonl. Ends with status 1 where fewer than 99.5 % of
the texts come out the same.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import peers
import xxhash
from filter_corpus import texts
from recording import ROOT, record

from curation.filters.judge import judge_text
from curation.filters.rules import Pass
from curation.recipe.config import Reader
from curation.recipe.nodes import parse
from curation.recipe.sections.passes import decode_pass
from curation.text.markdown import Form, readable
from curation.text.text import Text
from curation.text.words import Words

OUT = ROOT / "build" / "bench"
BAR = 0.995
THEIRS, OURS = "their words", "our words"
#: How the texts come: a name, the form in which extraction made them, the form in which they are judged.
FORMS: tuple[tuple[str, Literal["text", "markdown"], Form], ...] = (
    ("plain", "text", "plain"),
    ("marks", "markdown", "plain"),
    ("markdown", "markdown", "markdown"),
)
PEERS = {
    "datatrove": (peers.DATATROVE, "spacy-like"),
    "dolma": (peers.DOLMA, "whitespace"),
}


def peer(name: str, packages: Sequence[str], source: Path) -> Iterator[dict[str, Any]]:
    """Yield what a peer says of each text; it is asked once for the same texts and program."""
    program = Path(__file__).with_name(f"peer_conformance_{name}.py")
    made = xxhash.xxh3_64(source.read_bytes())
    made.update(program.read_bytes())
    made.update("\n".join(packages).encode())
    target = OUT / f"conformance-{name}-{made.hexdigest()}.jsonl"
    if not target.exists():
        python = peers.environment(name, packages)
        part = target.with_suffix(".part")
        subprocess.run([python, program, source, part], check=True)
        part.replace(target)
    with target.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def preset(name: str) -> Pass:
    """Return the pass of a preset."""
    reader = Reader()
    found = decode_pass(reader, parse(f"{{name: {name}, preset: {name}}}", "bench"))
    if reader.mistakes:
        raise SystemExit("\n".join(map(str, reader.mistakes)))
    return found


@dataclass(frozen=True)
class Given:
    """A text of the crawl, and its form."""

    id: str
    raw: str
    form: Form


def ours(each: Pass, given: Given, words: list[str] | None, splitter: str) -> tuple[list[str], str]:
    """Return the rules that a text breaks, in order, and the text after the edits.

    With the words given, rules read those.
    """
    if words is None:
        verdict = judge_text(given.raw, "bench", [each], measure_all=True, form=given.form)
        return [str(reason["name"]).partition(".")[2] for reason in verdict.reasons], verdict.text
    text = Text(given.raw, given.form)
    text._words[splitter, False] = Words.of(words)
    return [rule.name for rule in each.rules if rule.broken_by(rule.measure(text))], given.raw


def for_peers(texts: list[Given]) -> Path:
    """Write the texts as a peer reads them, one a line; return the file."""
    rows = "".join(json.dumps({"text": readable(given.raw, given.form)}) + "\n" for given in texts).encode()
    source = OUT / f"conformance-texts-{xxhash.xxh3_64_hexdigest(rows)}.jsonl"
    source.write_bytes(rows)
    return source


def squeezed(text: str) -> str:
    """Return a text with every run of white space as one space: C4 strips lines, Dolma's mixer does not."""
    return " ".join(text.split())


@dataclass
class Tally:
    """How often a preset and its peer agree, and where they do not."""

    texts: int = 0
    same_verdict: int = 0
    same_reason: int = 0
    same_rules: int = 0
    same_text: int = 0
    kept: int = 0
    peer_kept: int = 0
    rules: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, mine: list[str], theirs: list[str], first: str | None) -> None:
        """Count one text: rules broken here, rules broken there, and the one that dropped it there."""
        self.texts += 1
        self.kept += not mine
        self.peer_kept += first is None
        self.same_verdict += bool(mine) == (first is not None)
        self.same_reason += (mine[0] if mine else None) == first
        self.same_rules += set(mine) == set(theirs)
        for rule in {*mine, *theirs}:
            kind = (
                "both" if rule in mine and rule in theirs else ("only here" if rule in mine else "only there")
            )
            self.rules.setdefault(rule, Counter())[kind] += 1


def compared(
    name: str, title_of_form: str, rows: list[dict[str, Any]], texts: list[Given], log: Any
) -> dict[str, Tally]:
    """Return the tallies of every preset that pins a peer: on its words, and on ours where they are others."""
    splitter = PEERS[name][1]
    tallies: dict[str, Tally] = {}
    for title in rows[0]["first"]:
        each = preset(title)
        both = not each.edits and splitter != "whitespace"
        for label in (THEIRS, OURS) if both else (OURS,):
            tally = tallies[f"{title}, {title_of_form}, {label}"] = Tally()
            for given, row in zip(texts, rows, strict=True):
                mine, after = ours(each, given, row["words"] if label == THEIRS else None, splitter)
                after = readable(after, given.form)
                theirs, first = row["broken"][title], row["first"][title]
                tally.add(mine, theirs, first)
                same_text = bool(first) or squeezed(after) == squeezed(row["texts"].get(title, after))
                tally.same_text += same_text
                if (mine[0] if mine else None) != first or set(mine) != set(theirs) or not same_text:
                    found = {"preset": title, "form": title_of_form, "words": label, "id": given.id}
                    found |= {"here": mine, "there": theirs}
                    log.write(json.dumps(found | {"first": first, "same_text": same_text}) + "\n")
    return tallies


def show(tallies: dict[str, Tally]) -> None:
    """Print the table, and the rules that differ."""
    print(f"{'preset':56}{'kept':>6}{'there':>6}  {'verdict':>8}{'reason':>8}{'rules':>8}{'text':>8}")
    for name, tally in tallies.items():
        same = (tally.same_verdict, tally.same_reason, tally.same_rules, tally.same_text)
        shares = "".join(f"{each / tally.texts:8.4f}" for each in same)
        print(f"{name:56}{tally.kept:6}{tally.peer_kept:6}  {shares}")
    print(f"\n{'rules that differ':70}{'both':>6}{'here':>6}{'there':>6}")
    for name, tally in tallies.items():
        for rule, counts in tally.rules.items():
            if counts["only here"] or counts["only there"]:
                print(
                    f"{name + ': ' + rule:70}"
                    + "".join(f"{counts[k]:6}" for k in ("both", "only here", "only there"))
                )


def main() -> int:
    """Ask every peer, compare, print, write, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=1_000_000, help="texts to compare (default: all)")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=[*PEERS], help="which (default: all)")
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    tallies: dict[str, Tally] = {}
    skipped: dict[str, str] = {}
    with (OUT / "conformance-differences.jsonl").open("w", encoding="utf-8") as log:
        for title, stored, form in FORMS:
            given = [Given(page.id, page.text, form) for page in texts(stored, "en")[: options.texts]]
            source = for_peers(given)
            for name in options.peers:
                packages, _ = PEERS[name]
                try:
                    said = list(peer(name, packages, source))
                except (peers.Unavailable, subprocess.CalledProcessError) as error:
                    skipped[name] = str(error)
                    print(f"skipped: {name}: {error}")
                    continue
                tallies |= compared(name, title, said, given, log)
    show(tallies)
    bars = {}
    for name, tally in tallies.items():
        bars[f"{name}, verdict"] = (tally.same_verdict / tally.texts, BAR)
        bars[f"{name}, reason"] = (tally.same_reason / tally.texts, BAR)
    figures = {name: vars(tally) for name, tally in tallies.items()}
    return record("conformance", figures | {"skipped": skipped}, bars, ("numpy", "regex"))


if __name__ == "__main__":
    sys.exit(main())
