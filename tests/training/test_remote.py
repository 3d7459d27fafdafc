"""Remote shards against an S3 server on loopback, whole and broken: never an early end, a hang, a wrong token."""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("moto")
from curation.files import remote as remote_files
from curation.shards.mds import index_bytes, write_shard
from training.data import cache, fetch
from training.data.corpus import ShardError, open_corpus, read_pieces
from training.data.loader import Loader
from training.data.shards import ShardReader
from training.data.tokenizer import TokenizerError, open_tokenizer
from training.plan import Plan, explain
from training.settings import CacheConfig, Phase

from .forks import until
from .s3 import no_fault, serve, upload

pytestmark = pytest.mark.slow
LIBRARIES = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def server():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        with serve() as proxy:
            patch.setenv("AWS_ENDPOINT_URL", proxy.url)
            patch.setenv("S3_ENDPOINT_URL", proxy.url)  # mosaicml-streaming's name for it
            yield proxy


@pytest.fixture
def remote(server, published, tmp_path, monkeypatch, request):
    """The two sources of `published`, in the bucket; four short attempts instead of long ones."""
    monkeypatch.setattr(remote_files, "BACKOFF_S", 0.01)
    server.fault, server.asked = (lambda path, before: ""), {}
    return upload(published.directory, re.sub(r"\W", "-", request.node.name))


def loaded(directory, tmp_path, *, limit_gib=1.0, steps=12):
    """Every batch of a plan over `directory`, as arrays."""
    corpus = open_corpus([str(directory)], CacheConfig(folder=str(tmp_path / "cache"), limit_gib=limit_gib))
    phases = [Phase(name="p", steps=steps, mix={"docs": 1, "web": 1})]
    plan = Plan(corpus.plan_sources(["docs", "web"]), phases, batch_rows=8, lanes=4, seed=1)
    reader = ShardReader(corpus, ["docs", "web"])
    with Loader(plan, reader, rank=0, world_size=1, device=torch.device("cpu")) as loader:
        return np.stack([batch.tokens.numpy() for batch in loader])


def copies(tmp_path):
    return sorted(path for path in (tmp_path / "cache").rglob("*") if path.is_file())


def once(kind):
    """Break the first answer for every shard."""
    return lambda path, before: kind if before == 0 else ""


@LIBRARIES
@pytest.mark.parametrize("fault", ["", "503", "cut", "flip", "hang"])
def test_what_passes_is_tried_again_and_the_batches_are_the_same(
    server, remote, published, tmp_path, monkeypatch, fault
):
    if fault == "hang":  # else a slow machine is no fault
        monkeypatch.setattr(remote_files, "READ_TIMEOUT_S", 1)
    server.fault = once(fault)
    steps = 2 if fault == "hang" else 12
    expected = loaded(published.directory, tmp_path, steps=steps)
    assert np.array_equal(loaded(remote, tmp_path, steps=steps), expected)
    assert len(server.asked) == len(copies(tmp_path)) > (0 if steps == 2 else 20)
    assert all(path.suffix == ".mds" for path in copies(tmp_path))
    before = dict(server.asked)
    assert np.array_equal(loaded(remote, tmp_path, steps=steps), expected)
    assert server.asked == before  # the copies are still there


def always(kind):
    """Break every answer for one shard."""
    return lambda path, before: kind if "web/shard.00002" in path else ""


@LIBRARIES
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("503", r"could not be fetched in 4 attempts, the last: .*(503|reduce your request rate|Service Unavailable).*"),
        ("cut", r"could not be fetched in 4 attempts, the last: .*"),
        ("flip", r"could not be fetched in 4 attempts, the last: expected xxh64 [0-9a-f]{16}, found [0-9a-f]{16}"),
        ("hang", r"could not be fetched in 4 attempts, the last: ReadTimeoutError: Read timeout on endpoint URL: .*"),
        ("stall", r"could not be fetched in 4 attempts, the last: no byte for 2 s"),
        ("gone", r"expected a shard of \d+ bytes, found no object"),
        ("short", r"could not be fetched in 4 attempts, the last: expected \d+ bytes, found \d+"),
    ],
)  # fmt: skip
def test_what_stays_broken_is_an_error_that_names_the_object(
    server, remote, tmp_path, monkeypatch, fault, message
):
    import fsspec

    if fault in ("hang", "stall"):  # the second must have answered by then
        monkeypatch.setattr(remote_files, "READ_TIMEOUT_S", 1 if fault == "hang" else 2)
    monkeypatch.setattr(server, "hold_s", 5)
    filesystem, name = fsspec.core.url_to_fs(f"{remote}/shard/f0/web/shard.00002.mds")
    if fault == "gone":
        filesystem.rm(name)
    elif fault == "short":
        filesystem.pipe_file(name, filesystem.cat_file(name)[:-10])
    else:
        server.fault = always(fault)
    server.asked = {}
    with pytest.raises(ShardError) as error:
        loaded(remote, tmp_path, steps=60)
    assert re.fullmatch(rf"{re.escape(remote)}/shard/f0/web/shard\.00002\.mds: {message}", str(error.value))
    assert not [
        path for path in copies(tmp_path) if path.name.startswith("shard.00002") and "web" in str(path)
    ]
    assert not [thread for thread in threading.enumerate() if thread.name == "loader"]
    asked = [count for path, count in server.asked.items() if "web/shard.00002" in path]
    assert asked in (
        [remote_files.ATTEMPTS],
        [],
    )  # no library on the way tries again by itself; none: no object


