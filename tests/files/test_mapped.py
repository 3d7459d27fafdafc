"""Tables that processes of a host map: whoever races, is killed or leaves a part behind, what counts is whole."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import fsspec
import pytest

from curation.files.mapped import SEAL, NotWhole, building, made, opened

FILES = {"a.npy": b"a" * 5000, "b.npy": b""}
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copies go into a folder of the test's own."""
    (tmp_path / "temp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    return tmp_path / "temp"


def written(folder: Path) -> None:
    for name, data in FILES.items():
        (folder / name).write_bytes(data)


def read(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.name != SEAL}


def started(code: str, temp: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"TMPDIR": str(temp)}
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], env=environment, cwd=ROOT)


#: Makes the folder when the other process is there, too; each line of the log is one making.
RACING = """
import os, sys, time
from pathlib import Path
from curation.files.mapped import made

def make(folder):
    began = time.monotonic()
    while len(list(Path({here!r}).glob("ready-*"))) < 2:
        time.sleep(0.01)
        assert time.monotonic() < began + 200, "the other process did not come"
    with open({here!r} + "/log", "a") as lines:
        lines.write("made\\n")
    (folder / "a.npy").write_bytes(b"a" * 5000)

Path({here!r}, f"ready-{{os.getpid()}}").touch()
sys.exit((made("table", make) / "a.npy").read_bytes() != b"a" * 5000)
"""


def test_of_two_processes_one_makes_it_and_both_have_it(own_folder: Path, tmp_path: Path) -> None:
    both = [started(RACING.format(here=str(tmp_path)), own_folder) for _ in range(2)]
    assert [each.wait(300) for each in both] == [0, 0]
    assert (tmp_path / "log").read_text() == "made\n"


#: Dies in the middle of a file.
KILLED = """
import os, signal
from curation.files.mapped import made

def make(folder):
    (folder / "a.npy").write_bytes(b"a" * 10)
    os.kill(os.getpid(), signal.SIGKILL)

made("table", make)
"""


def test_what_a_killed_process_left_does_not_count_and_holds_nobody_up(own_folder: Path) -> None:
    assert started(KILLED, own_folder).wait() == -signal.SIGKILL
    assert list(own_folder.rglob("a.npy")), "nothing was left behind"
    assert read(made("table", written)) == FILES
    assert not list(own_folder.rglob("*.part"))


@pytest.mark.parametrize("name", ["a.npy", SEAL])
@pytest.mark.parametrize("how", ["cut", "gone"])
def test_a_leftover_that_is_cut_short_is_made_again(name: str, how: str) -> None:
    folder = made("table", written)
    if how == "cut":
        os.truncate(folder / name, 7)
    else:
        (folder / name).unlink()
    assert read(made("table", written)) == FILES

    def never(folder: Path) -> None:
        raise AssertionError

    assert made("table", never) == folder


def test_a_failure_is_told_and_leaves_nothing(own_folder: Path) -> None:
    def fails(folder: Path) -> None:
        written(folder)
        raise ValueError("line 3")

    with pytest.raises(ValueError, match="line 3"):
        made("table", fails)
    assert not list(own_folder.rglob("a.npy"))
    assert read(made("table", written)) == FILES


def test_what_nobody_used_for_a_day_goes_when_the_next_one_is_made(own_folder: Path) -> None:
    old, used = made("old", written), made("used", written)
    for lock in own_folder.rglob("*.lock"):
        os.utime(lock, (1, 1))
    assert made("used", written) == used
    with (old / "a.npy").open("rb") as mapping:
        made("new", written)
        assert mapping.read() == FILES["a.npy"]
    (root,) = own_folder.iterdir()
    assert sorted(each.name for each in root.iterdir()) == ["new", "new.lock", "used", "used.lock"]


def test_what_is_made_again_while_another_process_sweeps_stays(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweeper has found a table unused; before it has the lock, others sweep it and make it anew."""
    old = made("old", written)
    (root,) = own_folder.iterdir()
    lock = root / "old.lock"
    os.utime(lock, (1, 1))
    hold = fcntl.flock

    def late(file: Any, how: int) -> None:
        if how & fcntl.LOCK_NB and os.path.samestat(os.fstat(file.fileno()), lock.stat()) and not again:
            again.append(lock.unlink())
            shutil.rmtree(old)
            made("old", written)
        hold(file, how)

    again: list[None] = []
    monkeypatch.setattr(fcntl, "flock", late)
    made("new", written)
    assert again
    assert read(old) == FILES


@pytest.mark.parametrize("where", ["memory://store/table", "{tmp}/table", "file://{tmp}/table"])
def test_what_is_built_in_a_store_is_opened_on_every_host(tmp_path: Path, where: str) -> None:
    url = where.format(tmp=tmp_path)
    with building(url) as folder:
        written(folder)
        with pytest.raises(NotWhole, match="it has no seal"):
            opened(url)
    found = opened(url)
    assert read(found) == FILES
    assert opened(url) == found
    assert (found == tmp_path / "table") == ("tmp" in where), "a local one is mapped where it lies"


def test_other_bytes_under_the_same_url_are_another_copy() -> None:
    found = []
    for data in (b"one", b"two"):  # of one size
        with building("memory://store/changed") as folder:
            (folder / "a.npy").write_bytes(data)
        found.append(opened("memory://store/changed"))
    assert [read(each) for each in found] == [{"a.npy": b"one"}, {"a.npy": b"two"}]


def test_tables_that_are_not_whole_are_named(tmp_path: Path, own_folder: Path) -> None:
    url = str(tmp_path / "table")
    with building(url) as folder:
        written(folder)
    os.truncate(folder / "a.npy", 4096)
    told = "its a.npy has 4,096 bytes, not 5,000. Run again: another run removed them, or a disk was full"
    with pytest.raises(NotWhole) as error:
        opened(url)
    assert str(error.value) == f"{url}: these tables are not whole: {told}"
    remote = "memory://store/wrong"
    with building(remote) as folder:
        written(folder)
    fsspec.filesystem("memory").pipe_file("/store/wrong/a.npy", b"b" * 5000)
    with pytest.raises(NotWhole, match="what was copied from it has other bytes than its seal says"):
        opened(remote)
    assert not list(own_folder.rglob("a.npy")), "a wrong copy stays"


def test_another_user_s_folder_is_refused(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own_folder / f"curation-{os.getuid()}").mkdir()
    (own_folder / f"curation-{os.getuid() + 1}").mkdir()
    other = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: other)
    with pytest.raises(PermissionError, match="belongs to another user; name another folder by TMPDIR"):
        made("table", written)
