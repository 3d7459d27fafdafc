"""Signatures against datasketch, bands against the pairs they must and must not bring together."""

import random

import datasketch
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dedup import minhash
from curation.dedup.minhash import Scheme, band_keys, banded, shingles, signatures
from curation.dedup.verify import shingle_sets, similarities, similarity


def keys_of(texts, scheme=None):
    """Return the band keys of each text."""
    return banded(pa.array(texts, pa.string()), scheme or Scheme())[0].to_pylist()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=30), max_size=8),
    st.integers(1, 9),
    st.integers(1, 5),
    st.integers(0, 2**32 - 1),
    st.integers(1, 40),
)
def test_signatures_are_datasketch_s(sets, bands, rows, seed, slice_shingles):
    scheme = Scheme(bands=bands, rows_per_band=rows, seed=seed)
    hashes = np.array([h for s in sets for h in s], np.uint64)
    offsets = np.cumsum([0, *map(len, sets)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(minhash, "SLICE_SHINGLES", slice_shingles)
        values = signatures(hashes, offsets, scheme)
    assert values.shape == (len(sets), bands * rows)
    for row, members in zip(values, sets, strict=True):
        oracle = datasketch.MinHash(bands * rows, seed=seed, scheme="affine32", hashfunc=lambda h: h)
        oracle.update_batch([h >> 32 for h in members])
        assert row.tolist() == oracle.hashvalues.tolist()


def test_vectors_any_other_kernel_must_match():
    texts = ["The quick brown fox jumps over the lazy dog.", "Straße – STRASSE", "漢字かな", "..."]
    hashes, offsets = shingles(pa.array(texts), 5)
    assert offsets.tolist() == [0, 5, 6, 7, 7]
    assert [f"{h:016x}" for h in hashes.tolist()] == VECTOR_SHINGLES
    scheme = Scheme(bands=2, rows_per_band=2)
    values = signatures(hashes, offsets, scheme)
    assert values.tolist() == VECTOR_SIGNATURES
    assert [[f"{k:016x}" for k in row] for row in band_keys(values, scheme).tolist()] == VECTOR_KEYS


VECTOR_SHINGLES = [
    "f530781123ef7786",
    "3da6a1e2e6d6963b",
    "c25785c8ac5019f3",
    "8744688fd205f45e",
    "f566e230790a18c3",
    "7a37bfe0c614073d",
    "3acbd239986abb1c",
]
VECTOR_SIGNATURES = [
    [769720037, 980823495, 1270559597, 1581249455],
    [766434473, 4187074331, 2994639193, 4235688995],
    [3212524205, 468777391, 2946587141, 762575471],
    [4294967295, 4294967295, 4294967295, 4294967295],
]
VECTOR_KEYS = [
    ["1f6db3b03f265a42", "63811012222c5db6"],
    ["fd008f5b4a57be6c", "fc52147ff9dfa9d4"],
    ["88ff03402b5d26e4", "6e68e78aa1fdc463"],
    ["f5dbd2c084d07857", "57a27f9d21d7cd17"],
]


def test_a_batch_gives_a_row_per_document_and_no_keys_without_words():
    keys, sketch = banded(pa.array(["one two three four five six", "", "one", None, "—"]), Scheme())
    assert (keys.type, sketch.type, len(sketch)) == (pa.list_(pa.int64()), pa.int64(), 5)
    assert [len(row) for row in keys.to_pylist()] == [14, 0, 14, 0, 0]
    assert len({key for row in keys.to_pylist() for key in row}) == 28


def test_short_documents_are_candidates_only_of_the_same_words():
    texts = ["Yes.", "yes!", "no", "thank you", "Thank you!", "you thank", "yes yes"]
    keys = [tuple(row) for row in keys_of(texts)]
    assert keys[0] == keys[1]
    assert keys[3] == keys[4]
    assert len(set(keys)) == 5


def test_bands_bring_together_as_often_as_the_curve_says():
    rng = random.Random(3)
    scheme = Scheme(shingle_words=1)
    trials, met = 400, {0.5: 0, 0.8: 0, 0.95: 0}
    for jaccard in met:
        texts = []
        for trial in range(trials):
            common = round(200 * jaccard)
            rest = (200 - common) // 2
            make = [f"w{trial}x{rng.random()}".replace(".", "") for _ in range(common + 2 * rest)]
            texts += [" ".join(make[: common + rest]), " ".join(make[:common] + make[common + rest :])]
        rows = keys_of(texts, scheme)
        met[jaccard] = sum(bool(set(rows[2 * t]) & set(rows[2 * t + 1])) for t in range(trials))
    for jaccard, count in met.items():
        expected = scheme.candidate_probability(jaccard)
        spread = (trials * expected * (1 - expected)) ** 0.5
        assert abs(count - trials * expected) <= 4 * spread + 1


PAGES = {
    "chinese": "北京大学是中国第一所国立综合性大学创办于一八九八年初名京师大学堂辛亥革命后改为现名作为新文化运动的中心",
    "japanese": "東京は日本の首都であり世界最大級の都市の一つです。江戸時代から続く文化と最新の技術が混ざり合っています。",
    "thai": "กรุงเทพมหานครเป็นเมืองหลวงและนครที่มีประชากรมากที่สุดของประเทศไทยเป็นศูนย์กลางการปกครองการศึกษา",
    "khmer": "រាជធានីភ្នំពេញជាទីក្រុងធំជាងគេបំផុតនៅក្នុងប្រទេសកម្ពុជានិងជាមជ្ឈមណ្ឌលសេដ្ឋកិច្ចវប្បធម៌",
    "lao": "ນະຄອນຫຼວງວຽງຈັນເປັນເມືອງຫຼວງແລະເປັນເມືອງທີ່ໃຫຍ່ທີ່ສຸດຂອງປະເທດລາວຕັ້ງຢູ່ແຄມຂອງແມ່ນ້ຳຂອງ",
    "burmese": "ရန်ကုန်မြို့သည်မြန်မာနိုင်ငံ၏အကြီးဆုံးမြို့ဖြစ်ပြီးစီးပွားရေးအချက်အချာဒေသဖြစ်သည်",
}


@pytest.mark.parametrize("language", PAGES)
def test_near_duplicates_are_found_in_scripts_without_spaces(language):
    page = PAGES[language]
    # Three repetitions with different ends stand in for a longer page; the copy loses its last letters.
    long = "".join(page[i:] + page[:i] for i in (0, 7, 19))
    copy, other = long[:-4] + "。", "".join(reversed(long))
    first, second, third = keys_of([long, copy, other])
    assert set(first) & set(second)
    assert not set(first) & set(third)
    sets = [np.frombuffer(s, "<u8") for s in shingle_sets(pa.array([long, copy, other]), 5).to_pylist()]
    assert similarity(sets[0], sets[1], 0.0, None)[0] > 0.9
    assert similarity(sets[0], sets[2], 0.0, None)[0] < 0.2


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=12), min_size=2, max_size=6), st.integers(1, 3))
def test_jaccard_is_that_of_python_s_sets(texts, size):
    plain = []
    for words in texts:
        count = max(len(words) - size + 1, 1 if words else 0)
        plain.append({tuple(words[i : i + size]) for i in range(count)})
    stored = shingle_sets(pa.array([" ".join(words) for words in texts]), size).to_pylist()
    assert [len(s) // 8 for s in stored] == [len(p) for p in plain]
    for i, left in enumerate(plain):
        for j, right in enumerate(plain):
            both = (np.frombuffer(stored[row], "<u8") for row in (i, j))
            assert similarity(*both, 0.0, None)[0] == (
                len(left & right) / len(left | right) if left and right else 0.0
            )


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (range(8), range(10), 0.8),
        (range(79), range(100), None),  # 79 of 100 could never be 0.8
        (range(10), range(10), 1.0),
        (range(10), range(5, 15), 1 / 3),  # sizes give hope; the members do not
        ((), (), 0.0),
        ((), range(3), None),
    ],
)
def test_a_pair_is_compared_unless_its_sizes_rule_it_out(left, right, expected):
    sets = (pa.array([np.array(side, "<u8").tobytes()], pa.binary()) for side in (left, right))
    assert similarities(*sets, 0.8)[0].to_pylist() == [expected]


def test_the_id_of_a_scheme_tells_every_setting():
    changes = [{}, {"shingle_words": 6}, {"bands": 15}, {"rows_per_band": 9}, {"seed": 2}]
    assert len({Scheme(**change).id for change in changes}) == len(changes)
