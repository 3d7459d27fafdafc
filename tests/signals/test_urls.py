"""Addresses on lists and words in them, beside brute force over plain sets."""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import fsspec
import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.files import mapped
from curation.signals import blocklist
from curation.signals.blocklist import bad_entries, damage, entries, files, left_out, load, suffixes
from curation.signals.urls import blocked_entry_count, url_word_count
from curation.text.address import site, split_url
from curation.text.text import Text


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled lists go into a folder of the test's own."""
    (tmp_path / "temp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    load.cache_clear()


def written(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return str(path)


def blocked(url: str, *lists: str, allow: tuple[str, ...] = ()) -> float:
    return blocked_entry_count(Text("any", url=url), lists=lists, allow=allow)


LIST = "bad.org\nwww.dots.net.\n# all of it\n0.0.0.0 hosts.example # why\n||adblock.com^\nBÜCHER.de\nxxx\nmixed.org/Path/a\n*.star.io\nhttps://straße.de/\n"


@pytest.mark.parametrize(
    ("url", "count"),
    [
        ("http://bad.org/x", 1),
        ("https://a.b.bad.org:8080/x", 1),
        ("HTTP://USER:PW@WWW.BAD.ORG.", 1),
        ("bad.org", 1),
        ("//bad.org/x", 1),
        ("http://notbad.org/", 0),
        ("http://bad.org.uk/", 0),
        ("http://good.org/http://bad.org/", 0),
        ("http://bad.org@good.org/", 0),
        ("http://dots.net/", 0),
        ("http://www.dots.net/", 1),
        ("http://x.hosts.example/", 1),
        ("http://adblock.com?x", 1),
        ("http://xn--bcher-kva.de/", 1),
        ("http://bücher.de/", 1),
        ("http://bad.org.xxx/", 1),
        ("http://bad.xxx.bad.org/", 1),
        ("http://mixed.org/Path/a", 1),
        ("http://www.mixed.org/Path/a/b?c", 1),
        ("http://mixed.org/Path/ab", 0),
        ("http://mixed.org/path/a", 0),
        ("http://mixed.org/", 0),
        ("http://a.star.io/", 1),
        ("http://xn--strae-oqa.de/x", 1),
        ("http://strasse.de/x", 0),
        ("http://b%61d.org/", 1),
        ("", 0),
        ("http://", 0),
    ],
)
def test_an_address_on_a_list(tmp_path: Path, url: str, count: int) -> None:
    assert blocked(url, written(tmp_path / "l.txt.gz", LIST)) == count


def test_an_allowed_entry_ends_the_count(tmp_path: Path) -> None:
    bad = written(tmp_path / "bad", "example.org\nbad.good.example.org\norg\n")
    good = written(tmp_path / "good", "good.example.org\nexample.org/fine\n")
    counts = {
        "http://example.org/": 2, "http://example.org/fine/x": 0, "http://good.example.org/": 0,
        "http://www.good.example.org/": 0, "http://bad.good.example.org/": 1, "http://x.org/": 1,
    }  # fmt: skip
    assert {url: blocked(url, bad, allow=(good,)) for url in counts} == counts


def test_a_folder_as_toulouse_has_them(tmp_path: Path) -> None:
    written(tmp_path / "ut1" / "adult" / "domains", "a.org\n")
    written(tmp_path / "ut1" / "adult" / "urls.gz", "b.org/x\n")
    written(tmp_path / "ut1" / "adult" / "expressions", "(a|b) c\n")
    written(tmp_path / "ut1" / "README", "what this is\n")
    folder = str(tmp_path / "ut1")
    assert [Path(path).name for path in files(folder)] == ["domains", "urls.gz"]
    assert [blocked(f"http://{url}", folder) for url in ("x.a.org", "b.org/x", "b.org/y")] == [1, 1, 0]
    assert damage(folder) is None


def test_compiled_once_and_anew_where_a_file_changed(tmp_path: Path) -> None:
    path = written(tmp_path / "l", "a.org\n")
    first = blocked("a.org", path), blocked("b.org", path)
    made = list((tmp_path / "temp").rglob("hashes.u64"))
    load.cache_clear()
    assert (blocked("a.org", path), blocked("b.org", path)) == first == (1, 0)
    assert list((tmp_path / "temp").rglob("hashes.u64")) == made
    written(tmp_path / "l", "b.org\n")
    os.utime(path, (1, 1))
    load.cache_clear()
    assert (blocked("a.org", path), blocked("b.org", path)) == (0, 1)


def test_a_list_behind_a_store_that_tells_no_time_is_named_by_its_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mapped, "_MARKS", ())
    store = fsspec.filesystem("memory")
    for host, other in (("a.org", "b.org"), ("b.org", "a.org")):
        store.pipe_file("/list.txt", f"{host}\n".encode())  # of one size
        load.cache_clear()
        assert (blocked(host, "memory://list.txt"), blocked(other, "memory://list.txt")) == (1, 0)


HOST = st.lists(st.text("ab", min_size=1, max_size=2), min_size=1, max_size=4).map(".".join)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(listed=st.lists(HOST, min_size=1, max_size=40), hosts=st.lists(HOST, min_size=1))
def test_every_domain_above_a_host_is_looked_up(tmp_path: Path, listed: list[str], hosts: list[str]) -> None:
    path = tmp_path / f"{abs(hash(tuple(listed)))}.txt"
    path.write_text("\n".join(listed))
    known = set(listed)
    for host in hosts:
        assert blocked(f"http://{host}/", str(path)) == sum(suffix in known for suffix in suffixes(host))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(1, 5000))
