"""A headless Chromium for tests, and what every page must be in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.support.ui import WebDriverWait

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu", "hide-scrollbars")


#: What a document may hold to get out of its place.
HOSTILE = """\
</script><script>document.title='owned'</script><img src=x onerror="document.title='owned'">
<!--<script> --!> <svg onload="document.title='owned'"> <a href="javascript:document.title='owned'">x</a>
<iframe src="data:text/html,<script>parent.document.title='owned'</script>"></iframe> {{ 7 * 7 }} ${document.title='owned'}
<style>*{display:none}</style><base href="http://evil.example/"><meta http-equiv=refresh content="0;url=http://evil.example">
<link rel=stylesheet href="http://evil.example/x.css"><form action="http://evil.example"><input autofocus onfocus="document.title='owned'">
\u202etxet desrever\u202c \u2066isolated\u2069 \x1b[31mred\x00 \u2028\u2029 &lt;b&gt; &amp;amp; ]]> */ ` ' "
"""


@contextmanager
def chromium() -> Iterator[Chrome]:
    """Start a browser of the machine; skip the test where there is none."""
    browser = next((found for found in map(shutil.which, NAMES) if found), None)
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("needs Chromium and its driver (Debian: apt-get install chromium chromium-driver)")
    options = ChromeOptions()
    options.binary_location = browser
    for each in ARGUMENTS:
        options.add_argument(f"--{each}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = started(options, driver)
    try:
        yield found
    finally:
        found.quit()


def started(options: ChromeOptions, driver: str, attempts: int = 3) -> Chrome:
    """Start a browser; again where it could not: the driver's port is found free, let go, and then bound by it."""
    try:
        return Chrome(options=options, service=ChromeService(driver))
    except WebDriverException:
        if attempts == 1:
            raise
        return started(options, driver, attempts - 1)


def window(driver: Chrome, width: int, height: int = 900, *, dark: bool = False) -> None:
    """Set the size of the window, below 500 pixels that of a phone, and the scheme of colours."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def requests(driver: Chrome) -> list[str]:
    """Return the URLs that were asked for since the last call, but for those that the page's policy stopped."""
    messages = [json.loads(each["message"])["message"] for each in driver.get_log("performance")]
    stopped = {
        each["params"]["requestId"]
        for each in messages
        if each["method"] == "Network.loadingFailed" and each["params"].get("blockedReason") == "csp"
    }
    return [
        each["params"]["request"]["url"]
        for each in messages
        if each["method"] == "Network.requestWillBeSent" and each["params"]["requestId"] not in stopped
    ]


def opened(driver: Chrome, url: str) -> None:
    """Open a page and wait until its script has run; nothing was asked for but the page, nothing went wrong."""
    driver.get("about:blank")
    requests(driver)
    driver.get_log("browser")
    driver.get(url)
    ready = "return document.documentElement.dataset.ready"
    WebDriverWait(driver, 60).until(lambda found: found.execute_script(ready))
    assert driver.get_log("browser") == []
    assert [each for each in requests(driver) if each != url] == []
