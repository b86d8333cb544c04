"""What is compared, as one long frame: a row a value, whether it comes from a run, an export or a baseline.

`family, metric, problem, rule, batch_size, dtype` name a metric; its values stand in pairs with those of the other side
by `pair`: the trial's key, the reporting seed, or the round; of a trial and its target, `TRIAL@TARGET`.

| family      | metrics                                               | value                                          |
| ----------- | ----------------------------------------------------- | ---------------------------------------------- |
| digest      | digest, setting, data                                 | `text`: of a curve; the one the tuning chose;  |
|             |                                                       | of the contents of a problem's data            |
| convergence | steps_to_target, final_loss, success; in a suite that | steps, infinite if censored; a loss; 1 or 0:   |
|             | tunes, with `default ` or `tuning ` before the name,  | reached the target, or, without, did not       |
|             | of trials that are no reporting ones                  | diverge                                        |
| count       | gradient_evaluations, ...; flops and bytes of a step  | whole numbers                                  |
| cost        | step and its parts, by what `gdbench time` calls them | seconds, over the reference of the same round  |
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gdbench.data.names import CONTENTS, is_read
from gdbench.results.curves import LOST
from gdbench.results.files import without_places
from gdbench.results.frames import Frames
from gdbench.stats import GROUP as CHOICE
from gdbench.stats import censored_steps, final_loss
from gdbench.stats.timings import REFERENCES, over_peak

FAMILIES = ("digest", "convergence", "count", "cost")
NAMES = ("family", "metric", "problem", "rule", "batch_size", "dtype")  # of a metric
COLUMNS = (*NAMES, "pair", "value", "text")
GROUP = ["problem", "rule", "batch_size", "dtype"]
COUNTS = ("parameters", "gradient_evaluations", "function_evaluations")
OF_TRIALS = {"convergence", "count"}  # families whose digests tell which trials failed or are missing
FAILED, UNTOLD = "failed", "none"  # in place of a digest; the latter of a trial that has none, as with cuBLAS
DEFAULT, TUNING = "default ", "tuning "  # before the name of a metric of trials of these roles
AT = "@"  # in a pair, between the trial and the target that is counted to
DATA = ("digest", "data")  # the names with which those of the contents of data begin
KEY_DIGITS, DIGEST_DIGITS, TARGET_DIGITS = 8, 16, 4
ROUNDINGS = 100  # so many of a dtype's roundings of the loss at step 0 are added, so that one moves it by a percent


class Values(NamedTuple):
    """What a metric has of its pairs, by pair; no texts where no pair has one."""

    numbers: dict[str, float]
    texts: dict[str, Any]


NONE = Values({}, {})
Metrics = dict[tuple[Any, ...], Values]  # by their names


def measures(frames: Frames) -> pd.DataFrame:
    """Everything of a run that can be compared. Names are categories: many rows share few."""
    # A run of `gdbench time` has no trials, and one that was stopped at once.
    trials = _of_trials(frames, _paired_trials(frames)) if len(frames.trials) else ()
    parts = [part.reindex(columns=list(COLUMNS)) for part in (*trials, *_of_timings(frames)) if len(part)]
    if not parts:
        return nothing()
    # By column: names, as categories, take a tenth of what they take before.
    types = {**dict.fromkeys(NAMES, "category"), "batch_size": "float64", "value": "float64"}
    columns = {}
    for name in COLUMNS:
        column = pd.concat([part.pop(name) for part in parts], ignore_index=True)
        columns[name] = column.astype(types.get(name, column.dtype))
    return pd.DataFrame(columns)


def nothing() -> pd.DataFrame:
    """No measures."""
    return pd.DataFrame({name: pd.Series(dtype="float64" if name == "value" else "object") for name in COLUMNS})


def by_metric(measures: pd.DataFrame) -> Metrics:
    """The values of every metric by its names, of which those that it lacks are empty, or 0."""
    numbers = measures.groupby(list(NAMES), sort=False, observed=True, dropna=False).ngroup().to_numpy()
    order = np.argsort(numbers, kind="stable")
    first = np.flatnonzero(np.diff(numbers[order], prepend=-1))
    lacking = {**dict.fromkeys(("problem", "rule", "dtype"), ""), "batch_size": 0}
    names = measures[list(NAMES)].iloc[order[first]].astype(dict.fromkeys(("problem", "rule", "dtype"), object))
    pairs, values, texts = (measures[column].to_numpy()[order].tolist() for column in ("pair", "value", "text"))
    told = measures["text"].notna().to_numpy()[order]
    found = {}
    for name, a, b in zip(
        names.fillna(lacking).itertuples(index=False, name=None), first, np.append(first, len(pairs))[1:], strict=True
    ):
        words = dict(zip(pairs[a:b], texts[a:b], strict=True)) if told[a:b].any() else {}
        found[name] = Values(dict(zip(pairs[a:b], values[a:b], strict=True)), words)
    return found


def _paired_trials(frames: Frames) -> pd.DataFrame:
    """The trials with the name by which another run's trial is found.

    A trial is found by its key. Of a tuned suite's reporting trials, whose setting (with its schedule and dtype) the
    tuning seeds chose, the one with the same seed is found, on a problem of the same definition, so that what is
    compared is the rule as it is used.
    """
    trials = frames.trials.copy(deep=False)
    trials["dtype"], trials["pair"] = trials["dtype"].astype(str), trials["key"].str.slice(0, KEY_DIGITS)
    trials["loss"] = _above_resolution(final_loss(trials), frames, trials)
    tuned = (trials["role"] == "report") & (trials["role"] == "tune").any()
    among = trials.groupby(CHOICE)["dtype"].transform(lambda dtypes: "/".join(sorted(dtypes.unique())))
    trials["dtype"] = trials["dtype"].where(~tuned, among)
    context = {
        name: _hash([definition, frames.about["table"].get("budget")])
        for name, definition in frames.about.get("problems", {}).items()
    }
    seeds = "seed-" + trials["seed"].astype(str) + "-" + trials["problem"].map(context).fillna("")
    trials["pair"] = trials["pair"].where(~tuned, seeds)
    trials["tuned"] = tuned
    again = trials.duplicated([*GROUP, "pair", "role"])
    return trials[~again] if again.any() else trials  # not a copy for nothing: there may be very many


def kind(metric: str) -> str:
    """A metric without what says of which trials it is.

    >>> kind("default success"), kind("success")
    ('success', 'success')
    """
    return metric.removeprefix(DEFAULT).removeprefix(TUNING)


def _hash(definition: Any) -> str:
    return hashlib.sha256(json.dumps(without_places(definition), sort_keys=True).encode()).hexdigest()[:KEY_DIGITS]


def _of_trials(frames: Frames, trials: pd.DataFrame) -> Iterator[pd.DataFrame]:
    base = trials[[*GROUP, "pair"]]
    failed = trials["status"] == FAILED
    digests = trials["digest"].astype(object).fillna(UNTOLD).where(~failed, FAILED).str.slice(0, DIGEST_DIGITS)
    yield base.assign(family="digest", metric="digest", text=digests)
    yield _of_data(frames.about.get("problems", {}))
    chosen = trials["tuned"] & (trials["seed"] == trials["seed"].where(trials["tuned"]).min())
    yield base.assign(family="digest", metric="setting", text=trials["setting"])[chosen].assign(pair="chosen")
    prefixes = {"default": DEFAULT, "tune": TUNING} if trials["tuned"].any() else {}
    for prefix, part in trials.groupby(trials["role"].map(lambda role: prefixes.get(role, "")), sort=False):
        yield from _of_convergence(part, frames.about["target"], str(prefix))
    # Seeds and settings do not matter to what a count is for, so a group has one: the sum over its trials.
    sums = trials[~failed].groupby(GROUP)[[name for name in COUNTS if name in trials]].sum(min_count=1)
    for name in sums:
        yield (
            sums[name]
            .rename("value")
            .reset_index()
            .assign(family="count", metric=name, pair="all")
            .dropna(subset="value")
        )


def _of_data(problems: Mapping[str, Any]) -> pd.DataFrame:
    """The hash of what each problem learns from, where that is read and not made."""
    sets = {name: about["dataset"] for name, about in problems.items() if about.get("kind") == "mlp"}
    rows = [
        dict(zip(COLUMNS, (*DATA, name, None, np.nan, None, "all", np.nan, given.get(CONTENTS, UNTOLD)), strict=True))
        for name, given in sets.items()
        if is_read(given)
    ]
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    return found.assign(text=found["text"].str.slice(0, DIGEST_DIGITS))


def _of_convergence(trials: pd.DataFrame, target: Any, prefix: str) -> Iterator[pd.DataFrame]:
    """Losses, steps to the target and successes of these trials."""
    text = trials["status"].map({FAILED: FAILED}).astype(object)
    base = trials[[*GROUP, "pair"]].assign(family="convergence", text=text)
    yield base.assign(metric=f"{prefix}final_loss", value=trials["loss"])
    reached = ~trials["status"].isin(LOST)
    if target:
        # A target is no part of a trial's key, and steps to another one say nothing.
        base = base.assign(pair=base["pair"] + AT + _hash(target)[:TARGET_DIGITS])
        steps = censored_steps(trials)
        reached = np.isfinite(steps)
        yield base.assign(metric=f"{prefix}steps_to_target", value=steps)
    yield base.assign(metric=f"{prefix}success", value=reached.astype(float))


def _above_resolution(losses: pd.Series, frames: Frames, trials: pd.DataFrame) -> pd.Series:
    """The losses, plus what the dtype resolves of the loss at step 0: below it, differences mean nothing.

    What should be zero may be rounded to less (ackley's value at its minimum), and counts as zero.
    """
    names = [name for name in ("val_loss", "train_loss", "value") if name in frames.curves]
    first = frames.curves[frames.curves["step"] == 0].set_index("trial")[names].bfill(axis=1).iloc[:, :1]
    start = trials["trial"].map(first.squeeze(axis=1) if len(names) else {}).abs().fillna(0.0)
    dtypes = {name: ROUNDINGS * float(np.finfo(name).eps) for name in trials["dtype"].unique()}
    floor = start * trials["dtype"].map(dtypes)
    return losses.where(losses < -floor, losses.clip(lower=0.0) + floor)


def _of_timings(frames: Frames) -> Iterator[pd.DataFrame]:
    """Costs over the peak of the same round, and what a step has to do."""
    subjects = frames.subjects[~frames.subjects["part"].isin(REFERENCES)]
    if not len(subjects) or not len(frames.timings):
        return
    relative = over_peak(frames.timings, frames.subjects)
    for row in subjects.to_dict("records"):
        if row["subject"] in relative:
            costs = relative[row["subject"]].dropna()
            names = {"metric": metric_of(row), **{name: row[name] for name in GROUP}}
            yield pd.DataFrame({**names, "family": "cost", "pair": costs.index.astype(str), "value": costs.to_numpy()})
    yield step_counts(subjects)


def step_counts(subjects: pd.DataFrame) -> pd.DataFrame:
    """The measures of what steps have to do, and their parts: flops and bytes. subjects: `Run.subjects`."""
    alone = subjects[(subjects["jobs"] == 1) & ~subjects["part"].isin(REFERENCES)]
    names = [metric_of(row) for row in alone.to_dict("records")]
    parts = [
        alone[GROUP].assign(family="count", metric=[f"{each} {name}" for each in names], pair="all", value=alone[name])
        for name in ("flops", "bytes")
    ]
    return pd.concat(parts).dropna(subset="value").reindex(columns=list(COLUMNS))


def metric_of(subject: Mapping[Any, Any]) -> str:
    """What the cost of a subject is called: its part, layer and jobs, without what it is a part of.

    >>> metric_of({"part": "forward product", "layer": 2.0, "jobs": 2})
    'forward product 2, 2 jobs'
    """
    layer = "" if pd.isna(subject["layer"]) else f" {int(subject['layer'])}"
    return f"{subject['part']}{layer}" + (f", {subject['jobs']} jobs" if subject["jobs"] > 1 else "")
