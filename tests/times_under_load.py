"""Does a busy machine make pages claim differences in time? Runs a suite alone, and beside processes that never rest.

    python tests/times_under_load.py FOLDER [--suite quick] [--alone 5] [--beside 20] [--busy 2]

Each run has a store of its own in FOLDER; a store that is there is judged and not run again. Prints a Markdown row for
each run: the unit of its ranking, and which rules and batch sizes it calls later, in time. Exit code 1 if a run beside
the others calls something later that no run alone does, 3 if no run alone is ranked by time. Half an hour on two cores.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gdbench
from gdbench.errors import GdbenchError
from gdbench.reports.judgement import judgement
from gdbench.stats.claims import LEVEL

BUSY = [sys.executable, "-c", "while True: pass"]


def stores(folder: Path, suite: str, name: str, runs: int, busy: int) -> Iterator[Path]:
    """The stores of so many runs, those that are missing made beside so many busy processes."""
    for number in range(runs):
        path = folder / f"{name}-{number}.db"
        if not path.exists():
            others = [subprocess.Popen(BUSY) for _ in range(busy)]
            try:
                gdbench.run(suite, store=path)
            finally:
                for other in others:
                    other.kill()
        yield path


def runs(store: Path) -> Iterator[gdbench.Run]:
    """All complete runs of a store."""
    number = 0
    while True:
        try:
            run = gdbench.load(store, f"latest~{number}")
        except GdbenchError:
            return
        if run.state == "complete":
            yield run
        number += 1


def claims(run: gdbench.Run) -> tuple[str, set[str]]:
    """The unit of a run's ranking, and what is called later in it."""
    found = judgement(run)
    if found.unit != "time":
        return f"{found.unit} ({'; '.join(found.trust.reasons)})", set()
    batches = found.judged.batches
    later = batches[(batches["p_holm"] <= LEVEL) & ~batches["chosen"] & (batches["sign"] > 0)]
    rules = found.rules.loc[found.rules["group"] > 1, "rule"]
    return "time", {*rules, *(f"{row.rule} at batch {row.batch_size}" for row in later.itertuples())}


def main() -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--suite", default="quick")
    for name, number in {"alone": 5, "beside": 20, "busy": 2}.items():
        parser.add_argument(f"--{name}", type=int, default=number)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    print("| run | ranked by | called later |\n| --- | --- | --- |")  # noqa: T201
    shown: dict[str, set[str]] = {"alone": set(), "beside": set()}
    timed = 0
    for name, busy in (("alone", 0), ("beside", options.busy)):
        for store in stores(options.folder, options.suite, name, getattr(options, name), busy):
            for run in runs(store):
                unit, later = claims(run)
                shown[name] |= later
                timed += name == "alone" and unit == "time"
                print(f"| {store.stem} | {unit} | {', '.join(sorted(later))} |", flush=True)  # noqa: T201
    wrong = shown["beside"] - shown["alone"]
    print(f"\ncalled later under load alone: {', '.join(sorted(wrong)) or 'nothing'}")  # noqa: T201
    return 3 if not timed else int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
