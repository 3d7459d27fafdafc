"""An optimizer is added by a value and a line in the registry: it trains, resumes and is priced; AdamW is torch's."""

import json
import shutil
from dataclasses import dataclass, field

import pytest
import torch

from training import optim
from training.model import Decoder
from training.optim import Optimizer, make_optimizer, set_learning_rate, state_bytes
from training.settings import AdamWConfig, ModelConfig, OptimizerConfig, read_config
from training.train import main

from .forks import losses


@dataclass(frozen=True, slots=True, kw_only=True)
class SGDConfig(OptimizerConfig):
    """Plain SGD with momentum, whose embeddings move at a tenth of the rate."""

    momentum: float = field(default=0.9, metadata={"min": 0, "max": 1})


def groups(model, config):
    embeddings = [p for name, p in model.named_parameters() if name.startswith("embed_tokens.")]
    others = [p for name, p in model.named_parameters() if not name.startswith("embed_tokens.")]
    return [{"params": others}, {"params": embeddings, "lr_scale": 0.1}]


def make(groups, config):
    return torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum)


def state(parameter, group):
    return {"momentum_buffer": torch.zeros_like(parameter)}


SGD = Optimizer(name="sgd", config=SGDConfig, groups=groups, make=make, state=state)
SETTINGS = ["--set", "optimizer={name: sgd, learning_rate: 0.3, warmup_steps: 3, momentum: 0.8}"]


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setitem(optim.OPTIMIZERS, SGD.name, SGD)


def test_it_trains_and_resumes_bit_for_bit(registered, published, write_config, tmp_path):
    assert main([str(write_config()), *SETTINGS]) == 0
    whole = losses(tmp_path / "train")
    assert whole[-1] < whole[0] - 0.1
    shutil.rmtree(tmp_path / "train" / "checkpoints" / "step-00000014")
    assert main([str(write_config()), *SETTINGS]) == 0  # from the checkpoint at step 10
    assert json.loads((tmp_path / "train" / "summary.json").read_text())["resumed_at"] == 10
    assert losses(tmp_path / "train") == whole


def test_it_is_priced_by_its_own_state(registered, published, write_config, capsys):
    pages = {}
    for name, settings in (("adamw", []), ("sgd", SETTINGS)):
        assert main([str(write_config()), *settings, "--dry-run"]) == 0
        pages[name] = capsys.readouterr().out
    gib = {name: float(page.split("optimizer state")[1].split()[0]) for name, page in pages.items()}
    assert gib["sgd"] == pytest.approx(gib["adamw"] / 2, rel=0.01)
    assert {"  name: sgd", "  momentum: 0.8"} <= set(pages["sgd"].splitlines())
    assert "beta1" not in pages["sgd"]


def test_mistakes_in_its_section_are_reported_in_their_lines(registered, published, write_config, capsys):
    path = write_config()
    text = path.read_text()
    assert "optimizer: {learning_rate: 0.01, warmup_steps: 3}" in text
    for section, message in (
        ("{name: sgd, momentum: 2}", "7:34: momentum is 2.0; the most is 1"),
        ("{name: sgd, beta1: 0.9}", "7:24: optimizer takes no 'beta1'; known: "),
        ("{name: adam}", "7:19: no optimizer is named 'adam' (did you mean 'adamw'?)"),
        ("{name: lion}", "7:19: no optimizer is named 'lion'; known: adamw, sgd"),
    ):
        path.write_text(text.replace("{learning_rate: 0.01, warmup_steps: 3}", section))
        assert main([str(path)]) == 2
        assert capsys.readouterr().err.startswith(f"{path}:{message}"), section


def test_its_settings_are_read_again_from_a_runs_own_configuration(
    registered, published, write_config, tmp_path
):
    assert main([str(write_config()), *SETTINGS]) == 0
    written = read_config(str(tmp_path / "train" / "config.yaml"))
    assert written.optimizer == SGDConfig(name="sgd", learning_rate=0.3, warmup_steps=3, momentum=0.8)


def test_a_groups_rate_is_the_schedules_times_its_scale(registered):
    with torch.device("meta"):
        model = Decoder(ModelConfig(width=32, layers=1), 64)
    optimizer = make_optimizer(model, SGDConfig(name="sgd"))
    set_learning_rate(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.05]
    count = sum(parameter.numel() for parameter in model.parameters())
    assert state_bytes(model, SGDConfig(name="sgd")) == 4 * count
    tensors = len(list(model.parameters()))
    assert state_bytes(model, AdamWConfig()) == 8 * count + 4 * tensors  # two moments, and a step of each
