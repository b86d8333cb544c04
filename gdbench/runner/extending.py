"""Grids that end too early: one more learning rate beyond an edge at which a best one stands.

    while beyond := rates_beyond(suite, best_rates(suite, store, run, choose)):
        suite = suite.extended(beyond)

A rule's grid grows by the factor between its two outermost values at that edge, as in `gdbench tune --extend`.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from gdbench.store import Store
from gdbench.suites import Suite

if TYPE_CHECKING:
    import pandas as pd

EXTRA = 12  # learning rates that a grid may get beyond its edges
Edge = tuple[str, str]  # the label of a rule, and "low" or "high"


def best_rates(suite: Suite, store: Store, run: str, choose: "Callable[[pd.DataFrame], pd.DataFrame]") -> list[Edge]:
    """The edges at which a best learning rate stands, of any problem and batch size, each once.

    Only trials that the suite plans so far count: an interrupted run may hold some of the next ones.
    """
    from gdbench.results.frames import trials_frame  # pandas, which `import gdbench` must not load

    trials = trials_frame(store.read(run, points="none"))
    chosen = choose(trials[trials["trial"] < len(suite.first_trials())])
    edges = zip(chosen["rule"], chosen["at_edge"], strict=True)
    return list(dict.fromkeys((str(rule), str(edge)) for rule, edge in edges if edge and rule in suite.rules))


def rates_beyond(suite: Suite, edges: Iterable[Edge]) -> dict[str, float]:
    """The next learning rate for each rule at an edge, by label; none for a rule that got `EXTRA` already."""
    found: dict[str, float] = {}
    for label, edge in edges:
        rates = sorted(suite.rules[label][1]["lr"])
        tried = sum(name == label for name, _ in suite.added)
        if label in found or tried >= EXTRA or len(rates) < 2:
            continue
        outer, inner = (rates[0], rates[1]) if edge == "low" else (rates[-1], rates[-2])
        lr = float(f"{outer * outer / inner:.12g}")  # 12 digits, like the values of a grid
        if 0.0 < lr < 1e30 and lr not in rates:
            found[label] = lr
    return found


def finished_like(store: Store, suite: Suite, code: str) -> str | None:
    """The latest complete run of the suite's name and code, whose trials may be copied; None without one."""
    for record in store.runs():
        if (record.suite, record.code, record.state) == (suite.name, code, "complete") and not record.damage:
            return record.run
    return None
