"""Token ids against the library used plainly, and what a page must not be able to do."""

import json
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
import regex
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.files.tokenizer_file import switched_off
from curation.shards.long_runs import CutRuns
from curation.shards.tokens import encode_batch, encode_column, load_tokenizer, train_tokenizer
from curation.signals.models.tokens import token_count
from curation.text.text import Text

TEXTS = ["The cat sat on the mat. " * 20, "Der Straßenbär läuft. " * 20, "漢字とかな " * 20, "0123 4567"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a small trained tokenizer's file."""
    file = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    file.write_bytes(train_tokenizer(TEXTS, 400))
    return file


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=30), max_size=4))
def test_any_text_comes_back_and_never_ends_a_document(trained, texts):
    tokenizer = load_tokenizer(trained)
    for text, ids in zip(texts, encode_batch(tokenizer, texts), strict=True):
        assert ids.dtype == np.uint16
        assert tokenizer.eot_id not in ids
        assert tokenizer.engine.decode(ids.tolist(), skip_special_tokens=False) == text


def test_ids_are_those_of_the_library_used_plainly(trained):
    plain = tokenizers.Tokenizer.from_file(str(trained))
    found = encode_batch(load_tokenizer(trained), TEXTS)
    assert [ids.tolist() for ids in found] == [plain.encode(text).ids for text in TEXTS]
    assert encode_batch(load_tokenizer(trained), [""])[0].tolist() == []


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=30), max_size=6), skip=st.integers(0, 2))
def test_a_column_holds_the_ids_of_its_texts(trained, texts, skip):
    tokenizer = load_tokenizer(trained)
    lengths, tokens = encode_column(tokenizer, pa.array(texts, pa.string()).slice(skip))
    tokens.validate(full=True)
    expected = [ids.tolist() for ids in encode_batch(tokenizer, texts[skip:])]
    assert lengths.to_pylist() == [len(ids) for ids in expected]
    assert [np.frombuffer(each, "<u2").tolist() for each in tokens.to_pylist()] == expected


def test_the_end_of_text_quoted_on_a_page_is_text(trained):
    tokenizer = load_tokenizer(trained)
    text = "a <|endoftext|> b"
    (ids,) = encode_batch(tokenizer, [text])
    assert tokenizer.eot_id == 0
    assert 0 not in ids
    assert tokenizer.engine.decode(ids.tolist(), skip_special_tokens=False) == text


def test_truncation_padding_and_wrapping_of_the_file_are_off(trained, tmp_path):
    engine = tokenizers.Tokenizer.from_file(str(trained))
    engine.enable_truncation(3)
    engine.enable_padding(length=50)
    engine.post_processor = tokenizers.processors.TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)]
    )
    file = tmp_path / "tokenizer.json"
    engine.save(str(file))
    expected = encode_batch(load_tokenizer(trained), TEXTS)
    assert [i.tolist() for i in encode_batch(load_tokenizer(file), TEXTS)] == [i.tolist() for i in expected]


def test_dropout_of_the_file_is_off(trained, tmp_path):
    content = json.loads(trained.read_text())
    assert switched_off(trained.read_text()) == []
    content["model"]["dropout"] = 0.5
    (tmp_path / "t.json").write_text(json.dumps(content))
    expected = encode_batch(load_tokenizer(trained), TEXTS)
    for _ in range(3):
        assert [i.tolist() for i in encode_batch(load_tokenizer(tmp_path / "t.json"), TEXTS)] == [
            i.tolist() for i in expected
        ]
    counts = {token_count(Text(TEXTS[0]), tokenizer=str(tmp_path / "t.json")) for _ in range(5)}
    assert counts == {float(len(expected[0]))}


RUNS = ["a" * 2_000_000, "ACGT" * 250_000, "=" * 1_000_000, "12" * 500_000, " " * 1_000_000, "漢" * 1_000_000]


@pytest.mark.parametrize("text", RUNS, ids=lambda text: ascii(text[:4]))
def test_training_ends_on_a_run_that_no_rule_cuts(text, hours_are_a_fault):
    runs = CutRuns()
    vocabulary = json.loads(train_tokenizer([text, "and words"], 300, runs))["model"]["vocab"]
    assert len(vocabulary) > 257
    assert (runs.count, runs.longest) == (1, len(text))
    assert runs.to_json()["note"] == (
        f"1 run of over 256 letters, numbers, marks or spaces cut before training, the longest of {len(text):,}"
    )


@given(
    st.lists(st.sampled_from(["a" * 256, "a" * 257, "b", "1" * 600, " ", " " * 300, "=" * 513, "é"])).map(
        "".join
    )
)
def test_cut_runs_keep_every_character(text):
    runs = CutRuns()
    pieces = list(runs.pieces(text))
    assert "".join(pieces) == text
    for piece in pieces:
        assert not regex.search(r"\p{L}{257}|\p{N}{257}|[^\s\p{L}\p{N}]{257}|\s{257}", piece)
    assert (runs.count == 0) == (pieces == [text])


@pytest.mark.parametrize("parallelism", ["true", "false"])
def test_training_gives_the_same_bytes_in_any_process_and_order(parallelism):
    code = (
        "import sys; from curation.shards.tokens import train_tokenizer; "
        f"sys.stdout.buffer.write(train_tokenizer({TEXTS[::-1]!r}, 300))"
    )
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": parallelism, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=environment)
    assert done.stdout == train_tokenizer(TEXTS, 300)


