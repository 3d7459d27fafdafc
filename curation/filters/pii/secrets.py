"""Secrets in text and code: keys and tokens with known prefixes, private keys, passwords.

Every kind has literals that each match contains, so most texts are never searched with a pattern.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from curation.filters.pii.scan import Span, TextScan

#: (literals, pattern whose group 1 is the secret). The prefixes are documented by the issuers.
_KINDS: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (tuple(literals.split()), re.compile(pattern))
    for literals, pattern in (
        ("AKIA ASIA", r"(?<![A-Za-z0-9])((?:AKIA|ASIA)[A-Z2-7]{16})(?![A-Za-z0-9])"),  # AWS
        ("ghp_ gho_ ghu_ ghs_ ghr_", r"(?<!\w)(gh[pousr]_[A-Za-z0-9]{36,251})(?!\w)"),  # GitHub
        ("github_pat_", r"(?<!\w)(github_pat_[A-Za-z0-9_]{22,255})(?!\w)"),
        ("glpat-", r"(?<!\w)(glpat-[\w-]{20,64})(?![\w-])"),  # GitLab
        ("xox", r"(?<!\w)(xox[abeoprs]-[A-Za-z0-9-]{10,250})(?![\w-])"),  # Slack
        ("hooks.slack.com", r"(https://hooks\.slack\.com/services/[\w/]{20,100})"),
        ("AIza", r"(?<!\w)(AIza[\w-]{35})(?![\w-])"),  # Google
        ("k_live_ k_test_", r"(?<!\w)([rs]k_(?:live|test)_[A-Za-z0-9]{16,250})(?!\w)"),  # Stripe
        (
            "sk-",
            r"(?<![\w-])(sk-(?:(?:proj|ant|svcacct|or)-)?(?=[\w-]*\d)[\w-]{32,250})(?![\w-])",
        ),  # model APIs
        ("npm_", r"(?<!\w)(npm_[A-Za-z0-9]{36})(?!\w)"),
        ("pypi-", r"(?<!\w)(pypi-[\w-]{50,250})(?![\w-])"),
        ("hf_", r"(?<!\w)(hf_[A-Za-z0-9]{34,40})(?!\w)"),  # Hugging Face
        ("SG.", r"(?<!\w)(SG\.[\w-]{22}\.[\w-]{43})(?![\w-])"),  # SendGrid
        (":AA", r"(?<![\w:])(\d{8,10}:AA[\w-]{33})(?![\w-])"),  # Telegram
        (
            "eyJ",
            r"(?<![\w-])(eyJ[\w-]{10,4096}\.eyJ[\w-]{10,4096}\.[\w-]{10,4096})(?![\w-])",
        ),  # JSON Web Token
        (
            "KEY-----",  # PEM, RFC 7468: a body of up to 16,384 characters
            r"(-----BEGIN (?:[A-Z]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
            r"[^-]{16,16384}-----END [A-Z ]{1,64}-----)",
        ),
        ("://", r"[a-z][a-z0-9+.]{1,20}://[\w.%+~!-]{1,64}:([^\s:@/<>\"'{}$*\[\]]{3,128})@(?=[\w.-]{1,255})"),
        (
            "=",  # an assignment of a quoted value that is one long word of letters and digits
            r"(?i:(?<![A-Za-z])(?:api_?key|apikey|secret|secret_?key|access_?key|auth_?token|access_?token|token|"
            r"passwd|password|client_?secret))[\"']?\s{0,3}(?::|=>?|:=)\s{0,3}[\"']"
            r"((?=[A-Za-z0-9+/=_\-.!@#%^&*]{0,127}\d)(?=[^\"']{0,127}[A-Za-z])[A-Za-z0-9+/=_\-.!@#%^&*]{12,128})[\"']",
        ),
    )
)
#: In lower case, one of these is before every value of the last pattern.
_NAMES = ("key", "secret", "token", "passw")
_PEM = "KEY-----"
_SHORTEST = 14  # characters of a word with a secret, including quotes or the URL around it


def secrets(scan: TextScan) -> Iterator[Span]:
    """Yield (start, end) of every secret; in an assignment or a URL of the secret alone."""
    text = scan.text
    words = scan.long_words(_SHORTEST) + (_PEM if _PEM in text else "")
    if not words:
        return
    for literals, pattern in _KINDS[:-1]:
        if any(map(words.__contains__, literals)):
            for match in pattern.finditer(text):
                yield match.span(1)
    if '"' in words or "'" in words:
        lowered = text.lower()
        if any(map(lowered.__contains__, _NAMES)) and _ASSIGNED.search(text):
            for match in _KINDS[-1][1].finditer(text):
                yield match.span(1)


_ASSIGNED = re.compile(r"(?:[:=]|=>)\s{0,3}[\"'][^\s\"']{12,128}[\"']")
