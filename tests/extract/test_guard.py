from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from curation.extract.deadline import Deadline, clock_s
from curation.extract.extraction import Extraction
from curation.extract.guard import Fault, Guard, GuardError
from curation.extract.settings import Extract

HAZARDS = """
import os, signal, sys, time
from curation.extract.extraction import Extraction

pages = 0

def engine(html):
    global pages
    pages += 1
    for word, act in ACTS.items():
        if word in html:
            if "BUSY" in os.environ:
                open(os.environ["BUSY"], "w").close()
            act()
    return Extraction(text=html, title=str(pages), engine="hazards")

def hang():
    time.sleep(600)

def spin():
    import re
    re.match("(a+)+$", "a" * 60 + "b")  # native code that holds the interpreter

def fill():
    bytearray(10**12)

def chatter():
    print("a library writes to standard output", flush=True)
    os.write(1, b"and so does native code")

def fail():
    raise KeyError("no such thing")

def deep():
    def again():
        again()
    again()

ACTS = {
    "HANG": hang, "SPIN": spin, "FILL": fill, "CHATTER": chatter, "FAIL": fail, "DEEP": deep,
    "SEGV": lambda: os.kill(os.getpid(), signal.SIGSEGV), "EXIT": lambda: sys.exit(3),
    "LEAVE": lambda: os._exit(0), "SURROGATE": lambda: None,
}
"""


@pytest.fixture
def hazards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "hazardous.py").write_text(HAZARDS)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "hazardous:engine"


@pytest.fixture
def guard(hazards: str) -> Iterator[Guard]:
    with Guard(Extract(engine=hazards, timeout_s=1.5, max_memory_mib=4096)) as guard:
        yield guard


def state(pid: int) -> str:
    """The letter that proc(5) has for what a process does: R runs, S waits, Z is dead; "" where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def alive(pid: int) -> bool:
    return state(pid) not in ("", "Z", "X")  # a zombie is dead: only its parent has not asked yet


def has_ended(pid: int) -> bool:
    """Return whether a child's end can be collected: later than `not alive`, while its threads end one by one."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def until(condition: Callable[[], bool], limit_s: float = 120.0) -> bool:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ("HANG", Fault(name="extract.timeout", value=1.5, limit=1.5,
                       detail="the extraction was ended: it was waiting, not working, when its limit had passed")),
        ("SPIN", Fault(name="extract.timeout", value=1.5, limit=1.5,
                       detail="the extraction was ended: it took 1.5 s of processor time")),
        ("SEGV", Fault(name="extract.crash", value=None, limit=None, detail="ended by SIGSEGV")),
        ("EXIT", Fault(name="extract.crash", value=None, limit=None, detail="exited with 3")),
        ("LEAVE", Fault(name="extract.crash", value=None, limit=None, detail="exited with 0")),
        ("FILL", Fault(name="extract.memory", value=None, limit=4096.0,
                       detail="more than 4096 MiB of memory")),
        ("FAIL", Fault(name="extract.error", value=None, limit=None,
                       detail="KeyError: 'no such thing'")),
        ("DEEP", Fault(name="extract.error", value=None, limit=None,
                       detail="RecursionError: maximum recursion depth exceeded")),
    ],
)  # fmt: skip
def test_a_bad_page_is_one_fault_and_the_next_page_is_fine(guard: Guard, page: str, fault: Fault) -> None:
    assert guard.extract("before") == extraction("before", guard)
    assert guard.extract(page) == fault
    after = guard.extract("after")
    assert isinstance(after, Extraction)
    assert after.text == "after"