def test_training_on_ties_gives_the_same_bytes_in_any_order_and_grouping():
    rng = np.random.default_rng(1)
    words = ["".join(map(chr, rng.integers(97, 123, 4))) for _ in range(400)]  # each twice: all pairs tie
    first = train_tokenizer(["".join(f" {word}" for word in words)] * 2, 700)
    assert len(json.loads(first)["model"]["vocab"]) == 700
    for size in (1, 7, 300):
        shuffled = [f" {word}" for word in rng.permutation(words * 2)]
        assert train_tokenizer(["".join(shuffled[n : n + size]) for n in range(0, 800, size)], 700) == first


def test_training_twice_gives_the_same_bytes():
    first = train_tokenizer(iter(TEXTS), 300)
    assert first == train_tokenizer(TEXTS, 300)
    vocabulary = json.loads(first)["model"]["vocab"]
    assert len(vocabulary) == 300
    assert vocabulary["<|endoftext|>"] == 0
    assert first != train_tokenizer(TEXTS[:2], 300)


def test_a_vocabulary_holds_the_bytes_and_the_end_of_text():
    assert len(json.loads(train_tokenizer(["ab"], 257))["model"]["vocab"]) == 257
    with pytest.raises(ValueError, match="vocab") as caught:
        train_tokenizer(["ab"], 256)
    assert str(caught.value) == "vocab: found 256, expected at least 257 (every byte, end of text)"


@pytest.mark.parametrize(("largest", "dtype"), [(65_535, "uint16"), (65_536, "uint32")])
def test_the_largest_id_decides_how_ids_are_stored(tmp_path, largest, dtype):
    vocabulary = {f"w{n}": n for n in range(largest)} | {"</s>": largest}
    engine = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="w0"))
    engine.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    engine.add_special_tokens(["</s>"])
    engine.save(str(tmp_path / "t.json"))
    tokenizer = load_tokenizer(tmp_path / "t.json")
    assert (tokenizer.vocab, tokenizer.eot_id, tokenizer.dtype) == (largest + 1, largest, dtype)
    assert encode_batch(tokenizer, ["w7 w9"])[0].dtype.name == dtype


def broken(tmp_path, kind):
    """Write a file that is no good tokenizer, and return it."""
    file = tmp_path / "t.json"
    if kind == "malformed":
        file.write_text("{}")
    elif kind != "absent":
        engine = tokenizers.Tokenizer(tokenizers.models.WordLevel({"<eos>": 0, "w": 1}, unk_token="w"))
        if kind == "ordinary":
            engine.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
        if kind == "unmarked":
            engine = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "w": 1}, unk_token="w"))
            engine.add_tokens(["</s>"])
        engine.save(str(file))
    return file


@pytest.mark.parametrize(
    ("kind", "end_of_text", "message"),
    [
        ("absent", None, "cannot be read (No such file or directory); expected a tokenizer.json"),
        (
            "unnamed",
            "<stop>",
            "found no token '<stop>' among 2; expected one that ends a document, name it",
        ),
        (
            "ordinary",
            None,
            "found that the text '<eos>' becomes its end-of-text id 0; it is a piece of the model's own vocabulary "
            '(WordLevel), which text can spell, marked special or not; expected that piece renamed in "model", and '
            '\'<eos>\' in "added_tokens" with "special": true, so that no page can end a document',
        ),
        (
            "unmarked",
            None,
            "found that the text '</s>' becomes its end-of-text id 2; expected the token to be marked "
            '"special": true in the file, so that no page can end a document',
        ),
    ],
)
def test_a_file_that_cannot_serve_is_refused(tmp_path, kind, end_of_text, message):
    file = broken(tmp_path, kind)
    with pytest.raises(ValueError, match="expected") as caught:
        load_tokenizer(file, end_of_text)
    assert str(caught.value) == f"{file}: {message}"


def test_a_malformed_file_is_refused_with_the_library_s_reason(tmp_path):
    file = broken(tmp_path, "malformed")
    with pytest.raises(ValueError, match="not a tokenizer") as caught:
        load_tokenizer(file)
    assert str(caught.value).startswith(f"{file}: not a tokenizer (")
    assert str(caught.value).endswith("); expected a tokenizer.json of Hugging Face `tokenizers`")


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "eot_id", "dtype"),
    [("gpt-neox-olmo-dolma-v1_5.json", 50_279, "uint16"), ("dolma2.json", 100_257, "uint32")],
)
def test_published_tokenizers_load(shared, name, eot_id, dtype):
    file = shared / "tokenizers" / name
    tokenizer = load_tokenizer(file)
    assert (tokenizer.eot_id, tokenizer.dtype) == (eot_id, dtype)
    plain = tokenizers.Tokenizer.from_file(str(file))
    texts = [*TEXTS, "  indented\n\tcode", "an <|endoftext|> inside"]
    found = encode_batch(tokenizer, texts)
    assert [ids.tolist() for ids in found[:-1]] == [plain.encode(text).ids for text in texts[:-1]]
    assert eot_id in plain.encode(texts[-1]).ids
    assert eot_id not in found[-1]
