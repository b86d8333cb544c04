"""Do the evaluation points decide anything? Runs suites with three kinds of points, and compares what is chosen.

    python tests/any_points.py [SUITE ...] [--set KEY=VALUE ...]

By default quick, digits and three CSV files that it writes: a classification, a regression, and texts. Each runs as it
is, with `evaluate = {points = 2}` and with `{every = 1}`. The chosen settings, all steps to the target and the rankings
in epochs and steps must be the same. Prints a line for each. Exit code 1 if one differs. An hour on two cores.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets

import gdbench
from gdbench import suites
from gdbench.runner.proposal import propose
from gdbench.stats import choose
from gdbench.stats.soonest import soonest

POINTS = ("", "evaluate={points=2}", "evaluate={every=1}")


def files(folder: Path) -> Iterator[tuple[str, str, bool]]:
    """Three CSV files: their paths, the column to predict, and whether texts are encoded."""
    wine, diabetes = (load(as_frame=True).frame for load in (datasets.load_wine, datasets.load_diabetes))
    random = np.random.default_rng(0)
    region = random.choice(["north", "south", "east"], 600)
    age = random.normal(40.0, 10.0, 600)
    moved = (age / 10 + 2 * (region == "north") + random.normal(0.0, 1.0, 600)) > 5
    texts = pd.DataFrame({"age": age, "region": region, "target": np.where(moved, "yes", "no")})
    for name, frame in (("wine", wine), ("diabetes", diabetes), ("moves", texts)):
        path = folder / f"{name}.csv"
        frame.to_csv(path, index=False)
        yield str(path), "target", name == "moves"


def told(suite: Any, store: Path) -> dict[str, Any]:
    """What a run says: chosen settings, steps to the target by trial, and the rankings."""
    trials = gdbench.run(suite, store=store, time=False).trials
    views = soonest(trials, ["epochs", "steps"])
    chosen = choose(trials)[["problem", "rule", "batch_size", "lr", "median_steps"]]
    names = ["problem", "rule", "lr", "batch_size", "role", "seed"]
    steps = trials.sort_values(names, kind="stable")[[*names, "steps_to_target", "diverged_step"]]
    ranked = {unit: view.rules[["problem", "rule", "lr", "batch_size", "to_target", "p_holm", "group"]]
              for unit, view in views.items()}  # fmt: skip
    return {"chosen settings": chosen, "steps to the target": steps.reset_index(drop=True), **ranked}


def same(name: str, suite_of: Any, overrides: Sequence[str], folder: Path) -> bool:
    """Whether a suite says the same with all points. suite_of: makes it from overrides."""
    began, found = time.perf_counter(), []
    for number, points in enumerate(POINTS):
        suite = suite_of([*overrides, *([points] if points else [])])
        found.append(told(suite, folder / f"{name}-{number}.db"))
    equal = {what: all(each[what].equals(found[0][what]) for each in found[1:]) for what in found[0]}
    words = "; ".join(f"{what} {'equal' if is_same else 'DIFFER'}" for what, is_same in equal.items())
    trials = len(found[0]["steps to the target"])
    print(f"- {name}, {trials:,} trials: {words} ({time.perf_counter() - began:.0f} s)", flush=True)  # noqa: T201
    return all(equal.values())


def main() -> int:
    """Print a line for each suite; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", help="shipped suites or TOML files, in place of all")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    options = parser.parse_args()
    right = True
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in options.suites or ["quick", "digits"]:
            right &= same(
                os.path.basename(name),
                lambda more, name=name: suites.load(name, overrides=more),
                options.overrides,
                folder,
            )
        for path, column, encode in [] if options.suites else files(folder):
            proposal = propose(path, column, encode)
            right &= same(Path(path).stem, proposal.suite, options.overrides, folder)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
