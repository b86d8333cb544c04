"""One side of a comparison: what was measured, and what a reader must know about it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from gdbench.errors import GdbenchError
from gdbench.gate.measures import measures
from gdbench.machine.environment import fingerprint
from gdbench.results.frames import Frames


class NoBaselineError(GdbenchError):
    """There is nothing to compare with. Exit code 4."""

    exit_code = 4


@dataclass(frozen=True, eq=False)
class Side:
    """Measures (gdbench/gate/measures.py) and facts about them: name, suite, commit, code, created, cpu, machine."""

    facts: dict[str, Any]
    measures: pd.DataFrame

    @property
    def name(self) -> str:
        """The side's name in reports."""
        return str(self.facts["name"])


def side_of(frames: Frames) -> Side:
    """A run as one side."""
    about = frames.about
    facts = {
        "name": f"run {about['run']}",
        "run": about["run"],
        "suite": about["suite"],
        "state": about["state"],
        "commit": about["git_commit"],
        "dirty": about["git_dirty"],
        "code": about["code"],
        "created": datetime.fromtimestamp(about["created"], UTC).isoformat(timespec="seconds"),
        "cpu": frames.environment.get("cpu"),
        "machine": fingerprint(frames.environment),
    }
    return Side(facts, measures(frames))


def baseline_of(frames: Frames) -> Side:
    """A run as the side to compare with. Raises NoBaselineError for an incomplete run."""
    about = frames.about
    if about["state"] != "complete":
        raise NoBaselineError(
            f"run {about['run']} is {about['state']}, so it cannot be a baseline; "
            f"`gdbench run {about['suite']}` continues it, or choose a complete one (`gdbench list runs`)"
        )
    return side_of(frames)
