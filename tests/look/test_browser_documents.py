"""The documents of the report, read by keyboard in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace as Namespace

import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.support.ui import WebDriverWait

from curation.look.report import write_report
from curation.look.run import open_run

from .browser import chromium, opened, window

pytestmark = pytest.mark.slow

#: Where the focus is: number of its card, whether that is open and outlined, tag of the element.
FOCUS = """
const focused = document.activeElement, card = focused.closest('.card');
const cards = [...document.querySelectorAll('#documents-list > .card')];
return [cards.indexOf(card), Boolean(card?.open), card ? getComputedStyle(card).outlineStyle : '', focused.tagName];
"""


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def many(judging: Namespace, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report of hundreds of documents, half of them too short for a rule."""
    folder = tmp_path_factory.mktemp("many")
    texts = [
        ("web", "en", f"Words of document {n}." if n % 2 else f"{n}\n\nOne more line") for n in range(400)
    ]
    return "file://" + write_report(open_run(str(judging.write(folder / "run", texts=texts))))


def press(driver: Chrome, *keys: str) -> None:
    for key in keys:
        ActionChains(driver).send_keys(key).perform()


def count(driver: Chrome, selector: str) -> int:
    return int(driver.execute_script("return document.querySelectorAll(arguments[0]).length", selector))


def text(driver: Chrome, selector: str) -> str:
    """Return what can be seen of an element."""
    return str(driver.execute_script("return document.querySelector(arguments[0]).innerText", selector))


def test_a_closed_card_says_what_became_of_the_document(driver: Chrome, judged: Path, tmp_path: Path) -> None:
    opened(driver, "file://" + write_report(open_run(str(judged)), str(tmp_path / "r.html")))
    driver.execute_script("location.hash = '#state-dropped'")
    card = "#documents-list > .card.dropped"
    WebDriverWait(driver, 60).until(lambda d: count(d, card) and not count(d, ".card.kept"))
    head = text(driver, f"{card} summary")
    assert "dropped" in head
    assert "gopher." in text(driver, f"{card} .why")
    (first, *_) = text(driver, f"{card} .preview").splitlines()
    assert first
    assert text(driver, card) == head, "nothing else, and nothing was clicked"
    assert count(driver, f"{card}[open]") == 0


def test_keys_go_from_card_to_card_and_open_them(driver: Chrome, many: str) -> None:
    opened(driver, many)
    press(driver, "j", "j", "k", "j", "j")
    assert driver.execute_script(FOCUS) == [2, False, "solid", "SUMMARY"]
    press(driver, Keys.ENTER)
    sides = ".card[open] .sides > div"
    WebDriverWait(driver, 60).until(lambda d: count(d, sides) == 2)
    assert text(driver, ".card[open] summary .hint").endswith("characters")
    assert count(driver, ".card[open] .preview") == 1
    assert driver.execute_script(
        "return getComputedStyle(document.querySelector('.card[open] .preview')).display === 'none'"
    )
    left, right = driver.execute_script(
        f"return [...document.querySelectorAll('{sides}')].map((side) => side.getBoundingClientRect().left)"
    )
    assert left < right, "the text beside its page"
    press(driver, Keys.TAB)
    assert driver.execute_script(FOCUS)[::3] == [2, "PRE"]
    press(driver, "j")
    assert driver.execute_script(FOCUS) == [3, False, "solid", "SUMMARY"]
    press(driver, "k", Keys.TAB, Keys.ESCAPE)
    assert driver.execute_script(FOCUS) == [2, False, "solid", "SUMMARY"]


def test_the_focused_card_can_be_seen(driver: Chrome, many: str) -> None:
    """Neither the header nor the controls, which both stay, cover it."""
    opened(driver, many)
    press(driver, *"jjjjjjjjjjjjkkkkkkkkk")
    top, below, bottom, height = driver.execute_script(
        "const card = document.activeElement.closest('.card').getBoundingClientRect();"
        "return [card.top, document.querySelector('.controls').getBoundingClientRect().bottom, card.bottom,"
        " innerHeight]"
    )
    assert below <= top < bottom <= height


def test_cards_are_made_as_they_are_needed(driver: Chrome, many: str) -> None:
    opened(driver, many)
    assert count(driver, "#documents-list > .card") == 30
    press(driver, *"j" * 31)
    assert driver.execute_script(FOCUS)[0] == 30
    assert count(driver, "#documents-list > .card") > 30
    assert count(driver, "#documents-list pre") == 0, "texts are put in when a card is opened"


def test_a_headline_leads_to_its_documents(driver: Chrome, many: str) -> None:
    opened(driver, many)
    driver.execute_script("document.querySelector('#headlines li a').click()")
    WebDriverWait(driver, 60).until(lambda d: driver.execute_script(FOCUS)[0] == 0)
    assert driver.execute_script("return document.querySelector('#reason').value") == "gopher.word_count"
    assert count(driver, "#documents-list > .card.kept") == 0
    press(driver, "/", *"words", Keys.ENTER)
    assert driver.execute_script(FOCUS)[0] == 0, "from the search to the first that it found"


@pytest.mark.parametrize("width", [390, 1280])
def test_the_headlines_fit_the_first_screen(driver: Chrome, many: str, width: int) -> None:
    window(driver, width, 800)
    opened(driver, many)
    script = "return document.querySelector('#headlines').getBoundingClientRect().bottom"
    assert driver.execute_script(script) < 800
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    window(driver, 1280)
