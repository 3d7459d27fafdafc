"""The loop, end to end: on any number of ranks, through kills, and honest about what it cannot do."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import types

import numpy as np
import pytest
import yaml

from training.config import read_config
from training.data.corpus import open_corpus
from training.plan import explain
from training.train import main

METRICS = {
    "step",
    "loss",
    "source_losses",
    "grad_norm",
    "lr",
    "phase",
    "data_wait_s",
    "skipped",
    "tokens",
    "step_s",
    "tokens_per_s",
    "mfu",
    "save_s",
    "collect_s",
    "eval_s",
}


def metrics(out):
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def losses(out):
    return [line["loss"] for line in metrics(out)]


def torchrun(root, ranks, *arguments):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    return subprocess.run(
        [*command, "-m", "training.train", *map(str, arguments)],
        cwd=root,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_loss_falls_and_the_directory_tells_the_run(published, write_config, tmp_path, capsys):
    assert main([str(write_config()), "--set", "seed=5"]) == 0
    out = tmp_path / "train"
    lines = metrics(out)
    assert [line["step"] for line in lines] == list(range(14))
    assert all(line.keys() == METRICS and line["source_losses"].keys() == {"docs", "web"} for line in lines)
    assert [line["phase"] for line in lines] == ["broad"] * 8 + ["anneal"] * 6
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["first_loss"], summary["last_loss"]) == (lines[0]["loss"], lines[-1]["loss"])
    assert summary["last_loss"] < summary["first_loss"] - 0.5
    assert (summary["steps"], summary["tokens"], lines[-1]["tokens"]) == (14, 14 * 8 * 32, 14 * 8 * 32)
    assert yaml.safe_load((out / "config.yaml").read_text())["seed"] == 5
    assert sorted(p.name for p in (out / "checkpoints").iterdir()) == ["step-00000010", "step-00000014"]
    said = capsys.readouterr()
    assert said.out.startswith("14 steps, 3,584 tokens, loss 4.")
    assert said.err == ""


def test_running_again_does_nothing(published, write_config, tmp_path, capsys):
    config = str(write_config())
    assert main([config]) == 0
    before = (tmp_path / "train" / "metrics.jsonl").read_text()
    assert main([config]) == 0
    assert "(nothing left to do)" in capsys.readouterr().out.splitlines()[-1]
    assert (tmp_path / "train" / "metrics.jsonl").read_text() == before


def test_a_stopped_run_continues_to_the_same_losses(published, write_config, tmp_path):
    config = str(write_config())
    assert main([config]) == 0
    whole, cut = tmp_path / "train", tmp_path / "cut"
    shutil.copytree(whole, cut)
    shutil.rmtree(cut / "checkpoints" / "step-00000014")
    (cut / "metrics.jsonl").write_text((cut / "metrics.jsonl").read_text()[:-40])  # killed within a line
    assert main([config, "--set", f"out={cut}"]) == 0
    assert losses(cut) == losses(whole)
    assert json.loads((cut / "summary.json").read_text())["resumed_at"] == 10


def test_a_damaged_or_half_written_checkpoint_is_passed_over(published, write_config, tmp_path, capsys):
    config = str(write_config())
    assert main([config]) == 0
    out = tmp_path / "train"
    before, newest = losses(out), out / "checkpoints" / "step-00000014"
    shutil.copytree(newest, newest.with_name("step-00000020.incomplete"))  # a kill before the rename
    shutil.copytree(newest, newest.with_name("step-00000021"))
    (newest.with_name("step-00000021") / "manifest.json").unlink()
    data = bytearray((newest / "__0_0.distcp").read_bytes())
    data[len(data) // 2] ^= 1
    (newest / "__0_0.distcp").write_bytes(data)
    capsys.readouterr()
    assert main([config]) == 0
    said = capsys.readouterr().err
    assert said.startswith(f"{newest / '__0_0.distcp'}: expected the digest xxh3:")
    assert said.endswith("; the checkpoint before it is used\n")
    assert losses(out) == before


@pytest.mark.slow
def test_any_number_of_ranks_gives_the_same_losses_and_takes_over(published, write_config, tmp_path, root):
    config = write_config()
    assert main([str(config)]) == 0
    one, two = tmp_path / "train", tmp_path / "two"
    done = torchrun(root, 2, config, "--set", f"out={two}")
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(losses(two), losses(one), rtol=1e-6)
    np.testing.assert_allclose(
        [line["grad_norm"] for line in metrics(two)], [line["grad_norm"] for line in metrics(one)], rtol=1e-4
    )
    assert done.stdout.count("14 steps") == 1
    shutil.rmtree(two / "checkpoints" / "step-00000014")
    assert main([str(config), "--set", f"out={two}"]) == 0  # two ranks' checkpoint on one
    np.testing.assert_allclose(losses(two), losses(one), rtol=1e-6)
    shutil.rmtree(one / "checkpoints" / "step-00000014")
    done = torchrun(root, 2, config)  # and one's on two
    assert done.returncode == 0, done.stderr
    assert json.loads((one / "summary.json").read_text())["ranks"] == 2
    np.testing.assert_allclose(losses(one), losses(two), rtol=1e-6)
    done = torchrun(root, 2, config)  # a finished run is finished on every rank
    assert done.returncode == 0, done.stderr
    assert "nothing left to do" in done.stdout


@pytest.mark.slow
def test_a_shard_that_one_rank_cannot_read_ends_all_ranks(published, write_config, root):
    config = write_config()
    corpus = open_corpus([str(published.directory)])
    asked = read_config(str(config))
    drawn = explain.make_plan(asked, corpus)
    row = drawn.locate(drawn.draw(), range(8))[-1]  # the second rank's
    shard = corpus.sources[drawn.names[row.source]][row.shard]
    shard.path.write_bytes(shard.path.read_bytes()[:-1])
    done = torchrun(root, 2, config)
    assert done.returncode == 1
    assert f"{shard.path}: truncated at byte {shard.size_bytes - 1}" in done.stderr


def regular(count, made, poisoned=()):
    """Documents of exactly one row each: the same walk from another token; a poisoned one has no rule."""
    out = {}
    for number in range(count):
        walk = 1 + (number + 5 * np.arange(made.ROW_TOKENS - 1)) % (made.VOCAB - 1)
        noise = np.random.default_rng(number).integers(1, made.VOCAB, made.ROW_TOKENS - 1)
        out[f"document-{number}"] = noise if number in poisoned else walk
    return out


ONE_PHASE = [
    "phases=[{name: all, steps: 90, mix: {docs: 1}}]",
    "batch_rows=4",
    "optimizer.learning_rate=0.02",
]


def poison(step, made, tmp_path, config):
    """Put noise in the place of one document that is read at a step; return its number."""
    made.publish(tmp_path / "run", {"docs": regular(400, made)})
    asked = read_config(config, ONE_PHASE)
    drawn = explain.make_plan(asked, open_corpus(asked.data))
    for _ in range(step + 1):
        batch = drawn.draw()
    row = drawn.locate(batch, range(4))[2]
    number = row.shard * 5 + row.row
    shutil.rmtree(tmp_path / "run")
    run = made.publish(tmp_path / "run", {"docs": regular(400, made, poisoned={number})})
    made.add_tokenizer(run)
    return number


def command(config, *more):
    return [config, *(argument for text in (*ONE_PHASE, *more) for argument in ("--set", text))]


def test_a_spike_names_the_poisoned_document(tmp_path, write_config, made, capsys):
    config = str(write_config())
    number = poison(70, made, tmp_path, config)
    assert main(command(config)) == 0
    path = tmp_path / "train" / "spikes" / "step-00000070.json"
    spike = json.loads(path.read_text())
    worst = spike["rows"][0]["documents"][0]
    assert worst["id"] == f"document-{number}"
    noise = regular(number + 1, made, poisoned={number})[f"document-{number}"]
    assert worst["text"].split() == [*(f"w{token}" for token in noise), "<|endoftext|>"]
    assert spike["rows"][0]["loss"] > 2 * spike["rows"][1]["loss"]
    assert {row["source"] for row in spike["rows"]} == {"docs"}
    page = path.with_suffix(".html").read_text()
    assert page.index(f"document-{number}") < page.index(worst["text"].split()[0])
    assert f"{spike['why']}; its documents are in {path.with_suffix('.html')}" in capsys.readouterr().err


@pytest.mark.slow
def test_what_is_skipped_or_rewound_is_left_out_alike_and_for_good(tmp_path, write_config, made, capsys):
    config = str(write_config())
    poison(37, made, tmp_path, config)
    ways = {
        "log": [],
        "skip": ["watch.on_spike=skip"],
        "rewind": ["watch.on_spike=rewind"],
        "far": ["watch={on_spike: rewind, skip_count: 6}"],
        "seldom": ["watch={on_spike: rewind, skip_count: 6}", "checkpoint={every_steps: 11, keep_count: 9}"],
    }
    lines = {}
    for way, asked in ways.items():
        assert main(command(config, *asked, "phases.0.steps=60", f"out={tmp_path / way}")) == 0
        lines[way] = metrics(tmp_path / way)
        assert [line["step"] for line in lines[way]] == list(range(60))
    out = {way: [line["step"] for line in of if line["skipped"]] for way, of in lines.items()}
    far = list(range(32, 38))
    assert out == {"log": [], "skip": [37], "rewind": [37], "far": far, "seldom": far}
    learned = {way: [line["loss"] for line in of if line["step"] != 37] for way, of in lines.items()}
    assert learned["skip"] == learned["rewind"]
    assert learned["skip"][:37] == learned["log"][:37]
    assert learned["skip"][37:] != learned["log"][37:]
    assert learned["far"] == learned["seldom"]
    assert lines["far"][32]["loss"] is None
    assert "back to step 30; steps 32 to 37 are left out" in capsys.readouterr().err
    assert json.loads((tmp_path / "far" / "summary.json").read_text())["skipped"] == far
    shutil.rmtree(tmp_path / "far" / "checkpoints" / "step-00000060")  # what it left out, it knows again
    assert main(command(config, *ways["far"], "phases.0.steps=60", f"out={tmp_path / 'far'}")) == 0
    assert [line["loss"] for line in metrics(tmp_path / "far")] == [line["loss"] for line in lines["far"]]


def begin(root, out, config, *more):
    """Start two ranks, and return them when they have taken a step."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "training.train", str(config), *more, "--set", f"out={out}"],
            cwd=root,
            env={**os.environ, **where, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    deadline = time.monotonic() + 120
    while not (out / "metrics.jsonl").exists() or not (out / "metrics.jsonl").stat().st_size:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return started


LONGER = ["--set", "phases.1.steps=5000", "--set", "max_epochs=500", "--set", "watch.timeout_s=4"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_rank_that_hangs_or_dies_is_named_by_the_other(number, published, write_config, tmp_path, root):
    first, second = begin(root, tmp_path / "train", write_config(), *LONGER)
    second.send_signal(number)
    said = first.communicate(timeout=120)[1]
    second.kill()
    second.communicate()
    assert first.returncode == 1
    assert f"rank 1 (process {second.pid} on {socket.gethostname()}) was last heard of " in said


@pytest.mark.slow
def test_a_signal_to_one_rank_stops_all_after_the_same_step(published, write_config, tmp_path, root):
    first, second = begin(root, out := tmp_path / "train", write_config(), *LONGER)
    second.send_signal(signal.SIGTERM)
    said = first.communicate(timeout=120)[1]
    second.communicate(timeout=120)
    assert (first.returncode, second.returncode) == (3, 3)
    steps = len(metrics(out))
    assert said.endswith(
        f"a signal to another rank: saved after step {steps} of 5008; the same command continues: {out}\n"
    )
    assert (out / "checkpoints" / f"step-{steps:08d}" / "manifest.json").exists()
    assert not (out / "summary.json").exists()


def test_what_is_not_finite_stops_before_the_optimizer_moves(
    published, write_config, tmp_path, capsys, monkeypatch
):
    from training import run, step

    moved, clip = [], step.clip
    monkeypatch.setattr(
        step, "clip", lambda model, limit: float("nan") if len(moved) == 6 else clip(model, limit)
    )
    make = run.make_optimizer

    def watched(model, asked):
        optimizer = make(model, asked)
        optimizer.register_step_post_hook(lambda *_: moved.append(1))
        return optimizer

    monkeypatch.setattr(run, "make_optimizer", watched)
    assert main([str(write_config())]) == 1
    path = tmp_path / "train" / "spikes" / "step-00000006.html"
    assert capsys.readouterr().err == (
        f"step 6: grad_norm is nan; the optimizer has not moved. Its documents are in {path}\n"
    )
    assert len(moved) == len(metrics(tmp_path / "train")) == 6
    assert len(json.loads(path.with_suffix(".json").read_text())["rows"]) == 8


def test_the_line_of_progress(published, write_config, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert main([str(write_config())]) == 0
    last = capsys.readouterr().err.split("\r\x1b[K")[-1]
    shape = r"anneal  step 14/14  loss \d\.\d{3}  [\d,]+ tokens/s  waited [\d.]+ %  0:00 left\n"
    assert re.fullmatch(shape, last)


def test_tensorboard_is_written_where_it_is_installed(published, write_config, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    config = [str(write_config()), "--set", "tensorboard=true"]
    assert main(config) == 0
    assert capsys.readouterr().err == (
        "tensorboard is not installed: metrics.jsonl alone is written (pip install tensorboard)\n"
    )
    shutil.rmtree(tmp_path / "train")
    wrote = []

    class SummaryWriter:
        def __init__(self, folder, purge_step):
            wrote.append((folder, purge_step))

        def add_scalar(self, name, value, step):
            wrote.append((name, value, step))

        def close(self):
            wrote.append("closed")

    stub = types.SimpleNamespace(SummaryWriter=SummaryWriter)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", stub)
    assert main(config) == 0
    assert wrote[0] == (str(tmp_path / "train" / "tensorboard"), 0)
    assert wrote[-1] == "closed"
    assert [value for name, value, _ in wrote[1:-1] if name == "loss"] == losses(tmp_path / "train")


def test_a_rate_that_blows_up_ends_the_run(published, write_config, capsys):
    assert main([str(write_config()), "--set", "optimizer.learning_rate=1e38"]) == 1
    assert "the optimizer has not moved" in capsys.readouterr().err


def test_a_damaged_shard_fails_the_run(published, write_config, capsys):
    for shard in open_corpus([str(published.directory)]).sources["docs"]:
        shard.path.unlink()
    assert main([str(write_config())]) == 1
    assert "bytes, found no file" in capsys.readouterr().err


def test_a_finished_run_can_be_given_another_phase(published, write_config, tmp_path):
    config = str(write_config())
    assert main([config]) == 0
    before = losses(tmp_path / "train")
    longer = write_config("longer.yaml", extra="  - {name: more, steps: 3, mix: {web: 1}}\n")
    assert main([str(longer)]) == 0
    assert losses(tmp_path / "train")[:14] == before
    assert [set(line["source_losses"]) for line in metrics(tmp_path / "train")[14:]] == [{"web"}] * 3
