"""The dial: exact counts, what follows from a size, and that what is written wins."""

import json

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from curation.recipe.config import ConfigError
from training.model import Decoder
from training.settings import ModelConfig, read_config, sizes
from training.settings.derive import tree

MODELS = st.builds(
    lambda kv_heads, groups, size, **other: ModelConfig(
        width=2 * size * kv_heads * groups, heads=kv_heads * groups, kv_heads=kv_heads, **other
    ),
    kv_heads=st.integers(1, 3),
    groups=st.integers(1, 3),
    size=st.integers(1, 4),
    layers=st.integers(1, 3),
    hidden_width=st.sampled_from([0, 24]),
    tied=st.booleans(),
)


def counted(model, vocab):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in Decoder(model, vocab).parameters())


@given(model=MODELS, vocab=st.integers(1, 99))
@settings(deadline=None, max_examples=40)
def test_parameters_are_those_of_the_model(model, vocab):
    assert sum(sizes.parameters(model, vocab).values()) == counted(model, vocab)


@pytest.mark.parametrize("size", sizes.SHAPES)
def test_every_size_is_about_what_its_name_says(size):
    model = ModelConfig(**sizes.SHAPES[size])
    counts = sizes.parameters(model, 50_304)
    assert sum(counts.values()) == counted(model, 50_304)
    named = float(size[:-1]) * {"m": 1e6, "b": 1e9}[size[-1]]
    assert counts["attention"] + counts["mlp"] == pytest.approx(named, rel=0.13)


@given(model=MODELS, rows=st.integers(1, 2))
@settings(deadline=None, max_examples=15)
def test_flops_are_those_torch_counts_forward_and_backward(model, rows):
    vocab, tokens = 16, 6
    decoder = Decoder(model, vocab)
    inputs = torch.randint(vocab, (rows, tokens))
    positions = torch.arange(tokens).expand(rows, tokens)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        decoder(inputs, torch.zeros_like(inputs), positions).sum().backward()
    assert counter.get_total_flops() == sizes.flops_per_token(model, vocab, tokens) * rows * tokens


SIZED = """size: {size}
data: [{data}]
out: x
phases:
  - {{name: broad, share: 0.75, mix: {{docs: 1}}}}
  - {{name: anneal, share: 0.25, mix: {{web: 1}}}}
"""


@pytest.fixture
def sized(tmp_path, fake_corpus):
    data = fake_corpus(tmp_path / "data", {"docs": 10**7, "web": 10**7}, row_tokens=1024, vocab=32_000)
    (tmp_path / "sized.yaml").write_text(SIZED.format(size="15m", data=data))
    return str(tmp_path / "sized.yaml")


def test_a_size_decides_what_is_not_written(sized):
    config = read_config(sized)
    total = counted(config.model, 32_000)
    inside = 10 * (2 * 384**2 + 2 * 384 * 128 + 3 * 384 * 1024)
    assert config.model == ModelConfig(width=384, layers=10, heads=6, kv_heads=2, hidden_width=1024)
    assert config.budget_tokens == 20 * total
    assert config.optimizer.learning_rate == pytest.approx(0.00235 * (inside / 108e6) ** (-1 / 3), rel=0.02)
    assert (config.lanes, config.batch_rows, config.micro_rows) == (48, 96, 16)  # 90,704 tokens are asked for
    assert config.optimizer.warmup_steps == round(inside / (96 * 1024))
    steps = 20 * total / (96 * 1024)
    assert config.steps == round(steps)
    assert config.phases[0].steps == round(0.75 * round(steps))


def test_all_that_was_derived_is_named_and_only_that(sized):
    written = {"model.layers", "lanes", "phases.0.steps"}
    before, after = (tree(sized, [f"{name}=8" for name in names])[1] for names in ((), written))
    assert set(before) - set(after) == written
    assert set(before) == {
        *(f"model.{name}" for name in sizes.SHAPES["15m"]),
        *("lanes", "batch_rows", "micro_rows", "budget_tokens", "phases.0.steps", "phases.1.steps"),
        *("optimizer.learning_rate", "optimizer.warmup_steps"),
    }


@pytest.mark.parametrize(
    ("override", "names", "value"),
    [
        ("model.width=120", ["model.width"], 120),
        ("optimizer.learning_rate=1e-4", ["optimizer.learning_rate"], 1e-4),
        ("batch_rows=144", ["batch_rows"], 144),
        ("batch_tokens=1e6", ["batch_rows"], 960),
        ("lanes=7", ["batch_rows"], 91),
        ("budget_tokens=983_040_000", ["steps"], 10_000),
        ("tokens_per_parameter=40", ["budget_tokens"], 40 * 28_025_984),
        ("phases.1.steps=5", ["phases", 1, "steps"], 5),
        ("model.tied=false", ["model.tied"], False),
    ],
)
def test_what_is_written_wins_and_the_rest_follows(sized, override, names, value):
    found = read_config(sized, [override])
    for name in names:
        for part in str(name).split("."):
            found = found[int(part)] if part.isdecimal() else getattr(found, part)
    assert found == value


def test_a_size_of_another_name_is_refused_in_words(sized):
    with pytest.raises(ConfigError) as error:
        read_config(sized, ["size=2b"])
    assert "--set size=2b: expected one of 15m, 60m, 125m, 350m, 1b, 3b, 8b, found '2b'" in str(error.value)


def test_what_was_derived_reads_back_the_same(sized, tmp_path):
    from dataclasses import asdict

    config = read_config(sized)
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(asdict(config)))))
    assert read_config(str(tmp_path / "again.yaml")) == config
    assert tree(str(tmp_path / "again.yaml"))[1] == {}
