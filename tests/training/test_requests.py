"""What a wrong request is told, whole, before anything is built; and what a right question is answered."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from fsspec import AbstractFileSystem, register_implementation

from training.data.corpus import ShardError, open_corpus, read_pieces
from training.data.tokenizer import TokenizerError, open_tokenizer
from training.plan import explain
from training.settings import read_config
from training.train import main


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["batch_rowz=3"], "--set batch_rowz=3: config takes no 'batch_rowz' (did you mean 'batch_rows'?)"),
        (["lanes=3"], "--set lanes=3: batch_rows 8 is no multiple of lanes 3"),
        (["model.heads=5"], "{config}:6:8: 5 heads cannot share 2 kv_heads evenly\n"
         "{config}:6:8: width 32 is no multiple of 2 x 5 heads, which rotate pairs of numbers"),
        (["model.kv_heads=3"], "{config}:6:8: 4 heads cannot share 3 kv_heads evenly"),
        (["phases.0.mix.wob=1"],
         "--set phases.0.mix.wob=1: the shards in {tmp}/run hold no source 'wob' (did you mean 'web'?)"),
        (["phases.0.mix.docs=-1"], "--set phases.0.mix.docs=-1: phase 'broad' gives 'docs' the weight -1.0; expected 0 or more"),
        (["phases.0.mix={docs: 0}"], "--set phases.0.mix={{docs: 0}}: phase 'broad' gives no source a weight above 0"),
        (["phases.1.ramp_steps=7"], "--set phases.1.ramp_steps=7: phase 'anneal' ramps over 7 steps but lasts 6"),
        (["phases.0.ramp_steps=1"],
         "--set phases.0.ramp_steps=1: the first phase, 'broad', has no phase before it to ramp from"),
        (["phases=[]"], "--set phases=[]: phases is empty; a run has at least one"),
        (["data=[]"], "--set data=[]: data names no directory"),
        (["max_epochs={dosc: 1}"],
         "--set max_epochs={{dosc: 1}}: max_epochs names 'dosc', no phase does (did you mean 'docs'?)"),
        (["max_epochs={docs: 0.3, web: 0.1}"],
         "the curriculum reads more of a source than max_epochs allows:\n"
         "  docs: 0.51 epochs of its 94 rows, at most 0.3 (broad 16 rows = 0.17, anneal 32 rows = 0.34)\n"
         "  web: 0.50 epochs of its 127 rows, at most 0.1 (broad 48 rows = 0.38, anneal 16 rows = 0.13)\n"
         "lower the weights or steps there or budget_tokens, add data, or raise max_epochs"),
        (["data=[{tmp}/none]"],
         "{tmp}/none/shard/current.json: not found, so no shard was published in {tmp}/none; run the stage first"),
        (["lanes=8", "batch_rows=8", "phases.0.mix={docs: 1}", "phases.1.mix={docs: 1}", "data=[{tmp}/tiny]"],
         "source 'docs' has 1 rows for 8 lanes; each lane needs one: use fewer lanes or more data"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_refused_before_anything_is_built(
    published, write_config, tmp_path, made, capsys, overrides, message
):
    made.publish(tmp_path / "tiny", {"docs": {"only": np.arange(1, 20)}})
    config = write_config()
    settings = [
        argument for text in overrides for argument in ("--set", text.replace("{tmp}", str(tmp_path)))
    ]
    assert main([str(config), *settings]) == 2
    assert capsys.readouterr().err == message.format(config=config, tmp=tmp_path) + "\n"
    assert not (tmp_path / "train").exists()


def test_every_mistake_comes_at_once_where_it_stands(published, write_config, capsys):
    config = write_config(extra="  - {name: late, steps: 3, mix: {dogs: 1, wab: 1}}\n")
    assert main([str(config)]) == 2
    directory = published.directory
    assert capsys.readouterr().err == (
        f"{config}:12:40: the shards in {directory} hold no source 'dogs' (did you mean 'docs'?)\n"
        f"{config}:12:48: the shards in {directory} hold no source 'wab' (did you mean 'web'?)\n"
    )


@pytest.mark.parametrize(
    ("overrides", "lines"),
    [
        (["seed=4"], "the batches before step 14 were read; the configuration would change them:\n  seed: was 3, now 4\n"
                     "put these back (later steps may change), or choose another `out`"),
        (["model.layers=3", "model.width=64"],
         "a checkpoint of another model:\n  model.width: was 32, now 64\n  model.layers: was 2, now 3\n"
         "choose another `out`"),
    ],
)  # fmt: skip
def test_another_past_or_model_is_refused_with_what_changed(finished, tmp_path, capsys, overrides, lines):
    capsys.readouterr()
    assert main([finished, *(argument for text in overrides for argument in ("--set", text))]) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'train' / 'checkpoints' / 'step-00000014'}: {lines}\n"


def test_every_kind_of_mistake_is_told_at_once(published, write_config, tmp_path, made, capsys):
    """A key that does not exist, lanes, epochs, another model, another tokenizer; nothing is built."""
    config = str(write_config())
    assert main([config]) == 0
    manifest = published.folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace(f'"vocab": {made.VOCAB}', '"vocab": 65'))
    manifest.write_text(
        re.sub(
            r'"digest": "[^"]*", "eot_id"|"digest": "xxh3:[0-9a-f]*"',
            '"digest": "xxh3:11"',
            manifest.read_text(),
        )
    )
    before = sorted(path for path in (tmp_path / "train").rglob("*"))
    digest = json.loads((tmp_path / "train/checkpoints/step-00000014/manifest.json").read_text())["fits"][
        "tokenizer"
    ]
    capsys.readouterr()
    asked = ["lanes=3", "batch_rowz=3", "max_epochs=0.3", "model.width=64"]
    assert main([config, *(argument for text in asked for argument in ("--set", text))]) == 2
    assert capsys.readouterr().err == (
        "--set batch_rowz=3: config takes no 'batch_rowz' (did you mean 'batch_rows'?)\n"
        "--set lanes=3: batch_rows 8 is no multiple of lanes 3\n"
        "the curriculum reads more of a source than max_epochs allows:\n"
        "  docs: 0.51 epochs of its 94 rows, at most 0.3 (broad 16 rows = 0.17, anneal 32 rows = 0.34)\n"
        "  web: 0.50 epochs of its 127 rows, at most 0.3 (broad 48 rows = 0.38, anneal 16 rows = 0.13)\n"
        "lower the weights or steps there or budget_tokens, add data, or raise max_epochs\n"
        f"{tmp_path}/train/checkpoints/step-00000014: a checkpoint of another model:\n"
        "  model.width: was 32, now 64\n"
        "  vocab: was 64, now 65\n"
        f"  tokenizer: was {digest}, now xxh3:11\n"
        "choose another `out`\n"
    )
    assert sorted(path for path in (tmp_path / "train").rglob("*")) == before


class Closed(AbstractFileSystem):
    """A store that answers with an error of its own kind."""

    protocol = "closed"
    cachable = False

    class NoCredentialsError(Exception):
        """Neither an OSError nor a ValueError, as botocore's."""

    def _open(self, path, **asked):
        raise self.NoCredentialsError("Unable to locate credentials")

    def info(self, path, **asked):
        return self._open(path)


