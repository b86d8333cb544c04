"""Compare every library on every task: agreement first, then speed, of one trial and of a sweep.

    found = compare(cases(["784-128-10"], (), [32], ["float32"]), ["adam"], list(PEERS), trials=16, cores=[1, 2])
    found.agreement, found.speed, found.samples

Each library has its own process, which lives through all rounds and is idle while others are timed. A library that
trains one trial after another is also timed with one process per core, in sweeps on several cores
(gdbench/peers/group.py). A call takes a chunk of steps and continues where the previous one ended. Everything has been
compiled and called once before it is timed.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gdbench.errors import GdbenchError
from gdbench.machine.environment import spread, usable_set
from gdbench.peers import OURS, PEERS, Peer, absent
from gdbench.peers.agreement import STEPS, difference, losses
from gdbench.peers.contract import Task, UnsupportedError
from gdbench.peers.group import Group
from gdbench.peers.tasks import of_case
from gdbench.peers.worker import PATIENCE, PeerError, Worker
from gdbench.stats.timings import costs, ratios
from gdbench.timing import Sample, Subject, measure
from gdbench.timing.pace import OF_PEERS
from gdbench.timing.steps import Case

AGREED = 16  # trials whose losses are compared at most
NUMBERS = ("speed", "low", "high", "ratio", "ratio_low", "ratio_high", "prepare_seconds")


class AbsentError(UnsupportedError):
    """A library is not installed."""


@dataclass
class PeerResults:
    """The results: rows with facts of the task (`problem`, `batch_size`, `rule`, `dtype`, `peer`) and with numbers.

    peer: its name; with ", 2 processes" after it if so many processes share the trials, each on one core.
    agreement: `steps`, `trials`, `difference` (of the losses after these steps, relative, the largest of all trials),
    `prepare_seconds` (of compiling and the first call; later preparations may reuse what was compiled here).
    speed: `trials`, `cores`, `speed` (trial-steps per second: steps of all trials together) with bounds `low` and
    `high`, `ratio` (gdbench's speed over the peer's, in the same round) with bounds, `prepare_seconds`.
    samples: `trials`, `cores`, `round`, `sample`, `seconds`, `steps` (trial-steps).
    If a peer did not take part, its numbers are NaN and `reason` says why.
    """

    agreement: list[dict[str, Any]] = field(default_factory=list)
    speed: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)


class Workers:
    """The peers' processes on one number of cores; one starts when it is needed, and again if it has ended.

    peers: by name. patience: seconds after which a process that does not answer is ended.
    """

    def __init__(self, count: int, peers: Mapping[str, Peer] = PEERS, patience: float = PATIENCE) -> None:
        self.cores, self.peers, self.patience = spread(usable_set())[:count], peers, patience
        self.running: dict[tuple[str, int], Worker | Group] = {}

    def of(self, name: str, processes: int = 1) -> Worker | Group:
        """The process of a peer on all cores, or several processes, each on one core.

        Raises AbsentError if its library is not installed, and PeerError if a process cannot be started.
        """
        peer, key = self.peers[name], (name, processes)
        reason = absent(peer)
        if reason:
            raise AbsentError(reason)
        if key in self.running and not self.running[key].alive:
            self.running.pop(key).close()
        if key not in self.running:
            if processes > 1:
                self.running[key] = Group(peer, self.cores[:processes], self.patience)
            else:
                self.running[key] = Worker(peer, self.cores[: peer.cores or None], self.patience)
        return self.running[key]

    def forget(self) -> None:
        """Let every process drop its tasks."""
        for worker in self.running.values():
            with suppress(PeerError):  # the process has just ended; `of` starts it again
                if worker.alive:
                    worker.forget()

    def close(self) -> None:
        """End all processes."""
        for worker in self.running.values():
            worker.close()


def compare(
    cases: Sequence[Case],
    rules: Sequence[str],
    names: Sequence[str],
    *,
    trials: int,
    cores: Sequence[int],
    rounds: int = OF_PEERS.rounds,
    chunk: int | None = None,
    seeds: int | None = None,
    peers: Mapping[str, Peer] | None = None,
    watch: Callable[[str], None] = lambda text: None,
) -> PeerResults:
    """Compare gdbench with the named peers on networks and rules, at each number of cores.

    trials: of a sweep; one trial alone is timed too. chunk: steps per call; by default it depends on the network.
    seeds: how many the trials take in turn; by default one per trial. peers: by name, `PEERS` by default. watch: called
    with a line of progress.
    Raises UsageError for a problem or rule that no peer can train, and GdbenchError if gdbench itself fails.
    """
    names, found = list(dict.fromkeys([OURS, *names])), PeerResults()
    pairs = [
        (case, rule, of_case(case, rule, trials=trials, chunk=chunk, seeds=seeds)) for case in cases for rule in rules
    ]
    for count in cores:
        workers = Workers(count, PEERS if peers is None else peers)
        try:
            for case, rule, task in pairs:
                facts = {**case.facts, "rule": rule}
                watch(f"{case.label}, batch {case.batch_size}, {rule}, {count} cores")
                if count == cores[0]:  # agreement is checked once, on the first number of cores
                    first = of_case(case, rule, trials=min(trials, AGREED), chunk=STEPS)
                    found.agreement += _agree(first, workers, names, facts)
                for number in sorted({1, trials}):
                    here = {**facts, "trials": number, "cores": count}
                    race(task.only(slice(number)), workers, names, here, rounds, found)
        finally:
            workers.close()
    return found


def _agree(task: Task, workers: Workers, names: Sequence[str], facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Compare the losses; returns a row per peer, gdbench first."""
    rows: list[dict[str, Any]] = []
    ours = np.empty(0)
    for name in names:
        row = {**facts, "peer": name, "steps": task.chunk, "trials": task.trials}
        row |= {"difference": np.nan, "prepare_seconds": np.nan, "reason": ""}
        try:
            worker = workers.of(name)
            row["prepare_seconds"] = worker.prepare("agreement", task)
            theirs = losses(task, worker.thetas("agreement"))
            ours = theirs if name == OURS else ours
            row["difference"] = difference(theirs, ours)
        except (UnsupportedError, PeerError) as error:
            row["reason"] = _reason(name, error)
        rows.append(row)
    workers.forget()
    return rows


