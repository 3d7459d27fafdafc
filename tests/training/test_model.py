"""The decoder: documents do not see each other, and weights come from the seed and the name alone."""

import numpy as np
import pytest
import torch

from training.data.segment import segments
from training.model import Decoder, document_mask, hidden_width, initialize
from training.settings import ModelConfig

SIZE = ModelConfig(width=32, layers=2, heads=4, kv_heads=2)
EOT = 0


def decoder(size=SIZE, seed=1):
    model = Decoder(size, 64)
    initialize(model, seed)
    with torch.no_grad():  # weights large enough that what is seen matters
        for parameter in model.parameters():
            parameter.mul_(5)
    return model.double()


def shown(tokens):
    documents, positions = segments(np.array([tokens]), EOT).numbers_and_positions()
    return torch.tensor([tokens]), torch.from_numpy(documents), torch.from_numpy(positions)


def test_a_packed_row_is_its_documents_run_apart():
    random = np.random.default_rng(1)
    parts = [random.integers(1, 64, n).tolist() for n in (5, 9, 1, 7)]
    row = parts[0] + [token for part in parts[1:] for token in [EOT, *part]] + [EOT, EOT]
    model = decoder()
    together = model(*shown(row))
    apart = torch.cat(
        [model(*shown(part)) for part in [parts[0], *([EOT, *p] for p in parts[1:]), [EOT], [EOT]]], 1
    )
    torch.testing.assert_close(together, apart)


def test_no_token_sees_another_document_or_what_comes_after():
    row = torch.randint(1, 64, (1, 12), generator=torch.Generator().manual_seed(1))
    row[0, 5] = EOT
    model = decoder()
    before = model(*shown(row[0].tolist()))
    for changed in range(12):
        if changed == 5:
            continue
        other = row.clone()
        other[0, changed] = 1 + other[0, changed] % 63
        moved = (model(*shown(other[0].tolist())) - before).abs().amax(dim=2)[0] > 1e-9
        own = range(changed, 5 if changed < 5 else 12)
        assert moved.nonzero().flatten().tolist() == list(own)


def test_the_mask_is_causal_within_documents():
    documents = torch.tensor([[0, 0, 1]])
    assert document_mask(documents)[0, 0].tolist() == [
        [True, False, False],
        [True, True, False],
        [False, False, True],
    ]


def test_weights_come_from_the_seed_and_the_name():
    first, again, other = Decoder(SIZE, 64), Decoder(SIZE, 64), Decoder(SIZE, 64)
    torch.manual_seed(1)
    initialize(first, 1)
    torch.manual_seed(2)
    initialize(again, 1)
    initialize(other, 2)
    for (name, a), b, c in zip(first.named_parameters(), again.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c) == name.endswith("norm.weight")
    deviation = first.layers[0].mlp.down_proj.weight.std().item()
    assert deviation == pytest.approx(0.02 / 2, rel=0.05)  # of two layers: four parts add to the stream
    assert first.embed_tokens.weight.std().item() == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize(("tied", "extra"), [(True, 0), (False, 64 * 32)])
def test_the_number_of_parameters_is_what_the_sizes_say(tied, extra):
    model = Decoder(ModelConfig(width=32, layers=2, heads=4, kv_heads=2, tied=tied), 64)
    attention = 32 * 32 * 2 + 32 * 16 * 2 + 8 * 2
    block = attention + 3 * 32 * 128 + 2 * 32
    assert sum(p.numel() for p in model.parameters()) == 64 * 32 + 2 * block + 32 + extra


@pytest.mark.parametrize(("width", "given", "expected"), [(24, 0, 64), (32, 0, 128), (32, 100, 100)])
def test_the_hidden_width_is_eight_thirds_rounded_up(width, given, expected):
    assert hidden_width(ModelConfig(width=width, hidden_width=given)) == expected