@pytest.fixture
def closed():
    """What is said of a path in a store that cannot be read."""
    register_implementation("closed", Closed, clobber=True)
    return lambda path: (
        f"{path}: cannot be read (NoCredentialsError: Unable to locate credentials); give its store what it asks "
        "for (credentials, region, endpoint), correct the address, or name a copy on a path\n"
    )


def test_a_store_that_cannot_be_read_is_told_in_words_with_all_else(closed, write_config, tmp_path, capsys):
    (tmp_path / "b.jsonl").write_text('{"text": 5}\n')
    asked = [
        "size=15m", "data=[closed://runs/a]", "batch_rowz=3",
        f"evals.texts={{a: closed://held/a.jsonl, b: {tmp_path}/b.jsonl}}",
    ]  # fmt: skip
    settings = [argument for text in asked for argument in ("--set", text)]
    assert main([str(write_config()), *settings, "--dry-run"]) == 2
    assert capsys.readouterr().err == (
        "--set batch_rowz=3: config takes no 'batch_rowz' (did you mean 'batch_rows'?)\n"
        f"{closed('closed://runs/a/shard/current.json')}{closed('closed://held/a.jsonl')}"
        f"{tmp_path}/b.jsonl:1: expected `text`, a string that is not empty, found 5\n"
    )


