"""Anneals forked from one trunk: each goes on exactly where the trunk was."""

import json

import pytest
import yaml

from training.schedule import learning_rate
from training.settings import read_config
from training.train import main

WSD = ("--set", "optimizer.schedule=wsd")


def metrics(out):
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def losses(out):
    return [line["loss"] for line in metrics(out)]


@pytest.fixture
def fork(tmp_path):
    """Write the YAML of a fork of the run at `train`."""

    def write(at=5, mix="docs: 3, web: 1", steps=6, more=""):
        path = tmp_path / "fork.yaml"
        phase = f"{{name: anneal, steps: {steps}, mix: {{{mix}}}, ramp_steps: 2}}"
        path.write_text(
            f"out: {tmp_path / 'fork'}\nfork: {{from: {tmp_path / 'train'}, at: {at}, phase: {phase}}}\n{more}"
        )
        return str(path)

    return write


@pytest.mark.slow
def test_a_fork_with_the_trunks_own_phase_is_the_trunk(published, write_config, fork, tmp_path):
    config = str(write_config())
    assert main([config, *WSD, "--set", "checkpoint.keep_every_steps=8"]) == 0  # the anneal begins at 8
    assert main([fork(at=8)]) == 0
    assert losses(tmp_path / "fork") == losses(tmp_path / "train")[8:]
    saved = yaml.safe_load((tmp_path / "fork" / "config.yaml").read_text())
    assert saved["fork"] == {"from": str(tmp_path / "train"), "at": "8"}
    assert [phase["steps"] for phase in saved["phases"]] == [8, 6]


@pytest.mark.slow
def test_several_anneals_from_one_trunk(published, write_config, fork, tmp_path):
    one_phase = ("--set", "phases=[{name: trunk, steps: 10, mix: {docs: 1, web: 3}}]")
    assert main([str(write_config()), *WSD, *one_phase]) == 0
    assert [line["lr"] for line in metrics(tmp_path / "train")][3:] == [0.01] * 7
    found = {}
    for name, mix in (("docs", "docs: 1"), ("web", "web: 1")):
        assert main([fork(mix=mix), "--set", f"out={tmp_path / name}", "--set", "optimizer.z_loss=1e-4"]) == 0
        lines = metrics(tmp_path / name)
        assert [line["step"] for line in lines] == list(range(5, 11))
        assert [line["lr"] for line in lines] == pytest.approx([0.01 * left / 6 for left in range(6, 0, -1)])
        assert set(lines[-1]["source_losses"]) == {name}
        found[name] = lines[-1]["loss"]
    assert found["docs"] != found["web"]
    assert read_config(str(tmp_path / "web" / "config.yaml")).optimizer.z_loss == 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "asked", "told"),
    [
        (WSD, {"at": 7}, "fork: {tmp}/train has no checkpoint at step 7; it has 10, 14"),
        (WSD, {"at": 10}, "fork: at 10 lies within the trunk's own anneal, which begins at step 8"),
        ((), {"at": 10}, "fork: expected optimizer.schedule: wsd, found cosine: under a cosine the rate at a step "
         "depends on where the run was to end, and the fork ends elsewhere"),
        (WSD, {"at": 99}, "{tmp}/fork.yaml:2:7: at 99 is outside the steps 1 to 14 of {tmp}/train"),
        (WSD, {"more": "phases: []\n"},
         "{tmp}/fork.yaml:2:7: a fork has its trunk's phases up to `at`, then `phase`; remove `phases`"),
        (WSD, {"more": "model: {width: 64}\n", "at": 10}, "fork: at 10 lies within the trunk's own anneal, which begins at step 8\n"
         "{tmp}/train/checkpoints/step-00000010: a checkpoint of another model:\n  model.width: was 32, now 64\n"
         "choose another `out`"),
    ],
)  # fmt: skip
def test_a_fork_that_cannot_be_is_refused_in_words(
    published, write_config, fork, tmp_path, capsys, arguments, asked, told
):
    assert main([str(write_config()), *arguments]) == 0
    capsys.readouterr()
    assert main([fork(**asked)]) == 2
    assert capsys.readouterr().err == told.format(tmp=tmp_path) + "\n"
    assert not (tmp_path / "fork").exists()


def test_a_fork_without_its_trunk_is_refused(fork, tmp_path, capsys):
    assert main([fork()]) == 2
    assert capsys.readouterr().err.startswith(f"{tmp_path}/train/config.yaml: cannot be read: ")


def test_the_rate_of_a_fork_is_the_trunks_until_it_anneals(published, write_config, fork):
    assert main([str(write_config()), *WSD, "--set", "checkpoint.keep_every_steps=5"]) == 0
    config = read_config(fork())
    assert [learning_rate(step, config) for step in range(3, 6)] == [0.01] * 3
    assert learning_rate(10, config) == pytest.approx(0.01 / 6)
