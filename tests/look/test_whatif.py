"""Another bound, answered from measures: the same as judging every text again."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace as Namespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.accounting.fingerprint import canonical
from curation.cli import main
from curation.filters.judge import judge_text
from curation.look import frames
from curation.look.questions.whatif import what_if
from curation.look.run import BadChange, open_run, read_changes
from curation.recipe.recipe import read_recipe


def judged_again(judging: Namespace, words: dict[str, float]) -> dict[str, list[tuple[bool, bool, int]]]:
    """Source -> (kept now, kept with these bounds, characters left) of each text, by judging them twice."""
    passes = list(judging.passes)
    for key, value in words.items():
        pass_name, rule, side = key.split(".")
        for i, each in enumerate(passes):
            if each.name == pass_name:
                rules = [replace(r, **{side: value}) if r.name == rule else r for r in each.rules]
                passes[i] = replace(each, rules=tuple(rules))
    found: dict[str, list[tuple[bool, bool, int]]] = {}
    for source, _, text in judging.texts:
        now, then = (judge_text(text, source, each, measure_all=True) for each in (judging.passes, passes))
        found.setdefault(source, []).append((not now.reasons, not then.reasons, len(now.text)))
    return found


BOUNDS = st.dictionaries(
    st.sampled_from(["gopher.word_count.min", "gopher.mean_word_length.min", "house.line_count.max"]),
    st.integers(0, 12).map(float),
    min_size=1,
)


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(BOUNDS)
def test_the_answer_is_that_of_judging_again(
    judging: Namespace, judged: Path, words: dict[str, float]
) -> None:
    words = {key: min(value, 5.0) if "length" in key else value for key, value in words.items()}
    asked = read_changes(open_run(str(judged)), [f"{key}={value}" for key, value in words.items()])
    frame = what_if(open_run(str(judged)), asked).frame()
    for source, texts in judged_again(judging, words).items():
        expected = {
            "kept_now": [n for now, _, n in texts if now],
            "gained": [n for now, then, n in texts if then and not now],
            "lost": [n for now, then, n in texts if now and not then],
            "kept_then": [n for _, then, n in texts if then],
        }
        for name, characters in expected.items():
            assert frame.loc[source, name] == len(characters)
            assert frame.loc[source, f"{name}_characters"] == sum(characters)
    assert (frame.drop("all").sum() == frame.loc["all"]).all()


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 8))
def test_a_gain_is_an_upper_limit_where_passes_ran_in_order(judged: Path, in_order: Path, least: int) -> None:
    words = [f"gopher.word_count.min={least}"]
    exact, limit = (
        what_if(open_run(str(run)), read_changes(open_run(str(run)), words)) for run in (judged, in_order)
    )
    assert limit.frame().loc["all", "gained"] >= exact.frame().loc["all", "gained"]
    assert limit.frame().loc["all", "lost"] == exact.frame().loc["all", "lost"]
    said = any("Gains are upper limits" in note for note in limit.notes)
    assert said == (least < 5)
    assert not any("upper limits" in note for note in exact.notes)


def test_what_another_rule_drops_does_not_come_back(judged: Path) -> None:
    answer = what_if(
        open_run(str(judged)), read_changes(open_run(str(judged)), ["gopher.word_count.min=0"]), examples=99
    )
    row = answer.frame().loc["all"]
    assert row["held"] > 0
    gained = {card.id for card, _ in answer.examples["gained"]}
    assert len(gained) == row["gained"] > 0
    for card, measures in answer.examples["gained"]:
        assert measures["gopher.word_count"] < 5
        assert card.url.startswith("https://")
        assert card.excerpt is not None
    assert any("gopher.word_count is for web only" in note for note in answer.notes)
    assert all(card.source == "web" for card, _ in answer.examples["gained"])


def test_what_is_kept_now_is_what_the_ledger_says(judged: Path) -> None:
    row = (
        what_if(open_run(str(judged)), read_changes(open_run(str(judged)), ["gopher.word_count.min=9"]))
        .frame()
        .loc["all"]
    )
    ledger = frames.ledgers(str(judged)).iloc[0]
    assert (row["kept_now"], row["kept_now_characters"]) == (ledger["kept"], ledger["kept_characters"])


def test_examples_are_the_same_sample_nested(judged: Path) -> None:
    asked = read_changes(open_run(str(judged)), ["gopher.word_count.min=9"])
    few, many = (what_if(open_run(str(judged)), asked, examples=n).examples["lost"] for n in (3, 6))
    assert [card.id for card, _ in many[:3]] == [card.id for card, _ in few]
    assert len({card.id for card, _ in many}) == 6


def test_every_mistake_at_once(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["gopher.word_cnt.min=1", "gopher.word_count.mni=3", "gopher.word_count.max=many", "gopher.word_count=3", "word_count", "house.line_count.max=1", "house.line_count.max=2", "gopher.mean_word_length.min=nan"]  # fmt: skip
    with pytest.raises(BadChange) as error:
        read_changes(open_run(str(judged)), words)
    assert str(error.value).splitlines() == [
        "gopher.word_cnt.min=1: no rule is called 'gopher.word_cnt' (did you mean 'gopher.word_count'?)",
        "gopher.word_count.mni=3: gopher.word_count has no bound 'mni' (did you mean 'min'?)",
        "gopher.word_count.max=many: expected a number (or inf, -inf for no bound), found 'many'",
        "gopher.word_count=3: expected gopher.word_count.min or gopher.word_count.max",
        "word_count: expected PASS.RULE.min=NUMBER or PASS.RULE.max=NUMBER",
        "house.line_count.max=2: house.line_count.max stands here a second time",
        "gopher.mean_word_length has a bound that is not a number",
    ]
    assert main(["whatif", str(judged), *words]) == 2
    assert "did you mean 'gopher.word_count'?" in capsys.readouterr().err
    with pytest.raises(BadChange, match=re.escape("gopher.mean_word_length has min 9 above max 8")):
        read_changes(open_run(str(judged)), ["gopher.mean_word_length.min=9"])


def test_a_rule_may_be_taken_out(judged: Path) -> None:
    words = ["gopher.mean_word_length.min=0", "gopher.mean_word_length.max=inf", "house.line_count.max=inf"]
    row = what_if(open_run(str(judged)), read_changes(open_run(str(judged)), words)).frame().loc["all"]
    assert row["gained"] > 0
    assert row["lost"] == 0


def test_the_answer_as_a_table_and_as_json(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["gopher.word_count.min=3", "house.line_count.max=inf"]
    assert main(["whatif", str(judged), *words, "--examples", "2"]) == 0
    told = capsys.readouterr().out
    assert "gopher.word_count: min 5 → 3" in told
    assert "house.line_count: max 4 → ∞" in told
    assert re.search(r"come back: 2 of \d+, a sample", told)
    assert "what extract removed stays removed" in " ".join(told.split())
    assert main(["whatif", str(judged), *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["moves"][1] == {"rule": "house.line_count", "side": "max", "now": 4.0, "then": None}
    assert found["units"] == ["documents", "characters"]
    assert (
        found["sources"]["all"]["kept_then"]
        == found["sources"]["all"]["kept_now"] + found["sources"]["all"]["gained"]
    )


def test_the_changed_recipe_is_written(
    judging: Namespace, judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.json").write_text("{}")
    recipe, new = tmp_path / "r.yaml", tmp_path / "new.yaml"
    recipe.write_text(judging.recipe.replace("t.json", f"{tmp_path}/t.json"))
    request = ["whatif", str(judged), "gopher.word_count.min=3", "--write", str(new)]
    assert main(request) == 2
    assert "--write needs --recipe RECIPE" in capsys.readouterr().err
    assert main([*request, "--recipe", str(recipe)]) == 0
    assert f"written: {new}" in capsys.readouterr().out
    assert main(["check", str(new)]) == 0
    old, changed = (canonical(read_recipe(str(each)).filter) for each in (recipe, new))
    assert old[0]["rules"][0].pop("min") == 5.0
    assert changed[0]["rules"][0].pop("min") == 3.0
    assert old == changed
    assert "# ours" in new.read_text()
    assert main([*request, "--recipe", str(recipe)]) == 2
    assert "is there already; name a file that is not" in capsys.readouterr().err
    other = ["--set", "filter.house.keep.line_count.max=7"]
    assert main([*request[:-1], str(tmp_path / "x.yaml"), "--recipe", str(recipe), *other]) == 2
    assert (
        f"{recipe}: is not the recipe that made {judged}; other there: house.line_count."
        in capsys.readouterr().err
    )


def test_a_run_without_a_filter_stage_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["whatif", str(tmp_path), "a.b.min=1"]) == 2
    assert "no stage was published there" in capsys.readouterr().err
    assert main(["account", str(tmp_path)]) == 2
    assert "no stage was published there" in capsys.readouterr().err
