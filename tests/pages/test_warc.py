from __future__ import annotations

import gzip
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.files.block_file import BlockFile
from curation.pages.archives.containers import records
from curation.pages.archives.grammar import header_fields
from curation.pages.archives.records import ArchiveRecord, DamagedRange

Make = Callable[..., bytes]


def whole(path: Path) -> list[ArchiveRecord | DamagedRange]:
    with BlockFile(str(path)) as source:
        return list(records(source, 0, max(1, source.size_bytes)))


def in_steps(path: Path, step: int) -> list[ArchiveRecord | DamagedRange]:
    with BlockFile(str(path)) as source:
        size = max(1, source.size_bytes)
        return [
            found
            for start in range(0, size, step)
            for found in records(source, start, min(start + step, size))
        ]


def ids(found: list[ArchiveRecord | DamagedRange]) -> list[str]:
    return [one.headers["warc-record-id"] for one in found if isinstance(one, ArchiveRecord)]


def numbers(*expected: int) -> list[str]:
    return [f"<urn:uuid:{number}>" for number in expected]


def damages(found: list[ArchiveRecord | DamagedRange]) -> list[DamagedRange]:
    return [one for one in found if isinstance(one, DamagedRange)]


@pytest.mark.parametrize("suffix", ["warc", "warc.gz"])
def test_intact_records_come_with_their_place(
    tmp_path: Path, make_record: Make, make_member: Make, suffix: str
) -> None:
    make = make_member if suffix.endswith("gz") else make_record
    parts = [make(number) for number in range(3)]
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"".join(parts))
    found = whole(path)
    assert ids(found) == numbers(0, 1, 2)
    assert [(one.offset, one.length) for one in found] == [
        (0, len(parts[0])),
        (len(parts[0]), len(parts[1])),
        (len(parts[0]) + len(parts[1]), len(parts[2])),
    ]


def broken_length_short(make: Make) -> bytes:
    return make(1, length=70)


def broken_length_long(make: Make) -> bytes:
    return make(1, length=10_000_000)


def broken_length_text(make: Make) -> bytes:
    return make(1, length="abc")


def broken_version(make: Make) -> bytes:
    return make(1, version="WARK/7.7")


@pytest.mark.parametrize("suffix", ["warc", "warc.gz"])
@pytest.mark.parametrize(
    ("damage", "detail"),
    [
        (broken_length_short, "the block goes on after its Content-Length, with "),
        (broken_length_long, "Content-Length is 10000000, but only "),
        (broken_length_text, "Content-Length is 'abc', not a number of bytes"),
        (broken_version, "no WARC record starts here, but b'WARK/7.7"),
    ],
)
def test_a_broken_record_costs_only_itself(
    tmp_path: Path, make_record: Make, make_member: Make, damage: Callable[[Make], bytes],
    detail: str, suffix: str,
) -> None:  # fmt: skip
    make = make_member if suffix.endswith("gz") else make_record
    bad = damage(make)
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(make(0) + bad + make(2) + make(3))
    found = whole(path)
    assert ids(found) == numbers(0, 2, 3)
    [failure] = damages(found)
    assert failure.detail.startswith(detail)
    assert (failure.offset, failure.length) == (len(make(0)), len(bad))


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("spoil", "detail"),
    [
        (lambda member: flip(member, len(member) - 8), "incorrect data check"),
        (lambda member: flip(member, len(member) - 4), "incorrect length check"),
        (lambda member: flip(member, 40), "no gzip member that starts with"),
        (lambda member: b"\0" * 500, "no gzip member that starts with a WARC record"),
        (lambda member: b"\x1f\x8b\x08 not a member", "no gzip member that starts with"),
    ],
)
def test_a_damaged_member_costs_only_itself(
    tmp_path: Path, make_member: Make, spoil: Callable[[bytes], bytes], detail: str
) -> None:
    bad = spoil(make_member(1))
    path = tmp_path / "a.warc.gz"
    path.write_bytes(make_member(0) + bad + make_member(2))
    found = whole(path)
    assert ids(found) == numbers(0, 2)
    [failure] = damages(found)
    assert detail in failure.detail
    assert (failure.offset, failure.length) == (len(make_member(0)), len(bad))


