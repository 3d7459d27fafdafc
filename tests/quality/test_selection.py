"""Quality models are deterministic and their figures agree with brute force; so do cuts."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.cli import main
from curation.document import DOCUMENT
from curation.quality.selection import Cut, CutSearch, Selection, key_value, sort_keys, target_weight
from curation.quality.training import Texts, TrainingText, auc, line, train
from curation.spark.stages.select import mark

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite, finite)
def test_sort_keys_sort_like_floats(one: float, other: float) -> None:
    a, b = sort_keys(np.array([one, other])).tolist()
    assert (a < b) == (one < other)
    assert (a == b) == (one == other)
    assert key_value(a) == one


def test_a_selection_can_go_by_the_length_of_texts() -> None:
    rows = [{"id": str(n), "source": "s", "characters": n, "reasons": []} for n in (5, 20, 30)]
    selection = Selection(name="long", of=("characters",), min=20.0)
    judged = [(selection, Cut(edges={}, least={"": 20.0}))]
    marked = mark(pa.RecordBatch.from_pylist(rows, DOCUMENT), [], judged).to_pylist()
    assert [[reason["value"] for reason in row["reasons"]] for row in marked] == [[5.0], [], []]
    assert marked[0]["reasons"][0]["name"] == "select.long"


@given(st.lists(st.tuples(finite, st.integers(0, 50)), min_size=1, max_size=60), st.integers(1, 999))
def test_the_cut_is_the_one_of_sorting(rows: list[tuple[float, int]], permille: int) -> None:
    total = sum(weight for _, weight in rows)
    min_weight = target_weight(permille / 1000, total)
    keys = sort_keys(np.array([score for score, _ in rows])).tolist()
    search = CutSearch(min_weight)
    while search.shift >= 0:
        counts: dict[int, int] = {}
        for key, (_, weight) in zip(keys, rows, strict=True):
            if search.level < 0 or key >> (search.shift + 16) == search.prefix:
                counts[key >> search.shift] = counts.get(key >> search.shift, 0) + weight
        search.advance(counts)
    cut, held = key_value(search.prefix), 0
    for score, weight in sorted(rows, reverse=True):
        held += weight
        if held >= min_weight:
            assert cut == score
            break


def test_weights_groups_and_scores_of_a_selection() -> None:
    row = {"characters": 7, "source": "s", "language": None}
    by = {
        weigh: Selection(name="x", of=("a",), min=1.0, weigh=weigh)
        for weigh in ("documents", "characters", "p.n")
    }
    assert [selection.weight(row, {"p.n": 3.4}) for selection in by.values()] == [1, 7, 3]
    assert by["p.n"].weight(row, {}) == 0
    mean = Selection(name="x", of=("a", "b"), bins=4, combine="mean", min=1.0, per=("source", "language"))
    assert mean.group(row) == "s\x1f"
    assert mean.score({"a": 0.6, "b": 0.1}, {"a": [0.2, 0.4, 0.6], "b": [0.2, 0.4, 0.6]}) == 1.5
    assert mean.score({"b": 0.5}, {"a": [0.2], "b": [0.2, 0.4, 0.6]}) == 2.0
    assert mean.score({"a": float("nan")}, {}) is None


@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=20), st.lists(st.integers(0, 6), min_size=1, max_size=20)
)
def test_auc_is_the_share_of_pairs_in_order(positive: list[int], negative: list[int]) -> None:
    pairs = [(p > n) + (p == n) / 2 for p in positive for n in negative]
    result = auc(np.array(positive, float), np.array(negative, float))
    assert result == pytest.approx(sum(pairs) / len(pairs))


def test_the_split_does_not_depend_on_the_order_of_texts() -> None:
    rng = random.Random(1)
    texts = [TrainingText("s", f"text {i}") for i in range(200)] + [
        TrainingText("s", " "),
        TrainingText("s", "text 3"),
    ]
    others = [TrainingText("o", f"other {i}") for i in range(50)]
    splits = []
    for _ in range(2):
        rng.shuffle(texts)
        splits.append(Texts.split(texts, others, others, held_out_fraction=0.2, per_class=100))
    assert splits[0] == splits[1]
    split = splits[0]
    assert len(split.positive) == 100
    assert 20 < len(split.held_positive) < 60
    assert not set(split.positive) & set(split.held_positive)


def test_a_line_is_what_the_signal_reads() -> None:
    assert line("a\nb\r\ud800c", 5) == "a b\r?"


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    rng = random.Random(2)
    good = [
        "the",
        "reason",
        "for",
        "this",
        "result",
        "lies",
        "in",
        "the",
        "method",
        "that",
        "was",
        "measured",
        "here",
    ]
    bad = ["click", "here", "buy", "cheap", "now", "free", "offer", "best", "price", "login", "share"]
    for name, words in (("good", good), ("bad", bad), ("else", [*bad[3:], "shoes", "watch", "phone"])):
        rows = [{"body": " ".join(rng.choices(words, k=rng.randrange(20, 60)))} for _ in range(120)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / "quality.yaml"
    path.write_text(
        "".join(
            f"{key}: [{{path: {tmp_path}/{name}.jsonl, text: body}}]\n"
            for key, name in (("positive", "good"), ("negative", "bad"), ("held_out", "else"))
        )
        + "buckets: 1000\ndim: 8\nmin_count: 1\nlearning_rate: 0.5\nheld_out_fraction: 0.3\n"
    )
    return path


def test_uninitialized_memory_does_not_change_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "".join(f"__label__{name} {name} and word {n}\n" for n in range(50) for name in ("hq", "other"))
    for name, byte in (
        ("a", "0"),
        ("b", "100"),
        ("c", "1"),
    ):  # unchanged memory, and two fill bytes
        monkeypatch.setenv("MALLOC_PERTURB_", byte)
        train(text, str(tmp_path / name), {"dim": 8, "bucket": 1000, "seed": 1})
    assert len({(tmp_path / name).read_bytes() for name in "abc"}) == 1


@pytest.mark.slow
def test_the_same_texts_give_the_same_bytes(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = settings.parent
    assert main(["quality", "train", str(settings), "--out", f"{folder}/a.bin", "--json"]) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    lines = (folder / "good.jsonl").read_text().splitlines(True)
    (folder / "good.jsonl").write_text("".join(reversed(lines)))
    assert main(["quality", "train", str(settings), "--out", f"{folder}/b.bin"]) == 0
    printed = capsys.readouterr().out
    assert (folder / "a.bin").read_bytes() == (folder / "b.bin").read_bytes()
    stored = json.loads((folder / "b.bin.json").read_text())
    for key in ("digest", "training_digest", "normalisation", "settings", "judged", "stability"):
        assert stored[key] == report[key]
    assert stored["judged"]["other sources"]["model"] > 0.95
    assert "AUC of held-out positives against" in printed
    assert "line feeds deleted" in printed
    recipe = folder / "r.yaml"
    rule = f"{{signal: fasttext_probability, model: {folder}/b.bin, label: hq, characters: 100, top_fraction: 0.1}}"
    recipe.write_text(
        "name: t\ninputs: {a: {format: warc, path: a}}\nshard: {tokenizer: {train: {vocab: 300}}}\n"
        f"filter: [{{name: p, keep: {{quality: {rule}}}}}]\n"
    )
    assert main(["check", str(recipe)]) == 2
    assert (
        capsys.readouterr()
        .err.strip()
        .endswith(
            f"'{folder}/b.bin' was trained on whole texts, but reads the first 100 characters here; its scores do "
            "not compare"
        )
    )


@pytest.mark.slow
def test_too_few_held_out_texts_give_no_figures(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = ["quality", "train", str(settings), "--out", f"{settings.parent}/m.bin", "--set"]
    assert main([*request, "held_out_fraction=0.01"]) == 0
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "nan" not in printed
    assert "other sources – – – 120" in printed
    assert printed.endswith(
        "Too few texts are held out to judge the model by: an AUC is told from 20 of either kind on. Give or label "
        "more texts, or raise held_out_fraction"
    )
    for name in ("good", "bad", "else"):
        path = settings.parent / f"{name}.jsonl"
        path.write_text("".join(path.read_text().splitlines(True)[:5]))
    assert main([*request, "min_count=1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {
        value for figures in report["judged"].values() for key, value in figures.items() if key != "negatives"
    } == {None}
    assert (report["between_sources"], report["stability"], report["quantiles"]) == (None, {}, {})


BAD = [
    ("positive: []\n", "positive is empty; name at least one table or run"),
    ("positive: [{path: none*.jsonl}]\n", "'none*.jsonl' names no file; expected JSONL or Parquet"),
    ("positive: [{text: a}]\n", "texts come from one of 'path' (a table) and 'run' (a run directory)"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_wrong_settings_are_reported_with_their_line(
    text: str, message: str, settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = "".join(settings.read_text().splitlines(True)[1:])
    settings.write_text(text + rest)
    assert main(["quality", "train", str(settings), "--out", "x.bin"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"{settings}:1:")
    assert message in printed


def test_a_missing_column_is_reported_with_the_existing_ones(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.write_text(settings.read_text().replace("good.jsonl, text: body", "good.jsonl, text: words"))
    assert main(["quality", "train", str(settings), "--out", "x.bin"]) == 2
    message = capsys.readouterr().err.strip()
    assert message == f"{settings.parent}/good.jsonl, line 1: has no field 'words'; it has body"
