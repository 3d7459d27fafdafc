"""What holds of any text: masked once is masked, the scan misses nothing, and none is slow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.filters.pii.mask import mask_pii, spans

ALL = ("email", "ip", "phone", "card", "iban", "secret")
IBAN, CARD = "DE89370400440532013000", "4539148803436467"
ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))
PIECES = st.lists(
    st.sampled_from(
        [
            "a@b.org",
            "8.8.8.8",
            "٤５",
            "[",
            "git@",
            ":~",
            " ",
            ".",
            "@",
            "x",
            "1",
            IBAN,
            CARD,
            "+49 30 901820",
            "tel ",
            "'",
            "2001:4860::8",
            "2000::",
            "1.5.7.2",
            "since ",
            ">= ",
            "ip ",
            "name-",
            "11.2.0.86",
            "(212) 555-0187",
            "://a:",
            "ghp_" + "a1B2" * 9,
            "-",
        ]
    )
).map("".join)


@given(ANY_TEXT | PIECES)
def test_masking_twice_is_masking_once_and_all_between_stays(text):
    once = mask_pii(text, kinds=ALL).text
    assert mask_pii(once, kinds=ALL).text == once
    last = 0
    for start, end, kind in spans(text, ALL):
        assert last <= start < end <= len(text)
        assert kind in ALL
        last = end


KEYS = [
    "ghp_" + "a1B2" * 9,
    "password = 'correct7horse9'",
    "ftp://a:b4c@d.e",
    "-----BEGIN PRIVATE KEY-----",
    "x",
]


@given(
    ANY_TEXT
    | PIECES
    | st.lists(
        st.sampled_from([*KEYS, "\n", " ", "\u3000", "\x85", "GB29 NWBK 6016 1331 9268 19", "(212) 555-0187"])
    ).map("".join)
    | st.text(alphabet="0123456789.:-+() ab\n'@")
    | st.text(alphabet="٠١٤５９०.:－+() 話\n@")
)
def test_the_scan_misses_no_match(text):
    matches = spans(text, ALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("curation.filters.pii.scan._LONGEST", -1)
        assert spans(text, ALL) == matches


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    ["a", "a@", "a.a", "1.", "@a.a", "1", "1 ", "12-", "(1", "+1", "4", "DE89 ", "A", "A1", "eyJa.", "sk-a1", "://a:", "key='", ":",
     "2001:", "[at]", "a [at] b ", "a@1.1.1.1", "a@[", "٤", "a@b.co:", "[a@b.co ", "\0", "\ud800", "-----BEGIN PRIVATE KEY-----", "tel ", "0", "xn--", "'", "ghp_"],
)  # fmt: skip
def test_no_text_makes_masking_slow(piece):
    # A quadratic pattern would take minutes here and end the run by its time limit.
    text = piece * (1_000_000 // len(piece))
    assert len(mask_pii(f"a@b.org {text}", kinds=ALL).text) <= 10 * len(text)
