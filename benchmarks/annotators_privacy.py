"""Personal data in a seeded set: what is found of each kind, what else is taken for it, and how fast real text goes.

Telephone numbers are examples that the package phonenumbers carries of every country, in three forms; they were
made by others than the patterns. What only looks like personal data is made here, and stands in the same sentences.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import phonenumbers
from filter_corpus import texts
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from curation.filters.pii.mask import Kind, mask_pii, spans

KINDS: tuple[Kind, ...] = ("email", "ip", "phone", "card", "iban", "secret")
RATE_BAR, PIECE_WORDS = 5_000.0, 421
RECALL_BARS = {
    "email": 0.98,
    "ip": 0.98,
    "card": 0.98,
    "iban": 0.98,
    "secret": 0.95,
    "phone international": 0.95,
    "phone national, after a word": 0.9,
    "phone national, alone": 0.4,
}
SENTENCES = (
    "Please send it to {} before Monday.", "{}", "Kontakt: {}, wir melden uns.", "| name | {} |", "({})", "- {}\n- next",
    "Écrivez-nous : {}.", "see <{}>", "値は {} です。", "Адрес: {}; спасибо", "value={}", "“{}”", "**{}**", "{}, {}",
)  # fmt: skip
CUES = (
    "Tel.: {}",
    "Phone: {}",
    "Call {} now",
    "Tél. {}",
    "Telefon: {}",
    "тел. {}",
    "电话: {}",
    "Fax {}",
    "WhatsApp {}",
    "☎ {}",
)
ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def grouped(text: str, sizes: tuple[int, ...], by: str) -> str:
    """Return a text in groups of some sizes, the last size again and again."""
    rest, parts, all_sizes = text, [], list(sizes)
    while rest:
        size = all_sizes.pop(0) if len(all_sizes) > 1 else all_sizes[0]
        parts.append(rest[:size])
        rest = rest[size:]
    return by.join(parts)


def luhn(body: str) -> str:
    """Return a number with its last digit."""
    digits = [int(each) for each in reversed(body)]
    total = sum(d if i % 2 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits))
    return body + str(-total % 10)


def iban(country: str, bban: str) -> str:
    """Return an account number with its check digits."""
    number = int("".join(str(int(each, 36)) for each in f"{bban}{country}00"))
    return f"{country}{98 - number % 97:02d}{bban}"


def emails(rng: random.Random) -> Iterator[str]:
    names = (
        "jane",
        "j.doe",
        "info",
        "maria-luisa",
        "o'brien",
        "x_1",
        "a+news",
        "Юлия",
        "müller",
        "kim88",
        "A.B.C",
    )
    domains = (
        "mail.org",
        "sub.example.co.uk",
        "uni-köln.de",
        "почта.рф",
        "x.io",
        "a-b.travel",
        "m.gov.br",
        "xn--80ak.xn--p1ai",
    )
    while True:
        name, domain = rng.choice(names), rng.choice(domains)
        at = rng.choice(["@"] * 6 + [" [at] ", "(at)"])
        yield f"{name}{at}{domain if at == '@' else domain.replace('xn--80ak.xn--p1ai', 'a.net')}"


def ips(rng: random.Random) -> Iterator[str]:
    while True:
        if rng.random() < 0.7:
            yield ".".join(
                map(
                    str,
                    (
                        rng.choice([8, 46, 93, 151, 185, 203]),
                        rng.randint(1, 99),
                        rng.randint(0, 255),
                        rng.randint(1, 254),
                    ),
                )
            )
        else:
            parts = [f"{rng.randint(1, 0xFFFF):x}" for _ in range(5)]
            yield rng.choice(
                [
                    f"2a00:{':'.join(parts[:3])}::{parts[3]}",
                    f"2607:{':'.join(parts)}:0:1",
                    f"2001:4860:{parts[0]}::{parts[1]}",
                ]
            )


def cards(rng: random.Random) -> Iterator[str]:
    while True:
        start, length, sizes = rng.choice(
            [
                ("4", 16, (4,)),
                ("51", 16, (4,)),
                ("2221", 16, (4,)),
                ("37", 15, (4, 6, 5)),
                ("6011", 16, (4,)),
                ("3530", 16, (4,)),
                ("36", 14, (4, 6, 4)),
                ("62", 16, (4,)),
            ]
        )
        number = luhn(start + "".join(rng.choices("0123456789", k=length - len(start) - 1)))
        yield rng.choice([number, grouped(number, sizes, " "), grouped(number, sizes, "-")])


def ibans(rng: random.Random) -> Iterator[str]:
    shapes = {
        "DE": "9" * 18,
        "GB": "AAAA" + "9" * 14,
        "FR": "9" * 10 + "9" * 11 + "99",
        "NL": "AAAA" + "9" * 10,
        "NO": "9" * 11,
        "ES": "9" * 20,
        "PL": "9" * 24,
        "MT": "AAAA" + "9" * 5 + "9" * 18,
        "CH": "9" * 17,
        "SA": "9" * 20,
        "BR": "9" * 23 + "A9",
        "TR": "9" * 22,
    }
    while True:
        country, shape = rng.choice(sorted(shapes.items()))
        bban = "".join(rng.choice("0123456789") if each == "9" else rng.choice(ALNUM[:26]) for each in shape)
        number = iban(country, bban)
        yield rng.choice([number, grouped(number, (4,), " ")])


def secrets(rng: random.Random) -> Iterator[str]:
    def word(size: int, letters: str = ALNUM) -> str:
        return "".join(rng.choices(letters, k=size))

    while True:
        yield rng.choice(
            [
                "AKIA" + word(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
                "ghp_" + word(36),
                "glpat-" + word(20),
                "AIza" + word(35),
                "sk_live_" + word(24),
                "sk-proj-a1" + word(46),
                "hf_" + word(34),
                "npm_" + word(36),
                f"xoxb-{word(12)}-{word(24)}",
                f"SG.{word(22)}.{word(43)}",
                f"eyJ{word(33)}.eyJ{word(60)}.{word(43)}",
            ]
        )


def phones(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield (form, number): an example of some country and type, as it is written abroad and at home."""
    types = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.TOLL_FREE)
    countries = sorted(phonenumbers.SUPPORTED_REGIONS)
    forms = {
        "international": PhoneNumberFormat.INTERNATIONAL,
        "E.164": PhoneNumberFormat.E164,
        "national": PhoneNumberFormat.NATIONAL,
    }
    while True:
        found = phonenumbers.example_number_for_type(rng.choice(countries), rng.choice(types))
        if found:
            form = rng.choice(sorted(forms))
            yield form, phonenumbers.format_number(found, forms[form])


