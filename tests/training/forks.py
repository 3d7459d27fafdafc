"""Processes forked from one that has imported what takes seconds to import; and what their runs leave."""

import json
import os
import re
import signal
import subprocess
import sys
import time

from torch.distributed import TCPStore

# Each line it is told is a call: of a function in a fork of its own, whose output goes to a file, or to wait for one.
SERVER = r"""
import contextlib, gc, json, os, signal, sys, time

gc.collect()
gc.freeze()
alive = set()

def fork(function, arguments, said):
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        alive.add(pid)
        return pid
    os.setsid()
    output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    code = 1
    try:
        code = globals()[function](*arguments)
    except BaseException as error:
        import traceback
        traceback.print_exc()
        if said != os.devnull:
            with open(said + ".error", "w") as stream:
                stream.write(traceback.format_exception_only(error)[0])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)

def wait(pid, timeout_s):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            alive.discard(pid)
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    return None

for line in sys.stdin:
    what, *arguments = json.loads(line)
    print(json.dumps({"fork": fork, "wait": wait}[what](*arguments)), flush=True)
for pid in alive:  # of a test that failed: the next ones shall not share the processors with them
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
"""

# A run of the trainer. Each rank writes down what it learns from: of its rows at a step where they lie, and a digest
# of their tokens; with a name of the life of the run, which ends with a kill. It goes only as far as it is told to in
# its environment, and stays there until it is killed: LEARN_BEFORE is a step, and WRITE_BEFORE that of a checkpoint,
# whose writing stops within the function WRITE_IN.
TRAINER = r"""
import hashlib, json, os, re, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from training import checkpoint, run, train

def stay(step, before):
    if step >= int(os.environ.get(before, 1 << 60)):
        time.sleep(600)
        raise AssertionError("it was not killed")

def stopping(function):
    def inner(path, *others):
        writes = re.search(r"step-(\d+)\.incomplete", str(path))
        if writes and os.environ.get("WRITE_IN") == function.__name__:
            stay(int(writes[1]), "WRITE_BEFORE")
        return function(path, *others)
    return inner

checkpoint.digest_file = stopping(checkpoint.digest_file)
Path.rename = stopping(Path.rename)

def watched(learn):
    def inner(model, batch, plan, ranks, config):
        stay(batch.drawn.step, "LEARN_BEFORE")
        located = plan.locate(batch.drawn, plan.slots(ranks.rank, ranks.world_size))
        digests = [hashlib.blake2b(row.tobytes(), digest_size=8).hexdigest() for row in batch.tokens.numpy()]
        rows = [[*row, digest] for row, digest in zip(located, digests, strict=True)]
        with open(Path(config.out) / f"learned-{ranks.rank}.jsonl", "a") as stream:
            stream.write(json.dumps([os.environ["LIFE"], batch.drawn.step, rows]) + "\n")
        return learn(model, batch, plan, ranks, config)
    return inner

run.learn = watched(run.learn)

def main(arguments, ranks):
    os.environ.update(ranks)
    return train.main(arguments)
"""


class Forks:
    """Starts functions of a preamble in processes of their own."""

    def __init__(self, root, preamble):
        self._process = subprocess.Popen(
            [sys.executable, "-c", preamble + SERVER],
            cwd=root,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _ask(self, *what):
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def start(self, function, *arguments, said=os.devnull):
        """Return the process that calls a function; what it says goes to the file `said`."""
        return self._ask("fork", function, arguments, str(said))

    def wait(self, pid, timeout_s=300.0):
        """Return how a process ended; None where it has not."""
        return self._ask("wait", pid, timeout_s)

    def close(self):
        self._process.stdin.close()
        assert self._process.wait(60) == 0
        self._process.stdout.close()


class Trainers(Forks):
    """Runs of the trainer, on one or more ranks."""

    def __init__(self, root):
        super().__init__(root, TRAINER)
        self._stores = []

    def begin(self, out, arguments, ranks=1, **limits):
        """Start a run, whose environment has `limits`, too; return its processes."""
        where = {name: str(value) for name, value in limits.items()} | {"LIFE": str(time.monotonic_ns())}
        if ranks > 1:
            where |= self._store()
        pids = []
        for rank in range(ranks):
            number = {name: str(rank) for name in ("RANK", "LOCAL_RANK")}
            as_rank = {**where, **number, "WORLD_SIZE": str(ranks)} if ranks > 1 else where
            asked = [*map(str, arguments), "--set", f"out={out}"]
            pids.append(self.start("main", asked, as_rank, said=out.with_name(f"{out.name}-{rank}.txt")))
        return pids

    def _store(self):
        """Return the environment of ranks that meet at a store held here, as `torchrun` holds one.

        A port that is looked for here and bound by a rank could be another process's by then.
        """
        self._stores.append(TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False))
        port = str(self._stores[-1].port)
        held = {"TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RESTART_COUNT": "0"}
        return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, **held}

    def run(self, out, arguments, ranks=1):
        """Run to the end; return the exit codes."""
        return [self.wait(pid) for pid in self.begin(out, arguments, ranks)]

    def killed(self, out, arguments, ranks=1, *, when=lambda: True, after_s=0.0, **limits):
        """Start a run and kill all of it so long after `when` is true; return the exit codes."""
        pids = self.begin(out, arguments, ranks, **limits)
        until(when)
        time.sleep(after_s)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return [self.wait(pid) for pid in pids]


def until(true, timeout_s=300.0):
    """Wait for what must become true, however slow the machine is."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"still not so after {timeout_s:g} s"
        time.sleep(0.0005)


def said(out, rank=0):
    """What a rank printed."""
    return out.with_name(f"{out.name}-{rank}.txt").read_text()


def error_line(said):
    """The first line of the error that ended a call whose output went to the file `said`.

    It has a file of its own: helper processes, as multiprocessing's resource tracker, print where it prints.
    """
    return said.with_name(f"{said.name}.error").read_text().splitlines()[0]


def but_progress(said):
    """What a run printed for people, without the lines of its progress."""
    return re.sub(r"^\w+  step \d+/\d+  .* left\n", "", said, flags=re.MULTILINE)


def learned(out, rank=0):
    """The lines of what a rank of a run learned from, in the order it did."""
    path = out / f"learned-{rank}.jsonl"
    return path.read_text().splitlines() if path.exists() else []


def metrics(out):
    """The lines of a run that has ended."""
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def losses(out):
    return [line["loss"] for line in metrics(out)]
