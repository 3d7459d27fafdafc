from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.cli import main
from curation.look.report.training import SPIKES_SHOWN, read_spikes, training_summary
from curation.look.report.vocabulary import tokenizer_use
from curation.look.run import open_run


def write(folder: Path, step: int, **spike: object) -> None:
    (folder / "spikes").mkdir(exist_ok=True)
    path = folder / "spikes" / f"step-{step:08d}.json"
    path.write_text(json.dumps({"step": step, **spike}), encoding="utf-8")


def test_spikes_come_in_the_order_of_their_steps_with_their_worst_documents(metrics: Path) -> None:
    rows = [{"documents": [{"id": name, "loss": 9.0, "text": "so"}, {"id": name}]} for name in "abcd"]
    write(metrics, 70, why="grad_norm is nan", rows=rows)
    write(metrics, 9, rows=[{"slot": 1}, {"documents": None}], later="something new")
    first, second = read_spikes(str(metrics))
    assert first == {"step": 9, "why": "", "documents": []}
    assert second["documents"] == [("a", "9.0", "so"), ("b", "9.0", "so"), ("c", "9.0", "so")]


def test_spikes_stand_in_the_curve_and_the_summary_tells_epochs(small_run: Path, metrics: Path) -> None:
    for step in range(1, SPIKES_SHOWN + 4):
        write(metrics, step)
    (metrics / "summary.json").write_text(json.dumps({"epochs": {"web": 2}}), encoding="utf-8")
    summary = training_summary(str(small_run), str(metrics))
    assert summary is not None
    assert summary["chart"].count('id="spike-') == summary["spike_count"] == SPIKES_SHOWN + 3
    assert len(summary["spikes"]) == SPIKES_SHOWN
    assert summary["epochs"] == {"web": 2.0}


def test_a_run_that_still_trains_has_neither(small_run: Path, metrics: Path) -> None:
    summary = training_summary(str(small_run), str(metrics))
    assert summary is not None
    assert (summary["spikes"], summary["epochs"], summary["steps"]) == ([], {}, 100)
    assert training_summary(str(small_run), None) is None


def test_a_vocabulary_needs_shards_and_their_tokenizer(small_run: Path, judged: Path) -> None:
    assert tokenizer_use(open_run(str(judged))) is None
    assert tokenizer_use(open_run(str(small_run))) is None, "no tokenizer.json beside these shards"


@pytest.mark.slow
def test_fertility_and_rare_tokens_are_those_of_the_tokenizer(small_run: Path, tmp_path: Path) -> None:
    import shutil

    from curation.look.frames import documents
    from curation.shards.tokens import encode_batch, load_tokenizer, train_tokenizer

    run = tmp_path / "run"
    shutil.copytree(small_run, run)
    (shard,) = (run / "shard").glob("*/manifest.json")
    texts = documents(str(run), "dedup", "kept")["text"].tolist()
    shard.with_name("tokenizer.json").write_bytes(train_tokenizer(texts * 20, 400))
    use = tokenizer_use(open_run(str(run)))
    assert use is not None
    tokens = [ids.tolist() for ids in encode_batch(load_tokenizer(shard.with_name("tokenizer.json")), texts)]
    assert use["documents"] == len(texts) == 6
    (english,) = use["languages"]
    assert english["tokens"] == sum(map(len, tokens))
    assert english["words"] == sum(len(text.split()) for text in texts)
    assert use["used"] == len({token for ids in tokens for token in ids})
    assert use["used"] <= use["size"]
    for rare in use["rare"]:
        assert rare["count"] == sum(ids.count(rare["id"]) for ids in tokens)
        assert rare["documents"] == sum(rare["id"] in ids for ids in tokens) <= 2


def test_a_training_run_that_is_not_there_is_refused(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "nowhere"
    assert main(["report", str(small_run), "--out", str(tmp_path / "r.html"), "--train", str(nowhere)]) == 2
    told = f"--train {nowhere}: holds no metrics.jsonl; expected the `out` of a training run\n"
    assert capsys.readouterr().err == told
    assert not (tmp_path / "r.html").exists()
