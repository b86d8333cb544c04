"""The page: one self-contained HTML file with the ranking, the figures, and what was run and where."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from gdbench.reports import heat_map, loss_curves, roofline, scaling, sensitivity, text
from gdbench.reports.answers import answers, timing_notes
from gdbench.reports.ranking_table import ranking, readable
from gdbench.reports.results import Results, has_batches, only_problem, target
from gdbench.reports.style import svg
from gdbench.reports.templates import template
from gdbench.stats import FEW

FIGURES = (loss_curves, sensitivity, heat_map)  # of each problem
RUN_FIGURES = (scaling, roofline)  # of all problems together


def render(results: Results) -> str:
    """The page as HTML; it needs no other file and makes no request."""
    frame = ranking(results)
    goal = target(results)
    return template("page.html").render(
        about=results.about,
        created=_when(results.about["created"]),
        facts=list(_facts(results)),
        machine=_machine(results.environment),
        ranking=readable(frame[frame["best_batch"]], results) if len(frame) else [],
        others=readable(frame[~frame["best_batch"]], results) if len(frame) else [],
        few=bool(len(frame) and frame["trials"].max() < FEW),
        answers=list(answers(frame, results)),
        timing=list(timing_notes(frame, results)),
        timed="step" in frame,
        goal=f"{text.metric_title(goal[0])} of {text.metric(*goal)}" if goal else None,
        tuned=bool((results.trials["role"] == "tune").any()),
        batches=has_batches(results.trials),
        figures=_figures(results, RUN_FIGURES, "run"),
        problems=list(_problems(results)),
    )


def _problems(results: Results) -> Iterator[dict[str, Any]]:
    """Each problem with the figures that have data."""
    for number, problem in enumerate(dict.fromkeys(results.trials["problem"])):
        yield {"name": problem, "figures": _figures(only_problem(results, problem), FIGURES, f"p{number}")}


def _figures(results: Results, modules: tuple[Any, ...], prefix: str) -> list[dict[str, Any]]:
    """What the page needs of each figure that has data, the table under it too if there is one."""
    figures = []
    for module in modules:
        drawing = module.figure(results)
        if drawing is None:
            continue
        name = f"{prefix}-{module.__name__.rpartition('.')[2].replace('_', '-')}"
        figures.append(
            {
                "name": name,
                "title": module.title(results) if hasattr(module, "title") else module.TITLE,
                "caption": module.caption(results) if hasattr(module, "caption") else module.CAPTION,
                "alt": module.ALT,
                "svg": svg(drawing, name),
                "table": module.table(results) if hasattr(module, "table") else [],
            }
        )
    return figures


def _facts(results: Results) -> Iterator[tuple[str, str]]:
    """What was run."""
    about, trials = results.about, results.trials
    yield "run", f"{about['run']} ({about['state']})"
    yield "suite", str(about["suite"])
    yield "when", _when(about["created"])
    roles = trials["role"].value_counts()
    yield "trials", f"{len(trials):,}: " + ", ".join(f"{count:,} {role}" for role, count in roles.items())
    ends = trials["status"].value_counts()
    yield "how they ended", ", ".join(f"{count:,} {status}" for status, count in ends.items())
    yield "steps", f"{int(trials['steps'].sum()):,}"
    yield "code", str(about["code"])[:12]
    if about["git_commit"]:
        yield "commit", about["git_commit"][:12] + (" with uncommitted changes" if about["git_dirty"] else "")


def _machine(environment: Any) -> list[tuple[str, str]]:
    """Where it was run, one fact a row."""
    return [
        (
            str(name).replace("_", " "),
            ", ".join(value) if isinstance(value, list) else f"{value:.3g}" if isinstance(value, float) else str(value),
        )
        for name, value in environment.items()
        if value is not None
    ]


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
