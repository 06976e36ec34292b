"""The report in a browser: tables sort, pictures enlarge, nothing is missing and nothing is fetched."""

import json
import os
import shutil

import pytest
from conftest import verglas

selenium = pytest.importorskip("selenium", reason="selenium is not installed")
from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Headless Chromium that tells of every message and every request."""
    if not (CHROMIUM and DRIVER):
        pytest.skip("no chromium with chromedriver (Debian: apt-get install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    profile = tmp_path_factory.mktemp("profile")
    for argument in [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", f"--user-data-dir={profile}",
        "--window-size=1200,900",
    ]:  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    os.environ["SE_OFFLINE"] = "true"
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory, simulated):
    """The report of a data set with an odd image, whose table of outliers has a row."""
    import numpy as np

    folder = tmp_path_factory.mktemp("report")
    shutil.copytree(simulated / "data", folder / "data")
    stack = sorted((folder / "data").rglob("*.mrcs"))[0]
    pixels = np.memmap(stack, dtype="<f4", mode="r+", offset=1024).reshape(-1, 32, 32)
    for image, value in [(2, 90.0), (5, 40.0), (9, 700.0)]:
        pixels[image, 10, 11] = value
    pixels.flush()
    verglas("convert", folder / "data/particles.star", "-o", folder / "out", "--batch-size", 16)
    verglas("report", folder / "out")
    return folder / "out" / "report.html"


def opened(browser, page, width=1200):
    browser.set_window_size(width, 900)
    # What earlier pages logged is none of this one's.
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(page.as_uri())


def column(table, index):
    return [row.find_elements(By.TAG_NAME, "td")[index].text for row in table.find_elements(By.CSS_SELECTOR, "tbody tr")]


def test_tables_sort_by_mouse_and_by_keyboard(browser, page):
    opened(browser, page)
    table = browser.find_element(By.CSS_SELECTOR, "#outliers table")
    heads = table.find_elements(By.TAG_NAME, "th")
    section = next(index for index, head in enumerate(heads) if "section" in head.text)
    found = column(table, section)
    assert sorted(found, key=int) != found, "the oddest image comes first, which is not the first section"
    button = heads[section].find_element(By.TAG_NAME, "button")
    button.click()
    assert column(table, section) == sorted(found, key=int)
    assert heads[section].get_attribute("aria-sort") == "ascending"
    button.send_keys(Keys.ENTER)
    assert column(table, section) == sorted(found, key=int, reverse=True)
    assert heads[section].get_attribute("aria-sort") == "descending"


def test_pictures_enlarge_and_close(browser, page):
    opened(browser, page)
    picture = browser.find_element(By.CSS_SELECTOR, "button.picture")
    dialog = browser.find_element(By.TAG_NAME, "dialog")
    assert not dialog.is_displayed()
    small = picture.size["width"]
    picture.click()
    assert dialog.is_displayed()
    large = dialog.find_element(By.CSS_SELECTOR, "img")
    assert large.size["width"] > 2 * small
    assert dialog.find_element(By.TAG_NAME, "h3").text == picture.find_element(By.TAG_NAME, "img").get_attribute("alt")
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not dialog.is_displayed()
    # And from the keyboard alone.
    picture.send_keys(Keys.ENTER)
    assert dialog.is_displayed()
    dialog.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    assert not dialog.is_displayed()


def test_every_picture_loads_and_has_words(browser, page):
    opened(browser, page)
    pictures = browser.find_elements(By.CSS_SELECTOR, "main img")
    assert len(pictures) >= 20
    for picture in pictures:
        assert picture.get_attribute("alt")
        assert int(picture.get_attribute("naturalWidth")) > 0
    for chart in browser.find_elements(By.CSS_SELECTOR, "svg.chart"):
        assert chart.get_attribute("aria-label")


def test_nothing_is_fetched_and_nothing_goes_wrong(browser, page):
    opened(browser, page)
    browser.find_element(By.CSS_SELECTOR, "button.picture").click()
    assert browser.get_log("browser") == []
    requested = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            requested.append(message["params"]["request"]["url"])
    fetched = [address for address in requested if not address.startswith(("data:", "about:"))]
    assert fetched == [page.as_uri()], "the page asks for something else than itself"


@pytest.mark.parametrize("width", [400, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_any_width_in_light_and_dark(browser, page, width, scheme):
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    # A window has a least width; what is emulated has none.
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        opened(browser, page)
        inner, whole = browser.execute_script("return [innerWidth, document.documentElement.scrollWidth]")
        assert inner == width and whole <= width, "the page itself never scrolls sideways"
        paper, ink = browser.execute_script(
            "const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]"
        )
        brightness = [sum(map(int, colour.strip("rgb()").split(","))) for colour in (paper, ink)]
        assert (brightness[0] > brightness[1]) == (scheme == "light")
        assert abs(brightness[0] - brightness[1]) > 400, "enough contrast to read"
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize("width", [420, 1200])
def test_no_column_is_cut_and_every_word_can_be_read(browser, page, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        opened(browser, page)
        cut = browser.execute_script(
            "return [...document.querySelectorAll('.wide')].filter(box => box.scrollWidth > box.clientWidth + 1)"
            ".map(box => box.getAttribute('aria-label'))"
        )
        assert cut == []
        # Height of the letters as they are shown: of text in a picture that is scaled, too.
        small = browser.execute_script(
            """
            const found = [];
            const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            while (walk.nextNode()) {
                const parent = walk.currentNode.parentElement;
                if (!walk.currentNode.data.trim() || parent.closest("style, script, dialog, .unseen, .skip")) continue;
                const svg = parent.closest("svg");
                const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
                const size = parseFloat(getComputedStyle(parent).fontSize) * scale;
                if (size < 10.5) found.push([walk.currentNode.data, size]);
            }
            return found;
            """
        )
        assert small == []
        # Nothing along a chart leaves the page, and no two labels of an axis lie over each other.
        over = browser.execute_script(
            """
            const found = [];
            for (const words of document.querySelectorAll(".words")) {
                for (const axis of ["x", "y"]) {
                    const labels = [...words.querySelectorAll("." + axis)].map((label) => label.getBoundingClientRect());
                    labels.sort((a, b) => a.left - b.left || a.top - b.top);
                    labels.forEach((label, index) => {
                        if (label.left < 0 || label.right > innerWidth) found.push("off the page");
                        const next = labels[index + 1];
                        if (axis === "x" && next && next.left < label.right) found.push(words.textContent);
                    });
                }
            }
            return found;
            """
        )
        assert over == []
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_names_in_warnings_are_set_as_code(browser, page):
    opened(browser, page)
    warnings = browser.find_elements(By.CSS_SELECTOR, ".warning")
    assert warnings and all("`" not in warning.text for warning in warnings)
    assert browser.find_elements(By.CSS_SELECTOR, ".warning code")


def test_particles_are_shown_smoothed_too_with_a_bar_for_their_scale(browser, page):
    opened(browser, page)
    card = browser.find_element(By.CSS_SELECTOR, "#examples .card")
    captions = [caption.text.splitlines()[0] for caption in card.find_elements(By.TAG_NAME, "figcaption")]
    assert captions[:2] == ["image", "low-pass 20 Å"] and captions[2].startswith("Re F to ")
    for bar in card.find_elements(By.CSS_SELECTOR, ".scale"):
        picture = bar.find_element(By.XPATH, "..").find_element(By.TAG_NAME, "img")
        # The bar is as long as it says, in a box of 32 pixels of 1.3 Å.
        share = float(bar.text.removesuffix(" Å")) / (32 * 1.3)
        assert bar.size["width"] / picture.size["width"] == pytest.approx(share, abs=0.02)
