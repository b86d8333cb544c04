"""The page in a real browser: what can be pressed works, nothing leaves the file, and everybody can read it.

Needs Debian's chromium (apt-get install chromium) or another one on the PATH. Screenshots go to tests/screenshots, or
where GDBENCH_SCREENSHOTS says.
"""

import csv
import dataclasses
import io
import math
import os
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from comparisons import one_of_each
from extras import CHROMIUM

import gdbench
from gdbench.reports.figures import heat_map, loss_curves, sensitivity
from gdbench.reports.judgement import judgement
from gdbench.reports.page import render
from gdbench.reports.results import only_problem
from gdbench.reports.settings_table import settings
from gdbench.reports.verdicts.page import page as gate_page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install '.[test]'")
pytestmark = pytest.mark.needs("chromium")

SCREENSHOTS = Path(os.environ.get("GDBENCH_SCREENSHOTS", Path(__file__).parents[1] / "screenshots"))
ODD = '=<b>"momentum"</b> | & co'  # what a user may call a rule
SUITE = {
    "title": "Flowers in a browser",
    "seeds": 2,
    "batch_size": [8, 16],
    "budget": {"epochs": 3},
    "target": {"val_accuracy": 0.8},
    "problem": {
        "iris": {"kind": "mlp", "dataset": "iris", "hidden": [5]},
        "wine": {"kind": "mlp", "dataset": "wine"},
    },
    "rule": {"sgd": {"lr": [0.01, 0.1, 1e4]}, ODD: {"rule": "momentum", "lr": [0.003, 0.03]}},
}


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    frames = gdbench.run(SUITE, store=tmp_path_factory.mktemp("browser") / "b.db").frames
    trials = frames.trials.copy()
    lost = trials.index[(trials["rule"] == "sgd") & (trials["lr"] == 1e4)][0]
    trials.loc[lost, ["status", "error"]] = ["failed", "ZeroDivisionError: no luck"]
    return dataclasses.replace(frames, trials=trials)


@pytest.fixture(scope="module")
def address(frames, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render(frames), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as program:
        yield program.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])


