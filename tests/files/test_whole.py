"""Files and directories that are whole or not there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import fsspec
import pytest

from curation.files.whole import replacing, replacing_directory, write_whole


def fill(path: Path) -> None:
    """Write to a disk that is full soon."""
    path.write_bytes(b"tw")
    raise OSError("disk full")


@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_is_written_and_replaced(tmp_path: Path, kind: type) -> None:
    path = tmp_path / "a.json"
    for data in (b"one", b"", b"three"):
        write_whole(kind(path), data)
        assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"a.json": data}
    plain = tmp_path / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode


def test_a_url_is_written_and_replaced() -> None:
    url = f"memory://{uuid.uuid4().hex}/a.json"
    for data in (b"one", b"three"):
        write_whole(url, data)
        assert fsspec.open(url).open().read() == data


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "none" / "a.json", b"one")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"one")
    with pytest.raises(OSError, match="disk full"), replacing(path) as part:
        fill(part)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"a.json": b"one"}


def test_the_next_write_removes_what_a_killed_one_left_long_ago(tmp_path: Path) -> None:
    old, new = (tmp_path / f".a[1].json.{uuid.uuid4().hex}.part" for _ in range(2))
    other = tmp_path / f".b.json.{uuid.uuid4().hex}.part"
    for part in (old, new, other):
        part.write_bytes(b"half")
    for part in (old, other):
        os.utime(part, (0, 0))
    write_whole(tmp_path / "a[1].json", b"one")
    assert {file.name for file in tmp_path.iterdir()} == {"a[1].json", new.name, other.name}


def test_readers_beside_many_writers_see_whole_files_alone(tmp_path: Path) -> None:
    path, contents = tmp_path / "a.json", [bytes([n]) * 200_000 for n in range(4)]
    write_whole(path, contents[0])

    def write(data: bytes) -> None:
        for _ in range(30):
            write_whole(path, data)

    threads = [threading.Thread(target=write, args=(data,)) for data in contents]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert path.read_bytes() in contents
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


#: Dies in the middle of a file.
KILLED = """
import os, signal, sys
from curation.files import whole

with getattr(whole, sys.argv[1])(sys.argv[2]) as part:
    (part / "a" if part.is_dir() else part).write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("how", ["replacing", "replacing_directory"])
def test_what_a_killed_process_left_has_not_the_name_and_stops_nobody(tmp_path: Path, how: str) -> None:
    path = tmp_path / "new"
    killed = subprocess.run([sys.executable, "-c", KILLED, how, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".part")
    assert not path.exists()
    if how == "replacing":
        assert left.name.startswith("."), "Spark and Arrow would read it"
        write_whole(path, b"whole")
        assert path.read_bytes() == b"whole"
    else:
        with replacing_directory(path) as part:
            assert list(part.iterdir()) == []
        assert [file.name for file in tmp_path.iterdir()] == ["new"]


def test_a_directory_takes_the_place_of_another_or_nothing_changes(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "table"
    with replacing_directory(path) as part:
        (part / "a").write_bytes(b"one")
        assert not path.exists()
    with pytest.raises(OSError, match="disk full"), replacing_directory(path) as part:
        fill(part / "a")
    assert [file.read_bytes() for file in path.iterdir()] == [b"one"]
    with replacing_directory(path) as part:
        (part / "b").write_bytes(b"two")
    assert [file.name for file in path.iterdir()] == ["b"]
    assert os.listdir(path.parent) == ["table"]
