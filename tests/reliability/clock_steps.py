"""Sets the clock under a run that goes on: nobody takes it or removes it, and after a kill it is taken up at once.

    python tests/reliability/clock_steps.py --table docs/measurements/reliability.md

The clock is played: `time.time` of two processes is moved by hours at a time. In some attempts the second
process cannot see the first, as from another container.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from multiprocessing import Pipe, Value
from pathlib import Path
from unittest.mock import patch

import numpy as np
from planted import TARGET, records

from gdbench.errors import UsageError
from gdbench.store import Store, life

HOURS = 30 * 24.0  # the clock is moved by at most
TRIALS = 400
RUN = {"suite": "s", "title": "", "description": "", "table": {}, "target": TARGET, "code": "c", "backend": "cpu"}
FACTS = {"trials": TRIALS, "environment": {}, "git_commit": None, "git_dirty": None}


def attempts(rng: random.Random, folder: Path) -> Iterator[str | None]:
    """Move the clock up to five times under a writer, look each time, kill the writer and go on with its run."""
    moved, real = Value("d", 0.0), time.time
    with patch.object(time, "time", lambda: real() + moved.value):
        for number in range(sys.maxsize):
            path = folder / f"{number}.db"
            moved.value = rng.uniform(-1, 1) * HOURS * 3600
            hears, tells = Pipe(duplex=False)
            writer = os.fork()
            if writer == 0:
                _write(path, tells)
            try:
                run = hears.recv()
                hidden = rng.random() < 0.3
                told = None
                for _ in range(rng.randint(1, 5)):
                    moved.value += rng.uniform(-1, 1) * HOURS * 3600
                    told = told or _untouched(path, run, hidden)
            finally:
                os.kill(writer, signal.SIGKILL)
                os.waitpid(writer, 0)
            moved.value += rng.uniform(-1, 1) * HOURS * 3600
            yield told or _taken_up(path, run)


def _write(path: Path, tells: object) -> None:
    """Be a process that writes a run until it is killed."""
    try:
        store = Store(path)
        run = store.begin(identity="i", **RUN, **FACTS)
        for record in records(TRIALS, 6, np.random.default_rng(0)):
            store.add(run, "c", "cpu", [record])
            if record.trial == 2:
                tells.send(run)
            time.sleep(0.002)
        while True:
            store.heartbeat(run)
            time.sleep(0.01)
    finally:
        os._exit(1)


def _untouched(path: Path, run: str, hidden: bool) -> str | None:
    """What another process could do to a run that goes on; None where it could do nothing."""
    boot, namespace = life._machine()
    here = (boot, f"{namespace} of another container") if hidden else (boot, namespace)
    with patch.object(life, "_machine", lambda: here):
        store = Store(path)
        if [record.state for record in store.runs()] != ["running"]:
            return "a run that goes on is called interrupted"
        if store.resume("i") is not None:
            return "a run that goes on was taken"
        try:
            store.remove(run)
        except UsageError:
            return None
        return "a run that goes on was removed"


def _taken_up(path: Path, run: str) -> str | None:
    """Whether the run of a process that was killed is gone on with, at once and with what it had."""
    store = Store(path)
    taken = store.resume("i")
    if taken is None or taken.run != run:
        return "the run of a process that was killed was not taken up"
    if len(store.done(run)) < 3:
        return "stored trials are lost"
    store.finish(run, "complete")
    return None if [record.state for record in store.runs()] == ["complete"] else "it could not be finished"


if __name__ == "__main__":
    from tally import main

    sys.exit(main("steps of the clock", attempts))
