"""A small crawl with known fates, and a recipe that has every stage."""

from __future__ import annotations

import gzip
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from curation.accounting.manifest import Manifest
from curation.recipe.recipe import read_recipe
from curation.spark.run import Run
from curation.spark.store import Store

WORDS = [
    "the",
    "river",
    "of",
    "stones",
    "and",
    "that",
    "garden",
    "have",
    "with",
    "light",
    "under",
    "a",
    "bridge",
    "where",
    "people",
    "walk",
    "in",
    "autumn",
    "while",
    "old",
    "boats",
    "drift",
    "slowly",
    "past",
    "houses",
    "built",
    "from",
    "brick",
    "by",
    "masons",
    "who",
    "knew",
    "how",
    "water",
    "rises",
    "each",
    "spring",
    "children",
    "learn",
    "names",
    "for",
    "birds",
    "that",
    "visit",
    "wet",
    "meadows",
    "before",
    "frost",
    "turns",
    "grass",
    "silver",
    "near",
    "mills",
]
RECIPE = """
name: small
inputs:
  web: {format: warc, path: WEB}
  notes: {format: jsonl, path: NOTES, text: text, id: key}
extract: {timeout_s: 5, max_page_mib: 0.2, failure_budget: 0.5}
filter:
  - {name: language, keep: {english: {signal: language_probability, language: en, min: 0.5}}}
  - {name: house, edit: [mask_pii], keep: {word_count: {min: 30}, mean_word_length: {min: 3, max: 10}}}
dedup: {near: {jaccard: 0.8}, prefer: [house.word_count desc]}
shard: {tokenizer: {train: {vocab: 400}}, row_tokens: 64, shard_mib: 0.004, seed: 3}
"""


def prose(number: int, words: int = 120) -> str:
    rng = random.Random(number)
    sentences, left = [], words
    while left > 0:
        size = min(left, rng.randint(7, 14))
        sentence = " ".join(rng.choice(WORDS) for _ in range(size))
        sentences.append(sentence.capitalize() + ".")
        left -= size
    return " ".join(sentences)


def html(number: int, body: str) -> str:
    return (
        f"<html><head><title>Page {number}</title></head><body><nav><a href='/'>Home</a><a href='/a'>About</a></nav>"
        f"<article><h1>Notes {number}</h1><p>{body}</p></article><footer>Imprint</footer></body></html>"
    )


def record(url: str, body: bytes, status: str = "200 OK", kind: str = "text/html; charset=utf-8") -> bytes:
    http = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    head = (
        f"WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
        f"WARC-Record-ID: <urn:test:{url}>\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(http)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + http + b"\r\n\r\n", mtime=0)


def crawl() -> list[bytes]:
    """Forty good pages, near and exact copies, short, German, refused and empty ones."""
    url = "https://example.org/{}".format
    made = [record(url(i), html(i, prose(i)).encode()) for i in range(40)]
    for i in range(6):
        words = prose(i).split()
        words[60] = "otherwise"
        made.append(record(url(f"near{i}"), html(i, " ".join(words)).encode()))
        made.append(record(url(f"copy{i}"), html(i + 10, prose(i + 10)).encode()))
    german = (
        "Der Fluss fließt langsam durch die alte Stadt und die Menschen gehen am Abend gerne spazieren. " * 9
    )
    made.append(record(url("german"), html(90, german).encode()))
    made.append(record(url("short"), html(91, "Too short to keep.").encode()))
    made.append(record(url("gone"), html(92, prose(92)).encode(), status="404 Not Found"))
    made.append(record(url("empty"), b""))
    made.append(record(url("image"), b"\x89PNG\r\n\x1a\n" + b"\0" * 400, kind="image/png"))
    made.append(record(url("large"), html(93, prose(93, 60_000)).encode()))
    return made


def write_small(where: Path, files: int = 1, order: int | None = None, damage: bytes = b"") -> Path:
    """Write the crawl (in the order and number of files asked for) and its recipe; return the recipe."""
    where.mkdir()
    records: Sequence[bytes] = crawl()
    if order is not None:
        records = random.Random(order).sample(records, len(records))
    for i in range(files):
        (where / f"{i}.warc.gz").write_bytes(b"".join(records[i::files]) + damage)
    lines = [f'{{"key": "{i}", "text": "{prose(1000 + i, 80)}"}}\n' for i in range(12)]
    if order is not None:
        random.Random(order).shuffle(lines)
    (where / "notes.jsonl").write_text("".join(lines) + ("not json\n" if damage else ""))
    recipe = where / "recipe.yaml"
    text = RECIPE.replace("WEB", f'"{where}/*.warc.gz"').replace("NOTES", f"{where}/notes.jsonl")
    recipe.write_text(text)
    return recipe


@dataclass(frozen=True)
class Made:
    """A run of the small crawl through every stage, for all tests of a process: read it, or take a copy."""

    recipe: Path
    out: Path
    manifests: tuple[Manifest, ...]
    said: tuple[str, ...]

    def copy(self, to: Path, *stages: str) -> Path:
        """Copy the outputs of some stages (none named: of all), as if they had been run there."""
        for stage in stages or [path.name for path in self.out.iterdir()]:
            shutil.copytree(self.out / stage, to / stage)
        return to


@pytest.fixture(scope="session")
def made(spark: object, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder, said = tmp_path_factory.mktemp("made"), []
    recipe, out = write_small(folder / "in"), folder / "out"
    manifests = Run(read_recipe(str(recipe)), Store(str(out)), say=said.append).run()
    return Made(recipe, out, tuple(manifests), tuple(said))


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., Path]:
    """`write_small` into a folder of this test."""
    return lambda folder="in", **layout: write_small(tmp_path / folder, **layout)
