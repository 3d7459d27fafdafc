"""The schedule at its corners, and which parameters decay."""

import pytest
import torch

from training.model import Decoder
from training.optim import clip, make_optimizer
from training.schedule import learning_rate
from training.settings import AdamWConfig, Config, ModelConfig, Phase


def config_of(*steps, warmup_steps=10, schedule="cosine"):
    phases = tuple(Phase(name=str(n), steps=count, mix={"a": 1}) for n, count in enumerate(steps))
    asked = AdamWConfig(
        learning_rate=1.0, warmup_steps=warmup_steps, cosine_floor_fraction=0.2, schedule=schedule
    )
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
        ((120,), 10, 1.0),  # one phase: its last tenth is the anneal
        ((120,), 59, 0.6),
        ((120,), 108, 0.2),
        ((120,), 114, 0.1),
        ((120,), 119, 0.2 / 12),
        ((1,), 0, 0.1),
        ((5, 105), 9, 1.0),  # a warmup longer than all phases but the last
        ((5, 105), 60, 0.5),
    ],
)
def test_the_learning_rate_at_a_step(steps, step, expected):
    assert learning_rate(step, config_of(*steps)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("steps", "step", "expected"),
    [
        ((60, 50), 4, 0.5),
        ((60, 50), 35, 1.0),
        ((60, 50), 59, 1.0),
        ((60, 50), 60, 1.0),  # the last phase begins level
        ((60, 50), 85, 0.5),
        ((60, 50), 109, 1 / 50),
        ((110,), 109, 1.0),  # one phase: a trunk, which never anneals
    ],
)
def test_under_wsd_the_rate_stays_level_until_the_last_phase(steps, step, expected):
    assert learning_rate(step, config_of(*steps, schedule="wsd")) == pytest.approx(expected)


def test_the_moments_are_there_before_the_first_step_and_are_adamws_own():
    """Made by hand, since torch makes them with a step that counts; the update is that of AdamW left alone."""
    torch.manual_seed(1)
    ours, plain = (torch.nn.Sequential(torch.nn.Linear(4, 4, bias=False)) for _ in range(2))
    plain.load_state_dict(ours.state_dict())
    optimizer = make_optimizer(ours, AdamWConfig(learning_rate=0.1))
    other = torch.optim.AdamW(plain.parameters(), lr=0.1, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
    assert [float(state["step"]) for state in optimizer.state.values()] == [0.0]
    for _ in range(3):
        for model, each in ((ours, optimizer), (plain, other)):
            each.zero_grad()
            model(torch.ones(2, 4)).square().sum().backward()
            each.step()
    torch.testing.assert_close(ours[0].weight, plain[0].weight)


def test_there_may_be_no_warmup():
    assert learning_rate(0, config_of(10, 10, warmup_steps=0)) == 1.0


def test_matrices_decay_and_embeddings_and_norms_do_not():
    model = Decoder(ModelConfig(width=32, layers=1, tied=False), 64)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed, free = make_optimizer(model, AdamWConfig()).param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.1, 0.0)
    assert {names[id(p)] for p in free["params"]} == {
        "embed_tokens.weight",
        "norm.weight",
        "layers.0.input_layernorm.weight",
        "layers.0.post_attention_layernorm.weight",
        "layers.0.self_attn.q_norm.weight",
        "layers.0.self_attn.k_norm.weight",
    }
    assert len(decayed["params"]) + len(free["params"]) == len(names)


@pytest.mark.parametrize(("limit", "after"), [(1.0, 1.0), (10.0, 5.0), (0.0, 5.0)])
def test_clipping_tells_the_norm_before(limit, after):
    layer = torch.nn.Linear(2, 1, bias=False)
    layer.weight.grad = torch.tensor([[3.0, 4.0]])
    assert clip(layer, limit) == pytest.approx(5.0)
    assert float(layer.weight.grad.norm()) == pytest.approx(after, rel=1e-5)
