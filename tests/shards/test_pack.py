"""Rows of a stream against one long list of its tokens, cut by hand."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.shards.pack import (
    PROVENANCE,
    Layout,
    assemble,
    interval_tokens,
    order_key,
    order_keys,
    rows_per_shard,
)

EOT = 9


def placed(lengths):
    """Return documents of these lengths with their starts, and the stream's tokens."""
    documents, start = [], 0
    for number, length in enumerate(lengths):
        ids = np.array([number % 8] * length, np.uint16)
        documents.append((start, f"d{number}", ids))
        start += interval_tokens(length)
    return documents, start


def layout(tokens, row_tokens=4, rows=2):
    """Return a small layout."""
    return Layout(
        stream_tokens=tokens, row_tokens=row_tokens, rows_per_shard=rows, eot_id=EOT, dtype="uint16"
    )


def touching(documents, shard, of):
    """Return the documents whose interval touches the shard."""
    first, last = (n * of.row_tokens * of.rows_per_shard for n in (shard, shard + 1))
    return [(start, id, ids) for start, id, ids in documents if start < last and start + len(ids) >= first]


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=15),
    st.integers(1, 9),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
def test_shards_laid_end_to_end_are_the_stream(lengths, row_tokens, rows, rng):
    documents, tokens = placed(lengths)
    of = layout(tokens, row_tokens, rows)
    flat, provenance = [], []
    for shard in range(of.shards):
        parts = touching(documents, shard, of)
        rng.shuffle(parts)
        made, table = assemble(shard, parts, of)
        assert made.shape == (of.rows_of(shard), row_tokens)
        assert made.dtype == np.uint16
        assert table.schema == PROVENANCE
        flat += made.ravel().tolist()
        provenance += [{**row, "row": row["row"] + shard * rows} for row in table.to_pylist()]
    stream = [token for _, _, ids in documents for token in [*ids.tolist(), EOT]]
    assert flat == stream + [EOT] * of.padding
    assert of.padding < row_tokens
    # Every token of every document is named once, in order, at the place where it is.
    named, position = [], 0
    content = {name: [*ids.tolist(), EOT] for _, name, ids in documents}
    for stretch in provenance:
        start, stop = stretch["start"], stretch["start"] + stretch["length"]
        assert stretch["row"] == position // row_tokens == (position + stretch["length"] - 1) // row_tokens
        assert flat[position : position + stretch["length"]] == content[stretch["id"]][start:stop]
        named += [(stretch["id"], token) for token in range(start, stop)]
        position += stretch["length"]
    assert named == [(name, token) for _, name, ids in documents for token in range(len(ids) + 1)]


@pytest.mark.parametrize(
    ("tokens", "rows", "shards", "padding", "last"),
    [(0, 0, 0, 0, None), (1, 1, 1, 3, 1), (4, 1, 1, 0, 1), (5, 2, 1, 3, 2), (8, 2, 1, 0, 2), (9, 3, 2, 3, 1)],
)
def test_rows_shards_and_padding_of_a_stream(tokens, rows, shards, padding, last):
    of = layout(tokens)
    assert (of.rows, of.shards, of.padding) == (rows, shards, padding)
    if last is not None:
        assert of.rows_of(shards - 1) == last


@pytest.mark.parametrize(
    ("shard", "keep", "message"),
    [
        (
            0,
            [0],
            "shard 0: found nothing up to the shard's end at 8 after document 'd0', expected a document "
            "that goes on at token 4 of the stream; its documents and their offsets do not belong together",
        ),
        (
            0,
            [1, 2],
            "shard 0: found document 'd1' at 4 to 8 after the beginning of the shard, expected a document "
            "that goes on at token 0 of the stream; its documents and their offsets do not belong together",
        ),
        (
            0,
            [0, 0, 1],
            "shard 0: found document 'd0' at 0 to 4 after document 'd0', expected a document that goes on "
            "at token 4 of the stream; its documents and their offsets do not belong together",
        ),
        (
            1,
            [1, 2],
            "shard 1: found document 'd1' at 4 to 8 after the beginning of the shard, expected a document "
            "that goes on at token 8 of the stream; its documents and their offsets do not belong together",
        ),
        (
            0,
            [0, 1, 2],
            "shard 0: found document 'd2' at 8 to 12 after document 'd1', expected a document that goes on "
            "at token 8 of the stream; its documents and their offsets do not belong together",
        ),
        (
            1,
            [],
            "shard 1: found nothing up to the shard's end at 12 after the beginning of the shard, expected "
            "a document that goes on at token 8 of the stream; its documents and their offsets do not "
            "belong together",
        ),
    ],
)
def test_documents_that_do_not_fill_their_shard_are_refused(shard, keep, message):
    documents, tokens = placed([3, 3, 3])
    with pytest.raises(ValueError, match="belong together") as caught:
        assemble(shard, [documents[i] for i in keep], layout(tokens))
    assert str(caught.value) == message


@pytest.mark.parametrize("shard", [-1, 2])
def test_a_shard_the_stream_does_not_have_is_refused(shard):
    documents, tokens = placed([3, 3, 3])
    with pytest.raises(IndexError) as caught:
        assemble(shard, documents, layout(tokens))
    assert str(caught.value) == f"shard {shard}: expected 0 to 1, the stream has no other"


def test_keys_are_signed_and_sort_as_the_hash_does():
    ids = [f"{n:032x}" for n in range(2000)]
    keys = order_keys(7, pa.array(ids)).to_pylist()
    assert keys == [order_key(7, one) for one in ids]
    assert -(1 << 63) <= min(keys) < -(1 << 62) < 1 << 62 < max(keys) < 1 << 63
    assert keys != [order_key(8, one) for one in ids]
    # A fair shuffle: the first half of the order holds about half of any half of the ids (sd 11).
    front = sorted(range(2000), key=keys.__getitem__)[:1000]
    assert abs(sum(i < 1000 for i in front) - 500) < 60


def test_the_order_of_a_stream_is_for_ever():
    assert [order_key(seed, one) for seed in (0, 1) for one in ("", "a")] == ORDER


ORDER = [-5978950695371172670, 7405662395035962911, -3619292333114169597, 5978194912795404064]


@pytest.mark.parametrize(
    ("row_tokens", "dtype", "shard_mib", "rows"),
    [
        (2048, "uint16", 64, 16_367),
        (2048, "uint32", 64, 8_187),
        (2048, "uint16", 0.001, 1),
        (510, "uint16", 3 / 1024, 2),
        (510, "uint16", (3 * 1024 - 1) / 1024 / 1024, 1),
    ],
)
def test_a_shard_holds_what_fits(row_tokens, dtype, shard_mib, rows):
    assert rows_per_shard(row_tokens, dtype, shard_mib) == rows


def test_a_shard_beyond_32_bits_is_refused():
    assert rows_per_shard(2048, "uint16", 4095) * 4100 < 1 << 32
    with pytest.raises(ValueError, match="shard_mib") as caught:
        rows_per_shard(2048, "uint16", 4097)
    assert str(caught.value) == (
        "shard_mib 4097, row_tokens 2048: found a shard of 4,097 MiB, expected less than 4096 MiB (MDS "
        "offsets are 32-bit); ask for smaller shards or rows"
    )
