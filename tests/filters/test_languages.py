"""Languages without spaces between words: split by a dictionary, judged by the bounds that ship."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.accounting.fingerprint import canonical
from curation.filters.judge import judge_text
from curation.filters.rules import Pass
from curation.look.run.passes import read_passes
from curation.recipe.config import Reader
from curation.recipe.nodes import parse
from curation.recipe.sections.passes import decode_pass
from curation.text.text import Text

# Sentences written for this test.
CHINESE = """\
河水从城外的山上流下来，穿过大片的农田，最后流进一个小湖。人们在这里钓鱼已经有几百年了，虽然很少有人说这是一件容易的事。
春天的时候，岸边开满了花；到了八月，它们都变成了干枯的褐色。一条窄窄的小路沿着东边延伸，行人和马都在上面走。
据说那座旧桥是一个厌倦了弄湿双脚的磨坊主建造的。这个说法对不对，现在没有人知道，因为记录在一场大火中丢失了。
留下来的东西保存在一个小小的博物馆里，每个星期天向所有的人开放，孩子们可以免费进去参观，老师也常常带着学生来上课。
"""
JAPANESE = """\
川は町の北にある山から流れ出て、広い畑の間を通り、小さな湖に入ります。人々は何百年も前からここで魚を釣っていますが、簡単だと言う人はほとんどいません。
春になると岸辺には花が咲き、八月には茶色く乾いてしまいます。東側には細い道があり、歩く人や馬が一緒に使っています。
古い橋は、足が濡れるのに飽きた粉屋が建てたと言われています。それが本当かどうかは誰も知りません。記録は火事で失われたからです。
残ったものは小さな博物館に保管され、日曜日には誰でも見ることができます。
"""
THAI = "แม่น้ำไหลจากภูเขาทางเหนือของเมืองผ่านทุ่งนากว้างแล้วลงสู่ทะเลสาบเล็กๆ ผู้คนตกปลาที่นี่มาหลายร้อยปีแล้ว"
LAO = "ພາສາລາວເປັນພາສາທາງການຂອງລາວ"
KHMER = "ភាសាខ្មែរជាភាសាកំណើតរបស់ជនជាតិខ្មែរ"
BURMESE = "မြန်မာဘာသာစကားသည်တရားဝင်ဘာသာစကားဖြစ်သည်"


def loaded(text: str) -> Pass:
    reader = Reader()
    step = decode_pass(reader, parse(text, "recipe.yaml"))
    assert reader.mistakes == []
    return step


def broken(step: Pass, text: str, language: str) -> list[str]:
    reasons = judge_text(text, "crawl", [step], measure_all=True, labels={"language": language}).reasons
    return [str(reason["name"]).partition(".")[2] for reason in reasons]


@pytest.mark.parametrize(
    ("text", "words", "marks"),
    [
        ("他们在北京大学学习中文。", ["他们", "在", "北京", "大学", "学习", "中文"], 1),
        (
            "私は東京大学で日本語を勉強する",
            ["私", "は", "東京", "大学", "で", "日本語", "を", "勉強", "する"],
            0,
        ),
        ("ภาษาไทยเป็นภาษา", ["ภาษา", "ไทย", "เป็น", "ภาษา"], 0),
        (LAO, ["ພາສາ", "ລາວ", "ເປັນ", "ພາສາ", "ທາງການ", "ຂອງ", "ລາວ"], 0),
        (KHMER, ["ភាសាខ្មែរ", "ជា", "ភាសា", "កំណើត", "របស់", "ជនជាតិ", "ខ្មែរ"], 0),
        (BURMESE, ["မြန်မာဘာသာ", "စကား", "သည်", "တရားဝင်", "ဘာသာစကား", "ဖြစ်သည်"], 0),
        ("😀 3.5% of\u202fit's\ud800", ["3.5", "of", "it's"], 3),
    ],
)
def test_words_of_languages_without_spaces_are_icus(text, words, marks):
    without, with_marks = Text(text).words("icu"), Text(text).words("icu-marks")
    assert [without.vocabulary[i] for i in without.ids] == words
    assert with_marks.count == len(words) + marks


@pytest.mark.parametrize(("text", "language"), [(CHINESE, "zh"), (JAPANESE, "ja")])
def test_gopher_keeps_a_sensible_page_without_spaces(text, language):
    assert broken(loaded("{name: p, preset: gopher}"), text, language) == []
    bare = loaded("{name: p, preset: gopher, per_language: false, splitters: as_named}")
    assert {"word_count", "stop_words"} <= set(broken(bare, text, language))


def test_a_document_without_a_table_is_still_split_by_its_language():
    step = loaded(
        "{name: p, keep: {word_count: {min: 15}}, measure: {marks: {signal: word_count, splitter: unicode}}}"
    )
    for language in ("th", "en"):
        measures = judge_text(THAI, "crawl", [step], measure_all=True, labels={"language": language}).measures
        assert (measures["p.word_count"] > 15) == (language == "th")
    named = loaded("{name: p, splitters: as_named, keep: {word_count: {min: 15}}}")
    assert broken(named, THAI, "th") == ["word_count"]


def test_edits_count_the_words_of_a_language_without_spaces():
    edits = (
        "{c4_lines: {min_words: 5, max_word_length: 30, end_marks: [], not_end_marks: [], drop_phrases: []}}",
        "{drop_lines: {min_words: 5}}",
        "{drop_matching_lines: {starts: [แม่น้ำ], max_words: 3}}",
        "{cut_phrases: {phrases: [แม่น้ำ], max_words: 3, at: start}}",
    )
    for edit in edits:
        step = loaded(f"{{name: p, edit: [{edit}]}}")
        assert judge_text(THAI, "crawl", [step], measure_all=True, labels={"language": "th"}).text == THAI
        assert judge_text(THAI, "crawl", [step], measure_all=True, labels={"language": "en"}).text != THAI
        named = loaded(f"{{name: p, splitters: as_named, edit: [{edit}]}}")
        assert judge_text(THAI, "crawl", [named], measure_all=True, labels={"language": "th"}).text != THAI


def test_a_splitter_that_a_table_names_is_taken(tmp_path: Path):
    table = tmp_path / "t.yaml"
    table.write_text(
        "zh: {word_count: {splitter: alphanumeric, min: 1}}\nja: {word_count: {min: 1}}\nth: {stop_words: false}\n"
    )
    step = loaded(f"{{name: p, preset: gopher, per_language: {table}}}")
    splitters = {
        language: {rule.name: rule.options.get("splitter") for rule in step.rules_for(language)}
        for language in ("zh", "ja", "th", "lo", "zho_Hans", "en")
    }
    assert splitters["zh"]["word_count"] == "alphanumeric"
    assert (
        splitters["zh"]["hashes"] == splitters["ja"]["word_count"] == splitters["lo"]["word_count"] == "icu"
    )
    assert splitters["zho_Hans"]["top_2gram"] == "icu"
    assert splitters["en"]["word_count"] == "whitespace"
    assert "stop_words" not in splitters["th"]
    bounds = {rule.name: rule.min for rule in step.rules_for("ja")}
    assert bounds["mean_word_length"] == 1.3, "a table of one's own lies over the one that ships"


def test_the_table_that_ships_is_for_rules_that_a_pass_has():
    step = loaded("{name: p, preset: gopher, keep: {stop_words: false, mean_word_length: {min: 2}}}")
    assert set(step.shipped) == {"de", "es", "fr", "it", "ja", "pl", "pt", "ru", "tr", "zh"}
    assert [rule.name for rule in step.shipped["es"]] == ["mean_word_length"]
    other = loaded("{name: p, preset: datatrove_gopher_quality, per_language: shipped}")
    assert {rule.name: rule.options["splitter"] for rule in other.shipped["zh"]} == {
        "mean_word_length": "icu-marks",
        "stop_words": "icu-marks",
    }
    assert loaded("{name: p, preset: datatrove_gopher_quality}").shipped == {}
    assert (
        loaded("{name: p, per_language: shipped, keep: {stop_words: {signal: line_count, min: 1}}}").shipped
        == {}
    )


def test_passes_are_read_back_from_a_manifest():
    step = loaded("{name: p, preset: gopher, splitters: as_named}")
    assert canonical(read_passes([canonical(step)])[0]) == canonical(step)
