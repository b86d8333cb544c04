"""What a check on a GPU consists of: parts with seconds of their own, and what came of each."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]
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
class Report:
    """Facts about the machine, and what came of each part."""

    facts: dict[str, Any]
    parts: list[Outcome]

    @property
    def ok(self) -> bool:
        """Whether every part is ok."""
        return all(part.ok for part in self.parts)
