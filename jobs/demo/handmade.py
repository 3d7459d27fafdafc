"""Pages written by hand: articles, other languages, spam, near-copies. All choices are hashes of names."""

from __future__ import annotations

import hashlib
import html
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from prose import Prose

HERE = Path(__file__).parent
#: Words an edit may put into a near-copy: rare enough to change the shingles they stand in.
SYNONYMS = ("perhaps", "nowadays", "moreover", "somewhat", "notably", "curiously", "plainly", "elsewhere")
LOREM = (
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore "
    "et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut "
    "aliquip ex ea commodo consequat."
)
GOODS = ("sunglasses", "watches", "handbags", "sneakers", "mattresses", "printers", "blenders", "tyres")


def number_of(*parts: object, below: int) -> int:
    """A number in [0, below) that depends on `parts` alone, the same on every machine."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") % below


def paragraphs(name: str) -> Mapping[str, Sequence[str]]:
    """The hand-written paragraphs of `name`.yaml by subject or language."""
    with (HERE / f"{name}.yaml").open(encoding="utf-8") as file:
        loaded: Mapping[str, Sequence[str]] = yaml.safe_load(file)
    return loaded


def article_pages() -> list[Prose]:
    """One article for every subject and one for every other pair of subjects."""
    subjects = paragraphs("articles")
    singles = [_article(subjects, [name]) for name in subjects]
    pairs = [p for p in itertools.combinations(subjects, 2) if number_of("pair", *p, below=2)]
    return singles + [_article(subjects, pair) for pair in pairs]


def _article(subjects: Mapping[str, Sequence[str]], names: Sequence[str]) -> Prose:
    title = "Notes on " + " and ".join(names)
    blocks = []
    for name in names:
        blocks.append(f"<h2>On {name}</h2>")
        blocks += [f"<p>{html.escape(text)}</p>" for text in subjects[name]]
    blocks.insert(-1, _table(title) if number_of(title, below=2) else _list(subjects, names))
    return Prose(
        name="-".join(("notes", *names)), site="notebook.example", title=title, body="\n".join(blocks)
    )


def _table(title: str) -> str:
    rows = "".join(
        f"<tr><th>{year}</th><td>{number_of(title, year, below=900) + 100}</td>"
        f"<td>{number_of(title, year, 'share', below=80) + 10} %</td></tr>"
        for year in range(2018, 2025)
    )
    head = "<tr><th>Year</th><th>Letters from readers</th><th>Answered</th></tr>"
    return f"<table><caption>Letters we received</caption>{head}{rows}</table>"


def _list(subjects: Mapping[str, Sequence[str]], names: Sequence[str]) -> str:
    items = "".join(f"<li>{html.escape(subjects[n][-1].split('. ')[0])}.</li>" for n in names)
    return f"<p>In short, this is what we learned:</p><ul>{items}</ul>"


def language_pages() -> list[tuple[str, Prose]]:
    """(language, page) of the paragraphs in other languages, three pages a language."""
    pages = []
    for language, texts in paragraphs("languages").items():
        for number, chosen in enumerate((texts, [texts[0], texts[0]], texts[::-1])):
            body = "\n".join(f"<p>{html.escape(text)}</p>" for text in chosen)
            title = chosen[0].split(" ")[0][:20]
            site = f"{language}.world.example"
            pages.append((language, Prose(name=f"{language}/{number}", site=site, title=title, body=body)))
    return pages


def edited(body: str, edits: int) -> str:
    """`body` with a word put behind `edits` of its sentences' ends: a near-copy, or not so near."""
    pieces = body.split(". ")
    places = sorted(range(1, len(pieces)), key=lambda at: number_of(len(body), edits, at, below=1 << 40))
    for at in places[:edits]:
        word = SYNONYMS[number_of(body[:40], at, below=len(SYNONYMS))]
        pieces[at] = f"{word.capitalize()}, {pieces[at]}"
    return ". ".join(pieces)


def spam_pages() -> list[Prose]:
    """Shops, keyword stuffing, link farms, lorem ipsum, tag clouds and hash-tag walls."""
    pages = []
    for goods, number in itertools.product(GOODS, range(3)):
        pages += [
            _spam("shop", f"{goods}-{number}", f"<p>{_offers(goods, number)}</p>"),
            _spam("keywords", f"{goods}-{number}", f"<p>{_stuffing(goods, number)}</p>"),
        ]
        if number == 0:
            pages += [
                _spam("lorem", goods, f"<p>{goods.capitalize()}. {LOREM}</p><p>{LOREM}</p>"),
                _spam("tags", goods, f"<p>{' '.join(f'#{goods}{n}' for n in range(90))}</p>"),
                _spam("teaser", goods, "".join(f"<p>{_teaser(goods, n)}</p>" for n in range(12))),
            ]
    return pages


def _spam(kind: str, name: str, body: str) -> Prose:
    title = f"Best {name.split('-')[0]} online"
    return Prose(name=f"{kind}/{name}", site=f"{kind}.bargain.example", title=title, body=body)


def _offers(goods: str, number: int) -> str:
    lines = (
        f"Buy cheap {goods} now! Only ${number_of(goods, number, n, below=90) + 9}.99 and free shipping"
        for n in range(25)
    )
    return "<br>".join(lines)


def _stuffing(goods: str, number: int) -> str:
    words = (f"cheap {goods}", f"buy {goods}", f"{goods} sale", f"best {goods} of the year with discount")
    return ", ".join(words[number_of(goods, number, n, below=len(words))] for n in range(120))


def _teaser(goods: str, number: int) -> str:
    return f"You will not believe what happened with the {goods} of our neighbour, number {number} ..."
