"""Law 8 for the recipe: every mistake it can hold, in one table, each message read whole."""

from __future__ import annotations

import gzip
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.accounting.fingerprint import canonical, fingerprint
from curation.cli import main
from curation.extract.settings import Extract
from curation.recipe.config import ConfigError
from curation.recipe.recipe import preference, read_recipe
from curation.recipe.sections.passes import files_of, presets

BASE = """name: test
inputs:
  crawl: {format: warc, path: a.warc.gz}
  wiki: {format: jsonl, path: b.jsonl, text: body}
shard: {tokenizer: t.json}
"""


def mistakes(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    path = tmp_path / "r.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        read_recipe(str(path), overrides)
    return str(error.value).replace(f"{path}:", "").split("\n")


def test_good_defaults(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(BASE)
    recipe = read_recipe(str(path))
    assert recipe.extract.engine == "trafilatura"
    assert recipe.dedup.exact
    assert recipe.dedup.near is not None
    assert (recipe.dedup.near.bands, recipe.dedup.near.rows_per_band, recipe.dedup.near.jaccard) == (
        14,
        8,
        0.8,
    )
    assert (recipe.shard.row_tokens, recipe.shard.by) == (2048, ("source",))
    assert recipe.inputs["crawl"].paths == ("a.warc.gz",)


TABLE = [
    # the frame
    ("inputs: {}\nshard: {tokenizer: t.json}\nname: x", "1:9: inputs is empty; name at least one source"),
    (BASE + "fliter: []", "6:1: a recipe takes no 'fliter' (did you mean 'filter'?)"),
    (BASE + "measure: some", "6:10: expected one of needed, all, found 'some'"),
    (BASE + "dropped_text_rate: 1.5", "6:20: dropped_text_rate is 1.5; the most is 1.0"),
    ("name: x\ninputs: {a: {format: warc, path: p}}", "1:1: a recipe has no 'shard'"),
    # inputs
    (
        "name: x\ninputs: {a: {format: warc, path: p, sample: 0}}\nshard: {tokenizer: t.json}",
        "2:13: sample is 0, so no record would be read; expected a share above 0",
    ),
    (
        "name: x\ninputs: {a: {format: warc, path: p, sample: 2}}\nshard: {tokenizer: t.json}",
        "2:45: sample is 2.0; the most is 1.0",
    ),
    (BASE.replace("warc,", "wrac,"), "3:19: expected one of warc, jsonl, parquet, found 'wrac' (did you mean 'warc'?)"),
    (BASE.replace(", text: body", ""), "4:9: jsonl needs either 'text' or 'html', the column to read"),
    (BASE.replace("text: body", "text: body, html: page"), "4:9: jsonl needs either 'text' or 'html', the column to read"),
    (BASE.replace("a.warc.gz}", "a.warc.gz, text: t}"), "3:10: warc has no columns; text, html, id and url are for jsonl, parquet"),
    (BASE.replace("path: a.warc.gz", "path: []"), "3:31: path names nothing; expected a path, URL, folder or glob, or a list of them"),
    (BASE.replace("path: a.warc.gz", "path: ''"), "3:31: path names nothing; expected a path, URL, folder or glob, or a list of them"),
    (BASE.replace(", path: a.warc.gz", ""), "3:10: input has no 'path'"),
    (BASE.replace("a.warc.gz}", "a.warc.gz, records: [respons]}"), "3:52: expected one of response, resource, conversion, revisit, found 'respons' (did you mean 'response'?)"),
    (BASE.replace("a.warc.gz}", "a.warc.gz, records: []}"), "3:10: records is empty, so every record would be dropped"),
    (BASE.replace("text: body", "text: body, records: [response]"), "4:9: jsonl has no types of records; records is for warc"),
    (BASE.replace("text: body", "text: body, form: html"), "4:58: expected one of markdown, plain, found 'html'"),
    (BASE.replace("text: body", "html: body, form: markdown"), "4:9: form is for texts as they are; what is extracted from 'html' has extract.format"),
    (BASE.replace("crawl:", "a/b:"), "3:8: 'a/b' cannot name a source, whose shards get a folder of that name; use letters, digits, '_', '-' and '.', a letter or digit first"),
    (BASE.replace("crawl:", "_scratch:"), "3:13: '_scratch' cannot name a source, whose shards get a folder of that name; use letters, digits, '_', '-' and '.', a letter or digit first"),
    (BASE.replace("crawl:", "tokenizer.json:"), "3:19: 'tokenizer.json' cannot name a source, whose shards get a folder of that name; use letters, digits, '_', '-' and '.', a letter or digit first"),
    # extract
    (BASE + "extract: {engine: trafilatur}", "6:19: expected one of trafilatura, blocks, fast, precision, resiliparse, found 'trafilatur' (did you mean 'trafilatura'?)"),
    (BASE + "extract: {engine: {blocks: 7}}", "6:28: no file at '7'"),
    (BASE + "extract: {engine: {blocks: my.npz}}", "6:28: no file at 'my.npz'"),
    (BASE + "extract: {engine: {blocks: t.json}}", "6:28: 't.json' is no model of the engine blocks or is truncated: it is no archive of arrays; expected a file written by python -m curation.extract.training"),
    (BASE + "extract: {cascade: 0.8}", "6:20: the engine trafilatura does not say how sure it is, so nothing can be below a cascade's bound; only blocks does"),
    (BASE + "extract: {engine: blocks, cascade: 8}", "6:36: cascade is 8.0; the most is 1.0"),
    (BASE + "extract: {timeout_s: 0}", "6:22: timeout_s is 0.0; the least is 0.05"),
    (BASE + "extract: {gate: {min: 0.5}}", "6:17: this gate has neither languages nor min_characters, so it would do nothing"),
    (BASE + "extract: {gate: {languages: [en, german]}}", "6:34: CLD2 has no language 'german' (did you mean 'de'?)"),
    (BASE + "extract: {gate: {languages: en}}", "6:29: expected a list, found 'en'"),
    (BASE + "extract: {gate: {languages: [en], min: 30}}", "6:40: min is 30.0; the most is 1.0"),
    (BASE + "extract: {gate: {languages: [en], min_character: 30}}", "6:35: gate takes no 'min_character' (did you mean 'min_characters'?)"),
    (BASE + "extract: {format: html}", "6:19: expected one of markdown, text, found 'html'"),
    (BASE + "extract: {metadata: all}", "6:21: expected one of light, full, none, found 'all'"),
    (BASE + "extract: {timeout_s: .nan}", "6:22: timeout_s is '.nan', which is not a number"),
    (BASE + "extract: {timeout_s: .inf}", "6:22: timeout_s is inf; the most is 86400.0"),
    (BASE + "extract: {max_memory_mib: 99999999999}", "6:27: max_memory_mib is 99999999999; the most is 16777216"),
    (BASE + "extract: {timeout_s: fast}", "6:22: expected a number, found 'fast'"),
    # passes
    (BASE + "filter: [{keep: {word_count: {min: 1}}}]", "6:10: a pass has no 'name'; its reasons are called NAME.RULE"),
    (BASE + "filter: [{name: p}]", "6:10: this pass neither edits nor labels nor keeps by any rule nor measures, so it would do nothing"),
    (BASE + "filter: [{name: p, preset: gophr}]", "6:28: no preset named 'gophr' (did you mean 'gopher'?)"),
    (BASE + "filter: [{name: p, keep: {wrd_count: {min: 1}}}]", "6:27: no signal named 'wrd_count' (did you mean 'word_count'?)"),
    (BASE + "filter: [{name: p, keep: {x: {signal: wrd_count, min: 1}}}]", "6:39: no signal named 'wrd_count' (did you mean 'word_count'?)"),
    (BASE + "filter: [{name: p, keep: {word_count: {mni: 1}}}]", "6:40: word_count takes no 'mni' (did you mean 'min'?)"),
    (BASE + "filter: [{name: p, keep: {word_count: {splitter: alphanumeric}}}]", "6:27: word_count has neither min nor max, so it would keep every document; to measure it only, put it under measure"),
    (BASE + "filter: [{name: p, keep: {word_count: {min: 9, max: 8}}}]", "6:27: word_count has min 9 above max 8, so it would drop every document"),
    (BASE + "filter: [{name: p, keep: {word_count: {min: 1, splitter: spaces}}}]", "6:58: expected one of whitespace, alphanumeric, unicode, spacy-like, wordpunct, unpunctuated, icu, icu-marks, found 'spaces' (did you mean 'whitespace'?)"),
    (BASE + "filter: [{name: p, keep: {word_count: 50}}]", "6:39: expected min, max and options of word_count, found '50'"),
    (BASE + "filter: [{name: p, keep: {language_probability: {min: 0.5}}}]", "6:27: language_probability has no 'language', which it needs"),
    (BASE + "filter: [{name: p, keep: {fasttext_probability: {min: 0.5, model: none.bin, label: hq}}}]", "6:67: no file at 'none.bin'"),
    (BASE + "filter: [{name: p, preset: gopher, keep: {nothing: false}}]", "6:43: 'nothing: false' takes out a rule of the preset, which has none of that name"),
    (BASE + "filter: [{name: p, edit: [mask_pi]}]", "6:27: no edit named 'mask_pi' (did you mean 'mask_pii'?)"),
    (BASE + "filter: [{name: p, edit: mask_pii}]", "6:26: expected a list of edits, found 'mask_pii'"),
    (BASE + "filter: [{name: p, edit: [{mask_pii: {colour: red}}]}]", "6:39: mask_pii takes no 'colour'"),
    (BASE + "filter: [{name: p, edit: [mask_pii]}, {name: p, edit: [mask_pii]}]", "6:46: a second pass is called 'p'; reasons are called PASS.RULE, names must differ"),
    (BASE + "filter: [{name: p, only: [crwl], edit: [mask_pii]}]", "6:26: no input named 'crwl' (did you mean 'crawl'?)"),
    (BASE + "filter: [{name: 'a.b c', edit: [mask_pii]}]", "6:17: 'a.b c' cannot name a pass; use letters, digits, '_' and '-'"),
    (BASE + "filter: [{name: p, keep: {'a b': {signal: word_count, min: 1}}}]", "6:27: 'a b' cannot name a rule; use letters, digits, '_' and '-'"),
    (BASE + "filter: [{name: p, keep: {language_probability: {language: en, min: 65}}}]", "6:27: language_probability has min 65, but a probability is 0 to 1"),
    (BASE + "filter: [{name: p, keep: {duplicate_line_fraction: {max: 25}}}]", "6:27: duplicate_line_fraction has max 25, but a fraction is at most 1"),
    (BASE + "filter: [{name: p, keep: {duplicate_line_fraction: {min: 0}}}]", "6:27: duplicate_line_fraction has min 0 and no max, so it would keep every document"),
    (BASE + "filter: [{name: p, keep: {word_count: {max: -1}}}]", "6:27: word_count has max -1, but a count is 0 to inf"),
    (BASE + "filter: [{name: p, keep: {word_count: {min: .nan}}}]", "6:27: word_count has a bound that is not a number"),
    (BASE + "filter: [{name: p, measure: {word_count: {min: 9}}}]", "6:43: what is under measure has no 'min'; a bound belongs under keep"),
    (BASE + "filter: [{name: p, measure: {word_count: }}]", "6:41: expected the options ({} for none) of word_count, found nothing"),
    (BASE + "filter: [{name: p, measure: {wrd_count: {}}}]", "6:30: no signal named 'wrd_count' (did you mean 'word_count'?)"),
    (BASE + "filter: [{name: p, measure: {word_count: {spliter: unicode}}}]", "6:43: word_count takes no 'spliter' (did you mean 'splitter'?)"),
    (BASE + "filter: [{name: p, keep: {word_count: {min: 9}}, measure: {word_count: {}}}]", "6:60: 'word_count' stands under keep too, where it is measured already"),
    # dedup
    (BASE + "dedup: {near: {bands: 0}}", "6:23: bands is 0; the least is 1"),
    (BASE + "dedup: {near: {jaccard: 80}}", "6:25: jaccard is 80.0; the most is 1.0"),
    (BASE + "dedup: {prefer: [word_count]}", "6:18: expected 'MEASURE asc' or 'MEASURE desc', found 'word_count'"),
    (BASE + "dedup: {prefer: [word_count desc]}", "6:18: 'word_count' is measured by no passes; known: characters"),
    # shard
    (BASE.replace("{tokenizer: t.json}", "{row_tokens: 64}"), "5:8: shard has no 'tokenizer'"),
    (BASE.replace("t.json}", "{train: {vocab: 10}}}"), "5:36: vocab is 10; the least is 257"),
    (BASE.replace("t.json}", "none.json}"), "5:20: no file at 'none.json'"),
    (BASE.replace("t.json}", "t.json, by: []}"), "5:8: 'by' is empty; name at least one column whose values are streams"),
    (BASE.replace("t.json}", "t.json, by: [source, source]}"), "5:8: 'by' has 'source' twice; each part of a stream's name stands there once"),
    (BASE.replace("t.json}", "t.json, seed: 18446744073709551616}"), "5:34: seed is 18446744073709551616; the most is 18446744073709551615"),
    (BASE.replace("t.json}", "t.json, by: [{name: q, measure: characters, bounds: [.nan, 1]}]}"), "5:73: bounds is '.nan', which is not a number"),
    (BASE.replace("t.json}", "t.json, by: [site]}"), "5:33: expected source, language or the name of a label, found 'site'; known: language, source"),
    (BASE.replace("t.json}", "t.json, pack: bestfit}"), "5:34: expected one of concat, best_fit, found 'bestfit' (did you mean 'best_fit'?)"),
    (BASE.replace("t.json}", "t.json, by: [{name: q, measure: q.hq, bounds: [0.5]}]}"), "5:33: no pass measures 'q.hq'"),
    (BASE.replace("t.json}", "t.json, by: [{name: q, measure: characters}]}"), "5:33: 'q' needs either measure and bounds, or largest"),
    (BASE.replace("t.json}", "t.json, by: [{name: q, measure: characters, bounds: [2, 1]}]}"), "5:33: the bounds of 'q' must rise, found [2.0, 1.0]"),
    (BASE.replace("t.json}", "t.json, by: [{name: q/r, measure: characters, bounds: [2]}]}"), "5:33: 'q/r' cannot name folders; use letters, digits, '_', '-' and '.'"),
    (BASE.replace("t.json}", "t.json, by: [{name: q, largest: [characters]}]}"), "5:33: the largest of 'q' is always the same; name two measures or more"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "mistake"), TABLE, ids=[each[1][:60] for each in TABLE])
def test_one_mistake(tmp_path: Path, text: str, mistake: str) -> None:
    found = mistakes(tmp_path, text)
    assert any(each == mistake or each.startswith(f"{mistake}; known: ") for each in found), found
    assert len(found) == 1, "one mistake, one line"


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    text = BASE.replace("warc,", "wrac,") + (
        "filter:\n"
        "  - {name: a, keep: {mean_wrd_length: {min: 3}}}\n"
        "  - {name: b, keep: {word_count: {min: 9, max: 8}, line_count: {}}}\n"
        "  - {name: c, only: [books], edit: [mask_pii]}\n"
        "  - {name: c, keep: {wrd_count: {min: 1}}, only: [crwl]}\n"
        "dedup: {prefer: [wrd_count desc, nothing desc]}\n"
    )
    assert [each.partition(" ")[0] for each in mistakes(tmp_path, text)] == [
        "3:19:", "7:22:", "8:22:", "8:52:", "9:21:", "10:12:", "10:22:", "10:50:", "11:34:",
    ]  # fmt: skip


def test_a_mistake_on_the_command_line(tmp_path: Path) -> None:
    assert mistakes(tmp_path, BASE, "extract.timeout_s=0") == [
        "--set extract.timeout_s=0: timeout_s is 0.0; the least is 0.05"
    ]


def test_a_preset_is_laid_under_a_pass(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    keep = "{word_count: {min: 80}, ellipses: false, line_count: {min: 2}}"
    path.write_text(
        BASE + f"filter: [{{name: g, preset: gopher, keep: {keep}}}]\ndedup: {{prefer: [word_count desc]}}"
    )
    recipe = read_recipe(str(path))
    rules = {rule.name: rule for rule in recipe.filter[0].rules}
    assert (rules["word_count"].min, rules["word_count"].max) == (80, 100_000)
    assert "ellipses" not in rules
    assert rules["line_count"].min == 2
    assert preference(recipe.filter, "word_count desc") == ("g.word_count", True)


def test_what_is_measured_is_a_rule_without_bounds(tmp_path: Path) -> None:
    text = BASE + (
        "filter: [{name: g, preset: gopher, keep: {hashes: {max: 0.2}},"
        " measure: {word_count: {}, lines: {signal: line_count}}}]\ndedup: {prefer: [lines desc]}\n"
    )
    path = tmp_path / "r.yaml"
    path.write_text(text)
    recipe = read_recipe(str(path))
    rules = {rule.name: rule for rule in recipe.filter[0].rules}
    assert (rules["word_count"].min, rules["word_count"].max) == (-math.inf, math.inf)
    assert rules["word_count"].options == {"splitter": "whitespace"}  # the preset's options, not its bounds
    assert (rules["lines"].signal, rules["lines"].min) == ("line_count", -math.inf)
    assert rules["hashes"].max == 0.2
    assert not any(rules["lines"].broken_by(value) for value in (0.0, 1e300))
    assert preference(recipe.filter, "lines desc") == ("g.lines", True)


def test_every_preset_loads(tmp_path: Path) -> None:
    assert {"gopher", "c4", "fineweb"} <= set(presets())
    path = tmp_path / "r.yaml"
    passes = ", ".join(f"{{name: {name}, preset: {name}}}" for name in presets())
    path.write_text(BASE + f"filter: [{passes}]")
    assert all(each.rules for each in read_recipe(str(path)).filter)


def test_files_that_rules_read_are_known(tmp_path: Path, tiny_model: Path) -> None:
    path = tmp_path / "r.yaml"
    rule = f"{{signal: fasttext_probability, model: {tiny_model}, label: hq, min: 0.1}}"
    path.write_text(BASE + f"filter: [{{name: q, keep: {{quality: {rule}}}}}]")
    assert list(files_of(read_recipe(str(path)).filter[0])) == [str(tiny_model)]


@pytest.mark.parametrize(
    ("rule", "mistake"),
    [
        ("{signal: fasttext_probability, model: MODEL, label: hqq}", "6:88: 'MODEL' has no label 'hqq' (did you mean 'hq'?)"),
        ("{signal: language_probability, model: MODEL, language: en}", "6:91: 'MODEL' has no label 'en'; known: hq, lq"),
        ("{signal: fasttext_probability, model: CUT, label: hq}", "6:74: 'CUT' is truncated: it ends after 100 bytes, within its dictionary"),
        ("{signal: fasttext_probability, model: r.yaml, label: hq}", "6:74: 'r.yaml' is not a fastText model; expected a .bin or .ftz file saved by fastText"),
        ("{signal: language_probability, language: english}", "6:77: CLD2 has no language 'english' (did you mean 'en'?)"),
        ("{signal: language_probability, language: iw}", "6:77: CLD2 has no language 'iw' (did you mean 'he'?)"),
    ],
)  # fmt: skip
def test_models_labels_and_languages_are_looked_at(
    tmp_path: Path, tiny_model: Path, rule: str, mistake: str
) -> None:
    (tmp_path / "CUT").write_bytes(tiny_model.read_bytes()[:100])
    (tmp_path / "MODEL").write_bytes(tiny_model.read_bytes())
    text = BASE + f"filter: [{{name: q, keep: {{quality: {rule[:-1]}, min: 0.1}}}}}}]"
    assert mistakes(tmp_path, text) == [mistake]


@given(st.integers(1, 500), st.integers(1, 500))
def test_a_fingerprint_follows_every_setting(a: int, b: int) -> None:
    one, other = (fingerprint({"config": canonical(replace(Extract(), timeout_s=float(n)))}) for n in (a, b))
    assert (one == other) == (a == b)


STARTERS = ["demo", "fineweb", "parquet", "web_en"]
RECIPES = ["dclm_baseline", "web_languages", "quality", "decontaminated"]


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipes_that_ship_are_good(root: Path, name: str, tmp_path: Path, tiny_model: Path) -> None:
    """Beside the models and evaluation sets that they say to make or to bring."""
    recipes = root / "jobs" / "recipes"
    assert {path.stem for path in recipes.glob("*.yaml")} == {*RECIPES, "quality_training"}
    (tmp_path / "jobs").symlink_to(root / "jobs")
    for folder in ("models", "evals"):
        (tmp_path / folder).mkdir()
    tiny_model.rename("models/quality.bin")
    Path("models/weights.json").write_text('{"log_ratios": [0.5, -0.5]}')
    Path("models/counts.tsv").write_text("word\t1\n")
    Path("evals/quiz.jsonl.gz").write_bytes(gzip.compress(b'{"text": "why"}\n'))
    assert read_recipe(f"jobs/recipes/{name}.yaml").name == name


@pytest.mark.parametrize("name", STARTERS)
def test_a_recipe_to_start_from_is_good_and_commented(name: str, tmp_path: Path) -> None:
    path = tmp_path / "new.yaml"
    assert main(["init", str(path), "--from", name]) == 0
    assert read_recipe(str(path)).shard.row_tokens in (512, 2048)
    assert path.read_text().startswith("# ")


def test_a_recipe_to_start_from_overwrites_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    assert capsys.readouterr().out == (
        "web_en.yaml: written. Name your input in it, then:\n"
        "  curate check web_en.yaml\n"
        "  curate run web_en.yaml --out runs/web_en\n"
    )
    assert main(["init"]) == 2
    expected = "web_en.yaml: exists already; name another file, or remove it first\n"
    assert capsys.readouterr().err == expected
    assert main(["init", "missing/new.yaml"]) == 2
    assert capsys.readouterr().err == "missing/new.yaml: cannot be written: No such file or directory\n"