def test_a_member_cut_off_by_the_end_is_a_failure(tmp_path: Path, make_member: Make) -> None:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(make_member(0) + make_member(1)[:-9])
    found = whole(path)
    assert ids(found) == numbers(0)
    assert [failure.detail for failure in damages(found)] == ["the file ends inside a gzip member"]


def test_a_missing_trailer_is_forgiven_and_an_empty_file_is_not(
    tmp_path: Path, make_record: Make, make_member: Make
) -> None:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(make_member(0, trailer=b"") + make_member(1))
    assert ids(whole(path)) == numbers(0, 1)
    assert damages(whole(path)) == []
    plain = tmp_path / "a.warc"
    plain.write_bytes(make_record(0, trailer=b"\r\n") + make_record(1, trailer=b""))
    assert ids(whole(plain)) == numbers(0, 1)
    plain.write_bytes(b"")
    assert whole(plain) == [DamagedRange(offset=0, length=0, detail="the file is empty")]


def test_a_file_gzipped_as_a_whole_or_in_blocks_is_read(tmp_path: Path, make_record: Make) -> None:
    text = b"".join(make_record(number) for number in range(50))
    path = tmp_path / "a.warc.gz"
    path.write_bytes(gzip.compress(text))
    assert ids(whole(path)) == numbers(*range(50))
    blocks = [text[start : start + 777] for start in range(0, len(text), 777)]
    path.write_bytes(b"".join(map(gzip.compress, blocks)))
    assert ids(whole(path)) == numbers(*range(50))
    assert damages(whole(path)) == []
    for step in (1, 100, 1000):
        assert in_steps(path, step) == whole(path)


