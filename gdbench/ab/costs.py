"""Measure what a step costs in two places, so that whatever happens to the machine affects both alike.

    taken = measure((base, head), Workload("quick"))

Each place has a worker process. Every round visits the steps in random order. A visit measures a step in both places,
one right after the other, in random order too. After every few rounds both processes are replaced by new ones, since a
process keeps the random places in memory of its code. So a pair of processes is one repetition.

A step that looks worse or better (`screen`) is measured once more in fresh processes, and judged by these data alone: a
bad moment of the machine would have to come back. Steps that were too noisy are measured again too, if they are few,
and judged by all data.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gdbench.ab.places import Checkout
from gdbench.ab.process import Process
from gdbench.stats.paired import POWER, Test, clustered
from gdbench.stats.timings import visits
from gdbench.timing.pace import FEWEST, LEAST

PAIRS, ROUNDS = 6, 3  # pairs of processes, each one repetition, and rounds in each pair
AGAIN = 10  # pairs of processes the second time, when few steps are measured and one bad moment must not decide
SAMPLES = 5  # per visit
SHORTEST = 0.001  # seconds of a sample; the call itself counts, in base and head alike
STAGE = 60.0  # seconds that all samples take together, unless that would make them shorter than SHORTEST
FEW = 60  # noisy steps; if there are more, the machine is noisy, or so many steps need short samples
SIDES = ("base", "head")
Watch = Callable[[str], None]  # called with a line of progress
Ratios = Mapping[str, pd.DataFrame]  # by subject, a row per round: `pair`, and `ratio`, the logarithm of head / base


@dataclass(frozen=True)
class Workload:
    """The suite to run, and how: its shipped name or absolute path, and texts `KEY=VALUE` as for --set."""

    suite: str
    overrides: Sequence[str] = ()
    plugins: tuple[Sequence[Path], Sequence[Path]] = ((), ())  # of base and of head
    registers: bool = False  # whether to count the registers that updates need on a GPU
    rounds: int | None = None  # of the first measurement; PAIRS * ROUNDS by default

    @property
    def pairs(self) -> int:
        """Pairs of processes in the first measurement; each takes `ROUNDS` rounds."""
        return PAIRS if self.rounds is None else -(-self.rounds // ROUNDS)


class Taken(NamedTuple):
    """The results of a measurement.

    subjects: for each side, a frame of facts like `Run.subjects`. variants: how many compiled functions each side
    needed. samples: a frame `subject, pair, round, side, sample, seconds, steps`.
    """

    subjects: tuple[pd.DataFrame, pd.DataFrame]
    variants: tuple[int, int]
    samples: pd.DataFrame


def measure(
    places: tuple[Checkout, Checkout],
    workload: Workload,
    *,
    names: Sequence[str] | None = None,
    seed: int = 0,
    pairs: int | None = None,
    watch: Watch = lambda text: None,
) -> Taken:
    """Take samples of the steps of both places. Raises SideError if a place cannot run them.

    names: the subjects to measure, all by default. seed: of all random orders; two measurements need different ones.
    pairs: of processes; by default those of the workload, and for chosen names at least `AGAIN`.
    """
    order = np.random.Generator(np.random.PCG64(seed))
    steps: dict[str, int] = {}  # of a sample
    rows: list[tuple[Any, ...]] = []
    pairs = pairs or (workload.pairs if names is None else max(AGAIN, workload.pairs))
    for pair in range(pairs):
        with ExitStack() as stack:
            each = [
                stack.enter_context(Process(place, files))
                for place, files in zip(places, workload.plugins, strict=True)
            ]
            prepared = _prepared(each, workload)
            mine, theirs = ([fact["subject"] for fact in one["subjects"]] for one in prepared)
            common = [name for name in mine if name in theirs and (names is None or name in names)]
            least, samples = _sample(len(common))
            for name in common:
                if name not in steps:  # base decides, so that samples of both sides have equally many steps
                    steps[name] = int(each[0].ask("enough", subject=name, least=least))
            for turn in range(ROUNDS):
                watch(f"pair of processes {pair + 1} of {pairs}, round {turn + 1} of {ROUNDS}, {len(common)} steps")
                if turn:
                    for process in each:
                        process.ask("renew")
                for name in order.permutation(common) if common else ():
                    for side in order.permutation(2):
                        found = each[side].ask("visit", subject=str(name), steps=steps[name], samples=samples)
                        rows += [(name, pair, turn, SIDES[side], i, s, steps[name]) for i, s in enumerate(found)]
    columns = ["subject", "pair", "round", "side", "sample", "seconds", "steps"]
    base, head = prepared
    return Taken(
        (pd.DataFrame(base["subjects"]), pd.DataFrame(head["subjects"])),
        (base["variants"], head["variants"]),
        pd.DataFrame(rows, columns=columns),
    )


def _prepared(each: Sequence[Process], workload: Workload) -> list[dict[str, Any]]:
    """Let both processes prepare at the same time; returns their answers."""
    for process in each:
        process.greeted()
        process.tell("prepare", suite=workload.suite, overrides=list(workload.overrides))
    return [process.answer() for process in each]


def _sample(subjects: int) -> tuple[float, int]:
    """The least seconds of a sample, and the samples per visit, for so many subjects."""
    least = STAGE / max(1, 2 * PAIRS * ROUNDS * SAMPLES * subjects)
    if least >= SHORTEST:
        return min(LEAST, least), SAMPLES
    return SHORTEST, FEWEST


def ratios(samples: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """By subject, a row per round: `pair`, `base` and `head` (seconds per step, the least of the visit), `ratio`."""
    if not len(samples):
        return {}
    costs = visits(samples, ("subject", "pair", "round", "side")).set_index(["subject", "pair", "round", "side"])
    wide = costs["cost"].unstack("side").reset_index()
    wide["ratio"] = np.log(wide["head"] / wide["base"])
    return {str(name): rows for name, rows in wide.groupby("subject")}


def tested(ratios: pd.DataFrame, margin: float, level: float) -> Test:
    """The test of one subject.

    A change counts if both measurements find it, so each must have more power than `POWER`: its square root.
    """
    found, pairs = ratios["ratio"].to_numpy(), ratios["pair"].to_numpy()
    return clustered(found, pairs, np.log1p(margin), size=level, power=POWER**0.5)


def screen(first: Ratios, margin: float, level: float) -> tuple[list[str], list[str]]:
    """The subjects to measure again: those that look worse or better, and the noisy ones if they are few."""
    tests = {name: tested(rows, margin, level) for name, rows in first.items()}
    flagged = [name for name, test in tests.items() if test.p <= level]
    bound = np.log1p(margin)
    wide = [n for n, t in tests.items() if not (-bound <= np.log(t.low) and np.log(t.high) <= bound)]
    noisy = [name for name in wide if name not in flagged]
    return flagged, noisy if len(noisy) <= FEW else []


def settle(first: Ratios, again: Ratios, margin: float, level: float) -> Iterator[dict[str, Any]]:
    """Yields a row per subject for `judge` (gdbench/gate/comparison.py).

    again: the second measurement; it may hold subjects that did not need one, which are ignored.
    """
    flagged, noisy = screen(first, margin, level)
    for subject, rows in first.items():
        details = []
        if subject in again and subject in (*flagged, *noisy):
            # The pairs of both measurements are different processes, so they get different numbers.
            second = again[subject].assign(pair=again[subject]["pair"] + 1 + rows["pair"].max())
            rows = second if subject in flagged else pd.concat([rows, second])
            details.append("measured again in fresh processes")
        yield {
            "subject": subject,
            "base": float(rows["base"].median()),
            "head": float(rows["head"].median()),
            "unit": "s",
            "test": tested(rows, margin, level),
            "differs": False,
            "screened": subject in flagged,
            "margin": margin,
            "detail": "; ".join(details),
        }
