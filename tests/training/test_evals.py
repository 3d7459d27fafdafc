"""Evals: against sums done one document at a time, on any number of ranks, and never on other texts."""

import json
import math

import numpy as np
import pytest
import torch

from training import evals, settings
from training.data.corpus import open_corpus
from training.data.heldout import EvalError, open_evals
from training.model import Decoder, initialize
from training.parallel import Ranks
from training.report import learning
from training.train import main

from .forks import but_progress, said

TEXTS = ["w1 w2 w3 w4", "w9 w8 w7", " ".join(f"w{1 + n % 63}" for n in range(100)), "w5"]
TASK = [
    {"prompt": "w1 w2", "choices": [" w3", " w9 w9", " w40"], "answer": 0},
    {"prompt": " ".join(f"w{1 + n % 63}" for n in range(40)), "choices": [" w41 w42", " w1"], "answer": 1},
]


@pytest.fixture
def files(published, made, tmp_path):
    """A corpus with its tokenizer, and the settings of evals on two files."""
    made.add_tokenizer(published)
    (tmp_path / "held.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    (tmp_path / "task.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in TASK))
    asked = settings.EvalsConfig(
        every_steps=5,
        texts={"docs": str(tmp_path / "held.jsonl")},
        tasks={"counting": str(tmp_path / "task.jsonl")},
        prompts=("w1 w2 w3", "w7"),
        sample_tokens=5,
    )
    return open_corpus([str(published.directory)]), asked


@pytest.fixture
def model(made):
    decoder = Decoder(settings.ModelConfig(width=32, layers=2, heads=4, kv_heads=2), made.VOCAB)
    initialize(decoder, seed=1)
    with torch.no_grad():
        decoder.embed_tokens.weight *= 20  # so that it prefers some tokens by far
    return decoder


ALONE = Ranks(rank=0, world_size=1, device=torch.device("cpu"))


@pytest.fixture
def alone(monkeypatch):
    monkeypatch.setattr(Ranks, "sum", lambda self, values: values)


def nats(model, ids, first):
    """The oracle: one sequence, its log-probabilities token by token."""
    positions = torch.arange(len(ids) - 1)[None]
    logits = model(torch.tensor([ids[:-1]]), torch.zeros_like(positions), positions)[0].double()
    chances = logits.log_softmax(-1)
    return -sum(float(chances[n - 1, ids[n]].detach()) for n in range(first, len(ids)))


def test_bits_per_byte_are_those_of_every_document_alone(files, model, alone, made):
    corpus, asked = files
    scores, _ = evals.evaluate(model, open_evals(asked, corpus), ALONE, seed=1)
    total = 0.0
    for text in TEXTS:
        ids = [0, *(int(word[1:]) for word in text.split())]
        rows = range(0, len(ids) - 1, made.ROW_TOKENS)
        total += sum(nats(model, ids[a : a + made.ROW_TOKENS + 1], 1) for a in rows)
    size = sum(map(len, TEXTS))
    assert scores[0]["set"] == "docs"
    assert (scores[0]["bytes"], scores[0]["documents"]) == (size, 4)
    assert scores[0]["bits_per_byte"] == pytest.approx(total / math.log(2) / size, rel=1e-6)


def test_tasks_are_judged_by_the_likelihood_of_each_choice(files, model, alone):
    corpus, asked = files
    scores, _ = evals.evaluate(model, open_evals(asked, corpus), ALONE, seed=1)
    right, by_byte, bits, size = 0, 0, 0.0, 0
    for entry in TASK:
        prompt = [0, *(int(word[1:]) for word in entry["prompt"].split())]
        own = []
        for choice in entry["choices"]:
            ids = [*prompt, *(int(word[1:]) for word in choice.split())]
            cut = max(len(ids) - 33, 0)  # from the left: a row holds 32 tokens and the last one's label
            own.append(nats(model, ids[cut:], len(prompt) - cut))
        sizes = [len(choice) for choice in entry["choices"]]
        right += int(np.argmin(own)) == entry["answer"]
        by_byte += int(np.argmin(np.array(own) / sizes)) == entry["answer"]
        bits, size = bits + own[entry["answer"]] / math.log(2), size + sizes[entry["answer"]]
    assert scores[1] | {"digest": ""} == {
        "set": "counting",
        "digest": "",
        "accuracy": right / 2,
        "accuracy_by_byte": by_byte / 2,
        "standard_error": math.sqrt(right / 2 * (1 - right / 2) / 2),
        "chance": (1 / 3 + 1 / 2) / 2,
        "answer_bits_per_byte": pytest.approx(bits / size, rel=1e-6),
        "questions": 2,
    }