def test_damage_inside_one_member_costs_nothing_before_it(tmp_path: Path, make_record: Make) -> None:
    noise = random.Random(1)
    parts = [make_record(n, block=noise.randbytes(5000)) for n in range(40)]
    packed = gzip.compress(b"".join(parts), mtime=0)
    path = tmp_path / "a.warc.gz"
    path.write_bytes(packed[:-8] + b"\0\0\0\0" + packed[-4:])
    assert ids(whole(path)) == numbers(*range(40))
    assert damages(whole(path)) == []  # all are there, in doubt
    path.write_bytes(packed[: len(packed) // 2] + b"\xff" * 3000)
    found = ids(whole(path))
    assert found[:19] == numbers(*range(19))
    assert len(damages(whole(path))) == 1


def test_a_bad_record_inside_one_member_costs_only_itself(tmp_path: Path, make_record: Make) -> None:
    path = tmp_path / "a.warc.gz"
    text = make_record(0) + make_record(1, length=20) + make_record(2)
    path.write_bytes(gzip.compress(text))
    assert ids(whole(path)) == numbers(0, 2)
    assert len(damages(whole(path))) == 1


@pytest.mark.parametrize("suffix", ["warc", "warc.gz"])
def test_a_record_above_the_cap_is_passed_over(
    tmp_path: Path, make_record: Make, make_member: Make, suffix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("curation.pages.archives.records.MAX_BODY_BYTES", 3000)
    make = make_member if suffix.endswith("gz") else make_record
    path = tmp_path / f"a.{suffix}"
    large = make(1, block=b"x" * 3001)
    path.write_bytes(make(0, block=b"x" * 3000) + large + make(2))
    found = whole(path)
    assert ids(found) == numbers(0, 2)
    [failure] = damages(found)
    assert failure == DamagedRange(
        offset=len(make(0, block=b"x" * 3000)),
        length=len(large),
        reason="pages.too_large",
        detail="http://example.org/1: a block of 3001 bytes, the limit is 3000",
    )
    assert in_steps(path, 100) == found


PIECES = st.lists(
    st.sampled_from(["good", "good", "request", "short", "long", "text", "garbage", "nul", "cut"]),
    max_size=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=PIECES, packed=st.booleans(), step=st.integers(1, 5000), seed=st.integers(0, 9))
def test_any_split_size_gives_the_same_records_once(
    tmp_path: Path, make_record: Make, make_member: Make, pieces: list[str], packed: bool,
    step: int, seed: int,
) -> None:  # fmt: skip
    make = make_member if packed else make_record
    noise = random.Random(seed).randbytes(700)
    data = b""
    good = []
    for number, piece in enumerate(pieces):
        if piece in ("good", "request"):
            good.append(number)
        data += {
            "good": lambda n: make(n),
            "request": lambda n: make(n, kind="request"),
            "short": lambda n: make(n, length=70),
            "long": lambda n: make(n, length=9_999),
            "text": lambda n: make(n, length="x"),
            "garbage": lambda n: noise,
            "nul": lambda n: b"\0" * 300,
            "cut": lambda n: make(n)[:-20],
        }[piece](number)
    path = tmp_path / ("a.warc.gz" if packed else "a.warc")
    path.write_bytes(data)
    found = whole(path)
    assert in_steps(path, step) == found
    assert ids(found) == numbers(*good)
    assert (len(damages(found)) > 0) == (len(good) < len(pieces) or not pieces)


def test_header_fields_are_read_tolerantly() -> None:
    head = b"HTTP/1.1 200\r\nA: 1\nno colon\r\nB : two\r\n  folded\r\na: later\r\nC: caf\xe9"
    assert header_fields(head) == {"a": "1", "b": "two folded", "c": "café"}


@pytest.mark.shared
def test_every_intact_record_of_the_damaged_containers_is_read(shared: Path) -> None:
    import json

    truth = json.loads((shared / "data/broken/truth.json").read_text())
    undamaged = {"missing_trailing_crlf", "single_member_whole_file", "uncompressed", "no_target_uri"}
    for name, facts in truth.items():
        path = shared / "data" / name
        found = whole(path)
        responses = [
            one for one in found if isinstance(one, ArchiveRecord) and one.headers["warc-type"] == "response"
        ]
        assert len(responses) == facts["intact_response_records"], name
        expected = 0 if Path(name).name.split(".")[0] in undamaged else 1
        assert len(damages(found)) == expected, name
        for step in (4096, 2**16):
            assert in_steps(path, step) == found, name


@pytest.mark.shared
def test_real_archives_are_read_alike_by_any_split(shared: Path) -> None:
    paths = sorted((shared / "data/real_warcs").glob("*.warc*"))
    assert paths
    for path in paths:
        found = whole(path)
        assert found, path
        assert in_steps(path, 10_001) == found, path


def test_a_length_of_thousands_of_digits_costs_one_record(tmp_path: Path, make_record: Make) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(make_record(0) + make_record(1, length="9" * 5000) + make_record(2))
    found = whole(path)
    assert ids(found) == numbers(0, 2)
    (damage,) = damages(found)
    assert damage.detail == f"Content-Length is {'9' * 40!r}, not a number of bytes"


def test_a_length_above_the_cap_that_is_wrong_costs_no_record_after_it(
    tmp_path: Path, make_record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.pages.archives.records.MAX_BODY_BYTES", 1000)
    path = tmp_path / "a.warc"
    after = [make_record(number) for number in range(2, 12)]
    path.write_bytes(b"".join([make_record(0), make_record(1, length=1500), *after]))
    found = whole(path)
    assert ids(found) == numbers(0, *range(2, 12))
    (damage,) = damages(found)
    assert damage.detail == "Content-Length is 1500, and no record ends there"
    assert damage.length == len(make_record(1, length=1500))


def test_a_file_that_shrinks_while_it_is_read_is_an_error_and_no_endless_search(
    tmp_path: Path, make_member: Make
) -> None:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(make_member(0) + b"x" * 600_000)
    with BlockFile(str(path)) as source:
        os.truncate(path, 300_000)
        with pytest.raises(OSError, match=r"a\.warc\.gz: ends after 300,000 bytes, but had 600,") as error:
            list(records(source, 0, source.size_bytes))
    assert str(error.value).endswith("it was opened; files must not change while they are read")
