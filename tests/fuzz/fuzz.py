"""`make fuzz`: every reader of foreign bytes, fed with spoiled files for ten minutes each.

A target takes bytes and may raise nothing, take no more than a second a 100 kB (unpacked), and no more than 512
MiB. Files are made from seeds and from what lies in `corpus/TARGET/`, by steps that hypothesis chooses and makes smaller.
What fails is written to `corpus/TARGET/`, where `test_fuzz.py` tries it from then on.

    python -m tests.fuzz.fuzz [--minutes 10] [TARGET ...]
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import fsspec
import zstandard
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from curation.files.compression import compression_of
from curation.pages.formats import read, splits
from curation.pages.http import BodyTooLarge, parse_response
from curation.pages.page import ReadOptions
from curation.recipe.nodes import ConfigError
from curation.recipe.recipe import read_recipe
from training.data.corpus import ShardError, ShardFile
from training.data.shards import map_shard

from .seeds import ARCHIVE_WORDS, LINES, PACKS, ROWS, arc_record, chunked, mds, parquet, wacz, warc_record

CORPUS = Path(__file__).parent / "corpus"
STARTERS = Path(__file__).parents[2] / "curation/recipe/starters"
_SECONDS_A_BYTE = 1 / 100_000
_HANG_S = 60
_MOST_BYTES = 300_000
_MOST_MEMORY_KIB = 512 * 1024
_EXAMPLES = 200


class Fault(AssertionError):
    """A reader took too much of something."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A reader: what takes the bytes, the files to begin with, and words that such files are made of."""

    run: Callable[[bytes], None]
    seeds: Sequence[bytes]
    words: Sequence[bytes]
    packs: Sequence[Callable[[bytes], bytes]] = (bytes,)


def pages(data: bytes, format: str, split_bytes: int = 2**30, **options: str) -> list[object]:
    """Every page of a file with these bytes."""
    url = f"memory://fuzz/a.{format}"
    with fsspec.open(url, "wb") as file:
        file.write(data)
    return [
        row
        for split in splits([(url, len(data))], format, split_bytes)
        for batch in read(split, ReadOptions(**options), source="s")  # type: ignore[arg-type]
        for row in batch.to_pylist()
    ]


def archive(data: bytes) -> None:
    """Read WARC or ARC."""
    pages(data, "warc")


