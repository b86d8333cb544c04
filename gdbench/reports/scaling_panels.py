"""The growth of costs in a run: a panel for each thing that varies while all else is the same."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from gdbench.reports import text
from gdbench.reports.results import Results, once
from gdbench.stats import censored_steps, reported
from gdbench.stats.families import Family, families, tell_a_power
from gdbench.stats.timings import held_bytes, roofline, visits

FULL = "full"
AXES = {"width": "units in a layer", "depth": "hidden layers", "features": "features", "dimensions": "dimensions"}
SECONDS, STEPS, SPEED = "seconds a step", "steps to the target", "steps a second, together"


@dataclass(frozen=True, eq=False)
class Panel:
    """One thing that varies, and the quantity that it changes.

    points: a row a measurement: `rule`, `batch` (a number as text, `full` or empty), `x`, `y` and `repetition` (round
    or seed). `floor` and `memory` (the level of memory that holds the update's arrays) are missing if unknown. ends:
    for each cache and rule, the x from which its update's arrays no longer fit. note: a sentence for the caption.
    """

    title: str
    x: str
    y: str
    points: pd.DataFrame
    ends: dict[str, dict[str, float]] = field(default_factory=dict)
    note: str = ""


@once
def panels(results: Results) -> list[Panel]:
    """All panels for which the run has three sizes that are far enough apart.

    Of several families along one axis the largest is shown. Costs are those measured alone, else those of the trials.
    """
    costs = cost_rows(results)
    found = {family.axis: _with_size(costs, family) for family in families(results.about.get("problems", {}))}
    grown = {axis: frame for axis, frame in found.items() if axis in AXES and _common(frame)}
    shown = []
    largest = max(grown, key=lambda axis: _span(grown[axis]["parameters"]), default=None)
    if largest and tell_a_power(grown[largest]["parameters"].dropna()):
        # The update, and so the memory, has the largest share of a step in the smallest batch.
        batch = min(_common(grown[largest]))
        frame = _at(grown[largest], batch).assign(x=lambda rows: rows["parameters"])
        shown.append(Panel(f"Parameters{_batch(frame)}", "parameters", SECONDS, frame, _ends(frame, results)))
        if batch == max(_common(grown[largest])):
            del grown[largest]  # its panel would show the same steps again
    for axis, frame in grown.items():
        frame = _at(frame, max(_common(frame)))
        shown.append(Panel(f"{axis.capitalize()}{_batch(frame)}", AXES[axis], SECONDS, frame))
    shown += _batch_sizes(costs)
    if "samples" in found:
        shown += _samples(found["samples"], results)
    # Every run times two numbers of jobs. Two show no growth, but a run without trials has nothing else to show.
    return [*shown, *_jobs(results)] if shown or results.trials.empty else []


def cost_rows(results: Results) -> pd.DataFrame:
    """Seconds a step (`y`) of each problem, rule and batch size, a row a repetition, with the facts of `Panel.points`.

    Also has `problem`, `batch_size`, `parameters`, `moved` (bytes of an update) and `itemsize`. Of several dtypes only
    the first is kept.
    """
    trials, subjects = results.trials, results.subjects
    steps = subjects[(subjects["part"] == "step") & (subjects["jobs"] == 1)]
    if len(steps):
        floors = roofline(results.timings, subjects)[["subject", "floor"]]
        costs = visits(results.timings).merge(steps.merge(floors, on="subject"), on="subject")
        costs = costs.rename(columns={"cost": "y", "round": "repetition", "bytes": "moved"})
    else:
        costs = trials[(trials["steps"] > 0) & (trials["seconds"] > 0)].rename(columns={"seed": "repetition"})
        costs = costs.assign(y=costs["seconds"] / costs["steps"], moved=np.nan, floor=np.nan, memory=None)
    costs = costs[costs["dtype"] == (costs["dtype"].iloc[0] if len(costs) else None)]
    whole = trials[(trials["steps"] > 0) & (trials["epochs"] == trials["steps"])]  # full batches: an epoch is one step
    full = set(zip(whole["problem"], whole["batch_size"], strict=True))
    sizes = trials.groupby("problem")["parameters"].first()
    functions = {name for name, own in results.about.get("problems", {}).items() if own["kind"] == "function"}

    def batch(problem: str, size: float) -> str:
        return "" if problem in functions else FULL if (problem, size) in full else text.number(size, 9)

    return costs.assign(
        batch=[batch(*pair) for pair in zip(costs["problem"], costs["batch_size"], strict=True)],
        parameters=costs["problem"].map(sizes),
        itemsize=costs["dtype"].map({"float32": 4, "float64": 8}),
    )


def _with_size(costs: pd.DataFrame, family: Family) -> pd.DataFrame:
    """The costs of a family's problems with their size as `x`."""
    return costs.assign(x=costs["problem"].map(family.sizes)).dropna(subset=["x"])


def _common(frame: pd.DataFrame) -> list[int]:
    """The batch sizes that every size of the family has."""
    sizes = frame.groupby("x")["batch_size"].unique()
    return sorted(set.intersection(*map(set, sizes))) if len(sizes) and tell_a_power(sizes.index) else []


def _at(frame: pd.DataFrame, batch_size: int) -> pd.DataFrame:
    return frame[frame["batch_size"] == batch_size]


def words(batch: str) -> str:
    """`32` -> `batch 32`, `full` -> `full batch`."""
    return "full batch" if batch == FULL else f"batch {batch}"


def _batch(frame: pd.DataFrame) -> str:
    """The batch size of a panel, for its title."""
    batch = frame["batch"].iloc[0]
    return f" ({words(batch)})" if batch else ""


def _span(sizes: pd.Series) -> float:
    return float(sizes.max() / sizes.min()) if len(sizes.dropna()) else 0.0


def _batch_sizes(costs: pd.DataFrame) -> Iterator[Panel]:
    """The panel of batch sizes, for the problem that has most of them."""
    counts = costs.groupby("problem", sort=False)["batch_size"].nunique()
    if counts.empty:
        return
    problem = str(counts.idxmax())
    frame = costs[costs["problem"] == problem]
    if tell_a_power(frame["batch_size"]):
        frame = frame.assign(x=frame["batch_size"], batch="")
        yield Panel(
            "Batch size", "samples in a batch", SECONDS, frame, note=f"Batch sizes are of the problem “{problem}”."
        )


def _samples(frame: pd.DataFrame, results: Results) -> Iterator[Panel]:
    """Panels of a full batch beside the largest common minibatch: the cost, and the steps to the target."""
    whole = frame["batch"] == FULL
    common = _common(frame[~whole])
    frame = frame[whole | frame["batch_size"].isin(common[-1:])]
    if not tell_a_power(frame["x"]):
        return
    yield Panel("Samples", "samples", SECONDS, frame)
    pairs = frame[["problem", "batch_size", "batch", "x"]].drop_duplicates()
    steps = reported(results.trials).merge(pairs, on=["problem", "batch_size"])
    steps = steps.assign(y=censored_steps(steps)).rename(columns={"seed": "repetition"})
    if np.isfinite(steps["y"]).any():
        yield Panel("Steps by samples", "samples", STEPS, steps.assign(floor=np.nan, memory=None))


def _jobs(results: Results) -> Iterator[Panel]:
    """The panel of steps a second when several trials run side by side."""
    subjects = results.subjects[results.subjects["part"] == "step"]
    counts = subjects.groupby(["problem", "batch_size", "dtype"], sort=False, dropna=False)["jobs"].nunique()
    if counts.empty or counts.max() < 2:
        return
    problem, batch_size, dtype = counts.idxmax()
    same = (subjects["problem"] == problem) & (subjects["batch_size"] == batch_size) & (subjects["dtype"] == dtype)
    frame = visits(results.timings).merge(subjects[same], on="subject").rename(columns={"round": "repetition"})
    frame = frame[frame.groupby("rule")["jobs"].transform("nunique") > 1]
    frame = frame.assign(x=frame["jobs"], y=frame["jobs"] / frame["cost"], batch="", floor=np.nan)
    note = f"Trials at a time are of the problem “{problem}” at batch size {text.number(batch_size, 9)}, one a thread."
    yield Panel("Trials at a time", "trials at a time", SPEED, frame.assign(memory=None), note=note)


def _ends(frame: pd.DataFrame, results: Results) -> dict[str, dict[str, float]]:
    """The number of parameters at which the arrays of each rule's update outgrow each cache, within the panel."""
    known = frame.dropna(subset=["moved", "parameters"])
    caches = {
        name.removesuffix("_kib"): 2**10 * size for name, size in results.environment.items() if name.endswith("_kib")
    }
    ends: dict[str, dict[str, float]] = {}
    for rule, rows in known.groupby("rule", sort=False):
        row = rows.iloc[0]
        each = held_bytes(row["moved"], row["parameters"], row["itemsize"]) / row["parameters"]
        for name, size in caches.items():
            if frame["x"].min() < size / each < frame["x"].max():
                ends.setdefault(name, {})[str(rule)] = size / each
    return ends
