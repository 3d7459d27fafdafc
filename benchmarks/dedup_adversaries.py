"""Sets that break deduplicators, seeded: each says what it is made to provoke."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from dedup_corpus import Labelled, exact_pairs
from filter_corpus import texts

CHAIN, TEMPLATES, SHORT, IDENTICAL, RECASED = 2000, 400, 5000, 100_000, 5_000


def _named(name: str, made: Sequence[str]) -> Labelled:
    ids = [f"{name}-{i:06}" for i in range(len(made))]
    return Labelled(ids, list(made), exact_pairs(made))


def _vocabulary(rng: random.Random, size: int) -> list[str]:
    return ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 9))) for _ in range(size)]


def drift_chain() -> Labelled:
    """Each document is its neighbour with one run of words replaced (J about .9); the ends share nothing.

    Transitive clusters keep one document of 2,000.
    """
    rng = random.Random(1)
    vocabulary = _vocabulary(rng, 20_000)
    words, made = rng.choices(vocabulary, k=200), []
    for i in range(CHAIN):
        made.append(" ".join(words))
        at = 7 * i % 200
        for j in range(at, at + 6):
            words[j % 200] = rng.choice(vocabulary)
    return _named("chain", made)


def templates() -> Labelled:
    """Distinct content in one page template: 60 % of every text is shared, so J is about .4.

    One frequent template fills the buckets; a bucket alone proves nothing.
    """
    rng = random.Random(2)
    vocabulary = _vocabulary(rng, 20_000)
    shared = rng.choices(vocabulary, k=180)
    return _named("template", [" ".join(shared + rng.choices(vocabulary, k=120)) for _ in range(TEMPLATES)])


def short() -> Labelled:
    """Texts under five words, some empty: shorter than a shingle; only the same words may be merged."""
    rng = random.Random(3)
    vocabulary = _vocabulary(rng, 300)
    made = [" ".join(rng.choices(vocabulary, k=rng.randrange(5))) + rng.choice(".! ") for _ in range(SHORT)]
    return _named("short", made)


def cjk() -> Labelled:
    """The crawl's pages in scripts without spaces, each with a copy that lost a tenth and one that lost half.

    Split at spaces, a page is one word, and no copy is ever found.
    """
    found = [page.text for page in texts("text", None) if page.language in ("zh", "ja", "th", "lo", "km")]
    made = [copy for text in found for copy in (text, text[: len(text) * 9 // 10], text[: len(text) // 2])]
    return _named("cjk", made)


def identical() -> Labelled:
    """One page 100,000 times: any pair list would have five billion rows."""
    page = " ".join(random.Random(4).choices(_vocabulary(random.Random(4), 500), k=120))
    ids = [f"identical-{i:06}" for i in range(IDENTICAL)]
    return Labelled(ids, [page] * IDENTICAL, None)


def recased() -> Labelled:
    """One page 5,000 times, no two byte for byte the same: one bucket in every band, and no exact stage helps."""
    page = random.Random(5).choices(_vocabulary(random.Random(5), 500), k=120)
    made = []
    for i in range(RECASED):
        words = [word.upper() if i >> bit & 1 else word for bit, word in enumerate(page)]
        made.append(" ".join(words))
    ids = [f"recased-{i:06}" for i in range(RECASED)]
    return Labelled(ids, made, None)


#: Name -> maker.
ADVERSARIES: dict[str, Callable[[], Labelled]] = {
    "chain": drift_chain,
    "template": templates,
    "short": short,
    "cjk": cjk,
    "identical": identical,
    "recased": recased,
}
