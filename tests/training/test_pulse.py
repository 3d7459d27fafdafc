"""Who is missing, who is slow, and when garbage goes."""

import gc
import io
import json
import os
import signal
import sys
import time

import pytest
import torch
import torch.distributed as dist

from training.parallel import Ranks, process_group
from training.report.pulse import Collector, Pulse, behind
from training.report.speed import Times, slow
from training.watch import Signals

from .forks import until

ALIVE = {
    "host": "a",
    "pid": 7,
    "points": 9,
    "step": 4,
    "doing": "learning",
    "waited_s": 3.2,
    "written": 100.0,
}


@pytest.mark.parametrize(
    ("beats", "told"),
    [
        ({0: ALIVE, 1: ALIVE}, ""),
        ({0: ALIVE}, "rank 1 never began"),
        ({0: ALIVE, 1: {**ALIVE, "ended": "done"}}, ""),
        (
            {0: ALIVE, 1: {**ALIVE, "ended": "ShardError: x.mds: truncated"}},
            "rank 1 (process 7 on a) ended at step 4, learning: ShardError: x.mds: truncated",
        ),
        (
            {0: {**ALIVE, "written": 60.0}, 1: ALIVE},
            "rank 0 (process 7 on a) was last heard of 41 s ago, learning at step 4",
        ),
        (
            {0: ALIVE, 1: {**ALIVE, "points": 8, "doing": "saving a checkpoint"}},
            "rank 1 (process 7 on a) has been saving a checkpoint at step 4 for 3 s, "
            "while the other ranks wait for it",
        ),
    ],
)
def test_who_is_missing(beats, told):
    assert behind(beats, 2, now=101.0, silent_s=5.0) == told


def waiting(tmp_path, path, said):
    """Wait for a rank that never comes, until that is told; then fail."""
    place = Ranks(rank=0, world_size=2, device=torch.device("cpu"))
    with Pulse(tmp_path, place, timeout_s=1.0) as pulse:
        for step in range(3):
            pulse.at(step, "learning")
        until(lambda: json.loads(path.read_text())["points"] == 4)  # "beginning" is the first
        until(lambda: said.getvalue().endswith("\n"))  # it waits, and tells before the time is out
        assert set(said.getvalue().splitlines()) == {"rank 1 never began"}  # twice if it was held up
        raise KeyError("why")


def test_a_heart_beats_by_itself_and_says_how_it_ended(tmp_path, monkeypatch):
    path = tmp_path / "heartbeats" / "rank-00000.json"
    said = io.StringIO()  # which a thread may write to while it is read, as capsys's cannot
    monkeypatch.setattr(sys, "stderr", said)
    with pytest.raises(KeyError):
        waiting(tmp_path, path, said)
    beat = json.loads(path.read_text())
    assert (beat["step"], beat["doing"], beat["ended"]) == (2, "learning", "KeyError: 'why'")
    assert beat["pid"] == os.getpid()


def test_who_asks_is_alive_however_old_its_file_is(tmp_path, monkeypatch):
    with Pulse(tmp_path, Ranks(rank=0, world_size=2, device=torch.device("cpu")), timeout_s=600.0) as pulse:
        pulse.at(3, "learning")
        monkeypatch.setattr(pulse, "_write", lambda: None)  # a disk that takes its time
        for rank, written in ((0, 1.0), (1, time.time() + 600)):
            beat = {**ALIVE, "points": 2, "written": written}
            (tmp_path / "heartbeats" / f"rank-{rank:05d}.json").write_text(json.dumps(beat))
        assert pulse.missing() == ""
        monkeypatch.undo()


@pytest.mark.slow
def test_only_an_answer_that_did_not_come_asks_who_is_missing(tmp_path):
    with Pulse(tmp_path, Ranks(rank=0, world_size=2, device=torch.device("cpu")), timeout_s=1.0) as pulse:
        assert pulse.missing_after(RuntimeError("shapes cannot be multiplied")) == ""
        assert pulse.missing_after(dist.DistNetworkError("timed out")) == "rank 1 never began"


def test_the_first_signal_is_noted_and_the_second_ends(capsys):
    found = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    try:
        with Signals() as signals:
            assert signals.noted == ""
            os.kill(os.getpid(), signal.SIGINT)
            assert signals.noted == "SIGINT"
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, found)


def test_garbage_goes_at_its_steps_only():
    with Collector(10) as collector:
        assert not gc.isenabled()
        held: list[object] = []
        held.append(held)
        del held
        assert [step for step in range(1, 31) if collector.after(step) > 0] == [10, 20, 30]
    assert gc.isenabled()
    with Collector(0) as collector:
        assert gc.isenabled()
        assert collector.after(10) == 0.0


def test_times_are_means_since_the_last_gathering():
    with process_group() as place:
        times = Times(place)
        for step_s, wait_s in ((1.0, 0.1), (3.0, 0.3)):
            times.add(step_s, wait_s)
        found = times.gather()
        assert (found["step_s"], found["data_wait_s"]) == ([2.0], [0.2])
        assert found["work_s"][0] > 0
        times.add(5.0, 0.0)
        assert times.gather()["step_s"] == [5.0]


def test_alike_ranks_are_not_slow():
    assert slow({"step_s": [1.0] * 4, "data_wait_s": [0.04] * 4, "work_s": [1.0, 1.4, 1.1, 1.0]}) == []
