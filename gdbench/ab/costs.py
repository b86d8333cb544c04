"""What a step costs in two places, measured so that whatever happens to the machine happens to both.

    taken = measure((base, head), Workload("quick"))

A worker process for each place; in every round, in random order, every step is visited in both of them, one right after
the other, which of them first being drawn too. The two are ended and begun anew after every few rounds, since a process
keeps the places in memory that it drew for its code: a pair of processes is one repetition.

What looks worse or better (`screen`) is measured once more, in fresh processes, and the verdict is on these data alone:
a machine's bad moment would have to come back. What was too noisy is measured again as well, if it is not much, and
judged on all data.
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
from gdbench.timing.pace import FEWEST, LEAST, SAMPLES, SHORTEST

PAIRS, ROUNDS = 6, 3  # of processes, each a repetition, and of rounds in each of them
AGAIN = 10  # pairs of processes the second time, when little is measured and one bad moment must not decide
STAGE = 60.0  # seconds that samples take together, if they need not be shorter than that for it
FEW = 60  # noisy ones; where more are, it is the machine, or the samples must be as short as that
SIDES = ("base", "head")
Watch = Callable[[str], None]  # is told what is being done
Ratios = Mapping[str, pd.DataFrame]  # by subject: `pair`, and `ratio`, the logarithm of head over base, a row a round


@dataclass(frozen=True)
class Workload:
    """The suite (a shipped name, or a file's absolute path) with what is laid over it, and plug-ins."""

    suite: str
    overrides: Sequence[str] = ()
    plugins: tuple[Sequence[Path], Sequence[Path]] = ((), ())  # of base and of head
    registers: bool = False  # count those that updates need on a GPU


class Taken(NamedTuple):
    """What was measured.

    subjects: of each side, a frame of facts as `Run.subjects` has them. variants: of compiled functions that each side
    needed. samples: `subject, pair, round, side, sample, seconds, steps`.
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
    """Take samples in so many pairs of processes, of the subjects of these names (of all). Raises SideError.

    seed: of all orders; two measurements of the same must have two.
    """
    order = np.random.Generator(np.random.PCG64(seed))
    steps: dict[str, int] = {}  # of a sample
    rows: list[tuple[Any, ...]] = []
    pairs = pairs or (PAIRS if names is None else AGAIN)
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
                if name not in steps:
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
    """Both prepare at once."""
    for process in each:
        process.greeted()
        process.tell("prepare", suite=workload.suite, overrides=list(workload.overrides))
    return [process.answer() for process in each]


def _sample(subjects: int) -> tuple[float, int]:
    """Seconds of a sample, and how many of them a visit has."""
    least = STAGE / max(1, 2 * PAIRS * ROUNDS * SAMPLES * subjects)
    if least >= SHORTEST:
        return min(LEAST, least), SAMPLES
    return SHORTEST, FEWEST


def ratios(samples: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """By subject, a row a round: `pair`, `base` and `head` (seconds a step, the least of the visit), `ratio`."""
    if not len(samples):
        return {}
    costs = visits(samples, ("subject", "pair", "round", "side")).set_index(["subject", "pair", "round", "side"])
    wide = costs["cost"].unstack("side").reset_index()
    wide["ratio"] = np.log(wide["head"] / wide["base"])
    return {str(name): rows for name, rows in wide.groupby("subject")}


def tested(ratios: pd.DataFrame, margin: float, level: float) -> Test:
    """The test of one subject. What two measurements must find, each must find more often than both together."""
    found, pairs = ratios["ratio"].to_numpy(), ratios["pair"].to_numpy()
    return clustered(found, pairs, np.log1p(margin), size=level, power=POWER**0.5)


def screen(first: Ratios, margin: float, level: float) -> tuple[list[str], list[str]]:
    """What is to be measured again: the subjects that look worse or better, and the noisy ones, if they are few."""
    tests = {name: tested(rows, margin, level) for name, rows in first.items()}
    flagged = [name for name, test in tests.items() if test.p <= level]
    bound = np.log1p(margin)
    wide = [n for n, t in tests.items() if not (-bound <= np.log(t.low) and np.log(t.high) <= bound)]
    noisy = [name for name in wide if name not in flagged]
    return flagged, noisy if len(noisy) <= FEW else []


def settle(first: Ratios, again: Ratios, margin: float, level: float) -> Iterator[dict[str, Any]]:
    """A row a subject for `judge` (gdbench/gate/comparison.py). again: what was measured a second time, or more."""
    flagged, noisy = screen(first, margin, level)
    for subject, rows in first.items():
        details = []
        if subject in again and subject in (*flagged, *noisy):
            second = again[subject].assign(pair=again[subject]["pair"] + 1 + rows["pair"].max())
            rows = second if subject in flagged else pd.concat([rows, second])
            details.append("measured again in fresh processes")
        yield {
            "subject": subject,
            "base": float(rows["base"].median()),
            "head": float(rows["head"].median()),
            "test": tested(rows, margin, level),
            "differs": False,
            "screened": subject in flagged,
            "margin": margin,
            "detail": "; ".join(details),
        }
