"""Which documents of a bucket are compared, against a row-by-row oracle; and what sketches tell."""

import random

import numpy as np
import pyarrow as pa
import pytest

from curation.dedup import buckets
from curation.dedup.buckets import LINKS, MEMBERS, Buckets, most_apart
from curation.dedup.minhash import Scheme, signatures, sketches


def expected(rows, leaders, apart, hot, eager):
    """Return (pairs, the best of large buckets), one row after the other."""
    links, large = [], []
    for key in dict.fromkeys(row[0] for row in rows):
        members, leading = [row[1:] for row in rows if row[0] == key], []
        for rank, old, sketch in members:
            alike = [
                (better, rank, None, None)
                for better, better_old, better_sketch in leading
                if not (old and better_old)
                and (apart is None or ((sketch ^ better_sketch) & (2**64 - 1)).bit_count() <= apart)
            ]
            links += alike
            if (eager or not alike) and len(leading) < leaders:
                leading.append((rank, old, sketch))
        if len(members) > hot:
            large += [(rank, None, key, len(members)) for rank, _, _ in members[:3]]
    return links, large


@pytest.mark.parametrize("seed", range(60))
def test_a_bucket_is_read_once_wherever_its_batches_end(seed, monkeypatch):
    rng = random.Random(seed)
    rows = [
        (key, rank, rng.random() < 0.3, rng.choice([0, 1, 3, 7, -1, -2]))
        for key in sorted(rng.sample(range(-50, 50), rng.randint(1, 30)))
        for rank in sorted(rng.sample(range(1000), rng.choice([1, 1, 2, 3, 30])))
    ]
    settings = rng.randint(1, 4), rng.choice([None, 0, 1, 2]), rng.choice([2, 10, 25])
    eager = rng.random() < 0.5
    table = pa.Table.from_pylist([dict(zip(MEMBERS.names, row, strict=True)) for row in rows], schema=MEMBERS)
    monkeypatch.setattr(buckets, "_ROWS_AT_ONCE", rng.choice([1, 7, 1000]))
    batches = table.to_batches(max_chunksize=rng.choice([1, 2, 5, 100]))
    links = pa.Table.from_batches(Buckets(*settings, eager=eager).links(iter(batches)), LINKS)
    links = [tuple(row.values()) for row in links.to_pylist()]
    pairs, large = expected(rows, *settings, eager)
    assert sorted(row for row in links if row[1] is not None) == sorted(pairs)
    assert [row for row in links if row[1] is None] == large


def test_no_rows_no_links():
    assert sum(len(batch) for batch in Buckets(4, 15, 10).links(iter([]))) == 0


@pytest.mark.parametrize("size", [1, 10])
def test_rows_out_of_order_are_refused_whole(size, monkeypatch):
    monkeypatch.setattr(buckets, "_ROWS_AT_ONCE", 1)
    rows = [{"key": key, "rank": rank, "old": False, "sketch": 0} for key, rank in ((3, 1), (3, 9), (3, 5))]
    batches = pa.Table.from_pylist(rows, schema=MEMBERS).to_batches(max_chunksize=size)
    with pytest.raises(ValueError, match="members") as caught:
        list(Buckets(4, 15, 10).links(batches))
    assert str(caught.value) == (
        "members of buckets: found key 3, rank 5 after key 3, rank 9; expected ascending keys, and ascending "
        "ranks in each. The engine that runs this did not keep the order of sortWithinPartitions, and "
        "duplicates would be missed"
    )
    rows = [row | {"key": key} for row, key in zip(rows, (7, -2, -2), strict=True)]
    with pytest.raises(ValueError, match="found key -2, rank 9 after key 7, rank 1;"):
        list(Buckets(4, 15, 10).links(pa.Table.from_pylist(rows, schema=MEMBERS).to_batches()))


@pytest.mark.parametrize(("jaccard", "share"), [(0.3, 0.02), (0.9, 0.995)])
def test_sketches_part_boilerplate_from_near_duplicates(jaccard, share):
    scheme, rng, count = Scheme(), np.random.default_rng(3), 4000
    both = round(100 * jaccard)
    rest = (100 - both) // 2
    runs = rng.integers(0, 1 << 63, (count, both + 2 * rest)).astype(np.uint64)
    sides = [runs[:, : both + rest], np.concatenate([runs[:, :both], runs[:, both + rest :]], axis=1)]
    width = sides[0].shape[1]
    offsets = np.arange(count + 1) * width
    left, right = (sketches(signatures(side.ravel(), offsets, scheme)) for side in sides)
    apart = np.bitwise_count((left ^ right).view(np.uint64))
    assert abs(apart.mean() / 64 - (1 - both / (both + 2 * rest)) / 2) < 0.01
    assert abs((apart <= most_apart(0.8, scheme.signature_length)).mean() - share) < 0.02


def test_few_permutations_make_short_sketches():
    hashes, offsets = np.arange(40, dtype=np.uint64) << np.uint64(32), np.array([0, 20, 20, 40])
    values = sketches(signatures(hashes, offsets, Scheme(bands=3, rows_per_band=1)))
    assert values.shape == (3,)
    assert set(values.tolist()) <= set(range(8))
