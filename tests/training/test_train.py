"""The loop, end to end: on any number of ranks, through kills, and honest about what it cannot do."""

import json
import re
import shutil
import sys
import types

import pytest
import torch
import yaml

from training import run
from training.data.corpus import open_corpus
from training.data.loader import Loader
from training.parallel import Ranks
from training.report import logger
from training.report.logger import RunLogger
from training.settings import Config, Phase
from training.train import main

from .forks import but_progress, losses, metrics, until

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
    assert but_progress(said.err) == ""


def test_running_again_does_nothing(finished, tmp_path, capsys):
    before = (tmp_path / "train" / "metrics.jsonl").read_text()
    assert main([finished]) == 0
    assert "(nothing left to do)" in capsys.readouterr().out.splitlines()[-1]
    assert (tmp_path / "train" / "metrics.jsonl").read_text() == before


def test_a_stopped_run_continues_to_the_same_losses(finished, tmp_path):
    whole, cut = tmp_path / "train", tmp_path / "cut"
    shutil.copytree(whole, cut)
    shutil.rmtree(cut / "checkpoints" / "step-00000014")
    (cut / "metrics.jsonl").write_text((cut / "metrics.jsonl").read_text()[:-40])  # killed within a line
    assert main([finished, "--set", f"out={cut}"]) == 0
    assert losses(cut) == losses(whole)
    assert json.loads((cut / "summary.json").read_text())["resumed_at"] == 10


def test_a_damaged_or_half_written_checkpoint_is_passed_over(finished, tmp_path, capsys):
    out = tmp_path / "train"
    before, newest = losses(out), out / "checkpoints" / "step-00000014"
    shutil.copytree(newest, newest.with_name("step-00000020.incomplete"))  # a kill before the rename
    shutil.copytree(newest, newest.with_name("step-00000021"))
    (newest.with_name("step-00000021") / "manifest.json").unlink()
    data = bytearray((newest / "__0_0.distcp").read_bytes())
    data[len(data) // 2] ^= 1
    (newest / "__0_0.distcp").write_bytes(data)
    capsys.readouterr()
    assert main([finished]) == 0
    said = but_progress(capsys.readouterr().err)
    assert said.startswith(f"{newest / '__0_0.distcp'}: expected the digest xxh3:")
    assert said.endswith("; the checkpoint before it is used\n")
    assert losses(out) == before


def test_the_line_of_progress(published, write_config, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert main([str(write_config())]) == 0
    last = capsys.readouterr().err.split("\r\x1b[K")[-1]
    shape = r"anneal  step 14/14  loss \d\.\d{3}  [\d,]+ tokens/s  waited [\d.]+ %  0:00 left\n"
    assert re.fullmatch(shape, last)


def test_a_log_is_told_the_first_step_each_phase_the_last_and_ever_more_seldom(tmp_path, capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(logger.time, "perf_counter", lambda: now[0])
    phases = (Phase(name="broad", steps=1000, mix={"a": 1}), Phase(name="end", steps=5, mix={"a": 1}))
    asked = Config(data=("x",), out=str(tmp_path), phases=phases, batch_rows=1, lanes=1)
    plan = types.SimpleNamespace(steps=asked.steps)
    place = Ranks(rank=0, world_size=1, device=torch.device("cpu"))
    with RunLogger(asked, plan, place, 8, first_step=0) as told:
        for step in range(asked.steps):
            now[0] += 1.0
            phase = phases[step >= 1000].name
            told.step(step, loss=2.0, phase=phase, data_wait_s=0.0)
    lines = capsys.readouterr().err.splitlines()
    shown = [int(line.partition("step ")[2].partition("/")[0]) for line in lines]
    assert shown == [1, 2, 4, 8, 16, 32, 64, *range(124, 1000, 60), 1001, 1005]
    assert lines[-1] == "end  step 1005/1005  loss 2.000  8 tokens/s  waited 0.0 %  0:00 left"


@pytest.mark.slow
def test_tensorboard_is_written_where_it_is_installed(
    published, made, write_config, monkeypatch, tmp_path, capsys
):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    (tmp_path / "held.jsonl").write_text('{"text": "w1 w2 w3"}\n')
    made.add_tokenizer(published)
    held = ["--set", f"evals={{every_steps: 7, texts: {{a: {tmp_path / 'held.jsonl'}}}}}"]
    config = [str(write_config()), "--set", "tensorboard=true", *held]
    assert main(config) == 0
    assert but_progress(capsys.readouterr().err) == (
        "tensorboard is not installed: pip install '.[tensorboard]'; metrics.jsonl alone is written\n"
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
    charts = {name: [] for name, _, _ in wrote[1:-1]}
    for name, value, step in wrote[1:-1]:
        charts[name].append((step, value))
    out = tmp_path / "train"
    assert charts["loss"] == list(enumerate(losses(out)))
    for source in ("docs", "web"):
        told = [(line["step"], line["source_losses"][source]) for line in metrics(out)]
        assert charts[f"source_losses/{source}"] == told
    scores = [json.loads(line) for line in (out / "evals.jsonl").read_text().splitlines()]
    assert charts["evals/a/bits_per_byte"] == [(s["step"] - 1, s["bits_per_byte"]) for s in scores]
    assert [step for step, _ in charts["evals/a/bits_per_byte"]] == [6, 13]


def test_a_damaged_shard_fails_the_run_at_the_step_that_waits_for_it(
    published, write_config, tmp_path, monkeypatch, capsys
):
    class Ahead(Loader):
        """Whose thread has drawn a batch before the training asks for one."""

        def __enter__(self):
            loader = super().__enter__()
            until(lambda: self._plan.step > 0)
            return loader

    monkeypatch.setattr(run, "Loader", Ahead)
    for shard in open_corpus([str(published.directory)]).sources["docs"]:
        shard.path.unlink()
    assert main([str(write_config())]) == 1
    assert "bytes, found no file" in capsys.readouterr().err
    beat = json.loads((tmp_path / "train" / "heartbeats" / "rank-00000.json").read_text())
    assert (beat["step"], beat["doing"]) == (0, "waiting for data")


@pytest.mark.slow
def test_a_finished_run_can_be_given_another_phase(published, write_config, tmp_path):
    config = str(write_config())
    assert main([config]) == 0
    before = losses(tmp_path / "train")
    longer = write_config("longer.yaml", extra="  - {name: more, steps: 3, mix: {web: 1}}\n")
    assert main([str(longer)]) == 0
    assert losses(tmp_path / "train")[:14] == before
    assert [set(line["source_losses"]) for line in metrics(tmp_path / "train")[14:]] == [{"web"}] * 3
