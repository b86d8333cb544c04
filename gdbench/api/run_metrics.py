"""The metrics of stored runs, in order of time: what `gdbench history` looks at.

    points = read_points(store, runs_of(store.runs(), machine))

A metric's name says what it measures, then its problem, rule and batch size, and the suite in parentheses. If the store
holds different suites of one name (another budget, another target), the name includes the beginning of a hash: these
suites do not measure the same. Costs are judged relative to the reference of the same rounds (`value`), so that a
machine that was faster or slower as a whole shows no change. They are also given in seconds (`raw`).

Nothing here needs SciPy: a process that only reads a run need not import it.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from gdbench.data.names import CONTENTS, is_read, short
from gdbench.machine.environment import fingerprint
from gdbench.machine.processes import shared
from gdbench.results.frames import timing_frames, trials_frame
from gdbench.stats import GROUP, censored_steps, final_loss, objective, reported
from gdbench.stats.timings import relative_costs
from gdbench.store import RunRecord, Store, StoredRun

Contents = dict[str, dict[str, str | None]]  # by problem and run
POINT = ("metric", "run", "created", "commit", "value", "raw")
WORDS = ("title", "description")  # keys of a suite that do not change what it measures


def runs_of(records: Collection[RunRecord], machine: str) -> list[RunRecord]:
    """The complete runs of a machine (`fingerprint`), the oldest first."""
    own = [r for r in records if r.state == "complete" and fingerprint(r.environment) == machine]
    return sorted(own, key=lambda record: record.created)


def read_points(
    store: Store,
    records: Sequence[RunRecord],
    *,
    damaged: str = "stop",
    tell: Callable[[str], object] = lambda sentence: None,
    processes: int = 1,
    then: Callable[[], object] = lambda: None,
) -> pd.DataFrame:
    """A row per metric and run, by metric in order of time: `metric, run, created, commit, value, raw`.

    records: the oldest first. created: seconds since 1970. A run has no row for a metric that it lacks.
    value and raw of a cost: a multiple of the reference's cost, and seconds per step; both are medians over rounds of
    the fastest sample of a visit. value and raw of steps to the target and of final losses: the same number, the median
    over the reporting seeds of the chosen setting.
    damaged: `stop` raises DamagedError, `skip` leaves out what is damaged. tell: gets a sentence for what was left out,
    and for each problem whose data differ between runs. processes: how many processes read the runs. then: what this
    one does while others may still read.
    """
    labels = suite_labels(records)
    contents: Contents = {}
    found = []
    named = [(record.run, labels[record.run]) for record in records]
    reads = shared(partial(_read, store, damaged), named, processes, then)
    for record, read in zip(records, reads, strict=True):
        notices, held, metrics = read
        for notice in notices:
            tell(notice)
        for problem, digest in held:
            contents.setdefault(problem, {})[record.run] = digest
        found += [(record, *metric) for metric in metrics]
    for sentence in parted(contents):
        tell(sentence)
    data = data_labels(contents)
    rows = [
        (f"{name} ({suite}{data.get((r.run, problem), '')})", r.run, r.created, r.git_commit, value, raw)
        for r, name, suite, problem, value, raw in found
        if not np.isnan(value)
    ]
    frame = pd.DataFrame(rows, columns=list(POINT)).astype({"value": "float64", "raw": "float64"})
    return frame.sort_values("metric", kind="stable", ignore_index=True)


def _read(store: Store, damaged: str, named: tuple[str, str]) -> tuple[list[str], list[Any], list[Any]]:
    """Of a run and its suite's label: the notices, the contents of its problems' data, and its metrics."""
    run, label = named
    stored = store.read(run, damaged=damaged, points="none")
    return stored.notices, [*_contents(stored)], [*_values(stored, label)]


def suite_labels(records: Collection[RunRecord]) -> dict[str, str]:
    """The name of each run's suite in the names of metrics."""
    hashes = {}
    for record in records:
        table = {key: value for key, value in record.table.items() if key not in WORDS}
        hashes[record.run] = hashlib.sha256(json.dumps(table, sort_keys=True, default=str).encode()).hexdigest()[:6]
    kinds: dict[str, set[str]] = {}
    for record in records:
        kinds.setdefault(record.suite, set()).add(hashes[record.run])
    return {r.run: f"{r.suite} {hashes[r.run]}" if len(kinds[r.suite]) > 1 else r.suite for r in records}


def _contents(stored: StoredRun) -> Iterator[tuple[str, str | None]]:
    """The problems of a run that learn from data, with the hash of the data; None if the run did not store it."""
    definitions = dict(zip(stored.trials["problem"], stored.trials["definition"], strict=True))
    for problem, definition in definitions.items():
        dataset = definition["problem"].get("dataset")
        if dataset is not None and is_read(dataset):
            yield problem, dataset.get(CONTENTS)


def data_labels(contents: Contents) -> dict[tuple[str, str], str]:
    """The data of each run and problem, as metrics name them after the suite, where the runs' data differ."""
    return {
        (run, problem): f", data {short(held) if held else 'unknown'}"
        for problem, runs in contents.items()
        if len(set(runs.values())) > 1
        for run, held in runs.items()
    }


def parted(contents: Contents) -> Iterator[str]:
    """A sentence for each problem whose data differ between runs, so that its trials cannot be joined."""
    for problem, runs in contents.items():
        held = dict.fromkeys(runs.values())
        if len(held) > 1:
            told = ", ".join(
                short(each) if each else "unknown, since a run was made before it was stored" for each in held
            )
            yield f"The data of {problem} were not the same in all runs ({told}), so each has metrics of its own."


def _values(stored: StoredRun, suite: str) -> Iterator[tuple[str, str, str, float, float]]:
    """All metrics of a run: name, suite, problem (empty for a cost), value and raw value."""
    timings, subjects = timing_frames(stored)
    # A run that trained on the GPU may have timed its steps on the CPU, so the timings' own backend counts.
    gpu = ", cuda" if (timings["backend"] == "cuda").any() else ""
    costs = relative_costs(timings, subjects[subjects["part"].isin(["step", "peak"])])
    for row in costs.to_dict("records"):
        yield row["subject"], f"{suite}{gpu}", "", row["relative"], row["cost"]
    trials = trials_frame(stored)
    if not len(trials):
        return
    final = reported(trials)
    final = final.assign(final_loss=final_loss(final), steps_to_target=censored_steps(final))
    functions = {problem for problem, group in trials.groupby("problem") if objective(group) == "value"}
    for (problem, rule, batch), group in final.groupby(GROUP, sort=False):
        where = f"{problem}, {rule}" if problem in functions else f"{problem}, {rule}, batch {batch}"
        for metric in ("final_loss", *(["steps_to_target"] if stored.record.target else [])):
            value = float(group[metric].median())
            yield f"{metric}: {where}", suite, problem, value, value


def machines(records: Collection[RunRecord]) -> dict[str, dict[str, Any]]:
    """The machines that have complete runs, that of the latest run first: an environment by fingerprint."""
    done = sorted((r for r in records if r.state == "complete"), key=lambda record: -record.created)
    found: dict[str, dict[str, Any]] = {}
    for record in done:
        found.setdefault(fingerprint(record.environment), record.environment)
    return found