def test_the_number_of_ranks_changes_no_bit(files, model, monkeypatch):
    corpus, asked = files
    monkeypatch.setattr(evals, "_FORWARD_TOKENS", 64)
    each = open_evals(asked, corpus).sets[0]
    assert len(evals.groups(each.stretches, 32)) > 3
    found = []
    for count in (1, 2, 3, 5):
        sums = []
        monkeypatch.setattr(Ranks, "sum", lambda self, values, sums=sums: sums.append(values))
        for rank in range(count):
            evals.unit_nats(model, each, Ranks(rank=rank, world_size=count, device=torch.device("cpu")), 32)
        whole = torch.stack(sums).sum(0)
        monkeypatch.setattr(Ranks, "sum", lambda self, values, whole=whole: values.copy_(whole))
        found.append(evals.unit_nats(model, each, ALONE, 32))
    assert found[1:] == found[:1] * 3


def test_a_model_that_knows_nothing_needs_the_same_bits_in_any_tokenizer(files, model, alone, published):
    """Uniform over V: log2 V bits a token, whatever the stretches."""
    corpus, asked = files
    with torch.no_grad():
        model.embed_tokens.weight.zero_()
    scores, _ = evals.evaluate(model, open_evals(asked, corpus), ALONE, seed=1)
    tokens, size = sum(len(text.split()) for text in TEXTS), sum(map(len, TEXTS))
    assert scores[0]["bits_per_byte"] == pytest.approx(tokens * 6 / size)


def test_samples_are_decided_by_the_seed(files, model, alone):
    corpus, asked = files
    opened = open_evals(asked, corpus)
    with torch.no_grad():
        model.embed_tokens.weight /= 20  # many tokens are likely
    first, second, other = (evals.sample(model, opened, ALONE, seed) for seed in (1, 1, 2))
    assert first == second != other
    assert [len(text.split()) for text in first] == [5, 5]


def test_a_digest_is_of_what_is_scored(files, tmp_path):
    corpus, asked = files
    before = open_evals(asked, corpus).digests
    (tmp_path / "held.jsonl").write_text(
        "\n".join(json.dumps({"id": 3, "text": text}, indent=None) for text in TEXTS)
    )
    assert open_evals(asked, corpus).digests == before
    (tmp_path / "held.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in TEXTS[:3]))
    after = open_evals(asked, corpus).digests
    assert after["docs"] != before["docs"]
    assert after["counting"] == before["counting"]


def test_every_mistake_in_the_files_is_told_at_once(files, tmp_path):
    corpus, _ = files
    (tmp_path / "a.jsonl").write_text('{"text": "w1"}\n{"text": 5}\n{"te\n[]\n')
    lines = [
        {"prompt": "w1", "choices": ["w2"], "answer": 0},
        {"prompt": "w1", "choices": ["w2", "w3"], "answer": 2},
        {"choices": ["w2", "w3"], "answer": 1},
    ]
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, lines)))
    a, b, gone = (str(tmp_path / f"{name}.jsonl") for name in ("a", "b", "gone"))
    asked = settings.EvalsConfig(texts={"a": a, "gone": gone}, tasks={"b": b, "a": b, "gone": b})
    with pytest.raises(EvalError) as caught:
        open_evals(asked, corpus)
    told = [
        f"{b}:1: expected `choices`, two strings or more, none empty, found ['w2']",
        f"{b}:2: expected `answer`, a number from 0 to 1, found 2",
        f"{b}:3: expected `prompt`, a string, found None",
    ]
    assert str(caught.value).splitlines() == [
        "the evals name 'a' twice",
        "the evals name 'gone' twice",
        f"{a}:2: expected `text`, a string that is not empty, found 5",
        f"{a}:3: not JSON (Invalid control character at: line 1 column 5 (char 4))",
        f"{a}:4: expected an object, found list",
        f"{gone}: cannot be read (No such file or directory)",
        *told,
        *told,
        *told,
    ]


