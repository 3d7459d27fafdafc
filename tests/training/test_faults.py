"""What each fault of the shards comes to here and in mosaicml-streaming: docs/faults.md says it, this holds it true.

Both read the same sixty rows of the same files. An outcome is what a person sees: how many rows came, how many
of them were wrong, and the error's last line, its folders and hashes left out.
"""

import json
import os
import re
import signal

import numpy as np
import pytest
import torch

pytest.importorskip("moto")
from curation.files import remote as remote_files
from training.data.corpus import open_corpus, read_pieces
from training.data.loader import Loader
from training.data.shards import ShardReader
from training.plan import Plan
from training.settings import CacheConfig, Phase

from .forks import Forks, error_line
from .s3 import serve, upload

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]
ROWS, BAD = 60, "shard.00003.mds"
THEIRS = """
import os, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
sys.path.insert(0, "benchmarks")
from reference_reader import import_streaming
streaming = import_streaming()

def read(remote, local, out, timeout_s, store):
    os.environ.update(store)
    dataset = streaming.StreamingDataset(
        remote=remote or None, local=local, batch_size=4, validate_hash="xxh64", num_canonical_nodes=1,
        shuffle=False, download_timeout=timeout_s,
    )
    rows = [sample["tokens"] for sample in dataset]
    np.save(out, np.stack(rows) if rows else np.empty((0, 32), np.uint16))
"""


def told(rows, truth, error=""):
    """One line: what came of a reading."""
    known = {row.tobytes() for row in truth.astype(np.int64)}
    wrong = sum(row.tobytes() not in known for row in rows.astype(np.int64))
    if not error and len(rows) < len(truth):
        return "**ends early, as if it were done**"
    came = f"all {len(rows)} rows" + (f", **{wrong} of them wrong, without a word**" if wrong else "")
    return came if not error else f"error: `{error}`"


def plain(text):
    """An error without what differs from run to run."""
    text = re.sub(r"(s3://|/)[^ :]*/([^/ :]+)", r"\2", text)
    text = re.sub(r"\b[0-9a-f]{16}\b", "…", text)
    text = re.sub(r"(the last: \w+):.*", r"\1 …", text)
    return text.replace("|", "/").replace("`", "'")


def ours(directory, tmp_path, truth, asks=False):
    """Every row once, through the loader, before that perhaps a row's documents; an error is the loop's."""
    rows = []
    try:
        corpus = open_corpus([directory], CacheConfig(folder=str(tmp_path / "ours")))
        expected = "xxh3:00"
        if corpus.tokenizer_digest != expected:  # as a checkpoint and a second directory are held against it
            corpus = open_corpus([directory, str(tmp_path / "other")])
        phases = [Phase(name="p", steps=ROWS // 4, mix={"web": 1})]
        plan = Plan(corpus.plan_sources(["web"]), phases, batch_rows=4, lanes=4, seed=1)
        if asks:
            read_pieces(corpus.sources["web"][3], [0])
        with Loader(
            plan, ShardReader(corpus, ["web"]), rank=0, world_size=1, device=torch.device("cpu")
        ) as loader:
            rows += [batch.tokens.numpy() for batch in loader]
    except Exception as error:  # noqa: BLE001 - what it says is the test
        return told(np.empty((0, 32)), truth, plain(str(error).splitlines()[0]))
    return told(np.concatenate(rows), truth)


@pytest.fixture(scope="module")
def readers(root):
    """Processes that have imported mosaicml-streaming, which takes seconds."""
    made = Forks(root, THEIRS)
    yield made
    made.close()


def theirs(directory, tmp_path, truth, readers, timeout_s):
    """Every row of StreamingDataset in a process of its own, for two and a half minutes at most."""
    remote, local = (f"{directory}/shard/f0/web", str(tmp_path / "theirs"))
    if "://" not in remote:
        remote, local = "", remote
    out, said = tmp_path / "rows.npy", tmp_path / "said.txt"
    store = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "S3_"))}
    pid = readers.start("read", remote, local, str(out), timeout_s, store, said=said)
    code = readers.wait(pid, timeout_s=150)
    if code is None:
        os.killpg(pid, signal.SIGKILL)
        readers.wait(pid)
        return "**hangs**"
    if code:
        return told(np.empty((0, 32)), truth, plain(error_line(said)))
    return told(np.load(out), truth)


def flip(folder):
    data = bytearray((folder / "web" / BAD).read_bytes())
    data[-7] ^= 1
    (folder / "web" / BAD).write_bytes(data)


def truncate(folder):
    (folder / "web" / BAD).write_bytes((folder / "web" / BAD).read_bytes()[:-10])


def truncate_index(folder):
    for path in (folder / "manifest.json", folder / "web" / "index.json"):
        path.write_text(path.read_text()[:200])


def count_wrong(folder):
    manifest, index = (json.loads((folder / n).read_text()) for n in ("manifest.json", "web/index.json"))
    manifest["detail"]["streams"]["web"]["shards"][3]["rows"] -= 1
    manifest["detail"]["streams"]["web"]["rows"] -= 1
    index["shards"][3]["samples"] -= 1
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "web" / "index.json").write_text(json.dumps(index))


