"""Signals that ask a model: the built-in language detector, and a fastText model trained here."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
import regex

from curation.quality.training import ZEROED_MEMORY
from curation.signals.models.fasttext_models import fasttext_probability, language_probability
from curation.signals.models.labels import LABELLERS, script_fraction
from curation.signals.models.model_files import DamagedFile, damage, fasttext_labels
from curation.text.text import Text

ENGLISH = "The weather was fine and we walked along the river until the sun went down behind the hills. "
GERMAN = "Das Wetter war schön und wir gingen am Fluss entlang, bis die Sonne hinter den Hügeln unterging. "

TRAIN = """
import sys, fasttext
options = {"dim": 100, "wordNgrams": 2, "bucket": 1000, "thread": 1, "verbose": 0}
fasttext.train_supervised(sys.argv[1], seed=0, **options).save_model(sys.argv[2])
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    (folder / "train.txt").write_text(
        f"__label__en {ENGLISH}\n__label__de {GERMAN}\n" * 200, encoding="utf-8"
    )
    # In a process of its own, from cleared memory: the library starts from what it finds, and meets a NaN there.
    files = [str(folder / name) for name in ("train.txt", "model.bin")]
    subprocess.run([sys.executable, "-c", TRAIN, *files], check=True, env=os.environ | ZEROED_MEMORY)
    return files[1]


def test_language_without_a_model():
    assert language_probability(Text(ENGLISH), language="en") > 0.9
    assert language_probability(Text(ENGLISH), language="de") == 0.0
    assert language_probability(Text(""), language="en") == 0.0


@pytest.mark.parametrize("label", ["en", "__label__en"])
def test_language_by_a_model(model, label):
    assert language_probability(Text(ENGLISH), language=label, model=model) > 0.6
    assert language_probability(Text(GERMAN), language=label, model=model) < 0.4


def test_a_model_may_be_a_url(model):
    by_path, by_url = (
        fasttext_probability(Text(ENGLISH), model=m, label="en") for m in (model, f"file://{model}")
    )
    assert by_path == by_url


def test_line_feeds_are_spaces_to_a_model(model):
    broken = ENGLISH.replace(" ", "\n")
    assert fasttext_probability(Text(broken), model=model, label="en") == fasttext_probability(
        Text(ENGLISH), model=model, label="en"
    )


@pytest.mark.parametrize("raw", ["", "\n", "\x00", "\ud800", "👍", "a " * 100_000, "\r\u2028"])
def test_probabilities_stay_in_their_unit_on_odd_texts(model, raw):
    chances = [fasttext_probability(Text(raw), model=model, label=label) for label in ("en", "de")]
    assert all(0.0 <= chance <= 1.0 for chance in chances)
    assert all(type(chance) is float for chance in chances)


def test_an_unknown_label_names_the_known_ones(model):
    with pytest.raises(ValueError, match="has no label") as error:
        fasttext_probability(Text("a"), model=model, label="fr")
    assert str(error.value) == f"{model} has no label 'fr'; its first labels: de, en"


def test_importing_signals_and_filters_loads_no_model_library_and_no_spark():
    code = (
        "import sys, curation.filters.judge, curation.signals; "
        "print([m for m in ('fasttext', 'pyspark', 'torch', 'streaming', 'pandas') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


@pytest.fixture(scope="module")
def models(model, tmp_path_factory):
    """The model, and the same quantized, with and without norms."""
    import fasttext

    paths = [model]
    for n, options in enumerate(({}, {"qnorm": True}, {"cutoff": 300})):
        loaded = fasttext.load_model(model)
        loaded.quantize(**options)
        paths.append(str(tmp_path_factory.mktemp("quantized") / f"{n}.ftz"))
        loaded.save_model(paths[-1])
    return paths


@pytest.mark.slow
def test_labels_are_read_without_the_library(models):
    assert [sorted(fasttext_labels(path)) for path in models] == [["de", "en"]] * 4


def test_a_model_that_was_cut_anywhere_is_refused(models, tmp_path):
    cut = tmp_path / "cut.bin"
    for model in models:
        data = Path(model).read_bytes()
        for size in {*range(140), *range(140, len(data), len(data) // 97), len(data) - 4, len(data) - 1}:
            cut.write_bytes(data[:size])
            with pytest.raises(DamagedFile, match=r"is truncated: it ends after|is not a fastText model"):
                fasttext_labels(str(cut))
        cut.write_bytes(data[:-1])
        with pytest.raises(
            DamagedFile, match=f"ends after {len(data) - 1:,} bytes, within its output matrix"
        ):
            fasttext_probability(Text(ENGLISH), model=str(cut), label="en")


def test_a_list_that_was_cut_is_refused(tmp_path):
    path = tmp_path / "list.txt.gz"
    path.write_bytes(gzip.compress(b"word\n" * 9))
    assert damage("list", str(path)) is None
    path.write_bytes(gzip.compress(b"word\n" * 9)[:-4])
    assert damage("list", str(path)) == (
        f"'{path}' cannot be read or is truncated: {path}: cannot be unpacked: the file ends inside a gzip member"
    )
    path.write_bytes(b"word\n")  # its content decides, not its name
    assert damage("list", str(path)) is None
    (tmp_path / "t.json").write_text('{"model": {')
    assert "is not JSON or is truncated" in str(damage("tokenizer", str(tmp_path / "t.json")))


def test_the_first_characters_of_a_text(model):
    mixed = ENGLISH + GERMAN * 9
    assert language_probability(Text(mixed), language="en", characters=len(ENGLISH)) > 0.9
    assert language_probability(Text(mixed), language="en") == 0.0
    whole = fasttext_probability(Text(ENGLISH), model=model, label="en")
    assert fasttext_probability(Text(mixed), model=model, label="en", characters=len(ENGLISH)) == whole
    assert fasttext_probability(Text(mixed), model=model, label="en") < whole


@pytest.mark.parametrize("characters", [None, 0, -1, 50])
@pytest.mark.parametrize("raw", ["", "\n", "\x00", "\ud800", "👍", "12 !", "\r\u2028"])
def test_labels_are_names_of_any_text(model, raw, characters):
    assert LABELLERS["fasttext"](Text(raw), model=model, characters=characters) in ("en", "de", "unknown")
    assert LABELLERS["language"](Text(raw), characters=characters) == "un"
    assert LABELLERS["script"](Text(raw)) == "Zyyy"


def test_a_label_less_likely_than_asked_is_unknown(model):
    chance = fasttext_probability(Text(ENGLISH), model=model, label="en")
    for bound, label in ((chance, "en"), (min(1.0, chance + 1e-6), "unknown" if chance < 1 else "en")):
        assert LABELLERS["fasttext"](Text(ENGLISH), model=model, min_probability=bound) == label
    assert LABELLERS["language"](Text(GERMAN), model=model) == "de"
    assert LABELLERS["language"](Text(GERMAN), min_probability=1.0) == "un"


def test_scripts_are_those_that_unicode_names():
    for code, name in (("Latn", "LATIN"), ("Cyrl", "CYRILLIC"), ("Thai", "THAI"), ("Hebr", "HEBREW")):
        letters = [chr(c) for c in range(0x3000) if unicodedata.category(chr(c)) == "Lo" or chr(c).isalpha()]
        mine = [c for c in letters if unicodedata.name(c, "").startswith(f"{name} ") and "MODIFIER" not in c]
        assert mine
        assert {LABELLERS["script"](Text(c)) for c in mine if regex.match(rf"\p{{Script={code}}}", c)} == {
            code
        }
        assert script_fraction(Text("".join(mine)), script=code) > 0.95
