"""Run all checks and measurements on a GPU, in eight minutes: `gdbench gpu-check`.

    found = run_check(Path("out"))
    found.ok, found.parts

Each part has a limit of seconds, after which it begins no further row. Then it is cut: its rows are kept, and a note
says so. An error ends only the part that raised it. The results are written after every row, so that a killed run
leaves what it found.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from gdbench.verification.gpu.contract import Budget, Clock, Outcome, Part, Report
from gdbench.verification.gpu.parts import PARTS
from gdbench.verification.gpu.record import machine_facts, write

SECONDS = 480.0  # of all parts together


def run_check(
    out: Path,
    parts: Sequence[Part] | None = None,
    *,
    facts: Mapping[str, Any] | None = None,
    seconds: float = SECONDS,
    watch: Callable[[str], None] = lambda text: None,
    clock: Clock = time.monotonic,
) -> Report:
    """Run the parts (parts.py) one after another, and write their results to a folder (record.py).

    parts: all by default. facts: about the machine; `machine_facts` by default. seconds: for all parts together. watch:
    called with the title of each part. Raises GdbenchError if the folder cannot be written.
    """
    chosen = PARTS if parts is None else parts
    found = Report(dict(machine_facts() if facts is None else facts), [Outcome(p.name, p.title) for p in chosen])
    end = clock() + seconds
    write(found, out)
    for part, outcome in zip(chosen, found.parts, strict=True):
        watch(part.title)
        started = clock()
        _run(part, outcome, Budget(min(end, started + part.seconds), clock), lambda: write(found, out))
        outcome.seconds = clock() - started
        write(found, out)
    return found


def _run(part: Part, outcome: Outcome, budget: Budget, save: Callable[[], None]) -> None:
    if not budget.left:
        outcome.state = "cut"
        outcome.notes.append("No time was left for it.")
        return
    outcome.state = "running"
    with closing(part.rows(budget)) as rows:  # type: ignore[type-var]
        while True:
            try:
                row = next(rows)
            except StopIteration:
                outcome.state = "done"
                return
            except Exception as error:
                outcome.state = "failed"
                outcome.notes.append(f"{type(error).__name__}: {' '.join(str(error).split())[:500]}")
                return
            if isinstance(row, str):
                outcome.notes.append(row)
            else:
                outcome.rows.append(dict(row))
            if not budget.left:
                outcome.state = "cut"
                outcome.notes.append(f"Cut: its {part.seconds:.0f} s, or those of all parts, were over.")
                return
            save()
