"""The report as people meet it: in a browser, on a desk and on a phone, light and dark, with hostile documents."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace as Namespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from curation.look.questions.whatif import what_if
from curation.look.report import write_report
from curation.look.run import open_run, read_changes

from .browser import HOSTILE, chromium, opened, requests, window

pytestmark = pytest.mark.slow


def page(text: str) -> bytes:
    body = f"<html><title>{text}</title><body><h1>the heading of the page</h1><p>{text}</p>".encode()
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body
    head = (
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:x>\r\nWARC-Target-URI: http://site.example/\r\n"
        f"Content-Type: application/http\r\nWARC-Date: 2025-01-01T00:00:00Z\r\nContent-Length: {len(http)}\r\n\r\n"
    )
    return head.encode() + http + b"\r\n\r\n"


@pytest.fixture(scope="module")
def hostile_run(judging: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose every text, title and URL attacks, and whose page can be read again."""
    from curation.extract.stage import page_id
    from curation.pages.formats import read
    from curation.pages.page import FileSplit

    folder = tmp_path_factory.mktemp("hostile")
    crawl = folder / "crawl.warc.gz"
    crawl.write_bytes(gzip.compress(page(HOSTILE)))
    split = FileSplit(file=str(crawl), start=0, end=crawl.stat().st_size, format="warc")
    (found,) = [each for batch in read(split, source="web") for each in batch.to_pylist()]
    texts = [("web", "en", f"{HOSTILE}{'prose of its own ' * n}{n} a@b.example.org") for n in range(12)]
    texts += [(HOSTILE[:60], "en", HOSTILE), ("docs", HOSTILE[:40], "<b>few</b>")]
    run = judging.write(folder / "run", texts=texts)
    row = judging.document(99, source="web", text=HOSTILE, title=HOSTILE, url=HOSTILE, engine="x")
    row["measures"] = [("extract.table_cells_seen", 9.0), ("extract.table_cells_kept", 0.0)]
    row["edits"] = [("extract.markup", 40)]
    row |= {"id": page_id(found), "file": str(crawl), "offset": 0, "length": found["length"]}
    mail = "write to someone@example.org\n"
    extracted = [judging.document(n, source=s, text=f"{text}{mail}") for n, (s, _, text) in enumerate(texts)]
    judging.publish(run, "extract", [row, *extracted], config={"inputs": {"web": {"format": "warc"}}})
    pair = {"id": f"{1:032x}", "kept_id": f"{0:032x}", "jaccard": 0.9, "bands_shared": 1, "cluster_size": 2}
    pair |= {"kept_in": None}
    hostile = [judging.document(n, text=f"{HOSTILE} {n}", title=HOSTILE, url=HOSTILE) for n in (0, 1)]
    merged = {"merged_into": pair["kept_id"], "edits": [("dedup.substring", 9)]}
    path = judging.publish(run, "dedup", [hostile[0], hostile[1] | merged])
    (path / "clusters").mkdir()
    pq.write_table(pa.Table.from_pylist([{**pair, "reason": HOSTILE}]), path / "clusters" / "part-0.parquet")
    return Path(run)


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def report(judged: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    return "file://" + write_report(open_run(str(judged)), str(folder / "report.html"))


def at(driver: Chrome, selector: str) -> WebElement:
    return driver.find_element(By.CSS_SELECTOR, selector)


def text(driver: Chrome, selector: str) -> str:
    return str(driver.execute_script("return document.querySelector(arguments[0]).textContent", selector))


def put(driver: Chrome, selector: str, value: object) -> None:
    script = (
        "const e = document.querySelector(arguments[0]); e.value = arguments[1];"
        "e.dispatchEvent(new Event('input', {bubbles: true}));"
        "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    driver.execute_script(script, selector, str(value))


def count(driver: Chrome, selector: str) -> int:
    return int(text(driver, selector).strip("+−").replace(",", ""))


def test_a_bound_that_moves_counts_as_the_command_does(driver: Chrome, report: str, judged: Path) -> None:
    opened(driver, report)
    for asked in (["gopher.word_count.min=3"], ["gopher.word_count.min=8", "house.line_count.max=2"]):
        for each in asked:
            name, _, value = each.partition("=")
            rule, _, side = name.rpartition(".")
            put(driver, f'figure[data-rule="{rule}"] .slide[data-side="{side}"] input[type=number]', value)
        expected = (
            what_if(open_run(str(judged)), read_changes(open_run(str(judged)), asked)).frame().loc["all"]
        )
        assert count(driver, "#gained") == expected["gained"]
        assert count(driver, "#lost") == expected["lost"]
        assert count(driver, "#kept-then") == expected["kept_then"]
        assert text(driver, "#command") == f"curate whatif DIR {' '.join(asked)}"
        driver.execute_script("document.querySelector('#reset').click()")
        WebDriverWait(driver, 60).until(lambda d: not text(d, "#command"))
        assert count(driver, "#gained") == count(driver, "#lost") == 0


def test_a_slider_moves_by_keyboard(driver: Chrome, report: str) -> None:
    opened(driver, report)
    before = count(driver, "#kept-then")
    slider = at(driver, 'figure[data-rule="gopher.word_count"] .slide[data-side="min"] input[type=range]')
    slider.send_keys(Keys.END)
    WebDriverWait(driver, 60).until(lambda d: count(d, "#kept-then") != before)
    assert count(driver, "#lost") > 0
    broke = driver.execute_script(
        "return document.querySelector('figure[data-rule=\"gopher.word_count\"] [data-broke]').textContent"
    )
    assert int(broke) > 0
    assert driver.execute_script("return document.querySelectorAll('#lost-examples li').length") > 0
    driver.execute_script("document.querySelector('#lost-examples a').click()")
    WebDriverWait(driver, 60).until(lambda d: text(d, "#found").startswith("1 of "))
    assert text(driver, "#lost-examples a") in text(driver, "#documents-list details[open] .facts")


def test_a_slider_loosens_a_bound_that_few_values_break(
    driver: Chrome, judging: Namespace, tmp_path: Path
) -> None:
    """The axis is that of the middle 98 %, and ends at the bound; the slider goes on to the least value."""
    texts = [("web", "en", "some words of a text that is long enough")] * 300 + [("web", "en", "too few")] * 2
    opened(driver, "file://" + write_report(open_run(str(judging.write(tmp_path / "run", texts=texts)))))
    figure = 'figure[data-rule="gopher.word_count"]'
    assert "≤ 5" in text(driver, f"{figure} svg")
    kept, slider = count(driver, "#kept-then"), at(driver, f'{figure} [data-side="min"] input[type=range]')
    assert kept == 300
    slider.send_keys(Keys.HOME)
    WebDriverWait(driver, 5).until(lambda d: count(d, "#kept-then") != kept)
    assert text(driver, "#gained") == "+2"
    assert text(driver, "#command") == "curate whatif DIR gopher.word_count.min=2"
    assert text(driver, f"{figure} [data-broke]") == "0"


def shown(driver: Chrome) -> int:
    return int(driver.execute_script("return document.querySelectorAll('#documents-list > details').length"))


def test_search_and_filters_narrow_the_documents(driver: Chrome, report: str) -> None:
    opened(driver, report)
    everything = text(driver, "#found")
    put(driver, "#search", f"{7:032x}")
    assert text(driver, "#found").startswith("1 of ")
    at(driver, "#documents-list summary").send_keys(Keys.ENTER)
    WebDriverWait(driver, 60).until(lambda d: at(d, "#documents-list pre").is_displayed())
    put(driver, "#search", "no such words anywhere")
    assert text(driver, "#found").startswith("0 of ")
    assert shown(driver) == 0
    put(driver, "#search", "")
    assert text(driver, "#found") == everything
    Select(at(driver, "#state")).select_by_value("dropped")
    Select(at(driver, "#reason")).select_by_value("gopher.word_count")
    script = "return [...document.querySelectorAll('#documents-list > details')].map((e) => e.className)"
    assert set(driver.execute_script(script)) == {"card dropped"}
    Select(at(driver, "#reason")).select_by_value("")
    Select(at(driver, "#state")).select_by_value("")
    Select(at(driver, "#group")).select_by_visible_text("gopher.word_count, min 5 (6)")
    assert text(driver, "#found").startswith("6 of 6 documents. Would you have decided the same?")


def test_what_breaks_a_rule_is_marked(driver: Chrome, report: str) -> None:
    opened(driver, report)
    driver.execute_script("document.activeElement.blur()")
    at(driver, "body").send_keys("/")
    assert driver.execute_script("return document.activeElement.id") == "search"
    Select(at(driver, "#reason")).select_by_value("gopher.mean_word_length")
    driver.execute_script("document.activeElement.blur()")
    at(driver, "body").send_keys("j")
    driver.switch_to.active_element.send_keys(Keys.ENTER)
    WebDriverWait(driver, 60).until(lambda d: shown_inside(d) == 1)
    driver.execute_script(
        "for (const each of document.querySelectorAll('#documents-list details')) each.open = true"
    )
    WebDriverWait(driver, 60).until(lambda d: shown_inside(d) == shown(d) > 1)
    marked = '#documents-list details:has(mark[data-rules="0"]) '
    button = at(driver, f"{marked}.reasons button")
    assert button.get_attribute("aria-pressed") == "false"
    driver.execute_script("arguments[0].click()", button)
    assert button.get_attribute("aria-pressed") == "true"
    mark = at(driver, f"{marked}mark[data-rules='0']")
    assert mark.get_attribute("class") == ""
    assert (mark.get_attribute("textContent") or "").strip()


def shown_inside(driver: Chrome) -> int:
    return int(
        driver.execute_script("return document.querySelectorAll('#documents-list details .facts').length")
    )


@pytest.mark.parametrize("width", [390, 1280])
def test_the_bars_of_the_funnel_are_as_long_as_what_came_in(
    driver: Chrome, small_run: Path, tmp_path: Path, width: int
) -> None:
    window(driver, width)
    opened(driver, "file://" + write_report(open_run(str(small_run)), str(tmp_path / "r.html")))
    script = (
        "return [...document.querySelectorAll('.bar-row')].map((row) => [row.querySelector('.bar')"
        ".getBoundingClientRect().width, row.querySelector('.bar-count').textContent])"
    )
    bars = driver.execute_script(script)
    assert [told for _, told in bars] == ["10 of 12 kept", "8 of 10 kept", "6 of 8 kept"]
    assert [bar / bars[0][0] for bar, _ in bars] == pytest.approx([1, 10 / 12, 8 / 12], rel=0.02)
    heads = (
        "return [...document.querySelectorAll('#funnel .stage[open] > .scroll th')].map((e) => e.offsetWidth)"
    )
    assert all(driver.execute_script(heads)), "no column is left out"
    window(driver, 1280)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_phone_and_a_desk_light_and_dark(
    driver: Chrome, report: str, width: int, dark: bool
) -> None:
    window(driver, width, dark=dark)
    opened(driver, report)
    driver.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    ground = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    channels = [int(each) for each in ground.removeprefix("rgb(").removesuffix(")").split(",")]
    assert (max(channels) < 80) if dark else (min(channels) > 200)
    window(driver, 1280)


def test_nothing_of_a_hostile_document_acts(driver: Chrome, hostile_run: Path) -> None:
    opened(driver, "file://" + write_report(open_run(str(hostile_run))))
    driver.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")
    WebDriverWait(driver, 60).until(
        lambda d: len(d.find_elements(By.CSS_SELECTOR, "#documents-list pre")) > 5
    )
    assert driver.title == "What became of every page"
    for tag in ("img", "iframe", "base", "form", "link", "object", "embed"):
        assert driver.find_elements(By.TAG_NAME, tag) == []
    assert len(driver.find_elements(By.TAG_NAME, "script")) == 2
    assert len(driver.find_elements(By.TAG_NAME, "style")) == 1
    assert [
        a
        for a in driver.find_elements(By.TAG_NAME, "a")
        if not (a.get_dom_attribute("href") or "").startswith("#")
    ] == []
    everything = str(driver.execute_script("return document.body.innerText"))
    assert "</script><script>document.title='owned'</script>" in everything
    assert "the heading of the page" in everything, "the page is read again, beside its text"
    assert "the heading of the page" in text(driver, "#edits"), "what extraction left out of it"
    for section in ("edits", "duplicates", "documents"):
        assert "document.title='owned'" in text(driver, f"#{section}"), section
    assert not set(everything) & set("\u202e\u202c\u2066\u2069\x1b\x00")
    script = "return [...document.querySelectorAll('*')].filter((e) => e.getAttributeNames().some((n) => n.startsWith('on'))).length"
    assert driver.execute_script(script) == 0
    assert driver.get_log("browser") == []
    assert requests(driver) == []


def test_the_policy_stops_what_would_still_get_in(driver: Chrome, report: str) -> None:
    """The second wall: markup that reached the page could neither run nor load anything."""
    opened(driver, report)
    driver.execute_script(
        "const e = document.createElement('div');"
        'e.innerHTML = \'<img src="https://evil.example/x.png" onerror="document.title=1">'
        '<button id=evil onclick="document.title=2">x</button>\';'
        "document.body.append(e); document.querySelector('#evil').click();"
        "const s = document.createElement('script'); s.textContent = 'document.title=3'; document.body.append(s);"
    )
    assert driver.title == "What became of every page"
    assert len(driver.get_log("browser")) >= 3  # each refusal is told
    assert requests(driver) == []


def test_a_spike_leads_to_its_documents(
    driver: Chrome, small_run: Path, metrics: Path, tmp_path: Path
) -> None:
    spike: dict[str, Any] = {"step": 50, "why": "loss 9 is <b>high</b>"}
    spike["rows"] = [{"slot": 0, "documents": [{"id": f"{3:032x}", "loss": 9.5}, {"id": "f" * 32}]}]
    (metrics / "spikes").mkdir()
    (metrics / "spikes" / "step-00000050.json").write_text(json.dumps(spike), encoding="utf-8")
    (metrics / "summary.json").write_text(json.dumps({"epochs": {"web": 1.25}}), encoding="utf-8")
    path = write_report(open_run(str(small_run)), str(tmp_path / "r.html"), training=str(metrics))
    opened(driver, f"file://{path}")
    assert "loss 9 is <b>high</b>" in text(driver, "#training")
    assert "1.25" in text(driver, "#tokens")
    driver.execute_script("document.querySelector('#training a').click()")
    WebDriverWait(driver, 60).until(
        lambda d: d.find_elements(By.CSS_SELECTOR, "#documents-list details[open] pre")
    )
    assert f"{3:032x}" in text(driver, "#documents-list details[open] .facts")
