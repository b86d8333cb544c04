"""How long and how much memory the commands take that read a store of very many trials.

    python tests/reliability/many_stored.py [--trials 200000]

Two runs of so many drawn trials (planted.py), one after another read by each command in a process of its own. Exit code
1 beyond 1 s for `list runs`, 15 s for another, or 1 GB.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from planted import plant

LIMITS = {"list runs": 1.0, "show latest": 15.0, "history": 15.0, "compare latest~1 latest": 15.0}
MEMORY = 1000.0  # MB, resident


def main() -> int:
    """Make the store and time the commands; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200_000)
    parser.add_argument("--store", type=Path, help="One that was made before, or is to be kept.")
    options = parser.parse_args()
    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        store = options.store or Path(folder) / "gdbench.db"
        if not store.exists():
            started = time.perf_counter()
            plant(store, trials=options.trials, points=12)
            seconds, size = time.perf_counter() - started, store.stat().st_size / 1e6
            print(f"written in {seconds:.1f} s, {size:.0f} MB", flush=True)  # noqa: T201
        for command, limit in LIMITS.items():
            seconds, memory, code = _run([*command.split(), "--store", str(store)])
            print(f"{command}: {seconds:.1f} s, {memory:.0f} MB, exit code {code}", flush=True)  # noqa: T201
            worst |= seconds > limit or memory > MEMORY or code != 0
    return int(worst)


def _run(arguments: list[str]) -> tuple[float, float, int]:
    """Seconds of processor time, the peak of resident memory in MB and the exit code of a command."""
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.execv(sys.executable, [sys.executable, "-m", "gdbench", *arguments])
    _, status, used = os.wait4(child, 0)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3, os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
