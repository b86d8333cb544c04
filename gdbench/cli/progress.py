"""The progress of a run: trials done, trials per second, time left, the best so far."""

import math
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from gdbench.cli.output import errors, note, shown
from gdbench.results.curves import LOST
from gdbench.runner import Watcher

if TYPE_CHECKING:
    from gdbench.store import TrialRecord
    from gdbench.suites import Suite


class Bar(Watcher):
    """A progress bar on standard error; if that is not a terminal, a line every few seconds."""

    EVERY = 10.0  # seconds between lines

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}", markup=False),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[best]}", markup=False),
            console=errors,
            transient=True,
        )
        self._task: TaskID | None = None
        self._best: dict[str, tuple[float, float]] = {}  # by problem
        self._several = False
        self._text = ""
        self._count = self._already = self._total = 0
        self._began = self._said = time.monotonic()

    def __enter__(self) -> "Bar":
        if errors.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if errors.is_terminal:  # otherwise it was not started, and stop() would print an empty line
            self._progress.stop()

    def compiling(self) -> None:
        """Show that kernels are being compiled."""
        self._task = self._progress.add_task("compiling", total=None, speed="", best="")

    def notices(self, sentences: Sequence[str]) -> None:
        """Print sentences about the data."""
        for sentence in sentences:
            note(sentence)

    def uses(self, what: str) -> None:
        """Print what trains, unless it is the CPU alone."""
        note(what)

    def started(self, run: str, suite: "Suite", total: int, done: int) -> None:
        """Start to count, or continue after `done` trials."""
        if done:
            note(f"run {run}: continuing, {done} of {total} trials are done")
        if self._task is not None:
            self._progress.remove_task(self._task)
        name = shown(f"{suite.name} {run}", errors)
        self._task = self._progress.add_task(name, total=total, completed=done, speed="", best="")
        self._count, self._already, self._total = done, done, total
        self._several = len(suite.problems) > 1
        self._began = self._said = time.monotonic()

    def finished(self, record: "TrialRecord") -> None:
        """Count a trial, and remember it if it is the best so far."""
        self._count += 1
        self._remember(record)
        now = time.monotonic()
        pace = (self._count - self._already) / max(now - self._began, 1e-9)  # trials a second
        speed = f"{pace:.0f} trials/s" if pace >= 1 else f"{60 * pace:.0f} trials/min"
        if self._task is not None:
            self._progress.update(self._task, completed=self._count, speed=speed, best=shown(self._text, errors))
        if not errors.is_terminal and now - self._said > self.EVERY:
            from gdbench.reports.text import about  # matplotlib, which is not needed before

            left = about((self._total - self._count) / pace)
            note(", ".join(filter(None, [f"{self._count} of {self._total} trials", speed, f"{left} left", self._text])))
            self._said = now

    def timing(self) -> None:
        """Show that steps are being timed."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task("timing", total=None, speed="", best=shown(self._text, errors))

    def _remember(self, record: "TrialRecord") -> None:
        if record.status in LOST:
            return
        steps = math.inf if record.steps_to_target is None else record.steps_to_target
        if (steps, record.loss) < self._best.get(record.problem, (math.inf, math.inf)):
            self._best[record.problem] = (steps, record.loss)
            function = "value" in record.final  # functions have no batches
            reach = f"{'value' if function else 'loss'} {record.loss:.3g}"
            reach = f"target at step {steps:.0f}" if math.isfinite(steps) else reach
            where = f" on {record.problem}" if self._several else ""
            batch = "" if function else f" batch {record.batch_size}"
            lr = record.definition["hyperparameters"]["lr"]
            self._text = f"best{where}: {record.rule} lr {lr:.3g}{batch}, {reach}"
