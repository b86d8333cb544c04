"""The page: one self-contained HTML file with the ranking, the figures, and the origin of the results."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd

from gdbench.reports import origins, text
from gdbench.reports.answers import advices, facts, overall
from gdbench.reports.caveats import caveats
from gdbench.reports.cells import grid, numbers
from gdbench.reports.failures import failures
from gdbench.reports.figure import Picture, Words
from gdbench.reports.figures import FIGURES, side_by_side
from gdbench.reports.judgement import judgement, units
from gdbench.reports.lessons import Lesson
from gdbench.reports.ranking_table import explained
from gdbench.reports.ranking_table import readable as ranked
from gdbench.reports.rate_map import rate_maps
from gdbench.reports.results import Results, has_batches, only_problem, target
from gdbench.reports.settings_table import readable, settings
from gdbench.reports.snippet import snippets
from gdbench.reports.style import svg
from gdbench.reports.templates import template
from gdbench.reports.together import cautions, together
from gdbench.stats import FEW

SETTINGS = 60  # with more chosen settings, figures have no variants: the file would be too large to send
ROWS = 8000  # rows of all figures' data on the page, for the same reason


def render(*runs: Results, lessons: Sequence[Lesson] = ()) -> str:
    """The page of a run, or of several side by side, as HTML; it needs no other file and makes no request.

    If there are lessons, it shows these alone.
    """
    results = runs[0] if len(runs) == 1 else together(runs)
    frame = settings(results).iloc[: 0 if lessons else None]
    goal = target(results)
    rich = len(frame) <= SETTINGS
    with _collecting_seldom():
        comparison = _figures(_pictures("runs", results), results, "run", rich)
        figures = _figures(lessons or _pictures("run", results), results, "run", rich)
        problems = [] if lessons else list(_problems(results, rich))
    standing = _first(problems)
    shown = [*comparison, *figures, *(figure for problem in problems for figure in problem["figures"])]
    shown += [standing] if standing else []
    _fit(shown)
    return template("page.html").render(
        about=results.about,
        origins=[(origins.sentence(run), origins.command(run)) for run in runs],
        cautions=list(cautions(runs)),
        facts=list(origins.facts(results)) if len(runs) == 1 else [],
        overview=grid(origins.overview(runs)) if len(runs) > 1 else None,
        machine=list(origins.machine(results.environment)),
        filters=[] if lessons else _filters(results.trials),
        views=[] if lessons else list(_views(results)),
        described=facts(results),
        caveats=[] if lessons else caveats(results),
        standing=standing,
        settings=grid(readable(frame, results)) if len(frame) else None,
        all_numbers=numbers(_without_batches(frame, results)),
        few=bool(len(frame) and frame["trials"].max() < FEW),
        differences=list(side_by_side.answers(results)),
        looks=list(results.environment.get("looks") or ()),
        goal=f"{text.metric_title(goal[0])} of {text.metric(*goal)}" if goal else None,
        tuned=bool((results.trials["role"] == "tune").any()),
        batches=has_batches(results.trials),
        comparison=comparison,
        figures=figures,
        problems=problems,
        failures=grid(failures(results.trials)),
        lessons=bool(lessons),
        pictures=[picture for figure in shown for picture in figure["drawings"].values()],
    )


def _first(problems: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The figure of the only problem that belongs to the first screen, taken out of its section."""
    figures = problems[0]["figures"] if len(problems) == 1 else []
    if not figures or not figures[0]["name"].endswith("standing"):
        return None
    return {**figures.pop(0), "choices": []}  # the page's own choice of the unit switches it


def _views(results: Results) -> Iterator[dict[str, Any]]:
    """The answer in each unit that the run can be ranked in, the usual one first."""
    alone = results.trials["problem"].nunique() == 1
    for unit in units(results):
        found = judgement(results, unit)
        yield {
            "unit": unit,
            "overall": overall(results, unit),
            "advices": advices(results, unit),
            "ranking": grid(ranked(found, results)),
            "numbers": numbers(_without_batches(_known(found.rules), results)),
            "explained": explained(found, results),
            "maps": rate_maps(results, unit),
            "snippets": snippets(results, unit) if alone else {},
        }


