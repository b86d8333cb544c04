"""Compare two places: train the trials of a suite in both, and measure its steps side by side.

found = compare_places((base, head), Workload("regression"))
"""

import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from gdbench.ab import costs
from gdbench.ab.costs import Taken, Watch, Workload
from gdbench.ab.places import Checkout
from gdbench.ab.process import Process
from gdbench.gate.comparison import MARGIN, Comparison, compared, judge, notes
from gdbench.gate.families import only
from gdbench.gate.measures import COLUMNS, FAMILIES, GROUP, metric_of, step_counts
from gdbench.gate.pairing import LEVEL
from gdbench.gate.sides import Side, side_of
from gdbench.machine.environment import environment, fingerprint
from gdbench.results.export import read_export

TRAINED = ("digest", "convergence", "count")  # families that need a suite's trials
OF_GPUS = {"launches": "launches of a step on a GPU", "registers": "registers of an update"}  # metrics by the command


def compare_places(
    places: tuple[Checkout, Checkout],
    workload: Workload,
    *,
    families: Collection[str] = FAMILIES,
    margin: float = MARGIN,
    level: float = LEVEL,
    watch: Watch = lambda text: None,
) -> Comparison:
    """Compare everything of a suite in two places, base and head, which may be the same.

    families: the wanted ones; trials are trained and costs measured only as they need. margin: the relative change that
    is allowed. level: of the tests. watch: called with a line of progress. Raises SideError if a place cannot run it.
    """
    base, head = (_side(place, workload, number, families, watch) for number, place in enumerate(places))
    rows: list[dict[str, Any]] = []
    samples = pd.DataFrame()
    if "cost" in families:
        first, again = measured_twice(places, workload, margin, level, watch)
        samples = pd.concat([first.samples.assign(stage=1), again.samples.assign(stage=2)], ignore_index=True)
        rows += cost_rows(first, again, margin, level)
    elif "count" in families:
        first = costs.measure(places, workload, names=(), pairs=1)
    if "count" in families:
        base, head = (_with_counts(side, first, number) for number, side in enumerate((base, head)))
    rows += compared(base, head, margin, level)
    findings = judge(rows, level)
    found = Comparison(base.facts, head.facts, findings, margin, level, list(notes(findings)), samples)
    return only(found, families)


def _side(place: Checkout, workload: Workload, number: int, families: Collection[str], watch: Watch) -> Side:
    """Train the trials of a suite in a place; without measures if no family needs trials."""
    scratch = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # on Windows a database may still be open
    with scratch as folder, Process(place, workload.plugins[number]) as process:
        facts = {"name": place.name, "machine": fingerprint(environment()), **process.greeted()}
        if not set(families) & set(TRAINED):
            return Side({**facts, "commit": place.commit}, pd.DataFrame(columns=list(COLUMNS)))
        watch(f"{place.name}: trials")
        path = Path(folder) / "run.json"
        process.work("train", suite=workload.suite, overrides=list(workload.overrides), path=str(path))
        side = side_of(read_export(path))
        measures = [side.measures]
        for name in [name for name in OF_GPUS if "count" in families and (name != "registers" or workload.registers)]:
            watch(f"{place.name}: {name}")
            found = process.ask(name, suite=workload.suite, overrides=list(workload.overrides))
            named = pd.DataFrame(found, columns=[*GROUP, name]).rename(columns={name: "value"})
            measures.append(named.assign(family="count", metric=OF_GPUS[name], pair="all"))
    together = pd.concat([part for part in measures if len(part)] or measures[:1])
    return Side({**side.facts, **facts, "commit": place.commit, "dirty": None}, together)


def _with_counts(side: Side, taken: Taken, number: int) -> Side:
    """A side with the counts of its steps' work and of the functions that were compiled for them."""
    parts = [side.measures, step_counts(taken.subjects[number])]
    # Different subjects need different functions, so their numbers are not comparable.
    if set(taken.subjects[0]["subject"]) == set(taken.subjects[1]["subject"]):
        value = float(taken.variants[number])
        parts.append(pd.DataFrame([{"family": "count", "metric": "compiled variants", "pair": "all", "value": value}]))
    return Side(side.facts, pd.concat([part.reindex(columns=list(COLUMNS)) for part in parts if len(part)]))


def measured_twice(
    places: tuple[Checkout, Checkout],
    workload: Workload,
    margin: float,
    level: float,
    watch: Watch,
    *,
    everything: bool = False,
) -> tuple[Taken, Taken]:
    """Measure all costs, and then again those that the first measurement leaves open, or everything.

    The second measurement has no samples if nothing was open.
    """
    first = costs.measure(places, workload, watch=lambda text: watch(f"costs: {text}"))
    ratios = costs.ratios(first.samples)
    flagged, noisy = costs.screen(ratios, margin, level)
    names = list(ratios) if everything else [*flagged, *noisy]
    if not names:
        return first, first._replace(samples=first.samples.iloc[:0])
    return first, costs.measure(places, workload, names=names, seed=1, watch=lambda text: watch(f"costs again: {text}"))


def cost_rows(first: Taken, again: Taken, margin: float, level: float) -> Iterator[dict[str, Any]]:
    """Yields a row for `judge` for every step of base and of head."""
    tables = [{fact["subject"]: fact for fact in subjects.to_dict("records")} for subjects in first.subjects]
    settled = costs.settle(costs.ratios(first.samples), costs.ratios(again.samples), margin, level)
    found = {row.pop("subject"): row for row in settled}
    for subject, fact in (tables[1] | tables[0]).items():
        names = {"family": "cost", "metric": metric_of(fact), **{name: fact[name] for name in GROUP}}
        if subject not in tables[1]:
            yield {**names, "verdict": "missing", "reason": "not-in-head"}
        elif subject not in tables[0]:
            yield {**names, "verdict": "inconclusive", "reason": "no-baseline"}
        else:
            yield {**names, **found[subject]}
