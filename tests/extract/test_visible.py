"""The gate on visible text: its bounds on both sides, what it measures, and that it never decides alone."""

from __future__ import annotations

import itertools

import pytest

from curation.extract import visible
from curation.extract.engines import ENGINES, linear
from curation.extract.gate import Reason
from curation.extract.settings import Extract, Gate
from curation.extract.steps import extract_page
from curation.extract.visible import Refusal, judge

ENGLISH = "The committee met on Tuesday to review the proposal about the water supply of the old town. "
GERMAN = "Der Ausschuss traf sich am Dienstag, um den Vorschlag für die Wasserversorgung zu prüfen. "


def page(*texts: str) -> str:
    return f"<html><head><title>not visible</title></head><body><p>{''.join(texts)}</p></body></html>"


@pytest.mark.parametrize(("least", "dropped"), [(92, True), (91, False), (1, False)])
def test_length_is_of_the_visible_text(least: int, dropped: bool) -> None:
    measures, refusal = judge(page(ENGLISH), Gate(min_characters=least))
    assert measures == {"gate.length": 91.0}
    if not dropped:
        assert refusal is None
        return
    assert refusal == Refusal(
        reason=Reason(name="gate.length", state="dropped", value=91, min=92, detail="of visible text"),
        language="un",
        measures=measures,
    )


def test_languages_count_together_and_the_refusal_names_the_main_one() -> None:
    mixed = page(ENGLISH * 4, GERMAN * 6)
    english = judge(mixed, Gate(languages=("en",)))[0]["gate.language"]
    assert 0.3 < english < 0.5
    assert judge(mixed, Gate(languages=("en",), min=english))[1] is None
    refusal = judge(mixed, Gate(languages=("en",), min=english + 0.01))[1]
    assert refusal is not None
    assert refusal.language == "de"
    assert refusal.reason == Reason(
        name="gate.language", state="dropped", value=english, min=english + 0.01,
        detail="en in the visible text, mostly de",
    )  # fmt: skip
    assert judge(mixed, Gate(languages=("en", "de", "en"), min=0.9))[0]["gate.language"] > 0.9
    assert judge(mixed, Gate(languages=("fr",)))[0]["gate.language"] == 0.0


WITHOUT_SCRIPTS = (
    "<html><body><div id=app></div><noscript><p>{}</p></noscript></body></html>",
    "<html><head><noscript><p>{}</p></noscript></head><body></body></html>",
    "<html><body>Loading<NOSCRIPT >{}",
    "<html><body><my-app><template shadowrootmode='open'><p>{}</p></template></my-app></body></html>",
    "<html><body><my-app><TEMPLATE id=a shadowroot = open><p>{}</p></template></my-app></body></html>",
)


@pytest.mark.parametrize("html", WITHOUT_SCRIPTS)
def test_a_page_that_scripts_make_is_what_a_reader_without_them_sees(html: str) -> None:
    """Forums of the crawl have their posts there, where the gate saw none."""
    whole = html.format(ENGLISH * 3)
    assert judge(whole, Gate(languages=("en",), min_characters=200))[1] is None
    for engine in (linear, ENGINES["resiliparse"]):
        assert "The committee met" in engine(whole).text


@pytest.mark.parametrize(
    "html",
    [
        "<p>{}</p><noscript>Please enable JavaScript to see this page.</noscript>",
        "<p>{}</p><noscript><img src='a' alt=''><p>A picture</p></noscript>",
        "<p>{}</p><template><p>Card</p></template>",
    ],
)
def test_what_stands_in_for_a_script_is_no_text_of_a_page_that_has_its_own(html: str) -> None:
    assert judge(html.format(ENGLISH), Gate(min_characters=1))[0] == {"gate.length": 91.0}


@pytest.mark.parametrize("html", ["", "\0", "<p>\ud800\ufffe</p>", "<html></html>"])
def test_pages_without_text_are_refused_not_raised(html: str) -> None:
    assert judge(html, Gate(languages=("en",)))[1] is not None
    assert judge(html, Gate(min_characters=10))[1] is not None


def test_a_refused_page_never_meets_the_engine() -> None:
    met = []
    options = Extract(gate=Gate(languages=("en",)))
    refused = extract_page(page(GERMAN), lambda html: met.append(html) or linear(html), options)
    assert isinstance(refused, Refusal)
    assert met == []
    kept = extract_page(page(ENGLISH), lambda html: met.append(html) or linear(html), options)
    assert not isinstance(kept, Refusal)
    assert set(kept.gate) == {"gate.length", "gate.language"}
    assert len(met) == 1


def test_a_share_does_not_depend_on_the_order_of_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Floating-point sums do: 0.1 + 0.2 + 0.3 is above 0.6, 0.3 + 0.2 + 0.1 is not."""
    languages = ("en", "de", "fr")
    for values in itertools.permutations((0.1, 0.2, 0.3)):
        known = dict(zip(languages, values, strict=True))
        monkeypatch.setattr(visible, "shares", lambda text, characters, known=known: known)
        measures, _ = judge("<p>words</p>", Gate(languages=languages))
        assert measures["gate.language"] == 0.6