def test_what_is_listed_is_found_and_nothing_else(tmp_path: Path, count: int) -> None:
    path = tmp_path / f"{count}.txt"
    path.write_text("\n".join(f"h{i}.org" for i in range(count)))
    entries = blocklist.load((str(path),))
    assert len(entries) == count
    assert all(f"h{i}.org" in entries for i in range(count))
    assert not any(f"h{i}.org" in entries for i in range(count, 2 * count))


def test_a_compiled_list_is_mapped_not_loaded(tmp_path: Path) -> None:
    entries = load((written(tmp_path / "l", "a.org\n"),))
    base = entries._hashes.obj
    assert isinstance(base, np.memmap)
    assert not base.flags.writeable


WRONG = [
    ("l.txt", b"\x00\x01\n", "'{path}' has no entries; '\x00\x01' is no host or URL"),
    ("l.txt", b"# nothing\n\n", "'{path}' has no entries"),
    (
        "l.txt",
        "a.org\n".encode("utf-16"),
        "'{path}' has no entries; '\ufffd\ufffda\x00.\x00o\x00r\x00g\x00' is no host or URL",
    ),
    (
        "l.gz",
        gzip.compress(b"a.org\n" * 99, mtime=0)[:-3],
        "'{path}' cannot be read or is truncated: {path}: cannot be unpacked: the file ends inside a gzip member",
    ),
]


@pytest.mark.parametrize(("name", "data", "mistake"), WRONG)
def test_what_is_wrong_with_a_list(tmp_path: Path, name: str, data: bytes, mistake: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert str(damage(str(path))).startswith(mistake.format(path=path))


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, bz2.compress, lzma.compress])
def test_a_list_is_unpacked_by_its_content(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    for name in ("l.txt", "folder/domains.xz", "folder/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pack(b"notes.example\n" if "notes" in name else b"a.org\ncasino\n"))
    for lists in (str(tmp_path / "l.txt"), str(tmp_path / "folder")):
        assert blocked("https://a.org/b", lists) == 1
        assert blocked("https://notes.example/", lists) == 0
    text = Text("any", url="https://a.example/casino")
    assert url_word_count(text, list=str(tmp_path / "l.txt")) == 1


def test_an_address_is_one_however_it_is_written(tmp_path: Path) -> None:
    lists = written(tmp_path / "l.txt", "0x7f.1\n10.0.0.1/a\n[2001:DB8::0:1]\n")
    for url in ("http://127.0.0.1/b", "http://2130706433", "http://10.1/a/b", "http://[2001:db8:0::1]/"):
        assert blocked(url, lists) == 1
    assert blocked("http://127.0.0.2/", lists) == 0


def test_a_bad_line_costs_that_line_and_is_shown(tmp_path: Path) -> None:
    lines = [
        "a.org",
        "no host",
        "نامه‌ای.example",
        "<html>",
        "b.org/x",
        "ads.com^$third-party",
        "..",
        "c.org # why",
        "x" * 64 + ".ORG",
    ]
    path = written(tmp_path / "l.txt", "\n".join(lines))
    assert [entry for _, entry in entries(path)] == [
        "a.org",
        "xn--mgba3gch31f060k.example",
        "b.org/x",
        "c.org",
    ]
    assert [number for number, _ in bad_entries(path)] == [2, 4, 6, 7, 9]
    assert damage(path) is None
    assert left_out(path) == (
        f"'{path}': 5 lines that are no host or URL are left out: {path}, line 2: 'no host'; {path}, line 4: '<html>'; "
        f"{path}, line 6: 'ads.com^$third-party'; and 2 more"
    )
    assert blocked("http://xn--mgba3gch31f060k.example/", path) == 1
    assert left_out(written(tmp_path / "one.txt", "a.org\n<x\n")) == (
        f"'{tmp_path}/one.txt': 1 line that is no host or URL is left out: {tmp_path}/one.txt, line 2: '<x'"
    )
    assert left_out(written(tmp_path / "good.txt", "a.org\n")) is None


def test_an_empty_folder_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    assert damage(str(tmp_path / "none")) == f"'{tmp_path / 'none'}' is a folder without lists"


WORDS = ("Casino", "free", "sex")


@pytest.mark.parametrize(
    ("url", "words", "anywhere"),
    [
        ("http://a.org/FREE/casino", 2, 2),
        ("http://freecasino.org/essex", 0, 3),
        ("http://a.org/fr%65e_SEX-x", 2, 2),
        ("http://free.free/", 1, 1),
        ("", 0, 0),
    ],
)
def test_words_in_an_address(tmp_path: Path, url: str, words: int, anywhere: int) -> None:
    text, path = Text("", url=url), written(tmp_path / "w.gz", "# some\nCasino\nfree\n\n")
    assert url_word_count(text, words=WORDS) == url_word_count(text, words=("sex",), list=path) == words
    assert url_word_count(text, words=WORDS, where="anywhere") == anywhere


ODD = [
    "\0",
    "\ud800",
    "http://" + "a." * 100_000,
    "http://a.org/" + "a/" * 100_000,
    "http://" + "@" * 100_000,
    "http://[::1",
    "://",
    "%",
    "http://é\ud800.de",
    "http://a" + "\u0301" * 300 + ".de",
    "x" * 1_000_000,
]


@pytest.mark.parametrize("url", ODD, ids=lambda url: ascii(url[:12]))
def test_any_address_has_a_count(tmp_path: Path, url: str) -> None:
    path = written(tmp_path / "l", "a.org/b\nxx\n")
    for value in (
        blocked(url, path, allow=(path,)),
        blocked(url, path),
        url_word_count(Text("", url=url), words=WORDS),
    ):
        assert type(value) is float
        assert 0 <= value < math.inf
    assert all(isinstance(part, str) for part in (*split_url(url), site(url), site(url, 2)))
