"""What a step costs against the number of parameters: as a power of it, one for each rule.

from gdbench.reports import cost
cost.figure(run), cost.table(run)
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from gdbench.reports import text
from gdbench.reports.lines import draw_lines, share_legend
from gdbench.reports.results import Results
from gdbench.reports.style import order, style
from gdbench.stats import objective, summarise

TITLE = "Cost of a step against the number of parameters"
CAPTION = (
    "Seconds a step, measured during the sweep: medians over all trials of a size, at each problem's largest batch, "
    "with 95 % bootstrap intervals. Both axes are logarithmic, so that a power is a straight line; the exponent is "
    "fitted to the medians by least squares. Other trials ran at the same time; a step of a line search takes as many "
    "evaluations as it needs, and small sizes show what a step costs whatever its size, which lowers the exponent."
)
ALT = "Line plot of seconds a step against the number of parameters, one line a rule, both axes logarithmic."
SIZES = 3  # fewer tell no power
SPAN = 4  # nor does what differs by less than this factor


def figure(results: Results) -> Figure | None:
    """Seconds a step by parameters; None for fewer than three sizes, or sizes too near to each other."""
    points = _points(results.trials)
    sizes = points["parameters"]
    if sizes.nunique() < SIZES or sizes.max() < SPAN * sizes.min():
        return None
    powers = exponents(points)
    rules = order(points["rule"])
    with style():
        drawing = Figure(figsize=(7.6, 4.4), layout="constrained")
        ax = drawing.subplots()
        draw_lines(ax, points, "parameters", "seconds", rules, markers=True)
        ax.set(xlabel="parameters", ylabel="seconds a step")
        share_legend(drawing, [ax], {rule: f"{rule}: exponent {power:.2f}" for rule, power in powers.items()})
    return drawing


def table(results: Results) -> list[dict[str, str]]:
    """The exponent of each rule, and its seconds a step at each size."""
    points = _points(results.trials)
    powers = exponents(points)
    medians = points.groupby(["rule", "parameters"])["seconds"].median().unstack()
    return [
        {
            "rule": rule,
            "fitted exponent": f"{powers[rule]:.2f}" if rule in powers else "–",
            **{f"{size:,.0f} parameters": text.seconds(medians.loc[rule, size]) for size in medians},
        }
        for rule in order(points["rule"])
    ]


def exponents(points: pd.DataFrame) -> dict[str, float]:
    """For each rule with three sizes and more, k of seconds = c parameters^k, by least squares on the medians.

    points: columns rule, parameters and seconds.
    """
    fitted = {}
    for rule, sizes in summarise(points, ["rule", "parameters"], "seconds").groupby("rule"):
        if len(sizes) >= SIZES:
            fitted[str(rule)] = float(np.polyfit(np.log(sizes["parameters"]), np.log(sizes["median"]), 1)[0])
    return fitted


def _points(trials: pd.DataFrame) -> pd.DataFrame:
    """rule, parameters and seconds a step of every trial that took a step at its problem's largest batch.

    Of networks, quadratics and functions, whose costs have nothing in common, the kind with the most sizes.
    """
    kinds = [trials[trials["problem"].isin(problems)] for problems in _kinds(trials)]
    trials = max(kinds, key=lambda kind: kind["parameters"].nunique(), default=trials)
    largest = trials.groupby("problem")["batch_size"].transform("max")
    timed = trials[(trials["batch_size"] == largest) & (trials["steps"] > 0) & (trials["seconds"] > 0)]
    timed = timed.dropna(subset=["parameters"])
    return pd.DataFrame(
        {
            "rule": timed["rule"],
            "parameters": timed["parameters"],
            "seconds": timed["seconds"] / timed["steps"],
        }
    )


def _kinds(trials: pd.DataFrame) -> list[list[str]]:
    """The problems, those that are judged by the same thing together."""
    judged = {problem: objective(own) for problem, own in trials.groupby("problem")}
    return [[problem for problem in judged if judged[problem] == name] for name in dict.fromkeys(judged.values())]