def lookalikes(rng: random.Random) -> Iterator[str]:
    d = lambda size: "".join(rng.choices("0123456789", k=size))  # noqa: E731
    h = lambda size: "".join(rng.choices("0123456789abcdef", k=size))  # noqa: E731
    while True:
        yield rng.choice(
            [
                f"v{d(1)}.{d(1)}.{d(2)}.{d(1)}.{d(1)}", f"version 4.{d(2)}.16.{d(2)}", f"section 8.{d(1)}.{d(1)}.1", "10.0.0.1", f"192.168.{d(1)}.1",
                f"ISBN 978-0-{d(3)}-{d(5)}-{d(1)}", f"0-{d(3)}-{d(5)}-{d(1)}", f"20{d(2)}-0{rng.randint(1, 9)}-1{d(1)}", f"0{rng.randint(1, 9)}/1{d(1)}/19{d(2)}", f"19{d(2)}-19{d(2)}",
                f"1,{d(3)},{d(3)}.{d(2)}", f"{rng.randint(1, 99)} {d(3)} {d(3)}", f"10.1{d(3)}/{d(7)}", f"arXiv:{d(4)}.{d(5)}", f"{h(8)}-{h(4)}-4{h(3)}-a{h(3)}-{h(12)}", h(40), h(64), f"{h(2)}:{h(2)}:{h(2)}:{h(2)}:{h(2)}:{h(2)}",
                f"12:{d(2)}:{d(2)}.{d(3)}", f"{d(2)}.{d(6)}, -{d(2)}.{d(6)}", f"order {d(12)}", f"#{d(8)}", f"PMID {d(8)}", f"{d(3)}.{d(2)} kg", f"pp. {d(3)}-{d(3)}", f"${d(3)},{d(3)}", f"[{d(2)}, {d(2)}, {d(2)}, {d(2)}]",
                "icon@2x.png", f"react@18.{d(1)}.0", "@property", "user@localhost", "std::vector", "fe80::1", f"2001:db8::{d(2)}", f"id={d(16)}", f"https://x.org/item/{d(16)}", f"SKU {d(5)}-{d(4)}", f"1{d(12)}", f"0x{h(16)}",
                f"sk-{'-'.join(['button', 'group', 'toolbar', 'wide', 'item', 'row'])}", "password = 'please change me'", f"{d(4)} {d(4)}", f"{d(1)}–{d(1)}, {d(2)}–{d(2)}", f"{d(3)} {d(2)} {d(3)} votes", f"RFC {d(4)}, STD {d(2)}",
                "25 26 27 28 29 30 31", f"0{rng.randint(5, 9)}00 1{rng.randint(0, 9)}30 hours", f"38({d(1)}), {d(3)}-{d(4)}", f"0{rng.randint(1000, 9999)} 0{rng.randint(1000, 9999)}", f"{rng.randint(100, 999)} {d(3)} {d(3)}", f"{rng.randint(10000, 99999)}-{d(5)}={d(5)}", f"{d(2)}:{d(2)} {d(3)} {d(3)}",
                f"zstd 1.5.{d(1)}.{d(1)}", f"brotlicffi >= 1.{d(1)}.1.0", f"requests>={d(1)}.{d(2)}.{d(3)}", f"since 1.4.{d(1)}.1", f"Since: 1.{d(1)}.{rng.randint(1, 254)}.3", f"nvidia-cufft-cu12==11.{d(1)}.1.{rng.randint(1, 254)}", f"opencv-python 4.{rng.randint(1, 12)}.0.{rng.randint(60, 90)}",
                f"name-1.2.{d(1)}.{d(1)}", f"lib-2.{d(1)}.3.{d(1)}.tar.gz", f"['7.1.4.{rng.randint(1, 50)}', 1806]", f"Bump jetty from 9.4.{d(1)}.{d(2)} to 9.4.{d(1)}.{d(2)}", f"__version__ = \"3.{rng.randint(1, 254)}.0.{d(1)}\"", f"Agent/4.0.{d(2)}.0",
            ]
        )  # fmt: skip


