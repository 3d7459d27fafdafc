"""The schedule at its corners, and which parameters decay."""

import pytest
import torch

from training.config import Config, Model, Optimizer, Phase
from training.model import Decoder
from training.optim import clip, learning_rate, make_optimizer


def config_of(*steps, warmup_steps=10):
    phases = tuple(Phase(name=str(n), steps=count, mix={"a": 1}) for n, count in enumerate(steps))
    asked = Optimizer(learning_rate=1.0, warmup_steps=warmup_steps, cosine_floor_fraction=0.2)
    return Config(data=("x",), out="x", phases=phases, batch_rows=4, lanes=4, optimizer=asked)


@pytest.mark.parametrize(
    ("steps", "step", "expected"),
    [
        ((60, 50), 0, 0.1),
        ((60, 50), 9, 1.0),
        ((60, 50), 10, 1.0),
        ((60, 50), 35, 0.6),  # half-way down the cosine
        ((60, 50), 60, 0.2),  # the last phase begins at the floor
        ((60, 50), 85, 0.1),
        ((60, 50), 109, 0.2 / 50),
        ((60, 50), 110, 0.0),
        ((110,), 10, 1.0),  # one phase: straight down after the warmup
        ((110,), 60, 0.5),
        ((110,), 109, 0.01),
        ((5, 105), 9, 1.0),  # a warmup longer than all phases but the last
        ((5, 105), 60, 0.5),
    ],
)
def test_the_learning_rate_at_a_step(steps, step, expected):
    assert learning_rate(step, config_of(*steps)) == pytest.approx(expected)


def test_there_may_be_no_warmup():
    assert learning_rate(0, config_of(10, 10, warmup_steps=0)) == 1.0


def test_matrices_decay_and_embeddings_and_norms_do_not():
    model = Decoder(Model(width=32, layers=1, tied=False), 64)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed, free = make_optimizer(model, Optimizer()).param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.1, 0.0)
    assert {names[id(p)] for p in free["params"]} == {
        "embedding.weight",
        "norm.weight",
        "blocks.0.attention_norm.weight",
        "blocks.0.feed_norm.weight",
        "blocks.0.attention.query_norm.weight",
        "blocks.0.attention.key_norm.weight",
    }
    assert len(decayed["params"]) + len(free["params"]) == len(names)


@pytest.mark.parametrize(("limit", "after"), [(1.0, 1.0), (10.0, 5.0), (0.0, 5.0)])
def test_clipping_tells_the_norm_before(limit, after):
    layer = torch.nn.Linear(2, 1, bias=False)
    layer.weight.grad = torch.tensor([[3.0, 4.0]])
    assert clip(layer, limit) == pytest.approx(5.0)
    assert float(layer.weight.grad.norm()) == pytest.approx(after, rel=1e-5)