def _known(rules: pd.DataFrame) -> pd.DataFrame:
    """The numbers of a ranking; brackets only where crossings are known to brackets alone."""
    exact = rules["to_target_from"].equals(rules["to_target"])
    return rules.drop(columns=["batched", *(["to_target_from"] if exact else [])])


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Collect garbage less often: a figure's many objects refer to each other, and a sixth of the time went to it."""
    usual = gc.get_threshold()
    gc.set_threshold(100_000, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _pictures(spans: str, results: Results) -> list[Picture[Results]]:
    """The figures that are drawn for this part of a page."""
    return [Picture(figure, results) for figure in FIGURES if figure.spans == spans]


def _problems(results: Results, rich: bool) -> Iterator[dict[str, Any]]:
    """Each problem with the figures that have data."""
    for number, problem in enumerate(dict.fromkeys(results.trials["problem"])):
        own = only_problem(results, problem)
        yield {"name": problem, "figures": _figures(_pictures("problem", own), own, f"p{number}", rich)}


def _figures(
    pictures: Sequence[Picture[Results]] | Sequence[Lesson], results: Results, prefix: str, rich: bool
) -> list[dict[str, Any]]:
    """The figures that have data, as the page's template takes them.

    rich: draw all variants. The data are the numbers drawn or, if a figure has none, its table.
    """
    figures = []
    for picture in pictures:
        name = f"{prefix}-{picture.name.replace('_', '-')}"
        drawings = _drawings(picture, name, rich)
        if not drawings:
            continue
        table = picture.table()
        figures.append(
            {
                "name": name,
                "title": picture.title(),
                "caption": picture.caption(),
                "alt": picture.alt,
                "drawings": drawings,
                "choices": _choices(picture, drawings),
                "table": None if table is None else grid(table),
                "data": _without_batches(picture.data(), results),
                "code": picture.code,
            }
        )
    return figures


def _drawings(picture: Picture[Any], name: str, rich: bool) -> dict[Words, str]:
    """SVG by the name of the variant; without variants the name is empty."""
    return {
        words: svg(drawing, f"{name}-{number}" if words else name)
        for number, (words, drawing) in enumerate(picture.drawings(every=rich))
    }


def _choices(picture: Picture[Any], drawings: dict[Words, str]) -> list[tuple[str, list[str]]]:
    """The things in which a figure's variants differ, with their values."""
    names = picture.varies if len(drawings) > 1 else ()
    values = [list(dict.fromkeys(words[place] for words in drawings)) for place in range(len(names))]
    return [(name, each) for name, each in zip(names, values, strict=True)]


def _fit(figures: Sequence[dict[str, Any]]) -> None:
    """Turn the figures' frames of data into tables; leave out the longest if all are too long for a page."""
    room = ROWS
    for figure in sorted(figures, key=lambda figure: len(figure["data"])):
        room -= len(figure["data"])
        figure["left_out"] = len(figure["data"]) if room < 0 else 0
        figure["data"] = None if room < 0 else numbers(figure["data"])


def _without_batches(frame: pd.DataFrame, results: Results) -> pd.DataFrame:
    """A frame without the columns about batches if the trials have none."""
    batches = [] if has_batches(results.trials) else ["batch", "batch_size", "best_batch"]
    return frame.drop(columns=batches, errors="ignore")


def _filters(trials: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """The facts that filter the whole page, with their values, where there is a choice."""
    batches = sorted(trials["batch_size"].unique()) if len(trials) and has_batches(trials) else []
    found = [
        ("problem", list(dict.fromkeys(trials["problem"]))),
        ("rule", list(dict.fromkeys(trials["rule"]))),
        ("batch", [str(batch) for batch in batches]),
    ]
    return [(name, values) for name, values in found if len(values) > 1]
