"""A run in a notebook: the first screen of its page, and its figures by name.

HTML(first_screen(run)), figure(run, "sensitivity")
"""

from matplotlib.figure import Figure as Drawing

from gdbench.errors import UsageError, nearest, shown
from gdbench.reports.answers import advices, facts, overall
from gdbench.reports.caveats import caveats
from gdbench.reports.figure import Figure
from gdbench.reports.figures import FIGURES, standing
from gdbench.reports.judgement import judgement
from gdbench.reports.ranking_table import readable
from gdbench.reports.results import Results, only_problem
from gdbench.reports.style import svg
from gdbench.reports.templates import template

FIGURES_OF_A_RUN = {figure.name: figure for figure in FIGURES if figure.spans != "runs"}


def first_screen(results: Results) -> str:
    """The answer, what limits it, the cost by rule and the ranking, as a piece of HTML."""
    found = judgement(results)
    alone = results.trials["problem"].nunique() == 1
    drawing = standing.figure(results) if alone else None
    return template("notebook.html").render(
        about=results.about,
        described=facts(results),
        overall=overall(results),
        advices=advices(results),
        caveats=caveats(results),
        ranking=readable(found, results),
        svg=svg(drawing, f"gdbench-{results.about['run']}") if drawing is not None else "",
    )


def figure(results: Results, name: str, problem: str | None = None) -> Drawing:
    """A figure of the page. problem: which one, where the figure has one problem; the first by default.

    Raises UsageError for an unknown name or problem, and for a figure that this run has no data for.
    """
    chosen, results = _chosen(results, name, problem)
    drawing = chosen.draw(results)
    if drawing is None:
        raise UsageError(f"figure {shown(name)} has nothing to draw in this run")
    return drawing


def caption(results: Results, name: str, problem: str | None = None) -> str:
    """The sentences under that figure."""
    chosen, results = _chosen(results, name, problem)
    return chosen.caption(results)


def _chosen(results: Results, name: str, problem: str | None) -> tuple[Figure[Results], Results]:
    """The figure of that name, and the results that it is drawn from."""
    plain = name.replace("-", "_")
    if plain not in FIGURES_OF_A_RUN:
        raise UsageError(f"figure {shown(name)} is unknown{nearest(plain, FIGURES_OF_A_RUN)}")
    chosen, problems = FIGURES_OF_A_RUN[plain], list(dict.fromkeys(results.trials["problem"]))
    if problem is not None and problem not in problems:
        raise UsageError(f"problem {shown(problem)} is not in this run{nearest(problem, problems)}")
    if chosen.spans == "problem" and problems:
        return chosen, only_problem(results, problem or problems[0])
    return chosen, results