def lines(data: bytes) -> None:
    """Read JSONL: whole, and in three splits, which must give the same."""
    found = pages(data, "jsonl", text="text", id="id")
    if found != pages(data, "jsonl", len(data) // 3 + 1, text="text", id="id"):
        raise Fault("other pages by another split")


def table(data: bytes) -> None:
    """Read Parquet."""
    pages(data, "parquet", text="text")


def response(data: bytes) -> None:
    """Read an HTTP response."""
    try:
        parse_response(data)
    except BodyTooLarge:
        return


def recipe(data: bytes) -> None:
    """Read a recipe."""
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        file.write(data)
        file.flush()
        try:
            read_recipe(file.name)
        except ConfigError:
            return


def shard(data: bytes) -> None:
    """Map an MDS shard of four rows of 16 tokens."""
    with tempfile.NamedTemporaryFile(suffix=".mds") as file:
        file.write(data)
        file.flush()
        path = Path(file.name)
        facts = ShardFile(path=path, provenance=path, rows=4, size_bytes=len(data), xxh64="")
        try:
            map_shard(facts, 16, "uint16", verify=False).sum()
        except ShardError:
            return


TARGETS = {
    "warc": Target(
        run=archive,
        seeds=(
            b"".join(map(warc_record, range(4))),
            b"".join(gzip.compress(warc_record(n), mtime=0) for n in range(4)),
            b"".join(zstandard.compress(warc_record(n)) for n in range(4)),
            gzip.compress(b"".join(map(warc_record, range(4))), mtime=0),
            wacz(),
        ),
        words=ARCHIVE_WORDS,
        packs=PACKS,
    ),
    "arc": Target(
        run=archive,
        seeds=(b"".join(map(arc_record, range(4))), b"".join(gzip.compress(arc_record(n), mtime=0) for n in range(4))),
        words=ARCHIVE_WORDS,
        packs=PACKS,
    ),
    "http": Target(
        run=response,
        seeds=(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>hi",
            chunked(10, 300, 20),
            b"HTTP/1.1 200\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"<p>" * 500, mtime=0),
            b"HTTP/1.1 200\r\nContent-Encoding: zstd, deflate\r\n\r\n" + zstandard.compress(b"<p>" * 500),
        ),
        words=(b"0\r\n", b"0\r\n\r\n", b"ffffffff\r\n", b"HTTP/1.1 200 OK", b"\r", b"\n", b"\r\n\r\n", b"A: b\r\n",
               b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: br\r\n", b"<p>", b" ", b"\x1f\x8b\x08"),
    ),
    "jsonl": Target(
        run=lines,
        seeds=(
            LINES.encode(), LINES.encode("utf-16"), json.dumps(ROWS).encode(), json.dumps(ROWS, indent=1).encode(),
        ),
        words=(b"[", b"{", b'"', b"\\u", b"\\ud800", b"\xff\xfe", b"1e999", b"9" * 5000, b"null", b",", b"]", b"\n", b"\0",
               b'{"text": "a"}', b"NaN", b"-"),
        packs=PACKS,
    ),
    "parquet": Target(
        run=table,
        seeds=(
            parquet(), parquet(compression="zstd", use_dictionary=False), parquet(data_page_version="2.0", compression="none"),
        ),
        words=(b"PAR1", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x15", b"\x7f", b"\x80\x80\x80\x80\x01"),
    ),
    "recipe": Target(
        run=recipe,
        seeds=tuple(path.read_bytes() for path in sorted(STARTERS.glob("*.yaml"))),
        words=(b"&a", b"*a", b"<<: ", b"!!python/object:os.system ", b"{", b"[", b"- ", b": ", b"'", b'"', b"|\n", b"\t",
               b"1e400", b"9" * 5000, b"~", b".inf", b"\0", b"\xff", b"---\n", b"path: ", b"preset: ", b"keep: "),
    ),
    "mds": Target(run=shard, seeds=(mds(),), words=(b"\xff\xff\xff\xff", b"\0\0\0\0", b'"mask"', b"[]", b"{}", b"null")),
}  # fmt: skip


@st.composite
def spoiled(draw: st.DrawFn, target: Target, files: Sequence[bytes]) -> bytes:
    """A file of the target, after some steps that spoil it."""
    data = draw(st.sampled_from(files))
    for step in draw(
        st.lists(st.sampled_from(["flip", "cut", "word", "bytes", "delete", "repeat", "splice"]), max_size=6)
    ):
        at = draw(st.integers(0, len(data)))
        size = draw(st.integers(1, 200))
        if step == "flip":
            data = (
                data[:at]
                + bytes(byte ^ draw(st.integers(1, 255)) for byte in data[at : at + 1])
                + data[at + 1 :]
            )
        elif step == "cut":
            data = data[:at]
        elif step == "word":
            data = data[:at] + draw(st.sampled_from(target.words)) + data[at:]
        elif step == "bytes":
            data = data[:at] + draw(st.binary(max_size=40)) + data[at:]
        elif step == "delete":
            data = data[:at] + data[at + size :]
        elif step == "repeat":
            times = draw(st.sampled_from((2, 30, 1000, 30_000)))
            piece = draw(st.sampled_from((data[at : at + size], *target.words)))
            data = data[:at] + piece * min(times, _MOST_BYTES // max(1, len(piece))) + data[at:]
        else:
            data = data[:at] + draw(st.sampled_from(files))[at:]
    return draw(st.sampled_from(target.packs))(data[:_MOST_BYTES])


def memory_kib() -> int:
    """The most memory that this process held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def allowed_s(data: bytes) -> float:
    """How long a file may take: 641 bytes of gzip may hold 23,000 records, so a compressed one counts in full."""
    packed = compression_of(lambda start, size: data[start : start + size])
    return max(1.0, (_MOST_BYTES if packed else len(data)) * _SECONDS_A_BYTE)


def limited(run: Callable[[bytes], None], data: bytes) -> None:
    """Run a target on a file. Raises what it raises, and Fault where it takes too much time or memory."""

    def give_up(_number: int, _frame: object) -> None:
        raise Fault(f"not done after {_HANG_S} s of processor time")

    held_kib, began = memory_kib(), time.process_time()
    signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, _HANG_S)
    try:
        run(data)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    took_s, grew_kib = time.process_time() - began, memory_kib() - held_kib
    if took_s > allowed_s(data):
        raise Fault(f"{took_s:.1f} s over {len(data):,} bytes")
    if grew_kib > _MOST_MEMORY_KIB:
        raise Fault(f"{grew_kib / 1024:,.0f} MiB more over {len(data):,} bytes")


def corpus(name: str) -> list[bytes]:
    """The files of a target that once failed."""
    return [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]


def search(name: str, minutes: float) -> Path | None:
    """Spoil files until the time is over; return where the first that fails was written, None where none did."""
    target, failing = TARGETS[name], [b""]
    files = [*target.seeds, *corpus(name)]
    end, tried = time.monotonic() + minutes * 60, itertools.count()

    @settings(
        max_examples=_EXAMPLES, deadline=None, database=None, phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(data=spoiled(target, files))
    def attempt(data: bytes) -> None:
        next(tried)
        try:
            limited(target.run, data)
        except Exception:
            failing[0] = data
            raise

    for number in itertools.count(int(time.time())):
        if time.monotonic() > end:
            break
        try:
            seed(number)(attempt)()
        except Exception:  # noqa: BLE001 - whatever a reader raises is what this looks for
            try:
                limited(target.run, failing[0])
            except Exception:  # noqa: BLE001 - it was no accident of a busy machine
                traceback.print_exc()
                path = CORPUS / name / sha256(failing[0]).hexdigest()[:12]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(failing[0])
                return path
    print(f"{name}: {next(tried):,} files, no fault", flush=True)
    return None


def main() -> int:
    """Search the targets named, else all."""
    parser = argparse.ArgumentParser(description="feeds every reader with spoiled files")
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)} (default: all)"
    )
    parser.add_argument("--minutes", type=float, default=10, help="for each target (default: %(default)s)")
    options = parser.parse_args()
    found = [search(name, options.minutes) for name in options.targets or TARGETS]
    for path in filter(None, found):
        print(f"a file that fails: {path}")
    return int(any(found))


if __name__ == "__main__":
    sys.exit(main())
