"""Ten things that people want to know from a run: each is on the first screen of the page, and in the terminal.

The first screen: the first 1,000 pixels of a window of 1300, and the first 1,600 of one of 390. Needs chromium.
"""

import contextlib
import io
import re

import pytest
from extras import CHROMIUM

import gdbench
from gdbench.cli import main

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install '.[test]'")
pytestmark = pytest.mark.needs("chromium")

SUITE = """
title = "Digits: which rule?"
seeds = 10
tune_seeds = 3
batch_size = [16, 128]
budget = {epochs = 6}
target = {val_accuracy = [0.8, 0.9]}
[problem.digits]
kind = "mlp"
dataset = "digits"
hidden = [16]
[rule.sgd]
lr = [0.01, 0.1]
[rule.adam]
lr = [0.001, 0.01]
[rule.momentum]
lr = [0.001, 0.01]
"""
SCREENS = {"desk": (1300, 1000), "phone": (390, 1600)}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a run, and what the terminal of 80 characters said."""
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "digits.toml").write_text(SUITE)
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), pytest.raises(SystemExit) as ended:
        patch.setenv("COLUMNS", "80")
        main(["run", str(folder / "digits.toml"), "--no-time", "--out", str(folder / "out")])
    assert ended.value.code == 0
    return folder, out.getvalue()


@pytest.fixture(scope="module")
def run(made):
    return gdbench.load(made[0] / "out" / "gdbench.db")


@pytest.fixture(scope="module", params=SCREENS)
def screen(request, made, run):
    """A page in a window, with what is visible of it on its first screen."""
    with playwright.sync_playwright() as program:
        browser = program.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        width, height = SCREENS[request.param]
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto((made[0] / "out" / run.id / "report.html").as_uri())
        yield Screen(page, height)
        browser.close()


class Screen:
    """What a person sees without scrolling."""

    def __init__(self, page, height):
        self.page, self.height = page, height

    def shows(self, words, selector="body *"):
        """Whether a visible element with these words, and no smaller one, ends on the first screen."""
        found = self.page.locator(f"{selector}:visible").filter(has_text=words).last
        box = found.bounding_box() if found.count() else None
        return bool(box) and box["y"] + box["height"] <= self.height

    def text(self, selector):
        """The words of the first visible element."""
        return self.page.locator(f"{selector}:visible").first.inner_text()


def best(run):
    return run.ranking.iloc[0]


def test_1_what_to_use(screen, run):
    row = best(run)
    words = screen.text(".answer .big")
    assert words.startswith(f"Use {row.rule} (learning rate {row.lr:g})") and f"batch {row.batch_size}" in words
    assert screen.shows(words)


def test_2_what_it_costs_and_how_often_it_got_there(screen, run):
    row = best(run)
    assert screen.shows(
        re.compile(rf"reach(es)? 90 % validation accuracy after .* epochs?, in {row.reached} .*of 10 seeds")
    )


def test_3_how_sure_that_is(screen, run):
    certain = (run.ranking["group"] > 1).any()
    assert screen.shows(re.compile("Certain: .* ×" if certain else "cannot tell .* apart"))
    alike = run.ranking[run.ranking["group"] == 1]
    assert len(alike) == 1 or screen.shows(re.compile("cannot tell .* apart"))


def test_4_what_was_asked_and_tried(screen):
    assert screen.shows("Target: 90 % validation accuracy")
    assert screen.shows("3 rules × 2 learning rates × 2 batch sizes, each tuned on 3 seeds and reported on 10 others")


def test_5_what_the_data_are_and_what_a_constant_answer_scores(screen):
    assert screen.shows("1,797 rows, 64 features, 10 classes of about 10 % each")


def test_6_why_there_are_no_seconds_and_the_command_that_gives_them(screen, run):
    assert screen.shows("Ranked by data seen, not by seconds.")
    assert screen.shows(f"python -m gdbench time --run {run.id}", "code")


def test_7_what_more_seeds_would_show_and_how_long_they_take(screen):
    found = [each.inner_text() for each in screen.page.locator(".caveats li").all()]
    (seeds,) = (words for words in found if "--seeds" in words)
    assert re.search(
        r"see differences from [\d.]+ × on\. \d+ see [\d.]+ ×:.*--seeds \d+.*about [\d.]+ (s|min|h)", seeds, re.S
    )
    assert screen.shows(re.compile(r"--seeds \d+"), "code")


def test_8_how_far_the_rules_are_apart(screen):
    box = screen.page.locator("figure[id$=standing] .picture:visible").bounding_box()
    assert box and box["y"] + box["height"] <= screen.height


def test_9_another_unit(screen, run):
    choice = screen.page.locator("#unit")
    assert choice.bounding_box()["y"] < screen.height
    choice.select_option("steps")
    try:
        steps = run.frames
        from gdbench.reports.judgement import ranking

        row = ranking(steps, "steps").iloc[0]
        assert screen.text(".answer .big").startswith(f"Use {row.rule} ") and "steps" in screen.text(".answer")
        assert "steps to 90 %" in screen.text("section.first table.sortable thead")
        assert screen.page.locator('figure[id$=standing] .picture[data-variant="steps"]').is_visible()
        assert "steps by learning rate" in screen.text("table.map caption")
    finally:
        choice.select_option("epochs")


def test_10_the_setting_as_code(screen, run):
    row = best(run)
    screen.page.get_by_text("The advised setting as code").first.click()
    code = screen.page.locator("section.first pre code:visible").all_inner_texts()
    assert f"lr = {row.lr:g}" in code[0] and any("torch.optim." in each for each in code)


def test_the_terminal_says_the_same_in_eighty_characters(made, run):
    row, lines = best(run), made[1].splitlines()
    # Commands and paths are not broken, so that they can be copied.
    assert max(len(line) for line in lines if not line.startswith(("  ", "report: "))) <= 80
    text = " ".join(" ".join(lines).split())
    for words in (
        f"Use {row.rule} (learning rate {row.lr:g})",
        "90 % validation accuracy after",
        "of 10 seeds",
        f"python -m gdbench time --run {run.id}",
        "--seeds",
        "report: /",
    ):
        assert words in text, words
    header = next(line for line in lines if line.startswith("rule "))
    assert 5 <= len(re.split(r"  +", header.strip())) <= 6
