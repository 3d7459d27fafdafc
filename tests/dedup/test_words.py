"""Words and shingles against a plain reading of the same rules, one Python string at a time."""

import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dedup import minhash, words
from curation.dedup.exact import text_digests
from curation.dedup.letters import ALONE, INVISIBLE, table

SAMPLES = st.text(
    st.one_of(
        st.sampled_from("aAbB zZ09.,-_'\n\t"),
        st.sampled_from("ßẞüÜÉé́̌J’“”—…\u00a0\u200b\u00ad\ufeffΣςσάΆЖжǰŉﬁİıK"),
        st.sampled_from("مُحَّمـدأآ\u0654שָׁ\ufb2a漢字かなカナ。、กาที่ខ្មែរລາວမြန်မာ한국어 ᄒ\u1161\u11abাेি"),
        st.characters(codec="utf-8"),
    ),
    max_size=40,
)


def plain_words(text):
    """Return the words of a text by the rules of the docstrings, slowly."""
    folded = unicodedata.normalize("NFC", text).casefold()
    plain, word = [], ""
    for letter in unicodedata.normalize("NFC", folded):
        entry = int(table()[ord(letter)])
        if entry == INVISIBLE:
            continue
        alone = bool(entry & int(ALONE))
        letter_of_word = unicodedata.category(letter)[0] in "LMN"
        if (alone or not letter_of_word) and word:
            plain.append(word)
            word = ""
        if alone:
            plain.append(letter)
        elif letter_of_word:
            word += letter
    return [*plain, word] if word else plain


def hashes_of(text):
    """Return the word hashes of one text, as a list."""
    return words.word_hashes(pa.array([text]))[0].tolist()


@settings(max_examples=300, deadline=None)
@given(st.lists(SAMPLES, max_size=6))
def test_words_are_those_of_a_plain_reading(texts):
    hashes, offsets = words.word_hashes(pa.array(texts, pa.string()))
    expected = [plain_words(text) for text in texts]
    assert np.diff(offsets).tolist() == [len(e) for e in expected]
    flat = [word for document in expected for word in document]
    number = {word: i for i, word in enumerate(dict.fromkeys(flat))}
    seen = {}
    for word, value in zip(flat, hashes.tolist(), strict=True):
        assert seen.setdefault(value, number[word]) == number[word]
    assert len(seen) == len(number)


SAME = [
    ("ascii case", "Hello WORLD", "hello world"),
    ("german sharp s", "Straße", "STRASSE"),
    ("german capital sharp s", "GROẞE Bären", "große bären"),
    ("greek final sigma", "ΟΔΥΣΣΕΥΣ", "Ὀδυσσεύς".replace("Ὀ", "ο").replace("ύ", "υ")),
    ("greek accents by case", "Άνθρωπος", "ΆΝΘΡΩΠΟΣ"),
    ("cyrillic", "ЖИЗНЬ Ёлка", "жизнь ёлка"),
    ("composed and decomposed", "caf\u00e9 \u1ea5", "cafe\u0301 a\u0302\u0301"),
    ("decomposed capital without a composed form", "J\u030c", "\u01f0"),
    ("hangul syllables and jamo", "한국", unicodedata.normalize("NFD", "한국")),
    ("ligature", "ﬁn", "fin"),
    ("kelvin sign", "\u212a", "k"),
    ("order of marks", "a\u0323\u0302", "a\u0302\u0323"),
    ("thai order of marks", "ก\u0e38\u0e48", "ก\u0e48\u0e38"),
    ("curly and straight apostrophes", "don\u2019t", "don't"),
    ("soft hyphen", "exam\u00adple", "example"),
    ("byte order mark", "\ufeffword", "word"),
    ("zero-width joiner", "می\u200cخواهم", "میخواهم"),
    ("arabic vowel marks", "مُحَمَّدٌ كَتَبَ هٰذَا", "محمد كتب هذا"),
    ("arabic tatweel", "محـــمد", "محمد"),
    ("arabic order of marks", "أَ", "ا\u064e\u0654"),
    ("hebrew points", "שָׁלוֹם \ufb2aם", "שלום שם"),
    ("variation selector", "葛\U000e0100", "葛"),
    ("dashes and quotes", "one—two“three”…four", "one - two 'three' four"),
    ("no-break and ideographic space", "a\u00a0b\u3000c", "a b c"),
    ("fullwidth comma and full stop", "a，b。c", "a, b. c"),
    ("ascii beside non-ascii", "the café of the end", "THE CAFÉ OF THE END"),
]


@pytest.mark.parametrize(("left", "right"), [row[1:] for row in SAME], ids=[row[0] for row in SAME])
def test_the_same_words(left, right):
    assert hashes_of(left) == hashes_of(right) != []


