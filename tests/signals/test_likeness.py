"""Signals of likeness: their numbers by hand, any text, files that are wrong, and kenlm where it is not."""

from __future__ import annotations

import gzip
import json
import math
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from curation.cli import main
from curation.quality.training import log_ratios, unigram_counts
from curation.recipe.config import ConfigError
from curation.recipe.recipe import read_recipe
from curation.signals.models.likeness import importance_ratio, kenlm_perplexity, unigram_perplexity
from curation.text.text import Text

ODD = ["", " \n", "\x00", "\ud800", "word " * 100_000, "a" * 100_000, "北京大学。" * 500, "..."]


def test_unigram_perplexity_is_the_words_chances(tmp_path: Path) -> None:
    path = tmp_path / "counts.tsv.gz"
    with gzip.open(path, "wt") as lines:
        lines.write("the\t7\nriver\t1\n")
    chances = {"the": 8 / 11, "river": 2 / 11, "unseen": 1 / 11}
    wanted = math.exp(-sum(math.log(chances[word]) for word in ("the", "river", "the", "unseen")) / 4)
    assert unigram_perplexity(Text("The river, the unseen!"), counts=str(path)) == pytest.approx(wanted)
    assert sum(chances.values()) == 1.0
    for text in ODD:
        assert 0.0 <= unigram_perplexity(Text(text), counts=str(path)) < math.inf


def test_counts_are_written_in_one_order() -> None:
    assert unigram_counts(["b a b", "A c"], 2) == "a\t2\nb\t2\n"


def test_importance_tells_the_target_from_the_rest(tmp_path: Path) -> None:
    target, raw = ["we prove the lemma by induction"] * 3, ["buy cheap shoes now online"] * 3
    path = tmp_path / "weights.json"
    path.write_text(json.dumps({"log_ratios": log_ratios(target, raw, 500)}))
    ratio = {text: importance_ratio(Text(text), weights=str(path)) for text in (target[0], raw[0], "")}
    assert ratio[target[0]] > 1.5
    assert ratio[raw[0]] < 0.67
    assert ratio[""] == 1.0
    for text in ODD:
        assert 0.0 <= importance_ratio(Text(text), weights=str(path)) < math.inf


def test_kenlm_perplexity_counts_the_ends_of_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    scored: list[str] = []

    def score(line: str) -> float:
        scored.append(line)
        return -2.0 * len(line.split())

    monkeypatch.setitem(
        sys.modules, "kenlm", SimpleNamespace(Model=lambda path: SimpleNamespace(score=score))
    )
    perplexity = kenlm_perplexity(Text("One two.\n\nThree!\n---"), language_model="fake.arpa")
    assert scored == ["one two", "three"]
    assert perplexity == pytest.approx(10 ** (6 / 5))
    for text in ODD:
        assert 0.0 <= kenlm_perplexity(Text(text), language_model="fake.arpa") < math.inf


RECIPE = "name: t\ninputs: {a: {format: warc, path: a}}\nshard: {tokenizer: {train: {vocab: 300}}}\n"


def mistake(folder: Path, rule: str) -> str:
    path = folder / "r.yaml"
    path.write_text(RECIPE + f"filter: [{{name: p, keep: {{{rule}}}}}]\n")
    with pytest.raises(ConfigError) as error:
        read_recipe(str(path))
    return str(error.value).removeprefix(f"{path}:").replace(f"{folder}/", "")


def test_files_that_are_wrong_are_mistakes_of_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("the\t7\nriver 1\n")
    (tmp_path / "w").write_text('{"log_ratios": [1.0')
    (tmp_path / "x").write_text('{"weights": []}')
    message = mistake(tmp_path, f"unigram_perplexity: {{counts: {tmp_path}/c, max: 9}}")
    assert message == "4:56: 'c' line 2: expected WORD TAB COUNT, found 'river 1'"
    (tmp_path / "c").write_text("word " * 50_000)
    message = mistake(tmp_path, f"unigram_perplexity: {{counts: {tmp_path}/c, max: 9}}")
    assert message == f"4:56: 'c' line 1: expected WORD TAB COUNT, found '{'word ' * 12}'"
    message = mistake(tmp_path, f"importance_ratio: {{weights: {tmp_path}/w, min: 1}}")
    assert message.startswith("4:55: 'w' has no importance weights: ")
    message = mistake(tmp_path, f"importance_ratio: {{weights: {tmp_path}/x, min: 1}}")
    assert message == "4:55: 'x' has no importance weights: KeyError('log_ratios')"


@pytest.mark.skipif(find_spec("kenlm") is not None, reason="kenlm is here")
def test_a_recipe_says_that_kenlm_is_not_here(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("model")
    message = mistake(tmp_path, f"kenlm_perplexity: {{language_model: {tmp_path}/m, max: 9}}")
    assert message == (
        "4:62: a KenLM model needs the package kenlm, which is not installed; pip install kenlm (it has no wheels: "
        "a C++ compiler and cmake build it)"
    )
    with pytest.raises(ValueError, match="needs the package kenlm, which is not installed"):
        kenlm_perplexity(Text("a word"), language_model=str(tmp_path / "m"))


def test_the_commands_write_what_the_signals_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in (("good", "we prove the lemma"), ("bad", "buy shoes now"), ("else", "sell hats now")):
        rows = [json.dumps({"text": f"{text} {i}"}) + "\n" for i in range(30)]
        (tmp_path / f"{name}.jsonl").write_text("".join(rows))
    settings = tmp_path / "q.yaml"
    keys = (("positive", "good"), ("negative", "bad"), ("held_out", "else"))
    settings.write_text("".join(f"{key}: [{{path: {tmp_path}/{name}.jsonl}}]\n" for key, name in keys))
    for task in ("dsir", "unigrams"):
        assert main(["quality", task, str(settings), "--out", f"{tmp_path}/{task}"]) == 0
        assert f"{task} of " in capsys.readouterr().out
    good, bad = Text("the lemma we prove"), Text("shoes to buy now")
    assert importance_ratio(good, weights=f"{tmp_path}/dsir") > importance_ratio(
        bad, weights=f"{tmp_path}/dsir"
    )
    likely, unlikely = (unigram_perplexity(text, counts=f"{tmp_path}/unigrams") for text in (good, bad))
    assert likely < unlikely