def test_a_configuration_in_a_store_that_cannot_be_read(closed, capsys):
    assert main(["closed://runs/config.yaml"]) == 2
    assert (
        capsys.readouterr().err == "closed://runs/config.yaml: cannot be read: Unable to locate credentials\n"
    )


def test_documents_and_a_tokenizer_in_a_store_that_cannot_be_read(closed, published):
    corpus = open_corpus([str(published.directory)])
    shard = replace(corpus.sources["docs"][0], provenance="closed://runs/a.parquet")
    with pytest.raises(ShardError) as caught:
        read_pieces(shard, [0])
    assert f"{caught.value}\n" == closed("closed://runs/a.parquet")
    with pytest.raises(TokenizerError) as caught:
        open_tokenizer(replace(corpus, tokenizer="closed://runs/tokenizer.json"))
    assert f"{caught.value}\n" == closed("closed://runs/tokenizer.json")


def test_directories_that_differ_and_ranks_that_do_not_divide_the_lanes(
    published, write_config, tmp_path, made, capsys, monkeypatch
):
    config, known = str(write_config()), "xxh3:00"
    data, told, changed = f"data=[{published.directory}", "", ""
    for name, digest in (("other", "xxh3:11"), ("third", "xxh3:22")):
        run = made.publish(tmp_path / name, {"docs": made.patterned(60, seed=4)})
        manifest = run.folder / "manifest.json"
        manifest.write_text(manifest.read_text().replace(known, digest))
        data += f", {run.directory}"
        told += (
            f"{run.directory}: tokenizer_digest: expected {known} as in {published.directory}, found {digest}; "
            "one run reads shards of one tokenizer and row length\n"
            f"{run.directory}: the source 'docs' is also in another directory of `data`\n"
        )
        changed += f"  {run.directory}: tokenizer: was {known}, now {digest}\n"
    assert main([config, "--set", data + "]"]) == 2
    assert capsys.readouterr().err == told
    assert main([config]) == 0
    capsys.readouterr()
    assert main([config, "--set", data + f", {tmp_path}/none]"]) == 2  # nor does one hide what another says
    assert capsys.readouterr().err == (
        f"{tmp_path}/none/shard/current.json: not found, so no shard was published in {tmp_path}/none; "
        f"run the stage first\n{told}{tmp_path}/train/checkpoints/step-00000014: a checkpoint of another "
        f"model:\n{changed}choose another `out`\n"
    )
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert main([config]) == 2
    assert capsys.readouterr().err == "3 ranks do not divide 4 lanes; possible are 1, 2, 4\n"


def test_explain_names_the_documents_of_a_batch(published, write_config, capsys):
    config = str(write_config())
    assert explain.main(["explain", config, "--step", "9"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "step 9, phase anneal, 8 rows of 32 tokens"
    slots = [line.split()[1:] for line in said if line.startswith("slot ")]
    assert [slot[0] for slot in slots] == list("01234567")
    corpus = open_corpus([str(published.directory)])
    drawn = explain.make_plan(read_config(config), corpus)
    for _ in range(10):
        batch = drawn.draw()
    rows = drawn.locate(batch, range(8))
    assert [(slot[1], slot[2], int(slot[4])) for slot in slots] == [
        (drawn.names[row.source], f"shard.{row.shard:05d}.mds", row.row) for row in rows
    ]
    assert all(line.split()[0][:2] in ("1-", "2-") for line in said if line.startswith("    "))
    assert explain.main(["explain", config, "--step", "14"]) == 2
    assert capsys.readouterr().err == "step 14 is outside the curriculum, which has the steps 0 to 13\n"


def test_epochs_shows_how_often_each_phase_reads_each_source(published, write_config, capsys):
    config = str(write_config())
    assert explain.main(["epochs", config, "--set", "max_epochs={web: 2}"]) == 0
    assert [len(published.rows[name]) for name in ("docs", "web")] == [94, 127]
    assert capsys.readouterr().out.splitlines() == [
        "source  rows  broad  anneal  epochs  at most",
        "docs      94   0.17    0.34    0.51      inf",
        "web      127   0.38    0.13    0.50        2",
    ]