DIFFERENT = [
    ("accent", "resume", "résumé"),
    ("joined words", "one two", "onetwo"),
    ("order", "one two", "two one"),
    ("zero-width space ends a word", "one\u200btwo", "onetwo"),
    ("en dash joins nothing", "one–two", "onetwo"),
    ("han", "漢字", "字漢"),
    ("arabic hamza", "سأل", "سال"),
    ("digits of another script", "١٢", "12"),
]


@pytest.mark.parametrize(("left", "right"), [row[1:] for row in DIFFERENT], ids=[row[0] for row in DIFFERENT])
def test_different_words(left, right):
    assert hashes_of(left) != hashes_of(right)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("... — ！？ 。", 0),
        ("one", 1),
        ("snake_case", 2),
        ("3.14", 2),
        ("漢字かなカナ", 6),
        ("ภาษาไทย", 7),
        ("ភាសា", 4),
        ("ລາວ", 3),
        ("မြန်", 4),
        ("한국어 텍스트", 2),
        ("हिन्दी भाषा", 2),
        ("東京Tokyo駅", 4),
        ("\x00a\x00", 1),
        ("😀 ok 😀", 1),
    ],
)
def test_word_counts(text, count):
    assert len(hashes_of(text)) == count


@settings(max_examples=100, deadline=None)
@given(st.lists(SAMPLES, max_size=8), st.integers(1, 60), st.integers(8, 40), st.integers(2, 7))
def test_slices_and_blocks_change_nothing(texts, slice_bytes, block_letters, word_letters):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "WORD_LETTERS", word_letters)  # under either setting of the other two
        expected = words.word_hashes(pa.array(texts, pa.string()))
        patch.setattr(words, "SLICE_BYTES", slice_bytes)
        patch.setattr(words, "BLOCK_LETTERS", block_letters)
        result = words.word_hashes(pa.array(texts, pa.string()))
    assert result[0].tolist() == expected[0].tolist()
    assert result[1].tolist() == expected[1].tolist()


@pytest.mark.parametrize(("letters", "count"), [(-1, 1), (0, 1), (1, 2), (words.BLOCK_LETTERS * 3, 25)])
def test_an_endless_word_is_cut_from_its_start(letters, count):
    text = "x" * (words.WORD_LETTERS + letters)
    assert len(hashes_of(text)) == count
    assert hashes_of("before " + text)[1:] == hashes_of(text)


def test_a_long_document_is_the_same_alone_and_among_others():
    rng = np.random.default_rng(7)
    body = " ".join(f"word{n}" for n in rng.integers(0, 5000, 60_000))  # 500 kB, several blocks
    alone = words.word_hashes(pa.array([body]))[0]
    assert len(alone) == 60_000
    together, offsets = words.word_hashes(pa.array(["a b", body, "", "c"]))
    assert offsets.tolist() == [0, 2, 60_002, 60_002, 60_003]
    assert together[2:60_002].tolist() == alone.tolist()


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_nulls_slices_and_widths_of_arrow(kind):
    texts = pa.array(["skipped", "one two", None, "", "drei vier", "last"], kind)
    hashes, offsets = words.word_hashes(texts[1:5])
    assert offsets.tolist() == [0, 2, 2, 2, 4]
    assert hashes.tolist() == [h for t in ("one", "two", "drei", "vier") for h in hashes_of(t)]
    assert words.word_hashes(texts[:0])[1].tolist() == [0]
    without_nulls = words.word_hashes(texts[3:5])
    assert without_nulls[0].tolist() == hashes_of("drei vier")
    assert without_nulls[1].tolist() == [0, 0, 2]


def test_another_type_is_refused_with_its_name():
    with pytest.raises(TypeError) as caught:
        words.word_hashes(pa.array([1]))
    assert str(caught.value) == ("found an array of int64, expected string or binary: cast the column first")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abc"), max_size=7), max_size=6), st.integers(1, 6))
def test_shingles_are_those_of_sliding_windows(documents, size):
    hashes, offsets = minhash.shingles(pa.array([" ".join(d) for d in documents], pa.string()), size)
    expected = [
        [tuple(d[i : i + size]) for i in range(max(len(d) - size + 1, 1 if d else 0))] for d in documents
    ]
    assert np.diff(offsets).tolist() == [len(e) for e in expected]
    flat = [shingle for document in expected for shingle in document]
    pairs = set(zip(flat, hashes.tolist(), strict=True))
    assert len(pairs) == len(set(flat)) == len(set(hashes.tolist()))


def test_digests_tell_apart_what_differs_in_one_byte():
    texts = pa.array(["skip", "a", "a", "A", None, "", "é", "e\u0301"])[1:]
    digests = text_digests(texts).to_pylist()
    assert [len(d) for d in digests if d is not None] == [16] * 6
    assert digests[0] == digests[1]
    assert digests[3] is None
    assert len({d for d in digests if d is not None}) == 5
    assert digests[4].hex() == "99aa06d3014798d86001c324468d497f"  # xxh3_128 of nothing, as published
