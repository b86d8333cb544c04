"""The lessons: what textbooks draw, computed by gdbench and drawn by gdbench/reports, which lies below this folder.

run = gdbench.run("lessons")
for lesson in lessons(run):
    lesson.figure(), lesson.caption(), lesson.table(), lesson.code
"""

from collections.abc import Callable
from pprint import pformat
from textwrap import indent
from typing import NamedTuple

from gdbench.lessons import first_steps, learning, minima, one_dimension, two_dimensions
from gdbench.reports.figure import Figure
from gdbench.reports.lessons import (
    Frames,
    Lesson,
    adagrad,
    axes,
    basins,
    batches,
    bias_correction,
    contour,
    derivatives,
    dimensions,
    generalisation,
    momentum,
    newton,
    saddles,
    step_sizes,
)
from gdbench.reports.results import Results

SUITE = "lessons"


class Recipe(NamedTuple):
    """How a lesson is made: the function that computes its frames, the module that draws them, Python to repeat it."""

    frames: Callable[[], Frames] | Callable[[Results], Frames | None]
    figure: Figure[Frames]
    code: str


# In the order of a textbook. Those in FROM_RUN need the trials of the suite.
RECIPES = (
    Recipe(
        one_dimension.derivatives,
        derivatives.FIGURE,
        """
f = gdbench.problem("double-well")
f.loss([0.8]), f.gradient([0.8]), f.hessian([0.8])
""",
    ),
    Recipe(
        one_dimension.step_sizes,
        step_sizes.FIGURE,
        'gdbench.minimize("quadratic", [1.0], "sgd", lr=2.05, steps=10).plot()',
    ),
    Recipe(two_dimensions.contour, contour.FIGURE, 'gdbench.problem("himmelblau").gradient([2.0, -1.0])'),
    Recipe(
        learning.batches,
        batches.FIGURE,
        f"""
line = gdbench.problem(
{indent(pformat(learning.LINE, width=100, sort_dicts=False), "    ")}
)
x = np.array({list(learning.START)})
for step in range({learning.STEPS}):
    x -= {learning.LR} * line.gradient(x, line.batch(seed=0, step=step + 1, size=8))
x
""",
    ),
    Recipe(
        two_dimensions.momentum,
        momentum.FIGURE,
        """
valley = ("quadratic", {"condition": 50.0})
gdbench.minimize(valley, [10.0, 1.0], "momentum", lr=0.036, momentum=0.7, steps=40).plot()
""",
    ),
    Recipe(
        learning.adagrad,
        adagrad.FIGURE,
        """
gdbench.minimize("quadratic", [1e6], "adagrad", lr=0.1, steps=1000).path["x0"].diff()
gdbench.load().trials.query("problem == 'sparse'").groupby(["rule", "lr"])["train_loss"].median()
""",
    ),
    Recipe(
        first_steps.bias_correction,
        bias_correction.FIGURE,
        'gdbench.minimize("quadratic", [1e6], "adam", lr=0.1, bias_correction=False, steps=5000).path["x0"].diff()',
    ),
    Recipe(
        two_dimensions.axes,
        axes.FIGURE,
        """
uneven = ("quadratic", {"condition": 100.0})
gdbench.minimize(uneven, [1.0, 0.6], "rmsprop", lr=10**-1.25, steps=100).plot()
""",
    ),
    Recipe(
        minima.basins,
        basins.FIGURE,
        'gdbench.minimize("himmelblau", [-5.0, -5.0], "momentum", lr=0.005, steps=400).plot()',
    ),
    Recipe(
        minima.dimensions,
        dimensions.FIGURE,
        """
gdbench.minimize("styblinski-tang", [1.0, -1.0, 0.0, 0.5], "sgd", lr=0.01, steps=200).x
gdbench.load().trials.query("problem.str.startswith('width')").groupby(["problem", "rule", "lr"])["train_loss"].max()
""",
    ),
    Recipe(
        two_dimensions.saddles,
        saddles.FIGURE,
        'gdbench.minimize("saddle", [1.0, 1e-3], "sgd", lr=0.1, steps=150).plot()',
    ),
    Recipe(
        two_dimensions.newton, newton.FIGURE, 'gdbench.minimize("rosenbrock", [-1.2, 1.0], "newton", steps=10).plot()'
    ),
    Recipe(
        learning.generalisation,
        generalisation.FIGURE,
        """
run = gdbench.load()
trials = run.trials.query("problem == 'noisy' and rule == 'adam' and lr == 0.003")["trial"]
run.curves[run.curves["trial"].isin(trials)].groupby("epoch")[["train_loss", "val_loss"]].median()
""",
    ),
)
FROM_RUN = (learning.adagrad, minima.dimensions, learning.generalisation)


def lessons(results: Results | None = None) -> list[Lesson]:
    """All lessons, computed now. Those that need trials are left out without a run of the suite."""
    made = []
    for compute, figure, code in RECIPES:
        frames = compute() if compute not in FROM_RUN else None if results is None else compute(results)  # type: ignore[call-arg]
        if frames is not None:
            run = "" if results is None else f"run={results.about['run']!r}"
            made.append(Lesson(figure, frames, code.strip().replace("gdbench.load()", f"gdbench.load({run})")))
    return made


def of_run(results: Results) -> list[Lesson]:
    """The lessons, if the run is one of their suite; otherwise none."""
    ours = results.about["suite"] == SUITE and {learning.SPARSE, learning.NOISY} <= set(results.trials["problem"])
    return lessons(results) if ours else []