def bench(quick: bool) -> tuple[dict[str, object], dict[str, tuple[float, float]]]:
    """Print and return recall by kind, what was taken for personal data, and the rate on English pages."""
    rng, size = random.Random(8), 200 if quick else 2_000
    makers = {"email": emails, "ip": ips, "card": cards, "iban": ibans, "secret": secrets}
    recall: dict[str, float] = {}
    for kind, make in makers.items():
        found = [_found(rng.choice(SENTENCES), value, kind) for value in islice(make(rng), size)]
        recall[kind] = sum(found) / len(found)
    told: dict[str, list[bool]] = {}
    for form, value in islice(phones(rng), 3 * size):
        told.setdefault(
            "phone national, after a word" if form == "national" else "phone international", []
        ).append(_found(rng.choice(CUES if form == "national" else SENTENCES), value, "phone"))
        if form == "national":
            told.setdefault("phone national, alone", []).append(_found(rng.choice(SENTENCES), value, "phone"))
    recall |= {name: sum(hits) / len(hits) for name, hits in told.items()}
    wrong: Counter[str] = Counter()
    for value in islice(lookalikes(rng), 5 * size):
        sentence = rng.choice(SENTENCES).replace("{}", value)
        wrong.update(kind for _, _, kind in spans(sentence, KINDS))
    for name, share in recall.items():
        print(f"{name:32}{share:8.3f} found of {size:,}")
    print(f"taken for personal data, of {5 * size:,} that only look like it: {dict(wrong) or 'none'}")
    rates = _rates(quick)
    figures = {"recall": recall, "false": dict(wrong), "lookalikes": 5 * size, "documents_per_s": rates}
    bars = {
        f"recall_{name.replace(', ', '_').replace(' ', '_')}": (recall[name], bar)
        for name, bar in RECALL_BARS.items()
    }
    bars["true_fraction_of_lookalikes"] = (1 - wrong.total() / (5 * size), 0.99)
    bars["documents_per_s"] = (rates[f"{PIECE_WORDS} words"], RATE_BAR)
    return figures, bars


def _found(sentence: str, value: str, kind: str) -> bool:
    """Tell whether every occurrence of the value in its sentence is covered by one span of the kind."""
    text = sentence.replace("{}", value)
    starts = [i for i in range(len(text)) if text.startswith(value, i)]
    hits = [(start, end) for start, end, found in spans(text, KINDS) if found == kind]
    return all(any(a <= start and start + len(value) <= b for a, b in hits) for start in starts)


def _rates(quick: bool) -> dict[str, float]:
    pages = [page.text for page in texts("text")][: 300 if quick else 2_000]
    words = " ".join(pages).split(" ")
    pieces = [" ".join(words[i : i + PIECE_WORDS]) for i in range(0, len(words), PIECE_WORDS)]
    rates = {}
    for name, documents in {f"{PIECE_WORDS} words": pieces, "whole pages": pages}.items():
        best = min(_seconds(documents) for _ in range(3))
        rates[name] = len(documents) / best
        mean = sum(map(len, documents)) / len(documents)
        print(f"all six kinds, {name:14}{rates[name]:10,.0f} documents/s/core of {mean:,.0f} characters")
    return rates


def _seconds(documents: list[str]) -> float:
    start = time.process_time()
    for text in documents:
        mask_pii(text, kinds=KINDS)
    return time.process_time() - start
