"""Tokenizers broken in one known way each; the check must name that one."""

import json

import numpy as np
import pytest
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers

from curation.cli import main
from curation.shards.check import TEXTS, check_tokenizer
from curation.shards.tokens import train_tokenizer

TRAINING = [
    "Answer: the water of 1234567 people was in it. " * 30,
    "12 345 6789 the and to for that on with as ",
]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Return the file of a trained tokenizer."""
    file = tmp_path_factory.mktemp("check") / "tokenizer.json"
    file.write_bytes(train_tokenizer(TRAINING, 420))
    return file


def changed(good, tmp_path, change):
    """Return the file of the good tokenizer after `change`."""
    engine = tokenizers.Tokenizer.from_file(str(good))
    engine = change(engine) or engine
    file = tmp_path / "tokenizer.json"
    engine.save(str(file))
    return file


def levels(file, texts=None):
    """Return check -> level."""
    return {each.check: each.level for each in check_tokenizer(file, texts).findings}


def finding(file, check, texts=None):
    """Return one finding."""
    (one,) = [each for each in check_tokenizer(file, texts).findings if each.check == check]
    return one


def test_a_byte_level_tokenizer_has_no_failure(good):
    found = levels(good)
    assert "failure" not in found.values()
    assert found["round trip"] == found["special tokens in text"] == found["leading space"] == "ok"
    assert finding(good, "invalid UTF-8").facts["count"] == 256 - 128
    assert finding(good, "unknown tokens").what == "no text becomes an unknown token"


def test_added_tokens_that_text_can_become_are_named(good, tmp_path):
    one = finding(changed(good, tmp_path, lambda engine: engine.add_tokens(["|||IP_ADDRESS|||"]) and None),
                  "special tokens in text")  # fmt: skip
    assert (one.level, one.facts) == ("note", {"added": ["|||IP_ADDRESS|||"]})
    assert one.what.endswith("a page that holds one becomes its id: |||IP_ADDRESS|||")


def test_every_byte_that_utf_8_can_hold_is_asked_for():
    seen = np.unique(np.frombuffer(TEXTS["every byte of UTF-8"].encode(), np.uint8))
    never = {0xC0, 0xC1, *range(0xF5, 0x100)}
    assert set(range(256)) - set(seen.tolist()) == never


def normalized(engine):
    engine.normalizer = normalizers.NFC()


def prefixed(engine):
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)


def without_bytes(_):
    words = {"</s>": 0, "[UNK]": 1, **{f"w{n}": n + 2 for n in range(9)}}
    engine = tokenizers.Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    engine.pre_tokenizer = pre_tokenizers.Whitespace()
    engine.add_special_tokens(["</s>"])
    return engine


@pytest.mark.parametrize(
    ("change", "named", "words"),
    [
        (normalized, "round trip",
         "composed and decomposed: 'e\\u0301 \\u212b \\ufb01 \\u2126' came back as '\\xe9 \\xc5 \\ufb01 \\u03a9 '"),
        (normalized, "round trip", "(the file has a normalizer, NFC)"),
        (prefixed, "round trip", "plain: 'The cat ' came back as ' The cat'"),
        (without_bytes, "unknown tokens", "'[UNK]' stands for text it cannot write: plain, emoji, CJK"),
    ],
)  # fmt: skip
def test_what_loses_text_is_a_failure_that_shows_where(good, tmp_path, change, named, words):
    one = finding(changed(good, tmp_path, change), named)
    assert one.level == "failure"
    assert words in one.what


def stripping(engine):
    engine.add_tokens(
        [tokenizers.AddedToken("<x>", lstrip=True, rstrip=True, special=False, normalized=False)]
    )


def test_the_loss_of_texts_is_told_in_characters(good, tmp_path):
    texts = [("web", "en", "the water   <x>  was\n"), ("web", "zh", "漢字"), ("web", "en", "in it")]
    assert finding(good, "text lost", texts).what == "28 characters of 3 documents come back as they were"
    one = finding(changed(good, tmp_path, stripping), "text lost", texts)
    assert (one.level, one.what) == (
        "failure",
        "5 of 28 characters of 3 documents do not come back (1 of the documents change); 5 are spaces that <x> eat "
        "(lstrip, rstrip); 3 become added tokens that are not marked special: <x>",
    )
    assert finding(changed(good, tmp_path, stripping), "special tokens in text").what.endswith(
        "; the spaces beside <x> are eaten (lstrip, rstrip)"
    )
    words = {"[UNK]": 0, "</s>": 1, "water": 2}
    engine = tokenizers.Tokenizer(models.WordPiece(words, unk_token="[UNK]"))
    engine.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    engine.add_special_tokens(["</s>"])
    engine.save(str(tmp_path / "piece.json"))
    one = finding(tmp_path / "piece.json", "text lost", [("web", "zh", "water 漢字")])
    assert one.level == "failure"
    assert one.facts == {
        "documents": 1, "characters": 8, "changed": 1, "lost": 2, "unknown": 2, "eaten": {}, "spelled": {}
    }  # fmt: skip
    pieces = [("<unk>", 0.0), ("</s>", 0.0), ("\u2581", -2.0), ("a", -3.0)]
    engine = tokenizers.Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=False))
    engine.pre_tokenizer = pre_tokenizers.Metaspace()
    engine.add_special_tokens(["<eos>"])
    content = json.loads(engine.to_str())
    content["model"]["vocab"].pop(1)
    content["added_tokens"][0]["id"] = 3
    (tmp_path / "unigram.json").write_text(json.dumps(content))
    assert finding(tmp_path / "unigram.json", "text lost", [("web", "zh", "a 漢字")]).facts["unknown"] == 2
    assert finding(tmp_path / "unigram.json", "unknown tokens").level == "failure"


def test_settings_of_the_file_that_are_switched_off_are_named(good, tmp_path):
    content = json.loads(good.read_text())
    content["model"]["dropout"] = 0.1
    content["truncation"] = {"direction": "Right", "max_length": 512, "strategy": "LongestFirst", "stride": 0}
    (tmp_path / "t.json").write_text(json.dumps(content))
    assert finding(good, "settings of the file").level == "ok"
    one = finding(tmp_path / "t.json", "settings of the file")
    assert (one.level, one.what) == (
        "note",
        "truncation to 512 tokens, BPE dropout of 0.1: in the file, and switched off here, in shards and in training",
    )


def test_an_end_of_text_that_is_a_piece_of_the_vocabulary(tmp_path):
    pieces = [("<unk>", 0.0), ("</s>", 0.0), ("a", -1.0), ("<", -4.0), ("/", -4.0), ("s", -4.0), (">", -4.0)]
    engine = tokenizers.Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=False))
    for _ in range(2):
        file = tmp_path / "t.json"
        engine.save(str(file))
        with pytest.raises(ValueError, match="end-of-text") as error:
            check_tokenizer(file)
        assert str(error.value) == (
            f"{file}: found that the text '</s>' becomes its end-of-text id 1; it is a piece of the model's own "
            "vocabulary (Unigram), which text can spell, marked special or not; expected that piece renamed in "
            '"model", and \'</s>\' in "added_tokens" with "special": true, so that no page can end a document'
        )
        engine.add_special_tokens(["</s>"])
    content = json.loads(file.read_text())
    content["model"]["vocab"][1][0] = "<unused0>"
    content["added_tokens"][0]["id"] = len(pieces)
    file.write_text(json.dumps(content))
    assert finding(file, "round trip")


def test_a_special_token_that_text_can_become_is_named(good, tmp_path):
    engine = tokenizers.Tokenizer.from_file(str(good))
    word = max((token for token in engine.get_vocab() if token.isalpha() and token.isascii()), key=len)
    one = finding(changed(good, tmp_path, lambda engine: engine.add_special_tokens([word]) and None),
                  "special tokens in text")  # fmt: skip
    assert (one.level, one.what) == ("failure", f"text becomes a special id: {word}")


@pytest.mark.parametrize(
    ("digits", "how"),
    [
        (pre_tokenizers.Digits(individual_digits=True), "one by one"),
        (pre_tokenizers.Split(tokenizers.Regex(r"\d{1,3}"), "isolated"), "in threes from the left"),
        (None, "by frequency, so numbers of equal length are cut unlike each other"),
    ],
)
def test_how_digits_are_cut_is_told(tmp_path, digits, how):
    engine = tokenizers.Tokenizer(models.BPE())
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=digits is None)
    engine.pre_tokenizer = pre_tokenizers.Sequence([digits, level]) if digits else level
    engine.decoder = decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=1500, special_tokens=["</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    numbers = " ".join(str(n) for n in range(1000))
    engine.train_from_iterator([numbers + " 1234567890 2024 12345 123456"] * 3, trainer)
    engine.save(str(tmp_path / "t.json"))
    assert finding(tmp_path / "t.json", "digits").facts["how"] == how


def test_an_id_that_no_text_reaches_is_counted(good, tmp_path):
    content = json.loads(good.read_text())
    vocabulary = content["model"]["vocab"]
    vocabulary["ĠMagikarp"] = len(vocabulary)  # no merge makes it
    file = tmp_path / "t.json"
    file.write_text(json.dumps(content))
    one = finding(file, "unreachable ids")
    assert (one.level, one.facts["count"]) == ("note", 1)
    assert f"{vocabulary['ĠMagikarp']} ' Magikarp'" in one.what


def test_usage_by_source_and_language_and_what_was_never_used(good):
    texts = [("web", "en", "the water"), ("web", "en", "the"), ("wiki", "ja", "水")]
    checked = check_tokenizer(good, texts)
    usage = checked.usage
    engine = tokenizers.Tokenizer.from_file(str(good))
    counts = [len(engine.encode(text).ids) for *_, text in texts]
    assert {key: (u.documents, u.bytes, u.tokens) for key, u in usage.items()} == {
        ("web", "en"): (2, 12, counts[0] + counts[1]),
        ("wiki", "ja"): (1, 3, counts[2]),
    }
    assert usage["wiki", "ja"].bytes_per_token == 3 / counts[2]
    used = {i for *_, text in texts for i in engine.encode(text).ids}
    assert checked.findings[-1].facts["count"] == engine.get_vocab_size() - 1 - len(used)


def test_the_command(good, tmp_path, capsys):
    (tmp_path / "a.txt").write_text("the water of people\n")
    assert main(["tokenizer", "check", str(good), "--text", str(tmp_path / "a.txt")]) == 0
    said = capsys.readouterr().out
    assert f"ok      round trip: {len(TEXTS)} hard texts come back byte for byte\n" in said
    assert "a.txt un: 3.33 bytes a token (1 documents, 20 bytes)" in " ".join(said.split())
    assert main(["tokenizer", "check", str(changed(good, tmp_path, normalized)), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["findings"][0]["level"] == "failure"
    assert found["usage"] == []
    assert main(["tokenizer", "check", str(tmp_path / "none.json")]) == 2
    assert capsys.readouterr().err == (
        f"{tmp_path}/none.json: cannot be read (No such file or directory); expected a tokenizer.json\n"
    )
