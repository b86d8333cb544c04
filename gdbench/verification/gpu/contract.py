"""What a check on a GPU consists of: parts with limits of seconds, and the outcome of each."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]
WRONG = "wrong"  # the `verdict` of a row that is not as it must be

Clock = Callable[[], float]


@dataclass(frozen=True)
class Budget:
    """The seconds that a part may take."""

    until: float
    clock: Clock = time.monotonic

    @property
    def left(self) -> float:
        """The seconds that are left, at least 0."""
        return max(0.0, self.until - self.clock())


@dataclass(frozen=True)
class Part:
    """A part of the check. seconds: its limit. rows: yields rows, all with the same keys, and notes, in sentences."""

    name: str
    title: str
    seconds: float
    rows: Callable[[Budget], Iterator[Row | str]]


@dataclass
class Outcome:
    """The outcome of a part. state: `waiting`, `running`, `done`, `cut` or `failed`. seconds: that it took."""

    name: str
    title: str
    state: str = "waiting"
    seconds: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the part ran, and no row is wrong."""
        return self.state in ("done", "cut") and all(row.get("verdict") != WRONG for row in self.rows)


@dataclass
class Report:
    """Facts about the machine, and the outcome of each part."""

    facts: dict[str, Any]
    parts: list[Outcome]

    @property
    def ok(self) -> bool:
        """Whether every part is ok."""
        return all(part.ok for part in self.parts)
