"""A batch that stands out: its documents are named, and it is learned, left out, or gone back before."""

import html
import json
import shutil

import numpy as np
import pytest
import torch

from training.data.corpus import open_corpus
from training.data.loader import Loader
from training.data.shards import ShardReader
from training.plan import Plan, explain
from training.report.spikes import write_spike
from training.settings import Phase, read_config
from training.train import main

from .forks import but_progress, metrics


def regular(count, made, poisoned=()):
    """Documents of exactly one row each: the same walk from another token; a poisoned one has no rule."""
    out = {}
    for number in range(count):
        walk = 1 + (number + 5 * np.arange(made.ROW_TOKENS - 1)) % (made.VOCAB - 1)
        noise = np.random.default_rng(number).integers(1, made.VOCAB, made.ROW_TOKENS - 1)
        out[f"document-{number}"] = noise if number in poisoned else walk
    return out


ONE_PHASE = [
    "phases=[{name: all, steps: 60, mix: {docs: 1}}]",
    "batch_rows=4",
    "optimizer.learning_rate=0.02",
    "watch.window_steps=32",
    "seed=4",
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


@pytest.mark.slow
def test_a_spike_names_the_poisoned_document(tmp_path, write_config, made, capsys):
    config = str(write_config())
    number = poison(37, made, tmp_path, config)
    assert main(command(config)) == 0
    path = tmp_path / "train" / "spikes" / "step-00000037.json"
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
        "far": ["watch={on_spike: rewind, skip_count: 6, window_steps: 32}"],
        "seldom": [
            "watch={on_spike: rewind, skip_count: 6, window_steps: 32}",
            "checkpoint={every_steps: 11, keep_count: 9}",
        ],
    }
    lines = {}
    for way, asked in ways.items():
        assert main(command(config, *asked, f"out={tmp_path / way}")) == 0
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
    assert main(command(config, *ways["far"], f"out={tmp_path / 'far'}")) == 0
    assert [line["loss"] for line in metrics(tmp_path / "far")] == [line["loss"] for line in lines["far"]]


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
    assert but_progress(capsys.readouterr().err) == (
        f"step 6: grad_norm is nan; the optimizer has not moved. Its documents are in {path}\n"
    )
    assert len(moved) == len(metrics(tmp_path / "train")) == 6
    assert len(json.loads(path.with_suffix(".json").read_text())["rows"]) == 8


def test_a_rate_that_blows_up_ends_the_run(published, write_config, capsys):
    assert main([str(write_config()), "--set", "optimizer.learning_rate=1e38"]) == 1
    assert "the optimizer has not moved" in capsys.readouterr().err


def test_a_page_of_what_cannot_be_read_says_so_and_ends_no_run(published, tmp_path, made):
    made.add_tokenizer(published)
    corpus = open_corpus([str(published.directory)])
    phases = [Phase(name="p", steps=1, mix={"docs": 1, "web": 1})]
    plan = Plan(corpus.plan_sources(["docs", "web"]), phases, batch_rows=8, lanes=4, seed=1)
    with Loader(
        plan, ShardReader(corpus, plan.names), rank=0, world_size=1, device=torch.device("cpu")
    ) as batches:
        (batch,) = batches
    seen = torch.arange(8.0)[:, None].expand(8, made.ROW_TOKENS), batch.tokens, batch.labels
    (published.folder / "web" / "shard.00000.parquet").unlink()
    for path in published.folder.rglob("*.parquet"):
        path.write_bytes(b"half")
    write_spike(tmp_path / "step-1.html", "why", batch.drawn, seen, plan, corpus)
    spike = json.loads((tmp_path / "step-1.json").read_text())
    assert [row["loss"] for row in spike["rows"]] == [7, 6, 5, 4, 3, 2, 1, 0]
    told = "decoded for the 64 rows of the highest loss; rows are shown whole, since their documents are not known: "
    assert spike["text"].startswith(told + str(published.folder))
    assert spike["text"] in html.unescape((tmp_path / "step-1.html").read_text())
    (document,) = spike["rows"][0]["documents"]
    words = ["<|endoftext|>" if token == 0 else f"w{token}" for token in batch.tokens[7].tolist()]
    assert (document["id"], document["text"].split()) == ("not known", words)
