from __future__ import annotations

from curation.extract.training.groups import site_groups
from curation.extract.training.labels import f1, labels, words
from curation.extract.training.odds import NameOdds


def shares(truth: str, *blocks: str) -> list[float]:
    return labels([words(block) for block in blocks], words(truth)).tolist()


def test_a_label_is_the_share_of_words_in_spans_of_the_truth() -> None:
    truth = "the cat sat on the mat and then it slept"
    assert shares(truth, "The cat sat on the mat!", "and then it slept") == [1.0, 1.0]
    assert shares(truth, "home news contact us", "the cat sat on a sofa") == [0.0, 4 / 6]
    assert shares(truth, "then it slept", "slept then it", "", "mat") == [1.0, 0.0, 0.0, 0.0]


def test_of_repeats_those_among_main_text_keep_their_label() -> None:
    truth = "one two three four five six seven eight nine ten eleven twelve"
    menu = [f"menu entry number {i}" for i in range(6)]
    found = shares(truth, "five six seven eight", *menu, "one two three four", "five six seven eight")
    assert found == [0.0] * 7 + [1.0, 1.0]


def test_f1_of_bags_of_words() -> None:
    from collections import Counter

    assert f1(Counter("aab"), Counter("ab")) == 0.8
    assert f1(Counter(), Counter("a")) == 0.0


def test_pages_of_a_domain_or_of_one_template_are_a_group() -> None:
    template = frozenset(f"class-{i}" for i in range(20))
    urls = [
        "https://a.example.org/1",
        "http://b.example.org/2",
        "https://x.example/3",
        "https://y.example/4",
        "https://z.example/5",
    ]
    groups = site_groups(urls, [frozenset(), frozenset(), template, template, frozenset({"class-1"})])
    assert [group == groups[0] for group in groups] == [True, True, False, False, False]
    assert groups[2] == groups[3] != groups[4]


def test_odds_of_a_name_leave_its_own_group_out() -> None:
    pages = [
        (group, {"post": 1.0, "nav": 0.0, "rare": 1.0} if group < 3 else {"post": 1.0, "nav": 0.0})
        for group in range(6)
    ]
    odds = NameOdds(pages)
    every = odds.all()
    assert every["post"] > 0 > every["nav"]
    assert "rare" not in every
    assert odds.without(0)("post") < every["post"]
    assert odds.without(99)("post") == every["post"]
    few = NameOdds(pages[:4])
    assert few.all().keys() == {"post", "nav"}
    assert few.without(0)("post") == few.without(0)("unknown") == 0.0
