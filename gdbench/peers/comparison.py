"""Every library at every task, interleaved: agreement first, then speed, for one trial and for the sweep.

    found = compare(cases(["784-128-10"], (), [32], ["float32"]), ["adam"], list(PEERS), trials=16, cores=[1, 2])
    found.agreement, found.speed, found.samples

Each library has a process of its own that lives through the rounds and is idle while others are timed. A call is a
chunk of steps, training goes on from call to call, and what is timed has been compiled and called once before.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gdbench.environment import usable_set
from gdbench.errors import GdbenchError
from gdbench.peers import OURS, PEERS, absent
from gdbench.peers.agreement import STEPS, difference, losses
from gdbench.peers.contract import Task, UnsupportedError
from gdbench.peers.tasks import of_case
from gdbench.peers.worker import PeerError, Worker
from gdbench.stats.timings import costs, ratios
from gdbench.timing import Sample, Subject, measure
from gdbench.timing.steps import Case

SAMPLES, LEAST = 2, 0.1  # samples a visit, seconds each at least
NUMBERS = ("speed", "low", "high", "ratio", "ratio_low", "ratio_high", "prepare_seconds")


@dataclass
class Found:
    """Rows: facts of the task (`problem`, `batch_size`, `rule`, `dtype`, `peer`) and what came out.

    agreement: `steps`, `trials`, `difference` (of the losses after these steps, relative, the largest of all trials),
    `prepare_seconds` (compiling and the first call: later ones may find compiled what these did).
    speed: `trials`, `cores`, `speed` (trial-steps a second: steps of all trials together) with bounds `low`, `high`,
    `ratio` (gdbench's speed over the peer's, in the same round) with bounds, `prepare_seconds`. samples: `trials`,
    `cores`, `round`, `sample`, `seconds`, `steps` (trial-steps). Where a peer did not take part, numbers are NaN and
    `reason` says why.
    """

    agreement: list[dict[str, Any]] = field(default_factory=list)
    speed: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)


class _Workers:
    """The processes of one number of cores, started when they are needed, and again when they have ended."""

    def __init__(self, count: int) -> None:
        self.cores = usable_set()[-count:]
        self.running: dict[str, Worker] = {}

    def __getitem__(self, name: str) -> Worker:
        """The worker of that name; raises UnsupportedError when its library is not installed."""
        reason = absent(name)
        if reason:
            raise UnsupportedError(reason)
        if name not in self.running or not self.running[name].alive:
            self.running[name] = Worker(PEERS[name], self.cores)
        return self.running[name]

    def forget(self) -> None:
        """Let every process let go of its tasks."""
        for worker in self.running.values():
            if worker.alive:
                worker.forget()

    def close(self) -> None:
        """End all."""
        for worker in self.running.values():
            worker.close()


def compare(
    cases: Sequence[Case],
    rules: Sequence[str],
    names: Sequence[str],
    *,
    trials: int,
    cores: Sequence[int],
    rounds: int = 5,
    chunk: int | None = None,
    watch: Callable[[str], None] = lambda text: None,
) -> Found:
    """Compare gdbench with the peers of these names (`PEERS`) on networks and rules, at each number of cores.

    trials: of a sweep; one trial by itself is timed too. chunk: steps a call, by default what suits the network. watch:
    is told what is going on. Raises UsageError for a problem or rule that no peer can have, GdbenchError when gdbench
    itself fails.
    """
    names, found = list(dict.fromkeys([OURS, *names])), Found()
    pairs = [(case, rule, of_case(case, rule, trials=trials, chunk=chunk)) for case in cases for rule in rules]
    for count in cores:
        workers = _Workers(count)
        try:
            for case, rule, task in pairs:
                facts = {**case.facts, "rule": rule}
                watch(f"{case.label}, batch {case.batch_size}, {rule}, {count} cores")
                if count == cores[0]:
                    first = of_case(case, rule, trials=trials, chunk=STEPS)
                    found.agreement += _agree(first, workers, names, facts)
                for number in sorted({1, trials}):
                    several = [name for name in names if number > 1 or not PEERS[name].options.get("mapped")]
                    here = {**facts, "trials": number, "cores": count}
                    _race(task.only(number), workers, several, here, rounds, found)
        finally:
            workers.close()
    return found


def _agree(task: Task, workers: _Workers, names: Sequence[str], facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row a peer, gdbench first."""
    rows: list[dict[str, Any]] = []
    ours = np.empty(0)
    for name in names:
        row = {**facts, "peer": name, "steps": task.chunk, "trials": task.trials}
        row |= {"difference": np.nan, "prepare_seconds": np.nan, "reason": ""}
        try:
            worker = workers[name]
            row["prepare_seconds"] = worker.prepare("agreement", task)
            worker.run("agreement", task.trials // worker.at_once("agreement") - 1)
            theirs = losses(task, worker.thetas("agreement"))
            ours = theirs if name == OURS else ours
            row["difference"] = difference(theirs, ours)
        except (UnsupportedError, PeerError) as error:
            row["reason"] = _reason(name, error)
        rows.append(row)
    workers.forget()
    return rows


def _race(
    task: Task, workers: _Workers, names: Sequence[str], facts: Mapping[str, Any], rounds: int, found: Found
) -> None:
    """Time the peers at one task; a peer that fails in the rounds drops out, and the others begin again."""
    rows: dict[str, dict[str, Any]] = {}
    steps: dict[str, int] = {}
    for name in names:
        rows[name] = {**facts, "peer": name, **dict.fromkeys(NUMBERS, np.nan), "reason": ""}
        try:
            rows[name]["prepare_seconds"] = workers[name].prepare("speed", task)
            steps[name] = workers[name].at_once("speed") * task.chunk
        except (UnsupportedError, PeerError) as error:
            rows[name]["reason"] = _reason(name, error)
    samples = _samples(workers, steps, rows, rounds)
    frame = pd.DataFrame(samples, columns=list(Sample._fields))
    for row in costs(frame).to_dict("records"):
        speeds = {"speed": 1 / row["median"], "low": 1 / row["high"], "high": 1 / row["low"]}
        rows[row["subject"]] |= speeds
    for row in ratios(frame, OURS).to_dict("records"):
        rows[row["subject"]] |= {"ratio": row["median"], "ratio_low": row["low"], "ratio_high": row["high"]}
    found.speed += rows.values()
    found.samples += [{**facts, "peer": s.subject, **s._asdict()} for s in samples]
    workers.forget()


def _samples(workers: _Workers, steps: dict[str, int], rows: dict[str, dict[str, Any]], rounds: int) -> list[Sample]:
    """Samples of those in `steps` (trial-steps a call); who fails is taken out of it and gets its reason."""
    while True:
        subjects = [Subject(name, _calls(name, workers.running[name])) for name in steps]
        try:
            taken = measure(subjects, rounds=rounds, samples=SAMPLES, least=LEAST)
        except _DroppedError as error:
            del steps[error.name]
            rows[error.name]["reason"] = _reason(error.name, error)
            continue
        return [sample._replace(steps=sample.steps * steps[sample.subject]) for sample in taken]


class _DroppedError(PeerError):
    """A peer failed while it was timed."""

    def __init__(self, name: str, error: PeerError) -> None:
        super().__init__(str(error))
        self.name = name


def _calls(name: str, worker: Worker) -> Callable[[int], None]:
    def run(calls: int) -> None:
        try:
            worker.run("speed", calls)
        except PeerError as error:
            raise _DroppedError(name, error) from None

    return run


def _reason(name: str, error: GdbenchError) -> str:
    """Why a peer has no number; gdbench must have one."""
    if name == OURS:
        raise GdbenchError(f"gdbench itself failed: {error}") from error
    if isinstance(error, UnsupportedError):
        return str(error) if absent(name) else f"not supported: {error}"
    return f"failed: {error}"
