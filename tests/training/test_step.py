"""A step gives the same losses and gradients however it is computed, and attention is the same on a GPU."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from training import model as model_module
from training import step
from training.data.segment import documents_bound, segments
from training.model import Decoder, attend, document_mask, initialize, token_losses
from training.parallel import build, process_group
from training.settings import AdamWConfig, Config, ModelConfig, Phase
from training.step import learn

ROWS, TOKENS, VOCAB = 4, 64, 64


@pytest.fixture(scope="module")
def place():
    with process_group() as place:
        yield place


def batch(parts):
    tokens = np.random.default_rng(1).integers(0, VOCAB, (ROWS, TOKENS))
    found = segments(tokens, 0)
    documents, positions = found.numbers_and_positions()
    bound = documents_bound(ROWS, TOKENS)
    begins = found.cumulative_lengths(parts, bound)
    arrays = {
        "tokens": tokens,
        "labels": found.labels(tokens),
        "documents": documents,
        "positions": positions,
        "cu_seqlens": begins,
        "sources": np.array([0, 1, 0, 0]),
    }
    return SimpleNamespace(**{name: torch.from_numpy(array) for name, array in arrays.items()})


def measure(place, **other):
    z_loss = other.pop("z_loss", 0.0)
    asked = Config(
        data=("x",), out="x", phases=(Phase(name="all", steps=1, mix={"a": 1}),), batch_rows=ROWS, lanes=4,
        model=ModelConfig(width=64, layers=3, heads=4, kv_heads=2), optimizer=AdamWConfig(clip_norm=0, z_loss=z_loss), **other,
    )  # fmt: skip
    model = build(asked, VOCAB, place)
    measured = learn(model, batch(asked.micro_batches(1)), SimpleNamespace(names=["a", "b"]), place, asked)
    return measured, {name: p.grad.full_tensor() for name, p in model.named_parameters()}


@pytest.mark.parametrize(
    "way",
    [
        {"micro_rows": 1},
        {"micro_rows": 3},  # at most: two parts of two rows
        {"recompute": "full"},
        {"recompute": "selective"},
        {"recompute": "selective", "micro_rows": 1},
    ],
    ids=str,
)
def test_a_step_is_the_same_in_parts_and_recomputed(place, way):
    plain, gradients = measure(place)
    measured, found = measure(place, **way)
    torch.testing.assert_close(measured.token_losses, plain.token_losses)
    assert measured.loss == pytest.approx(plain.loss, rel=1e-7)
    assert measured.source_losses == pytest.approx(plain.source_losses, rel=1e-7)
    assert measured.grad_norm == pytest.approx(plain.grad_norm, rel=1e-6)
    for name, gradient in gradients.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-5, atol=1e-7, msg=name)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the compiler, about itself
@pytest.mark.parametrize(
    ("recompute", "backend"),
    [
        ("none", "inductor"),
        ("selective", "aot_eager"),  # what is recomputed is the same, and no C++ compiler has to run
        pytest.param("selective", "inductor", marks=pytest.mark.long),
    ],
)
def test_all_blocks_share_one_compiled_code_without_a_break(place, monkeypatch, recompute, backend):
    plain, gradients = measure(place)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    step._compiled_losses.cache_clear()
    with torch._inductor.config.patch(compile_threads=1):  # else it starts a pool of processes
        measured, found = measure(place, compile=True, recompute=recompute)
    step._compiled_losses.cache_clear()
    counters = torch._dynamo.utils.counters
    assert counters["stats"]["unique_graphs"] == 2  # a block, the loss
    assert not counters["graph_break"]
    assert measured.loss == pytest.approx(plain.loss, rel=1e-6)
    for name, gradient in gradients.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-3, atol=1e-6, msg=name)


def test_bfloat16_keeps_weights_and_gradients_in_float32_and_is_near(place):
    plain, _ = measure(place)
    measured, gradients = measure(place, precision="bfloat16", micro_rows=1)
    assert {gradient.dtype for gradient in gradients.values()} == {torch.float32}
    assert measured.loss == pytest.approx(plain.loss, rel=1e-3)
    assert measured.grad_norm == pytest.approx(plain.grad_norm, rel=1e-2)


def test_the_z_loss_moves_the_gradient_and_not_the_loss_that_is_told(place):
    (plain, before), (measured, after) = measure(place), measure(place, z_loss=0.1)
    assert measured.loss == plain.loss
    assert not torch.equal(before["embed_tokens.weight"], after["embed_tokens.weight"])


def test_the_losses_are_their_definition():
    torch.manual_seed(1)
    logits, labels = torch.randn(2, 3, 5, dtype=torch.float64), torch.tensor([[1, 2, -100], [0, 4, 3]])
    losses, goals = token_losses(logits, labels, z_loss=0.5)
    for row in range(2):
        for token in range(3):
            total = logits[row, token].exp().sum().log().item()
            if (label := labels[row, token].item()) == -100:
                assert losses[row, token] == goals[row, token] == 0
                continue
            loss = total - logits[row, token, label].item()
            assert losses[row, token].item() == pytest.approx(loss, abs=1e-5)
            assert goals[row, token].item() == pytest.approx(loss + 0.5 * total**2, abs=1e-5)


def varlen(query, key, value, begin_q, begin_k, max_q, max_k, *, window_size, enable_gqa):
    """What variable-length flash attention is documented to do, a document at a time."""
    assert begin_q is begin_k
    assert (window_size, enable_gqa) == ((-1, 0), True)
    assert max_q == max_k >= int(begin_q.diff().max())
    assert begin_q.dtype == torch.int32
    out = torch.zeros_like(query)
    for a, b in zip(begin_q.tolist(), begin_q.tolist()[1:], strict=False):
        part = (each[a:b].transpose(0, 1)[None] for each in (query, key, value))
        mixed = torch.nn.functional.scaled_dot_product_attention(*part, is_causal=True, enable_gqa=True)
        out[a:b] = mixed[0].transpose(0, 1)
    return out


def test_attention_over_the_places_of_documents_is_attention_under_the_mask(monkeypatch):
    monkeypatch.setattr(model_module, "varlen_attn", varlen)
    torch.manual_seed(1)
    query, key, value = (torch.randn(ROWS, TOKENS, heads, 8, dtype=torch.float64) for heads in (4, 2, 2))
    one = batch(1)
    fast = attend(query, key, value, one.cu_seqlens[0])
    slow = attend(query, key, value, document_mask(one.documents))
    torch.testing.assert_close(fast, slow)


def test_a_packed_row_through_the_fast_path_is_its_documents_run_apart(monkeypatch):
    monkeypatch.setattr(model_module, "varlen_attn", varlen)
    model = Decoder(ModelConfig(width=32, layers=2, heads=4, kv_heads=2), VOCAB)
    initialize(model, 1)
    model.double()
    one = batch(1)
    masked = model(one.tokens, one.documents, one.positions, one.cu_seqlens[0])  # on a CPU: by the mask
    monkeypatch.setattr(model_module, "document_mask", lambda _: one.cu_seqlens[0])
    torch.testing.assert_close(model(one.tokens, one.documents, one.positions), masked)