class Clock:
    """A clock that stands still until it is put forward."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s

    def wait(self, deadline: Deadline) -> None:
        """Wait until the deadline raises."""
        while True:
            self.now_s += deadline.left_s()
            time.sleep(0.005)  # in which a process that works does some


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
@pytest.mark.parametrize(
    ("program", "least_s", "most_s", "why"),
    [
        ("time.sleep(60)", 10.0, 11.0, "it was waiting, not working, when its limit had passed"),
        ("while True: pass", clock_s(10.0), clock_s(10.0), "it did not answer in 60 s"),
    ],
    ids=["waits", "works"],
)
def test_who_waits_is_given_up_soon_after_the_limit_and_who_works_is_not(
    program: str, least_s: float, most_s: float, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from curation.extract import deadline as module

    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    ready = "import time\nprint(flush=True)\n"
    with subprocess.Popen([sys.executable, "-c", ready + program], stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        assert until(lambda: state(child.pid) == ("S" if "sleep" in program else "R"))
        deadline = Deadline(child.pid, 10.0)
        with pytest.raises(TimeoutError) as caught:
            clock.wait(deadline)
        child.kill()
    assert str(caught.value) == why
    assert least_s <= clock.now_s - 100.0 <= most_s + 0.001


def extraction(text: str, guard: Guard) -> Extraction:
    # The first page of a child warms it up, so the first answer is its second page.
    return Extraction(text=text, title="2", engine="hazards", counts={})


@pytest.mark.slow
def test_answers_belong_to_their_pages_through_any_mix_of_faults(guard: Guard) -> None:
    mix = ["a", "SEGV", "b", "HANG", "c", "FAIL", "d", "EXIT", "e", "FILL", "f"]
    texts = [found.text if isinstance(found, Extraction) else None for found in map(guard.extract, mix)]
    assert texts == ["a", None, "b", None, "c", None, "d", None, "e", None, "f"]


def test_an_interrupted_page_leaves_nothing_for_the_next(
    guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    from curation.extract import guard as module

    guard.extract("first")
    receive = module._receive

    def interrupted(*arguments: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_receive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        guard.extract("interrupted")
    monkeypatch.setattr(module, "_receive", receive)
    found = guard.extract("next")
    assert isinstance(found, Extraction)
    assert found.text == "next"


def test_output_of_libraries_does_not_reach_the_answers(guard: Guard) -> None:
    found = guard.extract("CHATTER")
    assert isinstance(found, Extraction)
    assert found.text == "CHATTER"


def test_large_pages_and_lone_surrogates_pass_both_ways(hazards: str, guard: Guard) -> None:
    page = "é" * 5_000_000
    with Guard(Extract(engine=hazards, timeout_s=60)) as patient:
        found = patient.extract(page)
    assert isinstance(found, Extraction)
    assert found.text == page
    found = guard.extract("SURROGATE \ud800")
    assert isinstance(found, Extraction)
    assert found.text == "SURROGATE ?"


def test_a_child_that_dies_between_pages_costs_nothing(guard: Guard) -> None:
    guard.extract("first")
    first = guard.child_pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert until(lambda: has_ended(first))
    found = guard.extract("second")
    assert isinstance(found, Extraction)
    assert found.text == "second"
    assert guard.child_pid != first


def test_how_a_child_ended_is_told_however_long_that_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine its connection is closed long before its exit status is there."""
    (tmp_path / "lingering.py").write_text(
        "import os, time\n"
        "def engine(html):\n"
        "    if 'LEAVE' not in html:\n        return\n"
        "    os.closerange(3, 1000)\n"
        "    time.sleep(1)\n"
        "    os._exit(3)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with Guard(Extract(engine="lingering:engine", timeout_s=60)) as guard:
        found = guard.extract("LEAVE")
    assert found == Fault(name="extract.crash", value=None, limit=None, detail="exited with 3")


TOGETHER = """
class Engine:
    calls = 0

    def __call__(self, html):
        return engine(html)

    def source(self, html):
        return html[::-1]

    def extract_all(self, pages):
        self.calls += 1
        assert all(html == source[::-1] for html, source in pages)
        return [Extraction(text=engine(html).text, title=f"call {self.calls}", engine="hazards") for html, _ in pages]

together = Engine()
"""


@pytest.fixture
def together(hazards: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guard]:
    """A guard of an engine that reads several pages at once."""
    from curation.extract import guard as module

    (tmp_path / "hazardous.py").write_text(HAZARDS + TOGETHER)
    monkeypatch.setattr(module, "_TOGETHER", ("hazardous:together",))
    monkeypatch.setattr(module, "_PAGES_TOGETHER", 4)
    monkeypatch.setattr(module, "_BYTES_TOGETHER", 1000)
    with Guard(Extract(engine="hazardous:together", timeout_s=1.5, max_memory_mib=4096)) as guard:
        yield guard


def test_pages_go_together_by_number_and_size(together: Guard) -> None:
    pages = [b"a", b"b", b"c", b"d", b"e", b"f" * 990, b"g" * 2000, b"h", "é".encode()]
    found = together.extract_all(pages)
    assert [getattr(each, "text", None) for each in found] == [page.decode() for page in pages]
    calls = [getattr(each, "title", None) for each in found]
    assert calls[:6] == ["call 1"] * 4 + ["call 2"] * 2
    assert calls[6].isdigit()  # alone
    assert calls[7:] == ["call 3"] * 2
    assert together.extract_all([]) == []


@pytest.mark.slow
@pytest.mark.parametrize("page", ["HANG", "SPIN", "SEGV", "FILL", "FAIL"])
def test_a_batch_that_fails_is_tried_again_page_by_page(together: Guard, page: str) -> None:
    found = together.extract_all([b"a", page.encode(), b"c", b"d", b"e", b"f"])
    alone = together.extract_or_retry(page)
    assert [getattr(each, "text", None) for each in found] == [
        "a",
        getattr(alone, "text", None),
        "c",
        "d",
        "e",
        "f",
    ]
    assert isinstance(found[1], type(alone))
    assert [getattr(each, "title", "")[:4] for each in found[4:]] == ["call"] * 2


def test_the_child_is_recycled(hazards: str) -> None:
    with Guard(Extract(engine=hazards, timeout_s=5), recycle_pages=2) as guard:
        titles = [getattr(guard.extract(page), "title", "") for page in "abcde"]
    assert titles == ["2", "3", "2", "3", "2"]


def test_closing_ends_the_child(hazards: str) -> None:
    with Guard(Extract(engine=hazards, timeout_s=5)) as guard:
        guard.extract("page")
        pid = guard.child_pid
    assert pid is not None
    assert not alive(pid)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["", "HANG", "SPIN"])
