"""What a run comes to, told without running it; and the configurations that come with the code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.distributed._tools.mem_tracker import MemTracker

from training import train
from training.data.corpus import Corpus
from training.model import Decoder, token_losses
from training.parallel import prepare
from training.report import dry_run as dry_run_page
from training.report.dry_run import memory
from training.settings import Config, ModelConfig, Phase

CONFIGS = Path(train.__file__).parent / "configs"
RANKS = {"demo": 1, "cpu_smoke": 2, "125m_1gpu": 1, "1b_8gpu": 8, "8b_64gpu": 64}


PAGE = """\
parameters            share
embedding     6,400   6.1 %
attention    24,576  23.4 %
mlp          73,728  70.2 %
norms           384   0.4 %
total       105,088
width inside the MLP 192, of a head 16; 824,832 FLOP a token

batch 16 rows of 128 = 2,048 tokens, 100 steps, 204,800 tokens = 1.9 a parameter (budget 204,800)
the shards hold 4,000 rows = 512,000 tokens of these sources

source   rows  broad   end  epochs  at most
docs    1,000   0.32  0.32    0.64        4
web     3,000   0.32  0.00    0.32        4

evals: none

memory of a rank, GiB
weights                    0.000196
gradients                  0.000196
optimizer state            0.000392
copies for products         0.00039
gradients not yet reduced  0.000391
activations                  0.0033
logits                     0.000381
total                       0.00524
8 rows a rank, 2 at once (micro batches: 4), recompute: none; an estimate, without the memory of libraries

