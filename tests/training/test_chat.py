"""Conversations to rows: what is learned, who sees whom, and that the same loop trains on them."""

import gzip
import json

import numpy as np
import pytest
import torch

from curation.cli import main as curate
from curation.shards.chat_template import Template, messages_of
from training.data.corpus import open_corpus
from training.data.segment import IGNORED, segments
from training.data.shards import ShardReader
from training.plan import RowLocation
from training.train import main

CHATML = (
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}> {{ m.content }} <end>\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant> {% endif %}"
)
TALK = [
    {"role": role, "content": text}
    for role, text in (("user", "w5 w6"), ("assistant", "w7"), ("user", "w8"), ("assistant", "w9 w10"))
]


@pytest.fixture
def files(tmp_path, published, made):
    """Conversations, and a tokenizer's configuration with a template."""
    made.add_tokenizer(published)
    config, talks = tmp_path / "tokenizer_config.json", tmp_path / "talks.jsonl"
    config.write_text(json.dumps({"chat_template": CHATML, "bos_token": {"content": "<s> "}}))
    lines = [{"messages": TALK}] + [{"prompt": "w3 " * n, "response": "w4 " * (n + 1)} for n in range(1, 12)]
    talks.write_text("".join(json.dumps(line) + "\n" for line in lines) + "\n")
    return talks, config


def test_rows_hold_what_was_said_and_only_it_is_a_label(published, files, tmp_path, capsys):
    talks, config = files
    arguments = [
        str(talks),
        "--like",
        str(published.directory),
        "--template",
        str(config),
        "--out",
        str(tmp_path / "chat"),
    ]
    assert curate(["chat", *arguments]) == 0
    told = capsys.readouterr().out
    like, corpus = open_corpus([str(published.directory)]), open_corpus([str(tmp_path / "chat")])
    assert corpus.tokenizer_digest == like.tokenizer_digest
    (shard,) = corpus.sources["talks"]
    reader = ShardReader(corpus, ["talks"])
    rows = [RowLocation(n, 0, 0, n, 0) for n in range(shard.rows)]
    tokens, mask = reader.read(rows), reader.mask(rows)
    labels = segments(tokens, corpus.eot_id).labels(tokens, mask)
    import tokenizers

    engine = tokenizers.Tokenizer.from_file(like.tokenizer)
    template, count = Template(str(config)), 0
    wanted = {}
    for number, line in enumerate(talks.read_text().splitlines()[:-1], start=1):
        text, spans = template.spans(messages_of(line, ""), "")
        ids = [engine.encode(text[a:b], add_special_tokens=False).ids for a, b in spans]
        wanted[f"{talks}:{number}"] = [*(token for part in ids for token in part), corpus.eot_id]
    from training.data.corpus import read_pieces

    for row, pieces in read_pieces(shard, list(range(shard.rows))).items():
        documents, _ = segments(tokens[row : row + 1], corpus.eot_id).numbers_and_positions()
        place = 0
        for number, piece in enumerate(pieces):
            own = slice(place, place + piece.length)
            assert set(documents[0, own]) == {number}  # it sees itself alone
            found = [token for token in labels[row, own].tolist() if token != IGNORED]
            expected = wanted[piece.id]
            assert found in (expected, expected[:-1] if own.stop == tokens.shape[1] else expected)
            place, count = own.stop, count + 1
    assert f"talks: {count} conversations in {shard.rows} rows" in told
    assert f"{len(wanted) - count} longer than a row left out" in told


def test_mosaicml_streaming_reads_the_rows(published, files, tmp_path, streaming):
    assert (
        curate(["chat", str(files[0]), "--like", str(published.directory), "--out", str(tmp_path / "chat")])
        == 0
    )
    corpus = open_corpus([str(tmp_path / "chat")])
    (shard,) = corpus.sources["talks"]
    folder = shard.path.parent
    reader = streaming.StreamingDataset(local=str(folder), batch_size=1, validate_hash="xxh64")
    assert len(reader) == shard.rows
    ours = ShardReader(corpus, ["talks"])
    for number in range(shard.rows):
        row = [RowLocation(0, 0, 0, number, 0)]
        assert np.array_equal(reader[number]["tokens"], ours.read(row)[0])
        assert np.array_equal(reader[number]["mask"] != 0, ours.mask(row)[0])