@LIBRARIES
def test_copies_stay_under_their_limit(server, remote, published, tmp_path, monkeypatch):
    corpus = open_corpus([str(published.directory)])
    size = max(shard.size_bytes for shards in corpus.sources.values() for shard in shards)
    seen, copy = [], fetch._copy

    def watched(shard, part, is_given_up):
        seen.append(len([path for path in copies(tmp_path) if path.suffix == ".mds"]))
        return copy(shard, part, is_given_up)

    monkeypatch.setattr(fetch, "_copy", watched)
    monkeypatch.setattr(cache, "_THREADS", 1)
    limit = 9 * size
    found = loaded(remote, tmp_path, limit_gib=limit / 2**30, steps=30)
    assert np.array_equal(found, loaded(published.directory, tmp_path, steps=30))
    assert max(seen) <= 9
    assert sum(path.stat().st_size for path in copies(tmp_path)) <= limit
    assert all(count <= 12 for count in server.asked.values())


@LIBRARIES
def test_a_copy_damaged_on_disk_or_half_written_by_a_killed_run_is_not_believed(
    server, remote, published, tmp_path
):
    expected = loaded(published.directory, tmp_path)
    loaded(remote, tmp_path)
    for number, path in enumerate(copies(tmp_path)):
        data = bytearray(path.read_bytes())
        if number % 3 == 0:
            data[-3] ^= 1
            path.write_bytes(data)
        elif number % 3 == 1:
            path.with_name(f"{path.name}.1-1.part").write_bytes(data[:100])
            path.unlink()
    assert np.array_equal(loaded(remote, tmp_path), expected)


@LIBRARIES
def test_mosaicml_streaming_reads_the_same_from_s3(server, tmp_path, streaming):
    (tmp_path / "web").mkdir()
    rows = np.random.default_rng(1).integers(0, 60_000, (11, 16), np.uint16)
    infos = [write_shard(tmp_path / "web", n, part) for n, part in enumerate([rows[:6], rows[6:]])]
    (tmp_path / "web" / "index.json").write_bytes(index_bytes(info.entry for info in infos))
    url = upload(tmp_path / "web", "reference")
    dataset = streaming.StreamingDataset(
        remote=url, local=str(tmp_path / "cache"), batch_size=1, validate_hash="xxh64"
    )
    assert np.array_equal(np.stack([dataset[n]["tokens"] for n in range(11)]), rows)


def children():
    """The processes that the threads of this one started."""
    found = set()
    for task in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that just ended
            found |= set(task.read_text().split())
    return found


def in_shared_memory():
    """What lies in /dev/shm, but for what readers with StreamingDataset and browsers of other tests put there."""
    names = os.listdir("/dev/shm") if Path("/dev/shm").exists() else ()
    return {name for name in names if not re.match(r"\d{6,}_|\.?(org\.chromium|com\.google)\.", name)}


@LIBRARIES
def test_nothing_is_left_behind(server, remote, published, tmp_path):
    shared = in_shared_memory()
    before = children()
    loaded(remote, tmp_path, steps=4)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(t.name.startswith("fetch") for t in threading.enumerate()):
        time.sleep(0.01)
    assert not [t for t in threading.enumerate() if t.name.startswith(("fetch", "loader"))]
    assert in_shared_memory() <= shared
    assert children() <= before
    assert not [path for path in copies(tmp_path) if path.suffix != ".mds"]


