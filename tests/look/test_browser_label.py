"""Marking documents in a browser, by keyboard, and what the report makes of it."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace as Namespace

import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from curation.look.label import marks
from curation.look.label.marks import read_labels
from curation.look.label.page import Drawn, LabelStore, draw, label_page
from curation.look.label.server import LocalPage
from curation.look.report import write_report
from curation.look.run import open_run

from .browser import HOSTILE, chromium, opened, requests, window

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    with chromium() as found:
        yield found


@pytest.fixture
def run(judging: Namespace, tmp_path: Path) -> str:
    line = " ".join(HOSTILE.split())
    texts = [("web", "en", f"{line} {'prose of its own ' * 60}{n}") for n in range(8)]
    return str(
        judging.write(tmp_path / "run", texts=[*texts, ("web", "en", "too few"), ("web", "en", "few again")])
    )


@contextmanager
def serving(run: str, n: int = 6) -> Iterator[tuple[LocalPage, Drawn]]:
    drawn = draw(open_run(run), n)
    marked = LabelStore(run, drawn.strata)
    with LocalPage(*label_page(open_run(run), drawn, marked), marked.add) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield found, drawn
        found.shutdown()
        thread.join()


def press(driver: Chrome, *keys: str) -> None:
    ActionChains(driver).send_keys(*keys).perform()


def wait_for(driver: Chrome, told: str, where: str = "#progress") -> None:
    WebDriverWait(driver, 60).until(lambda found: told in found.find_element(By.CSS_SELECTOR, where).text)


def test_documents_are_marked_by_keyboard_and_saved_one_by_one(driver: Chrome, run: str) -> None:
    with serving(run) as (server, drawn):
        opened(driver, server.url)
        wait_for(driver, f"1 of {len(drawn.rows)}, 0 marked")
        press(driver, "d")
        wait_for(driver, "2 of ")
        first, second, third = (row["id"] for row in drawn.rows[:3])
        assert read_labels(run)[first].mark == "drop"
        press(driver, "n", "d k u is a note", Keys.ENTER, "u")
        wait_for(driver, "3 of ")
        assert (read_labels(run)[second].mark, read_labels(run)[second].note) == ("unsure", "d k u is a note")
        press(driver, Keys.ARROW_LEFT)
        wait_for(driver, "2 of ")
        assert driver.find_element(By.ID, "note").get_attribute("value") == "d k u is a note"
        press(driver, "k")
        wait_for(driver, "3 of ")
        assert read_labels(run)[second].mark == "keep"
        press(driver, "v")
        assert driver.find_element(By.ID, "told").is_displayed()
        assert third not in read_labels(run)
    with serving(run) as (server, _):  # the next day
        opened(driver, server.url)
        wait_for(driver, "3 of 6, 2 marked") if len(drawn.rows) == 6 else wait_for(driver, "3 of ")


def test_an_answer_that_is_not_saved_says_so_and_stays(
    driver: Chrome, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk_is_full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with serving(run) as (server, drawn):
        opened(driver, server.url)
        with monkeypatch.context() as full:
            full.setattr(marks, "write_whole", disk_is_full)
            press(driver, "k")
            wait_for(driver, "NOT SAVED: ", "#status")
            wait_for(driver, "1 of ")
            assert read_labels(run) == {}
        press(driver, "k")
        wait_for(driver, "saved: keep", "#status")
        assert list(read_labels(run)) == [drawn.rows[0]["id"]]


def test_nothing_of_a_hostile_document_acts_on_the_page(driver: Chrome, run: str) -> None:
    with serving(run, 20) as (server, drawn):
        for width in (390, 1280):
            window(driver, width)
            opened(driver, server.url)
            for _ in drawn.rows:
                press(driver, Keys.ARROW_RIGHT)
            assert driver.title == "Keep or drop?"
            assert driver.execute_script("return document.documentElement.scrollWidth") <= width
        for tag in ("img", "iframe", "base", "form", "link", "a", "svg"):
            assert driver.find_elements(By.TAG_NAME, tag) == []
        assert requests(driver) == []
        assert driver.get_log("browser") == []


def test_the_report_tells_who_agrees(driver: Chrome, run: str, tmp_path: Path) -> None:
    with serving(run, 4) as (server, drawn):
        opened(driver, server.url)
        for n, row in enumerate(drawn.rows):  # as the recipe, but for the last one
            as_recipe = {"kept": "k", "dropped": "d"}[row["state"]]
            press(driver, as_recipe if n < len(drawn.rows) - 1 else {"k": "d", "d": "k"}[as_recipe])
            wait_for(driver, f"{n + 1} marked")
    opened(driver, "file://" + write_report(open_run(run), str(tmp_path / "r.html")))
    told = driver.execute_script("return document.querySelector('#labels').textContent")
    assert f"{len(drawn.rows)} documents marked, 0 of them unsure" in told
    assert "gopher.word_count" in told
    driver.execute_script("document.querySelector('#labels a').click()")
    WebDriverWait(driver, 60).until(
        lambda d: d.find_element(By.ID, "found").text.startswith("1 of 1 documents")
    )