def test_a_tokenizer_that_is_missing_or_another_is_refused(files, published, write_config, tmp_path, capsys):
    corpus, asked = files
    evaluated = ["--set", f"evals.texts.docs={tmp_path / 'held.jsonl'}"]
    path = published.folder / "tokenizer.json"
    path.write_text(path.read_text().replace("w63", "x63"))
    with pytest.raises(EvalError, match="expected the tokenizer that made the shards, xxh3:"):
        open_evals(asked, corpus)
    path.unlink()
    assert main([str(write_config()), *evaluated]) == 2
    assert capsys.readouterr().err.startswith(f"{path}: cannot be read (No such file or directory)\n")
    assert open_evals(settings.EvalsConfig(), corpus).sets == ()  # nothing to score: nothing is missing


def scores(out):
    return [json.loads(line) for line in (out / "evals.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_a_run_is_scored_on_its_way_and_its_speed_told(files, write_config, tmp_path, capsys):
    _, asked = files
    extra = f"""evals:
  every_steps: 4
  texts: {dict(asked.texts)}
  tasks: {dict(asked.tasks)}
  prompts: [w1 w2]
  sample_tokens: 3
  levels: [2.6, 0.1]
"""
    config_path = str(write_config(extra=extra))
    assert main([config_path]) == 0
    out = tmp_path / "train"
    lines = scores(out)
    assert [(line["step"], line["set"]) for line in lines] == [
        (step, name) for step in (4, 8, 12, 14) for name in ("docs", "counting")
    ]
    assert lines[-2]["bits_per_byte"] < lines[0]["bits_per_byte"]
    assert lines[0]["tokens"] == 4 * 8 * 32
    samples = [json.loads(line) for line in (out / "samples.jsonl").read_text().splitlines()]
    assert [(s["step"], s["prompt"], len(s["text"].split())) for s in samples] == [
        (step, "w1 w2", 3) for step in (4, 8, 12, 14)
    ]
    summary = json.loads((out / "summary.json").read_text())["evals"]
    assert summary["docs"]["bits_per_byte"] == lines[-2]["bits_per_byte"]
    assert summary["docs"]["tokens_to"].keys() <= {"2.6"}

    # continued on another text: said, and the curve begins anew
    with (tmp_path / "held.jsonl").open("a") as stream:
        stream.write('{"text": "w3"}\n')
    capsys.readouterr()
    longer = extra + "  # longer\n"
    again = write_config("again.yaml", extra=f"  - {{name: more, steps: 2, mix: {{web: 1}}}}\n{longer}")
    assert main([str(again)]) == 0
    old, new = lines[0]["digest"], scores(out)[-2]["digest"]
    assert but_progress(capsys.readouterr().err) == (
        f"evals: 'docs' is another text from step 14 on ({old}, now {new}): its scores are not comparable "
        "with earlier ones, and its curve starts again\n"
    )
    assert len(learning.read_curves(out)["docs"].values) == 1
    assert len(learning.read_curves(out)["counting"].values) == 5


def test_a_dry_run_lists_what_is_scored(files, write_config, capsys):
    corpus, asked = files
    extra = (
        f"evals: {{every_steps: 5, texts: {dict(asked.texts)}, tasks: {dict(asked.tasks)}, prompts: [w1]}}\n"
    )
    assert main([str(write_config(extra=extra)), "--dry-run"]) == 0
    digests = open_evals(asked, corpus).digests
    width = len(digests["docs"])
    assert (
        f"evals     kind  {'digest':>{width}}  documents  bytes\n"
        f"docs      text  {digests['docs']}          4    {sum(map(len, TEXTS))}\n"
        f"counting  task  {digests['counting']}          2     24\n"
        "1 prompts continued by 48 tokens; all of it every 5 steps and after the last\n"
    ) in capsys.readouterr().out


@pytest.mark.slow
def test_two_ranks_score_as_one_does(files, write_config, tmp_path, trainers):
    _, asked = files
    extra = (
        f"evals: {{every_steps: 7, texts: {dict(asked.texts)}, tasks: {dict(asked.tasks)}, prompts: [w1]}}\n"
    )
    frozen = [write_config(extra=extra), "--set", "optimizer.learning_rate=0"]
    frozen += ["--set", "watch.gather_every_steps=7"]
    one, two = tmp_path / "one", tmp_path / "two"
    assert trainers.run(one, frozen) == [0]
    assert trainers.run(two, frozen, ranks=2) == [0, 0], said(two)
    assert scores(two) == scores(one)
    times = [json.loads(line) for line in (two / "ranks.jsonl").read_text().splitlines()]
    assert [(line["step"], len(line["step_s"]), len(line["work_s"])) for line in times] == [
        (7, 2, 2),
        (14, 2, 2),
    ]
    assert (two / "samples.jsonl").read_text() == (one / "samples.jsonl").read_text()
