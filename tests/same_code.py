"""The same code timed twice, in fresh processes: does `gdbench time` see a difference where there is none?

    python tests/same_code.py [--pairs 20] [--rounds 15] [--processes 5] [--net 64-32-10] [--batch 32] [--rule adam]

Prints, for each pair, what a step costs in the second timing as a multiple of what it costs in the first, both over the
peak in the same process, with its 95 % bootstrap interval (gdbench.stats.timings.compare), and in how many pairs the
interval contains 1, for the step and for everything else that was timed. Exit code 1 when that is less than nine of ten
for the step. Twenty pairs take about twenty minutes; nothing else should run meanwhile.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter

import pandas as pd

from gdbench.stats.timings import compare

SHARE = 0.9  # of the pairs at least; an interval of 95 % misses one of twenty


def timed(options: argparse.Namespace) -> pd.DataFrame:
    """The samples of one timing."""
    what = [options.rule, "--net", options.net, "--batch", options.batch, "--rounds", options.rounds]
    what += ["--processes", options.processes]
    command = [sys.executable, "-m", "gdbench", "time", *map(str, what), "--json"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return pd.DataFrame(json.loads(printed)["samples"])


def main() -> int:
    """Time the pairs and print what came out; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = {"pairs": 20, "rounds": 15, "processes": 5, "batch": 32}
    for name, value in {**numbers, "net": "64-32-10", "rule": "adam"}.items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    options = parser.parse_args()
    step = f"step: {options.net}, {options.rule}, batch {options.batch}, float32"
    hits: Counter[str] = Counter()
    print(f"{step}, over peak float32\npair  ratio  interval        contains 1")  # noqa: T201
    for pair in range(options.pairs):
        found = compare(timed(options), timed(options), "peak float32")
        found["same"] = (found["low"] <= 1.0) & (found["high"] >= 1.0)
        hits.update(found.loc[found["same"], "subject"])
        row = found.set_index("subject").loc[step]
        answer = "yes" if row["same"] else "no"
        print(f"{pair:4d}  {row['ratio']:.3f}  [{row['low']:.3f}, {row['high']:.3f}]  {answer}", flush=True)  # noqa: T201
    print(f"\n1 is in the interval of {hits[step]} of {options.pairs} pairs; of everything else:")  # noqa: T201
    for subject in found["subject"]:
        print(f"{hits[subject]:4d}  {subject}")  # noqa: T201
    return 0 if hits[step] >= SHARE * options.pairs else 1


if __name__ == "__main__":
    sys.exit(main())