KILLED = """
import sys, torch
from training.data import fetch
fetch._CHUNK_BYTES = 512
from training.settings import CacheConfig, Phase
from training.data.corpus import open_corpus
from training.data.loader import Loader
from training.plan import Plan
from training.data.shards import ShardReader
corpus = open_corpus([sys.argv[1]], CacheConfig(folder=sys.argv[2]))
plan = Plan(corpus.plan_sources(["docs", "web"]), [Phase(name="p", steps=10**6, mix={"docs": 1, "web": 1})],
            batch_rows=8, lanes=4, seed=1)
with Loader(plan, ShardReader(corpus, ["docs", "web"]), rank=0, world_size=1, device=torch.device("cpu")) as loader:
    for batch in loader:
        print(batch.drawn.step, flush=True)
"""


@LIBRARIES
@pytest.mark.parametrize("moment", ["while it fetches", "while it reads"])
def test_nothing_is_left_after_a_kill(server, remote, published, tmp_path, root, moment):
    shared = in_shared_memory()
    places = {name: str(tmp_path / "scratch") for name in ("TMPDIR", "HOME", "XDG_CACHE_HOME")}
    (tmp_path / "scratch").mkdir()
    if moment == "while it fetches":
        server.fault = lambda path, before: "stall"  # half of the body, then nothing
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, remote, str(tmp_path / "cache")],
        cwd=root,
        env=os.environ | places,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    if moment == "while it fetches":
        until(lambda: copies(tmp_path))
    else:
        assert process.stdout.readline()
    assert "/dev/shm/" not in Path(f"/proc/{process.pid}/maps").read_text()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    left = [path for path in copies(tmp_path) if path.suffix != ".mds"]
    assert left or moment == "while it reads"
    assert in_shared_memory() <= shared
    assert list((tmp_path / "scratch").rglob("*")) == []  # no lock file, nothing in /tmp or a home
    server.fault = no_fault
    assert np.array_equal(loaded(remote, tmp_path), loaded(published.directory, tmp_path))
    assert all(path.suffix == ".mds" for path in copies(tmp_path))  # the rerun has swept


def test_what_a_living_process_writes_is_not_swept(tmp_path):
    living, dead = tmp_path / "a.mds.1-1.part", tmp_path / "b.mds.2-2.part"
    dead.write_bytes(b"half")
    with living.open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        fetch.sweep(tmp_path)
        assert sorted(tmp_path.iterdir()) == [living]


def read_beside_shards(url):
    """Read everything of a run directory but its shards."""
    corpus = open_corpus([url])
    open_tokenizer(corpus)
    read_pieces(corpus.sources["web"][2], [0])


@LIBRARIES
@pytest.mark.parametrize("fault", ["503", "hang"])
@pytest.mark.parametrize(
    "name", ["current.json", "f0/manifest.json", "f0/tokenizer.json", "f0/web/shard.00002.parquet"]
)
def test_whatever_is_read_of_a_store_has_time_limits_and_ends_in_words(
    server, published, made, tmp_path, monkeypatch, request, name, fault
):  # fmt: skip
    made.add_tokenizer(published)
    monkeypatch.setattr(remote_files, "BACKOFF_S", 0.01)
    monkeypatch.setattr(remote_files, "READ_TIMEOUT_S", 0.2)
    monkeypatch.setattr(server, "hold_s", 1)
    monkeypatch.setattr(server, "breaks", (name,))
    server.fault, server.asked = (lambda path, before: fault), {}
    url = upload(published.directory, re.sub(r"\W", "-", request.node.name))
    with pytest.raises((ShardError, TokenizerError)) as error:
        read_beside_shards(url)
    last = "ReadTimeoutError: Read timeout on endpoint URL: " if fault == "hang" else "OSError: .*"
    told = rf"{re.escape(url)}/shard/{name}: could not be fetched in 4 attempts, the last: {last}.*"
    assert re.fullmatch(told, str(error.value))
    (asked,) = server.asked.values()
    assert (
        asked <= remote_files.ATTEMPTS
    )  # no library tries again by itself; a server may be slow to see the last


@LIBRARIES
def test_a_store_without_credentials_is_told_in_words(
    server, remote, write_config, tmp_path, monkeypatch, capsys
):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setattr(remote_files, "READ_TIMEOUT_S", 7)  # another instance of s3fs, which has no keys yet
    assert explain.main(["epochs", str(write_config()), "--set", f"data=[{remote}]"]) == 1
    assert capsys.readouterr().err == (
        f"{remote}/shard/current.json: cannot be read (NoCredentialsError: Unable to locate credentials); give its "
        "store what it asks for (credentials, region, endpoint), correct the address, or name a copy on a path\n"
    )