time                        peak of one, TFLOP/s           takes
2 x H200 or H100 (assumed)                   989  under a second
this CPU, all ranks on it                   0.05           8.4 s
1.69e+11 FLOP, at 40 % of the peak of all devices
"""


def dry_run(capsys, *arguments):
    code = train.main([*map(str, arguments), "--dry-run"])
    said = capsys.readouterr()
    assert (code, said.err) == (0, "")
    return said.out


def test_every_configuration_is_tested():
    assert {path.stem for path in CONFIGS.glob("*.yaml")} == set(RANKS)


#: Their plans are of 89 million rows: half a minute each.
LARGE = ("1b_8gpu", "8b_64gpu")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if name in LARGE else name for name in RANKS]
)
def test_the_configurations_fit_shards_that_are_large_enough(
    name, tmp_path, fake_corpus, capsys, monkeypatch
):
    monkeypatch.setattr(train, "process_group", None)  # no process group, no device
    small = name in ("demo", "cpu_smoke")
    sources = {"docs": 800, "web": 200} if small else {"crawl": 80_000_000, "wiki": 9_000_000}
    data = fake_corpus(
        tmp_path / "run", sources, row_tokens=512 if small else 2048, vocab=2_000 if small else 50_304
    )
    path = CONFIGS / f"{name}.yaml"
    page = dry_run(
        capsys, path, "--set", f"data=[{data}]", "--set", f"out={tmp_path / 'out'}", "--ranks", RANKS[name]
    )
    assert "tokens" in page
    assert not (tmp_path / "out").exists()
    gib = float(page.split("total")[-1].split()[0])
    assert gib < (1 if small else 80)
    if not small:
        given = float(page.split(" a parameter")[0].rsplit(maxsplit=1)[-1])
        assert given == pytest.approx(20, rel=0.001)


def test_the_page_whole(tmp_path, fake_corpus, capsys, monkeypatch):
    monkeypatch.setattr(dry_run_page, "measured_flops", lambda device, dtype, size: 5e10)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    data = fake_corpus(tmp_path / "run", {"docs": 1000, "web": 3000}, row_tokens=128, vocab=100)
    path = tmp_path / "config.yaml"
    path.write_text(
        f"data: [{data}]\nout: out\nbatch_rows: 16\nmicro_rows: 2\nlanes: 4\nbudget_tokens: 204_800\n"
        "model: {width: 64, layers: 2, heads: 4, kv_heads: 2, hidden_width: 192}\n"
        "phases:\n  - {name: broad, share: 0.8, mix: {web: 3, docs: 1}}\n  - {name: end, share: 0.2, mix: {docs: 1}}\n"
    )
    page = dry_run(capsys, path, "--ranks", "2")
    configuration, rest = page.split("\n\n", 1)
    lines = configuration.splitlines()
    assert lines[2:5] == [
        "phases:",
        '  - {"name": "broad", "steps": 80, "mix": {"web": 3.0, "docs": 1.0}, "share": 0.8, "ramp_steps": 0}  # steps derived',
        '  - {"name": "end", "steps": 20, "mix": {"docs": 1.0}, "share": 0.2, "ramp_steps": 0}  # steps derived',
    ]
    assert {"batch_rows: 16", "size: null", "  hidden_width: 192", "  learning_rate: 0.001"} <= set(lines)
    assert rest == PAGE


def test_the_time_is_told_for_the_gpu_that_is_here(tmp_path, fake_corpus, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "NVIDIA A100-SXM4-80GB")
    data = fake_corpus(tmp_path / "run", {"crawl": 80_000_000, "wiki": 9_000_000})
    page = dry_run(capsys, CONFIGS / "1b_8gpu.yaml", "--set", f"data=[{data}]", "--ranks", "8")
    assert page.splitlines()[-4:] == [
        "time                                peak of one, TFLOP/s  takes",
        "8 x H200 or H100 (assumed)                           989   14 h",
        "8 x NVIDIA A100-SXM4-80GB, as here                   312   45 h",
        "1.63e+20 FLOP, at 40 % of the peak of all devices",
    ]


@pytest.mark.slow
def test_the_smoke_configuration_runs(published, tmp_path, capsys):
    settings = [f"data=[{published.directory}]", f"out={tmp_path / 'out'}", "budget_tokens=4096"]
    arguments = [part for each in settings for part in ("--set", each)]
    assert train.main([str(CONFIGS / "cpu_smoke.yaml"), *arguments]) == 0
    assert capsys.readouterr().out.startswith("32 steps, 4,096 tokens, loss ")


@pytest.mark.parametrize(("given", "found"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_threads_do_not_spin_while_they_wait_unless_they_are_told_to(given, found, root):
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"} | given
    code = "import sys, training, os; assert 'torch' not in sys.modules; print(os.environ['OMP_WAIT_POLICY'])"
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
    assert said.stdout == f"{found}\n"


@pytest.mark.slow
@pytest.mark.parametrize("recompute", ["none", "selective", "full"])
@pytest.mark.parametrize(
    "model",
    [
        ModelConfig(width=128, layers=6, heads=4, kv_heads=2),
        ModelConfig(width=96, layers=4, heads=6, kv_heads=6),
    ],
)
def test_the_memory_told_is_about_what_a_step_takes(recompute, model):
    rows, tokens, vocab = 2, 64, 32
    asked = Config(
        data=("x",), out="x", phases=(Phase(name="all", steps=1, mix={"a": 1}),), batch_rows=rows, lanes=1,
        model=model, recompute=recompute,
    )  # fmt: skip
    corpus = Corpus(
        row_tokens=tokens,
        dtype="uint16",
        vocab=vocab,
        eot_id=0,
        tokenizer_digest="",
        tokenizer="",
        sources={},
    )
    decoder = Decoder(model, vocab)
    for layer in decoder.layers:
        prepare(layer, recompute, compiled=False)
    inputs = torch.randint(vocab, (rows, tokens))
    positions = torch.arange(tokens).expand(rows, tokens)

    def step():
        logits = decoder(inputs, torch.zeros_like(inputs), positions)
        token_losses(logits, inputs)[1].sum().backward()

    step()  # so that gradients are there, as with the micro batch before
    tracker = MemTracker()
    tracker.track_external(decoder)
    with tracker:
        step()
    (peak,) = tracker.get_tracker_snapshot("peak").values()
    told = memory(asked, corpus, 1)
    assert peak["Total"] == pytest.approx(
        sum(told[name] for name in ("weights", "gradients", "activations", "logits")), rel=0.12
    )