@pytest.mark.slow
def test_a_trained_model_is_tuned_by_a_fork_of_its_run(published, files, write_config, tmp_path):
    """What is no label has no loss, pretraining rows stay as they were, and the loop is the same."""
    assert main([str(write_config())]) == 0
    assert (
        curate(["chat", str(files[0]), "--like", str(published.directory), "--out", str(tmp_path / "chat")])
        == 0
    )
    path = tmp_path / "tune.yaml"
    path.write_text(
        f"data: [{tmp_path / 'run'}, {tmp_path / 'chat'}]\nout: {tmp_path / 'tuned'}\nlanes: 4\nmax_epochs: 99\n"
        f"fork: {{from: {tmp_path / 'train'}, at: 14, phase: {{name: tune, steps: 6, mix: {{talks: 3, docs: 1}}}}}}\n"
        "optimizer: {learning_rate: 1e-3}\n"
    )
    assert main([str(path)]) == 0
    lines = [json.loads(line) for line in (tmp_path / "tuned" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(14, 20))
    assert set(lines[0]["source_losses"]) == {"docs", "talks"}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "{talks}:13: no JSON: Expecting property name enclosed in double quotes: line 2 column 1 (char 2)"),
        ('{"messages": [{"role": "user", "content": "a"}]}',
         "{talks}:13: expected `messages`, each with a `role` and a `content` and one at least of the assistant, or `prompt` and `response`"),
        ('{"text": "a"}',
         "{talks}:13: expected `messages`, each with a `role` and a `content` and one at least of the assistant, or `prompt` and `response`"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_conversation_is_named(published, files, tmp_path, capsys, line, told):
    talks = files[0]
    talks.write_text(talks.read_text().rstrip("\n") + "\n" + line + "\n")
    assert (
        curate(["chat", str(talks), "--like", str(published.directory), "--out", str(tmp_path / "chat")]) == 2
    )
    assert capsys.readouterr().err == told.replace("{talks}", str(talks)) + "\n"
    assert not (tmp_path / "chat" / "shard" / "current.json").exists()


def test_files_are_packed_or_not_and_of_different_names(published, files, tmp_path, capsys):
    packed = tmp_path / "talks.jsonl.gz"
    packed.write_bytes(gzip.compress(files[0].read_bytes()))
    asked = ["--like", str(published.directory), "--out", str(tmp_path / "chat")]
    assert curate(["chat", str(files[0]), str(packed), *asked]) == 2
    assert capsys.readouterr().err == (
        f"{files[0]}, {packed}: each file is a source of its name; give them different names\n"
    )
    found = []
    for file in (files[0], packed):
        assert curate(["chat", str(file), *asked]) == 0
        (shard,) = open_corpus([str(tmp_path / "chat")]).sources["talks"]
        found.append(shard.path.read_bytes())
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{% for m in messages %}{{ m.content }}{% if loop.last %}!{% endif %}{% endfor %}",
         "{talks}:1: the template writes message 1 in another way when more follow it, so what the assistant says cannot be told from the rest"),
        ("{{ raise_exception('roles must alternate') }}", "{talks}:1: the template refuses it: roles must alternate"),
        (7, "{config}: expected a `chat_template` that is text, or one named 'default'"),
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_followed_is_named(published, files, tmp_path, capsys, template, told):
    talks, config = files
    config.write_text(json.dumps({"chat_template": template}))
    arguments = [
        str(talks),
        "--like",
        str(published.directory),
        "--template",
        str(config),
        "--out",
        str(tmp_path / "c"),
    ]
    assert curate(["chat", *arguments]) == 2
    assert (
        capsys.readouterr().err == told.replace("{talks}", str(talks)).replace("{config}", str(config)) + "\n"
    )


def test_the_loss_of_a_masked_row_is_that_of_its_answers():
    tokens = np.array([[0, 5, 6, 7, 0, 8, 9, 0]])
    mask = np.array([[0, 0, 0, 1, 1, 0, 1, 1]], bool)
    found = segments(tokens, 0)
    assert found.labels(tokens, mask).tolist() == [[IGNORED, IGNORED, 7, 0, IGNORED, 9, 0, IGNORED]]
    assert torch.equal(torch.from_numpy(found.labels(tokens)), torch.tensor([[5, 6, 7, 0, 8, 9, 0, IGNORED]]))