def other_tokenizer(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["detail"]["tokenizer"]["digest"] = "xxh3:11"
    (folder / "manifest.json").write_text(json.dumps(manifest))


#: Fault -> what is done to the files, and what the server does to the bad shard's answers ("" is nothing, None
#: is no server).
FAULTS = {
    "no fault; the source ends with a batch": (None, None),
    "flipped bit, local": (flip, None),
    "flipped bit, S3": (flip, ""),
    "truncated shard, local": (truncate, None),
    "truncated shard, S3": (truncate, ""),
    "missing shard, local": (lambda folder: (folder / "web" / BAD).unlink(), None),
    "missing shard, S3": (lambda folder: (folder / "web" / BAD).unlink(), ""),
    "truncated index": (truncate_index, None),
    "wrong row count in the index": (count_wrong, None),
    "another tokenizer's shards": (other_tokenizer, None),
    "S3 flips a bit on the way, once": (None, "flip once"),
    "S3 cuts a body short, once": (None, "cut once"),
    "S3 cuts every body short": (None, "cut"),
    "S3 answers 503 once": (None, "503 once"),
    "S3 answers 503": (None, "503"),
    "S3 does not answer once": (None, "hang once"),
    "S3 does not answer": (None, "hang"),
    "S3 stops in the middle of every body": (None, "stall"),
    "S3 answers 503 for `current.json`, or the index": (None, "503"),
    "S3 does not answer for `current.json`, or the index": (None, "hang"),
    "S3 answers 503 for the manifest, or the index": (None, "503"),
    "S3 does not answer for the manifest, or the index": (None, "hang"),
    "S3 cuts the manifest, or the index, short once": (None, "cut once"),
    "S3 answers 503 for a row's documents": (None, "503"),
    "S3 does not answer for a row's documents": (None, "hang"),
}


def broken(fault):
    """The ends of the names of what the server breaks: of ours and, where it has such a file, of theirs."""
    if "documents" in fault:
        return ("shard.00003.parquet",)
    if "index," in fault or fault.endswith("index"):
        return ("current.json" if "current" in fault else "manifest.json", "index.json")
    return (BAD,)


@pytest.fixture(scope="module")
def server():
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        with serve() as proxy:
            for name in ("AWS_ENDPOINT_URL", "S3_ENDPOINT_URL"):
                patch.setenv(name, proxy.url)
            yield proxy


@pytest.fixture
def shards(tmp_path, made):
    """A run directory of sixty rows in twelve shards, with the index that mosaicml-streaming reads."""
    ids = np.random.default_rng(1).integers(1, made.VOCAB, ROWS * made.ROW_TOKENS - 1, np.uint16)
    run = made.publish(tmp_path / "run", {"web": {"0": ids}})
    for shard in (told := json.loads((run.folder / "manifest.json").read_text())["detail"])["streams"]["web"][
        "shards"
    ]:
        shard["data"] = (run.folder / shard["file"]).read_bytes()
    entries = []
    for shard in told["streams"]["web"]["shards"]:
        raw = {
            "basename": shard["file"].split("/")[1],
            "bytes": shard["bytes"],
            "hashes": {"xxh64": shard["xxh64"]},
        }
        begin = 4 * (shard["rows"] + 2)
        header = shard["data"][begin : int(np.frombuffer(shard["data"], np.uint32, 1, offset=4)[0])]
        entries.append(json.loads(header) | {"raw_data": raw, "samples": shard["rows"], "zip_data": None})
    (run.folder / "web" / "index.json").write_text(json.dumps({"version": 2, "shards": entries}))
    made.publish(tmp_path / "other", {"docs": made.patterned(20, 1)})
    return run


#: StreamingDataset asks a silent store for minutes before it gives up.
SILENT = {fault for fault, (_, answers) in FAULTS.items() if answers in ("hang", "stall")}


@pytest.mark.parametrize(
    "fault", [pytest.param(f, marks=pytest.mark.long) if f in SILENT else f for f in FAULTS]
)
def test_what_comes_of_a_fault_is_what_the_docs_say(
    fault, shards, server, tmp_path, monkeypatch, root, readers
):
    damage, answers = FAULTS[fault]
    monkeypatch.setattr(remote_files, "BACKOFF_S", 0.01)
    if "does not answer" in fault or "stops" in fault:  # else a slow machine is no fault
        monkeypatch.setattr(remote_files, "READ_TIMEOUT_S", 1)
    if damage:
        damage(shards.folder)
    where = str(shards.directory)
    timeout_s = 1 if answers in ("hang", "stall") else 5  # of theirs: a silent server costs it thirty
    if answers is not None:
        where = upload(shards.directory, re.sub(r"\W+", "-", fault))
        kind, _, once = answers.partition(" ")
        monkeypatch.setattr(server, "hold_s", 30)
        monkeypatch.setattr(server, "fault", lambda path, before: kind if not (once and before) else "")
        monkeypatch.setattr(server, "breaks", broken(fault))
    found = []
    for read in (
        lambda: ours(where, tmp_path, shards.rows["web"], asks="documents" in fault),
        lambda: theirs(where, tmp_path, shards.rows["web"], readers, timeout_s),
    ):
        server.asked = {}
        found.append(read())
    line = f"| {fault} | {found[0]} | {found[1]} |"
    assert "**" not in found[0]  # never an early end, a hang, a wrong token
    assert line in (root / "docs" / "faults.md").read_text().splitlines()