def race(
    task: Task,
    workers: Workers,
    names: Sequence[str],
    facts: Mapping[str, Any],
    rounds: int,
    found: PeerResults,
    limit: float = math.inf,
) -> None:
    """Time the peers on one task, and add rows to `found`. If a peer fails, it drops out, and the others begin again.

    facts: of the rows. limit: seconds of all rounds together, as in `measure`.
    """
    rows: dict[str, dict[str, Any]] = {}
    racing: dict[str, _Racer] = {}
    for name in names:
        peer = workers.peers[name]
        for processes in _processes(name, peer, task.trials, len(workers.cores)):
            label = name if processes == 1 else f"{name}, {processes} processes"
            rows[label] = {**facts, "peer": label, **dict.fromkeys(NUMBERS, np.nan), "reason": ""}
            try:
                worker = workers.of(name, processes)
                given = task.only(slice(peer.most or None))
                rows[label]["prepare_seconds"] = worker.prepare("speed", given)
                racing[label] = _Racer(worker, worker.at_once("speed") * task.chunk)
            except (UnsupportedError, PeerError) as error:
                rows[label]["reason"] = _reason(name, error)
                break  # several processes would fail for the same reason
    samples = _samples(racing, rows, rounds, limit)
    frame = pd.DataFrame(samples, columns=list(Sample._fields))
    for row in costs(frame).to_dict("records"):
        speeds = {"speed": 1 / row["median"], "low": 1 / row["high"], "high": 1 / row["low"]}
        rows[row["subject"]] |= speeds
    for row in ratios(frame, OURS).to_dict("records") if OURS in racing else ():
        rows[row["subject"]] |= {"ratio": row["median"], "ratio_low": row["low"], "ratio_high": row["high"]}
    found.speed += rows.values()
    found.samples += [{**facts, "peer": s.subject, **s._asdict()} for s in samples]
    workers.forget()


class _Racer(NamedTuple):
    """A peer that is ready to be timed. steps: trial-steps per call."""

    worker: Worker | Group
    steps: int


def _processes(name: str, peer: Peer, trials: int, cores: int) -> list[int]:
    """The numbers of processes that a peer is timed with.

    They are one, and also one per core if it would train one trial after another while other cores are idle.
    """
    together = peer.together or peer.device != "cpu"  # a GPU is not faster with two processes
    if trials == 1 and peer.together and name != OURS:
        return []  # it differs from the plain library only for several trials
    several = min(trials, cores)
    return [1] if together or several == 1 else [1, several]


def _samples(racing: dict[str, _Racer], rows: dict[str, dict[str, Any]], rounds: int, limit: float) -> list[Sample]:
    """Time the racers; one that fails is removed from `racing`, and its row gets the reason."""
    while True:
        subjects = [Subject(label, _calls(label, racer.worker)) for label, racer in racing.items()]
        try:
            taken = measure(subjects, **OF_PEERS._replace(rounds=rounds)._asdict(), limit=limit)
        except _DroppedError as error:
            del racing[error.name]
            rows[error.name]["reason"] = _reason(error.name, error)
            continue
        return [sample._replace(steps=sample.steps * racing[sample.subject].steps) for sample in taken]


class _DroppedError(PeerError):
    """A peer failed while it was timed."""

    def __init__(self, name: str, error: PeerError) -> None:
        super().__init__(str(error))
        self.name = name


def _calls(name: str, worker: Worker | Group) -> Callable[[int], None]:
    def run(calls: int) -> None:
        try:
            worker.run("speed", calls)
        except PeerError as error:
            raise _DroppedError(name, error) from None

    return run


def _reason(name: str, error: GdbenchError) -> str:
    """Why a peer has no number. Raises GdbenchError if the peer is gdbench itself."""
    if name == OURS:
        raise GdbenchError(f"gdbench itself failed: {error}") from error
    if isinstance(error, UnsupportedError):
        return str(error) if isinstance(error, AbsentError) else f"not supported: {error}"
    return f"failed: {error}"