@pytest.fixture
def opened(browser, address):
    """Opens the page; in the end, nothing but the file was asked for and nothing complained."""
    pages, addresses, asked, said = [], [], [], []

    def open_page(width=1280, scheme="light", at=address):
        addresses.append(at)
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.set_default_timeout(20_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(at)
        pages.append(page)
        return page

    open_page.said = said
    yield open_page
    for page in pages:
        page.close()
    assert said == [] and {url for url in asked if not url.startswith(("data:", "blob:"))} <= set(addresses)


def column(page, title, name):
    """The cells of a column of a table, as they stand."""
    table = page.get_by_role("group", name=title, exact=True)
    place = [head.strip() for head in table.locator("th").all_text_contents()].index(name)
    return table.locator(f"tbody tr:visible td:nth-child({place + 1})").all_text_contents()


def test_tables_sort_by_number_by_mouse_and_by_keyboard(opened):
    page = opened()
    others = page.get_by_role("group", name="Table: All settings", exact=True)
    head = others.locator("th", has_text="batch")
    head.click()
    batches = [int(cell) for cell in column(page, "Table: All settings", "batch")]
    assert set(batches) == {8, 16} and batches == sorted(batches)
    assert head.get_attribute("aria-sort") == "ascending" and "ascending" in page.locator("#said").text_content()
    for key, way in (("Enter", "descending"), ("Space", "ascending")):
        head.focus()
        page.keyboard.press(key)
        assert head.get_attribute("aria-sort") == way
    roofline = "Table: Under this machine’s roofs"
    page.get_by_role("group", name=roofline, exact=True).locator("th", has_text="batch").click()
    shown = [int(cell) for cell in column(page, roofline, "batch")]
    assert shown == sorted(shown) and len(set(shown)) > 1


def test_the_table_of_settings_sorts_censored_ones_last(opened):
    page = opened()
    table = page.locator("#settings-data")
    page.locator("details:has(#settings-data) summary").click()
    table.locator("th", has_text="default_steps_to_target").first.click()
    place = table.locator("th").all_text_contents().index("default_steps_to_target") + 1
    cells = table.locator(f"td:nth-child({place})").all_text_contents()
    steps = [math.inf if cell == "∞" else float(cell) for cell in cells if cell != "–"]
    assert steps == sorted(steps) and math.inf in steps


def test_a_table_is_searched(opened):
    page = opened()
    figure = page.locator("#run-roofline-table")
    field, rows = figure.get_by_label("Find rows with"), figure.locator("tbody tr:visible")
    field.fill(" WINE ")
    assert rows.count() and all("wine" in words for words in rows.all_text_contents())
    field.fill("")
    assert rows.count() == figure.locator("tbody tr").count()


def test_the_filter_applies_to_the_whole_page(opened):
    page = opened()
    form = page.locator("form.filters")
    marks = page.locator("g.mark[data-rule=sgd]:not(.cover)")
    assert marks.count() > 20 and marks.first.evaluate("mark => mark.style.display") == ""
    form.get_by_label("sgd").uncheck()
    hidden = "marks => marks.every(mark => getComputedStyle(mark).display === 'none')"
    assert marks.evaluate_all(hidden)
    assert (
        page.locator("tr[data-rule=sgd]:visible").count() == 0 and page.locator("tbody tr[data-rule]:visible").count()
    )
    covers = page.locator("g.cover[data-rule=sgd] path")
    assert covers.count() and covers.evaluate_all("all => all.every(path => path.style.fill === 'var(--paper)')")
    form.get_by_label("8", exact=True).uncheck()
    assert page.locator("tr[data-batch='8']:visible").count() == 0
    assert page.locator("g.mark[data-batch='8']:not(.cover)").evaluate_all(hidden)
    form.get_by_label("wine").uncheck()
    assert page.locator("h2", has_text="wine").is_hidden() and page.locator("h2", has_text="iris").is_visible()
    assert form.locator("output").text_content() == "3 of 6 hidden."
    form.get_by_label("iris").uncheck()
    assert form.locator("output").text_content() == "4 of 6 hidden: without a problem nothing is left to show."
    form.get_by_role("button", name="Show all").click()
    page.locator("h2", has_text="wine").wait_for()
    assert marks.first.evaluate("mark => mark.style.display") == ""


def test_one_variant_of_a_figure_is_shown_at_a_time(opened):
    page = opened()
    figure = page.locator("#p0-loss-curves")
    seen = set()
    for against in ("step", "epoch", "time"):
        for axes in ("linear", "logarithmic"):
            figure.locator("select").nth(0).select_option(against)
            figure.locator("select").nth(1).select_option(axes)
            assert figure.locator(".picture:visible").count() == 1
            seen.add(figure.locator(".picture:visible").inner_html())
    assert len(seen) == 6
    assert page.locator("#p1-loss-curves .picture:visible").get_attribute("data-variant") == "step logarithmic"


def test_values_are_told_on_hover_and_by_the_arrow_keys(opened, frames):
    page = opened()
    picture = page.locator("#p0-sensitivity .picture")
    picture.scroll_into_view_if_needed()
    point = picture.evaluate(
        """picture => {
            const mark = picture.querySelector("g.mark[data-at]"), place = picture.querySelector("svg").getScreenCTM();
            const [x, y] = mark.dataset.at.split(" ")[1].split(",").map(Number);
            return { x: x * place.a + place.e, y: y * place.d + place.f, words: mark.dataset.name };
        }"""
    )
    page.mouse.move(point["x"] - 60, point["y"] - 60)
    page.mouse.move(point["x"] + 1, point["y"] + 1)
    tip = page.locator("#tip")
    assert tip.is_visible()
    name, _, words = tip.text_content().partition("\n")
    rule, _, batch = name.partition(", batch size ")
    data = sensitivity.data(only_problem(frames, "iris"))
    mine = data[(data["rule"] == rule) & (data["batch_size"] == int(batch))]
    lr, value = words.removeprefix("lr ").partition(":")[0], words.partition(": ")[2].split()[0]
    row = mine[np.isclose(mine["lr"], float(lr), rtol=1e-2)].iloc[0]
    assert float(value) == pytest.approx(row["median"], rel=5e-3)
    page.keyboard.press("Escape")
    assert tip.is_hidden()
    picture.focus()
    page.keyboard.press("ArrowRight")
    first = page.locator("#said").text_content()
    page.keyboard.press("ArrowRight")
    assert first and page.locator("#said").text_content() != first and tip.is_visible()


def downloaded(page, figure, kind):
    with page.expect_download() as found:
        page.locator(f"[data-download={kind}][data-of^='{figure}']").first.click()
    assert found.value.suggested_filename.endswith(f"{figure}.{kind}")
    return Path(found.value.path()).read_text(encoding="utf-8")


@pytest.mark.parametrize("module", [loss_curves, sensitivity, heat_map])
def test_the_data_of_a_figure_are_downloaded_with_every_digit(module, opened, frames):
    name = module.__name__.rpartition(".")[2].replace("_", "-")
    same(downloaded(opened(), f"p1-{name}", "csv"), module.data(only_problem(frames, "wine")))


def test_the_ranking_is_downloaded_with_every_digit(opened, frames):
    same(downloaded(opened(), "settings", "csv"), settings(frames))
    ranking = judgement(frames).rules.drop(columns=["batched", "to_target_from"])  # no crossing is only bracketed
    same(downloaded(opened(), "ranking-epochs", "csv"), ranking)


def same(text, frame):
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(frame) and list(rows[0]) == list(frame.columns)
    for row, expected in zip(rows, frame.to_dict("records"), strict=True):
        for key, value in expected.items():
            if isinstance(value, float | int | np.number) and not isinstance(value, bool):
                got = float(row[key].replace("–", "nan"))
                assert got == float(value) or (math.isnan(got) and math.isnan(value)), key
            else:
                text = "–" if pd.isna(value) else str(value)
                assert row[key] == (f"'{text}" if text.startswith("=") else text), key  # no formula to a spreadsheet


def test_every_figure_is_downloaded_as_it_is_shown(opened):
    page = opened()
    page.locator("form.filters").get_by_label("sgd").uncheck()
    figures = page.locator("figure")
    assert figures.count() >= 6
    for name in figures.evaluate_all("all => all.map(figure => figure.id)"):
        page.wait_for_timeout(110)  # chromium drops more than ten downloads a second
        root = ElementTree.fromstring(downloaded(page, name, "svg"))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        mine = [e for e in root.iter() if e.get("data-rule") == "sgd" and "cover" not in e.get("class")]
        assert all("display: none" in e.get("style", "") for e in mine)


def test_the_page_of_a_gate_runs_nothing_and_wears_its_style(opened, tmp_path):
    path = tmp_path / "gate.html"
    path.write_text(gate_page(one_of_each(ODD)), encoding="utf-8")
    shown = opened(at=path.as_uri())
    policy = shown.locator("meta[http-equiv]").get_attribute("content")
    assert "script-src 'none'" in policy and "unsafe" not in policy
    assert shown.locator(".answer").evaluate("element => getComputedStyle(element).borderLeftWidth") == "4px"


def test_the_policy_of_the_page_allows_its_own_script_alone(opened):
    page = opened()
    assert "unsafe" not in page.locator("meta[http-equiv]").get_attribute("content")
    page.evaluate(
        "() => { const it = document.createElement('script'); it.textContent = 'pwned = 1'; document.body.append(it); }"
    )
    assert page.evaluate("window.pwned") is None
    assert len(opened.said) == 1 and "Content Security Policy" in opened.said.pop()


def test_failed_trials_are_told_with_their_errors(opened):
    page = opened()
    assert "ZeroDivisionError: no luck" in page.get_by_role("group", name="Table: Failed trials").text_content()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(scheme, opened):
    assert faults_of(opened(scheme=scheme)) == {}


def faults_of(page):
    """What axe-core finds, everything unfolded; of a table's rows, which are alike, in the first ten."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    page.evaluate("document.querySelectorAll('tbody tr:nth-child(n + 11)').forEach(row => row.remove())")
    found = axe.Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return {fault["id"]: [node["html"][:200] for node in fault["nodes"]] for fault in found}


@pytest.mark.slow
def test_a_page_of_two_runs_is_read_and_filtered_like_any(opened, frames, tmp_path):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = tmp_path / "both.html"
    path.write_text(render(frames, dataclasses.replace(frames, about={**frames.about, "run": "another"})))
    page = opened(at=path.as_uri())
    assert faults_of(page) == {}
    page.locator("form.filters").get_by_label("sgd (run 2)").uncheck()
    shown = "marks => marks.filter(mark => getComputedStyle(mark).display !== 'none').length"
    second, first = (
        page.locator(f"#run-side-by-side g.mark[data-rule='{rule}']") for rule in ("sgd (run 2)", f"{ODD} (run 2)")
    )
    assert second.evaluate_all(shown) == 0 and first.evaluate_all(shown) > 0
    page.screenshot(path=SCREENSHOTS / "side-by-side.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_its_window(width, scheme, opened):
    page = opened(width, scheme)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"report-{width}-{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ranking_box = page.get_by_role("group", name="Table: Ranking", exact=True)
    if width >= 1200:
        assert ranking_box.evaluate("box => box.scrollWidth <= box.clientWidth")


def test_the_print_is_clean(opened):
    page = opened(794, "dark")  # A4 at 96 pixels an inch
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.pdf(path=SCREENSHOTS / "report.pdf", format="A4")
    page.emulate_media(media="print")
    assert page.locator("form.filters, button, details.data, input").evaluate_all(
        "all => all.every(each => each.offsetParent === null)"
    )
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") in (
        "rgb(255, 255, 255)",
        "rgba(0, 0, 0, 0)",
    )
    widths = page.locator("table:visible, .picture:visible svg").evaluate_all(
        "all => all.map(each => each.getBoundingClientRect().right)"
    )
    assert len(widths) > 6 and max(widths) <= 794


def test_every_control_can_be_reached_and_shows_its_focus(opened):
    page = opened()
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert page.evaluate("document.activeElement.id") == "unit" and outline != "none"
    reached = page.locator("table.sortable th, .scroll, .picture, summary, button, select, input")
    assert reached.count() > 50 and reached.evaluate_all("all => all.every(each => each.tabIndex === 0)")
