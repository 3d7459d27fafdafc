"""Batches: what a model is shown, in the plan's order; a fault in the thread is a fault of the loop."""

import itertools
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.corpus import ShardError, open_corpus
from training.data.loader import Loader
from training.data.segment import documents_bound, segments
from training.data.shards import ShardReader
from training.plan import Plan, PlanError
from training.settings import Phase

from .forks import until


def pieces(published, steps=6):
    corpus = open_corpus([str(published.directory)])
    names = ["docs", "web"]
    phases = [Phase(name="p", steps=steps, mix={"docs": 1, "web": 1})]
    plan = Plan(corpus.plan_sources(names), phases, batch_rows=8, lanes=4, seed=1)
    return plan, ShardReader(corpus, names)


def loaded(plan, reader, rank=0, ranks=1, **asked):
    with Loader(plan, reader, rank=rank, world_size=ranks, device=torch.device("cpu"), **asked) as loader:
        return list(loader)


def test_the_ranks_share_each_batch_of_the_plan(published):
    whole = loaded(*pieces(published))
    parts = [loaded(*pieces(published), rank=rank, ranks=2) for rank in range(2)]
    plan, reader = pieces(published)
    assert len(whole) == 6
    for step, batch in enumerate(whole):
        rows = plan.locate(plan.draw(), range(8))
        assert np.array_equal(batch.tokens.numpy(), reader.read(rows))
        assert torch.equal(batch.tokens, torch.cat([part[step].tokens for part in parts]))
        assert batch.sources.tolist() == [row.source for row in rows]
        assert batch.state == plan.state() == parts[0][step].state


def test_padding_has_no_label_and_an_end_of_text_has_one(published):
    plan, reader = pieces(published, steps=12)
    for batch in loaded(plan, reader):
        tokens, labels = batch.tokens.numpy(), batch.labels.numpy()
        padding = np.zeros_like(labels, bool)
        padding[:, :-1] = (tokens[:, :-1] == 0) & (tokens[:, 1:] == 0)
        padding[:, -1] = True
        assert np.array_equal(labels == -100, padding)
        assert np.array_equal(labels[~padding], np.roll(tokens, -1, axis=1)[~padding])


def test_a_fault_in_the_thread_is_raised_and_the_thread_ends(published):
    plan, reader = pieces(published)
    for shard in reader.corpus.sources["web"]:
        shard.path.unlink()
    with pytest.raises(
        ShardError, match=r"web.shard\.\d+\.mds: expected a shard of \d+ bytes, found no file"
    ):
        loaded(plan, reader)
    assert not [thread for thread in threading.enumerate() if thread.name == "loader"]


def test_leaving_early_ends_the_thread(published):
    plan, reader = pieces(published, steps=1000)
    with Loader(plan, reader, rank=0, world_size=1, device=torch.device("cpu")) as loader:
        next(iter(loader))
        until(loader._queue.full)
    assert not [thread for thread in threading.enumerate() if thread.name == "loader"]
    assert plan.step < 10


def slow_segments(tokens):
    """Document numbers of a row, by the rule: an end-of-text opens one, but inside a run of them."""
    documents, ends = [0], tokens == 0
    for place in range(1, len(tokens)):
        inside = ends[place - 1] and (place + 1 == len(tokens) or ends[place + 1])
        documents.append(documents[-1] + int(ends[place] and not inside))
    return documents


@settings(deadline=None, max_examples=300)
@given(st.integers(1, 40), st.integers(1, 5), st.floats(0, 1), st.integers(0, 10**6))
def test_cumulative_lengths_are_those_of_the_documents(row_tokens, rows, share, seed):
    random = np.random.default_rng(seed)
    tokens = np.where(random.random((rows, row_tokens)) < share, 0, random.integers(1, 9, (rows, row_tokens)))
    found_segments = segments(tokens, eot_id=0)
    documents, positions = found_segments.numbers_and_positions()
    assert documents.tolist() == [slow_segments(row) for row in tokens]
    lengths = [n for row in documents for n in np.bincount(row)]
    (found,) = found_segments.cumulative_lengths(1, len(lengths) + 3)
    assert found.dtype == np.int32
    assert np.diff(found).tolist() == [*lengths, 0, 0, 0]
    assert found[0] == 0
    assert positions.ravel().tolist() == [n for length in lengths for n in range(length)]
    with pytest.raises(
        ValueError, match=f"expected at most {len(lengths) - 1} documents, found {len(lengths)}"
    ):
        found_segments.cumulative_lengths(1, len(lengths) - 1)


def masked(documents):
    """Who may look at whom, over the flattened tokens: backwards, within the document and row."""
    rows, tokens = documents.shape
    flat = (documents + 10**6 * np.arange(rows)[:, None]).ravel()
    return (flat[:, None] == flat[None, :]) & np.tri(rows * tokens, dtype=bool)


def test_a_loop_over_cu_seqlens_is_the_block_mask(published):
    plan, reader = pieces(published, steps=12)
    sizes = set()
    for batch in loaded(plan, reader, micro_batches=2):
        sizes.add(tuple(batch.cu_seqlens.shape))
        assert batch.cu_seqlens.dtype == torch.int32
        for part, documents in zip(batch.cu_seqlens, batch.documents.chunk(2), strict=True):
            mask = np.zeros((documents.numel(),) * 2, bool)
            for begin, end in itertools.pairwise(part.tolist()):
                mask[begin:end, begin:end] = np.tri(end - begin, dtype=bool)
            assert np.array_equal(mask, masked(documents.numpy()))
    assert sizes == {(2, documents_bound(4, 32) + 1)}  # one shape for the whole run


def test_documents_beyond_the_bound_are_told_and_all_there(tmp_path, made):
    short = {str(n): np.array([1 + n % 9]) for n in range(900)}
    run = made.publish(tmp_path / "run", {"docs": made.patterned(40, 1), "web": short})
    plan, reader = pieces(run)
    message = r"step 0: 79 documents in 8 rows; cu_seqlens had room for 32 and now has room for 128: "
    with pytest.warns(RuntimeWarning, match=message):
        batches = loaded(plan, reader)
    for batch in batches:
        assert batch.cu_seqlens.shape[1] - 1 == 128
        starts = batch.cu_seqlens[0, :-1]
        assert torch.equal(starts[starts < 256], (batch.positions.ravel() == 0).nonzero().ravel().int())


def test_rows_that_micro_batches_do_not_divide_are_refused(published):
    with pytest.raises(PlanError, match=r"^8 rows of a rank cannot be divided into 3 micro batches$"):
        loaded(*pieces(published), micro_batches=3)
