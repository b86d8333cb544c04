"""Reads a run while it goes on: whatever is read is of one moment.

    python tests/reliability/torn_reads.py --table docs/measurements/reliability.md

Held: every trial has its curve, every target is what its trial says, and an export comes back as it was read.
"""

import random
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from child import commands
from endings import COMMAND, LONG, SUITE

import gdbench
from gdbench.errors import GdbenchError, UsageError
from gdbench.results.export import export
from gdbench.results.files import DATABASE

if TYPE_CHECKING:
    from gdbench.results.frames import Frames

EXPORTS = 10  # reads, of which one is exported


def attempts(rng: random.Random, folder: Path) -> Iterator[str | None]:
    """Read again and again, by this process, what a command writes in another."""
    (folder / "small.toml").write_text(SUITE, encoding="utf-8")
    more = ("--set", "seeds=60")  # hundreds of commits a run
    with commands(warm=[[*COMMAND, "--out", "warm"]], cwd=folder, pictures=True) as run, ThreadPoolExecutor(1) as pool:
        while True:
            going = pool.submit(run, *COMMAND, *more, "--out", "out", cwd=folder, seconds=LONG)
            while not going.done():
                try:
                    frames = gdbench.load(folder / "out" / DATABASE).frames
                except UsageError:  # nothing is stored yet
                    continue
                except GdbenchError as error:
                    yield f"cannot be read: {error}"
                    continue
                if len(frames.trials):
                    yield torn(frames) or (_exported(frames, folder) if rng.randrange(EXPORTS) == 0 else None)
            shutil.rmtree(folder / "out")


def torn(frames: "Frames") -> str | None:
    """What of a run does not fit together; None where all does."""
    trials, targets = frames.trials, frames.targets
    numbers = set(trials["trial"])
    lacking = numbers - set(frames.curves["trial"])
    if lacking or set(frames.curves["trial"]) - numbers:
        return f"{len(lacking)} of {len(numbers)} trials have no curve"
    ends = frames.curves.groupby("trial")["step"].max().reindex(trials["trial"])
    if (ends.to_numpy() != trials["steps"].to_numpy()).any():
        return "a curve ends before its trial"
    found = targets.set_index("trial")["step"].reindex(trials["trial"])
    wrong = found.to_numpy() != trials["steps_to_target"].fillna(float("inf")).to_numpy()
    return f"{wrong.sum()} of {len(numbers)} targets differ from what their trials say" if wrong.any() else None


def _exported(frames: "Frames", folder: Path) -> str | None:
    path = export(frames, folder / "run.json", "json")
    again = gdbench.load(path)
    return None if again.trials.equals(frames.trials) and again.curves.equals(frames.curves) else "an export differs"


if __name__ == "__main__":
    from tally import main

    sys.exit(main("reads of a run that goes on", attempts))
