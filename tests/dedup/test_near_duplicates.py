"""The parts put together as a stage does, in memory: what is removed, and that it may be.

Oracle: every pair compared by Python's sets of word tuples.
"""

import collections
import gzip
import itertools
import json
import random
import re
import unicodedata

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from curation.dedup.leaders import elect
from curation.dedup.minhash import Scheme, banded
from curation.dedup.verify import shingle_sets, similarities, similarity

LEAST = 0.8


def candidates(texts, scheme):
    """Return the pairs that share a band, as (better, worse) positions -> bands shared."""
    buckets = collections.defaultdict(list)
    for number, keys in enumerate(banded(texts, scheme)[0].to_pylist()):
        for key in keys:
            buckets[key].append(number)
    return collections.Counter(
        pair for members in buckets.values() for pair in itertools.combinations(members, 2)
    )


def verified(texts, scheme):
    """Return the verified edges among texts given best first."""
    shared = candidates(texts, scheme)
    sets = shingle_sets(texts, scheme.shingle_words)
    left, right = (pa.array([pair[i] for pair in shared], pa.int64()) for i in (0, 1))
    jaccard, _ = similarities(sets.take(left), sets.take(right), LEAST)
    edges = pa.table(
        {
            "better": left,
            "worse": right,
            "jaccard": jaccard,
            "bands_shared": pa.array(shared.values(), pa.int32()),
        }
    )
    return edges.filter(pc.greater_equal(edges["jaccard"], LEAST))


def planted(seed):
    """Return texts with drift chains, templates, short texts and copies among them, shuffled."""
    rng = random.Random(seed)
    vocabulary = [f"{rng.randrange(1 << 30):x}" for _ in range(3000)]
    texts = []
    for _ in range(15):  # a chain in which each differs a little from the one before
        words = rng.choices(vocabulary, k=120)
        for _ in range(8):
            texts.append(" ".join(words))
            words[rng.randrange(100)] = rng.choice(vocabulary)
    template = rng.choices(vocabulary, k=80)
    texts += [" ".join(template + rng.choices(vocabulary, k=60)) for _ in range(30)]
    texts += [" ".join(rng.choices(vocabulary[:6], k=rng.randrange(5))) for _ in range(40)]
    texts += [text.upper() + "!" for text in texts[:20]]
    rng.shuffle(texts)
    return texts


@pytest.mark.parametrize("seed", range(3))
def test_every_removed_text_has_a_kept_one_that_is_truly_as_near_as_asked(seed):
    texts = planted(seed)
    edges = verified(pa.array(texts), Scheme())
    elected = elect(edges).to_pylist()
    sets = []
    for text in texts:
        words = text.lower().replace("!", "").split()
        sets.append({tuple(words[i : i + 5]) for i in range(max(len(words) - 4, 1 if words else 0))})
    removed = {row["worse"] for row in elected}
    assert len(removed) > 60
    for row in elected:
        left, right = sets[row["worse"]], sets[row["better"]]
        assert row["better"] not in removed
        assert row["jaccard"] == len(left & right) / len(left | right) >= LEAST
    # Recall: of all pairs that near (found by brute force), at most a few share no band.
    near = {
        (a, b)
        for a, b in itertools.combinations(range(len(texts)), 2)
        if sets[a] and sets[b] and len(sets[a] & sets[b]) / len(sets[a] | sets[b]) >= LEAST
    }
    candidate_pairs = set(zip(edges["better"].to_pylist(), edges["worse"].to_pylist(), strict=True))
    assert candidate_pairs <= near  # precision 1 by construction
    assert len(candidate_pairs) > 0.97 * len(near)


def plain_set(text):
    """Return the 5-shingles of a text in an alphabetic script, by a regular expression."""
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", text).casefold())
    return {tuple(words[i : i + 5]) for i in range(max(len(words) - 4, 1 if words else 0))}


@pytest.mark.slow
@pytest.mark.shared
def test_real_pages_that_say_the_same_are_found(shared):
    data = shared / "data"
    with gzip.open(data / "truth_dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        pages = {row["id"]: row["truth_text"] for row in map(json.loads, lines) if row["truth_text"]}
    labels = [json.loads(line) for line in (data / "natural_dups_dev.jsonl").read_text().splitlines()]
    pairs = {tuple(sorted((row["a"], row["b"]))) for row in labels if {row["a"], row["b"]} <= pages.keys()}
    ids, texts = pa.array(sorted(pages)), pa.array([pages[one] for one in sorted(pages)])
    stored = shingle_sets(texts, 5).to_pylist()
    sets = {one: np.frombuffer(s, "<u8") for one, s in zip(ids.to_pylist(), stored, strict=True)}
    truth = {}
    for a, b in pairs:
        left, right = plain_set(pages[a]), plain_set(pages[b])
        truth[a, b] = len(left & right) / len(left | right)
    assert {(a, b): similarity(sets[a], sets[b], 0.0, None)[0] for a, b in pairs} == truth
    near = {pair for pair, jaccard in truth.items() if jaccard >= LEAST}
    edges = verified(texts, Scheme())
    better, worse = (ids.take(edges[side]).to_pylist() for side in ("better", "worse"))
    candidate_pairs = set(zip(better, worse, strict=True))
    assert len(near) > 40
    assert len(near & candidate_pairs) >= 0.95 * len(near)