def test_the_child_ends_when_its_parent_dies(hazards: str, tmp_path: Path, page: str) -> None:
    # Idle, asleep or in native code that never looks up: it must not outlive its parent.
    with (tmp_path / "hazardous.py").open("a") as module:  # what ends an orphan asleep, after 5 + 2 s, not 62
        module.write("\nfrom curation.extract import deadline\ndeadline.WALL = deadline.LEAST_S = 1\n")
    program = (
        "import sys, time\n"
        "sys.path[:0] = sys.argv[1:3]\n"
        "from curation.extract.guard import Guard\n"
        "from curation.extract.settings import Extract\n"
        "guard = Guard(Extract(engine=sys.argv[3], timeout_s=5.0))\n"
        "guard.extract('first')\n"
        "print(guard.child_pid, flush=True)\n"
        "guard.extract(sys.argv[4]) if sys.argv[4] else time.sleep(600)\n"
    )
    root, busy = str(Path(__file__).parent.parent.parent), tmp_path / "busy"
    with subprocess.Popen(
        [sys.executable, "-c", program, root, str(tmp_path), hazards, page],
        stdout=subprocess.PIPE,
        env=os.environ | {"BUSY": str(busy)},
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not page or until(busy.exists)
        parent.kill()
    assert until(lambda: not alive(pid))


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        ("trafilatur", "no extraction engine 'trafilatur'; there are trafilatura, blocks, fast, "),
        ("no.such:thing", "extraction engine 'no.such:thing' cannot be imported: No module named 'no'"),
    ],
)  # fmt: skip
def test_an_unknown_engine_is_an_error_not_a_fault(
    engine: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with Guard(Extract(engine=engine)) as guard, pytest.raises(GuardError) as caught:
        guard.extract("page")
    assert str(caught.value) == (
        f"the extraction process for engine {engine!r} did not start: exited with 1 (the extraction"
        " process has gone); its own message is on the standard error of this process"
    )
    assert message in capfd.readouterr().err
