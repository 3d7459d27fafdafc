"""Copies of remote shards on a node: never more than the limit, and those go first that the plan is done with."""

import contextlib
import threading
from collections import Counter

import fsspec
import numpy as np
import pytest
import torch

from training.data import fetch
from training.data.cache import Cache, CacheShare
from training.data.corpus import ShardFile, open_corpus
from training.data.loader import Loader
from training.data.shards import ShardReader
from training.plan import Plan
from training.settings import CacheConfig, Phase

HALF = {"docs": 1, "web": 1}


def upload(directory, tmp_path):
    """Put a run directory behind a URL."""
    fsspec.filesystem("memory").put(str(directory), f"/{tmp_path.name}", recursive=True)
    return f"memory://{tmp_path.name}"


@pytest.fixture
def remote(published, tmp_path):
    """The two sources of `published`, behind a URL."""
    return upload(published.directory, tmp_path)


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """How often each shard was fetched, and the most bytes of copies that ever lay there."""
    counts, copy, lock = Counter(most=0), fetch._copy, threading.Lock()

    def watched(shard, part, is_given_up):
        copy(shard, part, is_given_up)
        with lock:
            counts[f"{shard.path.parent.name}/{shard.path.name}"] += 1
            counts["most"] = max(counts["most"], held(tmp_path))

    monkeypatch.setattr(fetch, "_copy", watched)
    return counts


def held(tmp_path):
    sizes = []
    for path in (tmp_path / "cache").rglob("*.mds"):
        with contextlib.suppress(FileNotFoundError):  # given up meanwhile
            sizes.append(path.stat().st_size)
    return sum(sizes)


def loaders(directory, tmp_path, limit_bytes, *, mix=HALF, ranks=1, steps=20, rows=8, lanes=4):
    """A loader for each rank, over one folder of copies."""
    cache = CacheConfig(folder=str(tmp_path / "cache"), limit_gib=limit_bytes / 2**30)
    corpus = open_corpus([str(directory)], cache)
    out = []
    for rank in range(ranks):
        phases = [Phase(name="p", steps=steps, mix=mix)]
        plan = Plan(corpus.plan_sources(["docs", "web"]), phases, batch_rows=rows, lanes=lanes, seed=1)
        reader = ShardReader(corpus, ["docs", "web"])
        out.append(Loader(plan, reader, rank=rank, world_size=ranks, device=torch.device("cpu")))
    return out


def read(loaders):
    """The global batches, the ranks step by step side by side."""
    for each in loaders:
        each.__enter__()
    try:
        steps = zip(*loaders, strict=True)
        return np.stack([torch.cat([batch.tokens for batch in batches]).numpy() for batches in steps])
    finally:
        for each in loaders:
            each.__exit__(None, None, None)


def bytes_of(directory):
    sizes = [
        shard.size_bytes for shards in open_corpus([str(directory)]).sources.values() for shard in shards
    ]
    return sum(sizes), max(sizes)


@pytest.mark.parametrize("ranks", [1, 4])
def test_the_limit_is_a_nodes_and_counts_what_earlier_runs_left(
    remote, published, tmp_path, monkeypatch, fetched, ranks
):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(ranks))
    total, largest = bytes_of(published.directory)
    steps = len(published.rows["web"]) // 4 + 1  # an epoch of either
    expected = read(loaders(published.directory, tmp_path, 0, steps=steps))
    assert np.array_equal(read(loaders(remote, tmp_path, total * ranks, steps=steps)), expected)
    assert held(tmp_path) == fetched["most"] == total
    stray = tmp_path / "cache" / "0a" / "web" / "shard.00000.mds"  # of a run of other shards
    stray.parent.mkdir(parents=True)
    stray.write_bytes(bytes(largest))
    fetched.clear()
    limit = 12 * largest
    assert total > 2 * limit
    assert np.array_equal(read(loaders(remote, tmp_path, limit, ranks=ranks, steps=steps)), expected)
    assert not stray.exists()
    assert fetched["most"] <= total + largest
    assert limit - ranks * largest <= held(tmp_path) <= limit
    fetched.clear()
    assert np.array_equal(read(loaders(remote, tmp_path, limit, ranks=ranks, steps=steps)), expected)
    assert fetched["most"] <= limit  # at no moment more


def test_a_shard_of_a_rare_source_stays_until_the_plan_is_done_with_it(made, tmp_path, fetched):
    run = made.publish(tmp_path / "run", {"docs": made.patterned(600, 1), "web": made.patterned(40, 2)})
    _, largest = bytes_of(run.directory)
    steps = len(run.rows["docs"])
    asked = {"mix": {"docs": 99, "web": 1}, "steps": steps, "rows": 1, "lanes": 1}
    expected = read(loaders(run.directory, tmp_path, 0, **asked))
    remote = upload(run.directory, tmp_path)
    assert np.array_equal(read(loaders(remote, tmp_path, 2.5 * largest, **asked)), expected)
    assert fetched.pop("most") <= 2.5 * largest
    assert set(fetched.values()) == {1}  # one at a time of each source is read, and both fit
    assert sum(name.startswith("web") for name in fetched) == 1
    assert sum(name.startswith("docs") for name in fetched) == -(-steps // 5)


def test_what_is_done_goes_first_and_what_is_read_last_goes_next(tmp_path, monkeypatch):
    def write(shard, is_given_up):
        shard.path.parent.mkdir(parents=True, exist_ok=True)
        shard.path.write_bytes(bytes(shard.size_bytes))

    monkeypatch.setattr("training.data.cache.fetch", write)
    folder, begun = tmp_path / "cache", set()

    def shard(name):
        path = folder / "f0" / "web" / f"shard.{name}.mds"
        return ShardFile(path=path, provenance="", rows=1, size_bytes=10, xxh64="", remote="memory://x")

    shards = {name: shard(name) for name in "abcdefg"}
    write(shards["a"], None)  # left by an earlier run
    share = CacheShare(mine=frozenset(each.path for each in shards.values()), begun=lambda: begun)
    cache = Cache(folder, 50, share, lambda path: None)
    for batch, name in enumerate("bcde"):
        cache.expect(batch, 0, [shards[name]])
        cache.need(batch, shards[name])
    begun.add(shards["b"].path)  # batch 0 read it, and an epoch's later batch will
    cache.expect(5, 4, [shards["e"]])

    def need(name):
        cache.need(4, shards[name])
        return "".join(sorted(path.name[6] for path in folder.rglob("*.mds")))

    assert need("f") == "abdef"  # c, done longest ago, is gone
    assert need("g") == "abefg"  # then d, done too; f is not known to be done: no batch was told to read it
    cache.close()


def test_published_shards_in_the_folder_are_never_given_up(remote, published, tmp_path, fetched):
    cache = tmp_path / "cache"
    fsspec.filesystem("file").put(str(published.folder), str(cache / "0b"), recursive=True)
    before = held(tmp_path)
    read(loaders(remote, tmp_path, 1, steps=3))
    assert sum(path.stat().st_size for path in (cache / "0b").rglob("*.mds")) == before
