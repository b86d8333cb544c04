"""Do the seconds of a ranking agree with the clock? Takes exactly the steps that a rule needs, without looks.

    python tests/time_against_wall.py [SUITE ...] [--tries 3]

Runs each suite, which times its steps at the end. For every rule that reached the target, trains at the chosen setting
for the median number of steps to the target, and compares the wall time with the seconds of the ranking. Prints a
Markdown table. Exit code 1 if any differs by more than 10 %, 3 if the seconds of a run cannot be trusted.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import gdbench
from gdbench import suites
from gdbench.data.problems import build
from gdbench.kernels.rules.contract import find_scalar
from gdbench.kernels.rules.stepper import ScalarStepper
from gdbench.reports.judgement import judgement
from gdbench.runner.trajectory import batch_size, clipping
from gdbench.stats.timings import faster_half, step_costs
from gdbench.suites import Setting
from gdbench.timing.rates import Constant

AGREEMENT = 0.10
LONG_ENOUGH = 0.3  # seconds of all trainings of a setting together
CHUNK = 1000  # steps per call, as in a run


def wall(setting: Setting, steps: int) -> float:
    """The seconds of so many steps of a setting from its initial weights, beyond those of the calls.

    As in a ranking, the median of the faster half of the trainings.
    """
    definition, seconds = setting.definition, list[float]()
    problem, rule = build(definition["problem"], definition["dtype"]), find_scalar(definition["rule"])
    hyperparameters: Mapping[str, Any] = definition["hyperparameters"]
    rates = np.full(CHUNK, float(hyperparameters["lr"]))
    options: dict[str, Any] = clipping(definition)
    while len(seconds) < 5 or sum(seconds) < LONG_ENOUGH:
        training = problem.begin(seed=0, batch_size=batch_size(definition), **options)
        stepper = ScalarStepper(rule, hyperparameters, training, Constant(float(hyperparameters["lr"])))
        tables = [
            rule.table(hyperparameters, 1 + done, rates[: min(CHUNK, steps - done)], problem.dtype)
            for done in range(0, steps, CHUNK)
        ]

        def take(tables: Sequence[np.ndarray], training: Any = training, stepper: Any = stepper) -> float:
            began = time.perf_counter()
            for table in tables:
                training.advance(stepper.update, stepper.state, table)
            return time.perf_counter() - began

        empty = min(take([table[:0] for table in tables]) for _ in range(3))
        seconds.append(take(tables) - empty)
    return float(np.median(faster_half(seconds)))


def rows(suite: str, store: Path) -> Iterator[tuple[str, int, int, float, float]]:
    """For each rule its batch size, steps, the ranking's seconds and the clock's. Raises ValueError without trust."""
    run = gdbench.run(suite, store=store, fresh=True)
    found = judgement(run.frames)
    if found.unit != "time":
        raise ValueError("; ".join(found.trust.reasons))
    costs = step_costs(run.timings, run.subjects)
    settings = {(s.problem, s.rule, s.definition["hyperparameters"]["lr"], batch_size(s.definition)): s
                for s in suites.load(suite).settings}  # fmt: skip
    for row in found.rules[np.isfinite(found.rules["to_target"])].itertuples():
        cost = float(np.median(costs[row.problem, row.rule, int(row.batch_size)]))
        steps = round(row.to_target / cost)
        if steps:
            setting = settings[row.problem, row.rule, row.lr, int(row.batch_size)]
            yield f"{row.problem}, {row.rule}", int(row.batch_size), steps, row.to_target, wall(setting, steps)


def main() -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", default=["quick"])
    parser.add_argument("--tries", type=int, default=3)
    options = parser.parse_args()
    print("| try | problem, rule | batch | steps | ranking | clock | clock / ranking |\n" + "| --- " * 7 + "|")  # noqa: T201
    code = 0
    for number in range(1, options.tries + 1):
        for suite in options.suites:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    for name, batch, steps, told, clock in rows(suite, Path(folder) / "s.db"):
                        ratio = clock / told
                        code = max(code, int(abs(ratio - 1) > AGREEMENT))
                        line = [
                            number,
                            name,
                            batch,
                            steps,
                            f"{1e3 * told:.3g} ms",
                            f"{1e3 * clock:.3g} ms",
                            f"{ratio:.3f}",
                        ]
                        print(f"| {' | '.join(map(str, line))} |", flush=True)  # noqa: T201
                except ValueError as error:
                    print(f"| {number} | {suite} | | | not trusted: {error} | | |", flush=True)  # noqa: T201
                    code = 3
    return code


if __name__ == "__main__":
    sys.exit(main())
