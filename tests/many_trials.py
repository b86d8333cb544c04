"""How long, how much memory and how large is the page of very many trials?

    python tests/many_trials.py [--trials 50000]

Trains so many short trials in a temporary folder, a few minutes, and writes their page in a process of its own. Two
shapes: few rules with many settings each, and many problems and rules with few. Prints seconds, the peak of resident
memory, and megabytes; exit code 1 beyond 60 s, 2 GB or 10 MB.
"""

import argparse
import resource
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import gdbench

SECONDS, MEMORY, SIZE = 60.0, 2000.0, 10.0
SEEDS = 5
RULES = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adadelta", "adamax", "nadam", "amsgrad")
PROBLEMS = 6


def suites(trials: int) -> dict[str, dict[str, Any]]:
    """One problem with many settings of six rules, and six problems with ten rules at several batch sizes."""
    common = {"seeds": SEEDS, "budget": {"epochs": 2}, "evaluate": {"points": 12}, "target": {"val_accuracy": 0.8}}
    iris = {"kind": "mlp", "dataset": "iris", "hidden": [4]}
    rates = trials // (SEEDS * 6 * 4)
    few = {rule: {"lr": {"log": [1e-4, 1.0, rates]}} for rule in RULES[:6]}
    each = trials // (SEEDS * len(RULES) * PROBLEMS * 4)
    many = {rule: {"lr": {"log": [1e-4, 1.0, each]}} for rule in RULES}
    seeds = {f"flowers {number}": {**iris, "hidden": [3 + number]} for number in range(PROBLEMS)}
    sizes = [4, 8, 16, 32]
    return {
        "many settings": {
            **common,
            "title": "Many settings",
            "batch_size": sizes,
            "problem": {"iris": iris},
            "rule": few,
        },
        "many problems": {**common, "title": "Many problems", "batch_size": sizes, "problem": seeds, "rule": many},
    }


def main() -> int:
    """Measure both shapes; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=50_000)
    options = parser.parse_args()
    worst = 0
    with tempfile.TemporaryDirectory() as scratch:
        for name, suite in suites(options.trials).items():
            store, page = Path(scratch) / f"{name}.db", Path(scratch) / f"{name}.html"
            trials = len(gdbench.run(suite, store=store, time=False).trials)
            with get_context("spawn").Pool(1) as pool:
                seconds, memory = pool.apply(_page, (store, page))
            size = page.stat().st_size / 1e6
            print(f"{name}: {trials} trials, {seconds:.1f} s, {memory:.0f} MB, page {size:.1f} MB", flush=True)  # noqa: T201
            worst |= seconds > SECONDS or memory > MEMORY or size > SIZE
    return int(worst)


def _page(store: Path, page: Path) -> tuple[float, float]:
    """Seconds to read the run and write its page, and the peak of this process's resident memory in MB."""
    started = time.perf_counter()
    gdbench.load(store).report(page)
    return time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    sys.exit(main())
