"""Everything worth checking and measuring on a card, in eight minutes: `gdbench gpu-check`.

    found = run_check(Path("out"))
    found.ok, found.parts

Each part has seconds of its own, and none begins a row that would begin after them; what a part had found by then is
kept, and the part says that it was cut. An error ends the part that raised it and no other. The results are written
after every row, so that a run that is killed leaves what it found.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
SECONDS = 480.0  # of all parts together
WRONG = "wrong"  # what a row says under `verdict` when it is not as it must be

Clock = Callable[[], float]


@dataclass(frozen=True)
class Budget:
    """The seconds that a part may take."""

    until: float
    clock: Clock = time.monotonic

    @property
    def left(self) -> float:
        """Seconds, 0 at least."""
        return max(0.0, self.until - self.clock())


@dataclass(frozen=True)
class Part:
    """Something to be found out. rows: yields rows, which all have the same keys, and sentences about them."""

    name: str
    title: str
    seconds: float
    rows: Callable[[Budget], Iterator[Row | str]]


@dataclass
class Outcome:
    """What came of a part. state: `waiting`, `running`, `done`, `cut` or `failed`."""

    name: str
    title: str
    state: str = "waiting"
    seconds: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether it ran, and nothing that it found is wrong."""
        return self.state in ("done", "cut") and all(row.get("verdict") != WRONG for row in self.rows)


@dataclass
class Found:
    """Facts about the machine, and what came of each part."""

    facts: dict[str, Any]
    parts: list[Outcome]

    @property
    def ok(self) -> bool:
        """Whether every part is ok."""
        return all(part.ok for part in self.parts)


def run_check(
    out: Path,
    parts: Sequence[Part] | None = None,
    *,
    facts: Mapping[str, Any] | None = None,
    seconds: float = SECONDS,
    watch: Callable[[str], None] = lambda text: None,
    clock: Clock = time.monotonic,
) -> Found:
    """Run the parts (parts.py) one after another and write what they find to a folder (record.py).

    watch: is told which part is running. Raises OSError when the folder cannot be written.
    """
    from gdbench.verification.gpu import parts as ours
    from gdbench.verification.gpu.record import machine_facts, write

    chosen = ours.PARTS if parts is None else parts
    found = Found(dict(machine_facts() if facts is None else facts), [Outcome(p.name, p.title) for p in chosen])
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
