"""What is compared, as one long frame: a row per value, from a run, an export or a baseline.

`family, metric, problem, rule, batch_size, dtype` name a metric. `pair` says which value of the other side a value
belongs to: the trial's key, the reporting seed or the round; for a trial and its target, `TRIAL@TARGET`.

| family      | metrics                                               | value                                          |
| ----------- | ----------------------------------------------------- | ---------------------------------------------- |
| digest      | digest, setting, data                                 | `text`: the hash of a curve and of the last    |
|             |                                                       | training loss and score over all samples; the  |
|             |                                                       | setting that tuning chose; the hash of a       |
|             |                                                       | problem's data                                 |
| convergence | steps_to_target, final_loss, success; in a suite that | steps, infinite if censored; a loss; 1 or 0:   |
|             | tunes, the names of trials that do not report begin   | whether it reached the target, or without a    |
|             | with `default ` or `tuning `                          | target, whether it did not diverge             |
| count       | gradient_evaluations, ...; flops and bytes of a step  | whole numbers                                  |
| cost        | step and its parts, named as by `gdbench time`        | seconds, over the reference of the same round  |

`shown` is what a run's own tables show for the value, if this is something else: a loss before `_above_resolution`, or
the seconds of a cost. A baseline does not keep it.
"""

import hashlib
import json
import re
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
from gdbench.stats.timings import BESIDE, over_peak, visits

FAMILIES = ("digest", "convergence", "count", "cost")
NAMES = ("family", "metric", "problem", "rule", "batch_size", "dtype")  # of a metric
COLUMNS = (*NAMES, "pair", "value", "text", "shown")
NUMBERS = ("batch_size", "value", "shown")
GROUP = ["problem", "rule", "batch_size", "dtype"]
COUNTS = ("parameters", "gradient_evaluations", "function_evaluations")
OF_TRIALS = {"convergence", "count"}  # families whose digests say which trials failed or are missing
FAILED, UNTOLD = "failed", "none"  # in place of the digest of a trial that failed, or that has none, as with cuBLAS
DEFAULT, TUNING = "default ", "tuning "  # before the name of a metric of trials of these roles
SEED = "seed-"  # begins the pairs of trials that are paired by their seeds
AT = "@"  # in a pair, between the trial and its target
DIGEST = ("digest", "digest")  # the first two names of the metric that holds a group's digests
DATA = ("digest", "data")  # the first two names of the metric that holds the hash of a problem's data
FINAL = ("train_loss", "train_accuracy", "train_mse")  # which a trial's curve may not cover
KEY_DIGITS, DIGEST_DIGITS, TARGET_DIGITS = 8, 16, 4
_HEX = re.compile(f"[0-9a-f]{{{DIGEST_DIGITS}}}").fullmatch
ROUNDINGS = 100  # of the loss at step 0 are added to a loss, so that one rounding moves it by a percent at most


class Values(NamedTuple):
    """The values of a metric, by pair. texts and shown are empty if no pair has any."""

    numbers: dict[str, float]
    texts: dict[str, Any]
    shown: dict[str, float]


NONE = Values({}, {}, {})
Metrics = dict[tuple[Any, ...], Values]  # by their names


def measures(frames: Frames) -> pd.DataFrame:
    """Everything in a run that can be compared. Names are categories, since many rows share few names."""
    # A run of `gdbench time` has no trials, nor has a run that was stopped at once.
    trials = _of_trials(frames, _paired_trials(frames)) if len(frames.trials) else ()
    parts = [part.reindex(columns=list(COLUMNS)) for part in (*trials, *_of_timings(frames)) if len(part)]
    if not parts:
        return nothing()
    # One column at a time: as categories, names take a tenth of the memory.
    types = {**dict.fromkeys(NAMES, "category"), **dict.fromkeys(NUMBERS, "float64")}
    columns = {}
    for name in COLUMNS:
        column = pd.concat([part.pop(name) for part in parts], ignore_index=True)
        columns[name] = column.astype(types.get(name, column.dtype))
    return pd.DataFrame(columns)


def nothing() -> pd.DataFrame:
    """An empty frame of measures."""
    return pd.DataFrame({name: pd.Series(dtype="float64" if name in NUMBERS else "object") for name in COLUMNS})


def by_metric(measures: pd.DataFrame) -> Metrics:
    """The values of every metric by its names. A name that a metric lacks is empty, or 0."""
    numbers = measures.groupby(list(NAMES), sort=False, observed=True, dropna=False).ngroup().to_numpy()
    order = np.argsort(numbers, kind="stable")
    first = np.flatnonzero(np.diff(numbers[order], prepend=-1))
    lacking = {**dict.fromkeys(("problem", "rule", "dtype"), ""), "batch_size": 0}
    names = measures[list(NAMES)].iloc[order[first]].astype(dict.fromkeys(("problem", "rule", "dtype"), object))
    pairs, *columns = (measures[column].to_numpy()[order].tolist() for column in ("pair", "value", "text", "shown"))
    told, seen = (measures[column].notna().to_numpy()[order] for column in ("text", "shown"))
    found = {}
    for name, a, b in zip(
        names.fillna(lacking).itertuples(index=False, name=None), first, np.append(first, len(pairs))[1:], strict=True
    ):
        each = (True, told[a:b].any(), seen[a:b].any())
        found[name] = Values(
            *(
                dict(zip(pairs[a:b], column[a:b], strict=True)) if there else {}
                for column, there in zip(columns, each, strict=True)
            )
        )
    return found


def _paired_trials(frames: Frames) -> pd.DataFrame:
    """The trials, each with the name of its pair in another run.

    A trial is paired by its key. Reporting trials of a tuned suite are paired by seed instead, on a problem of the same
    definition. Their settings, with schedule and dtype, were chosen on the tuning seeds, so this compares the rule as
    it is used.
    """
    trials = frames.trials.copy(deep=False)
    trials["dtype"], trials["pair"] = trials["dtype"].astype(str), trials["key"].str.slice(0, KEY_DIGITS)
    trials["shown"] = final_loss(trials)
    trials["loss"] = _above_resolution(trials["shown"], frames, trials)
    tuned = (trials["role"] == "report") & (trials["role"] == "tune").any()
    among = trials.groupby(CHOICE)["dtype"].transform(lambda dtypes: "/".join(sorted(dtypes.unique())))
    trials["dtype"] = trials["dtype"].where(~tuned, among)
    context = {
        name: _hash([definition, frames.about["table"].get("budget")])
        for name, definition in frames.about.get("problems", {}).items()
    }
    seeds = SEED + trials["seed"].astype(str) + "-" + trials["problem"].map(context).fillna("")
    trials["pair"] = trials["pair"].where(~tuned, seeds)
    trials["tuned"] = tuned
    again = trials.duplicated([*GROUP, "pair", "role"])
    return trials[~again] if again.any() else trials  # no needless copy: there may be very many trials


def kind(metric: str) -> str:
    """A metric's name without the role of its trials.

    >>> kind("default success"), kind("success")
    ('success', 'success')
    """
    return metric.removeprefix(DEFAULT).removeprefix(TUNING)


def _hash(definition: Any) -> str:
    return hashlib.sha256(json.dumps(without_places(definition), sort_keys=True).encode()).hexdigest()[:KEY_DIGITS]


def _of_trials(frames: Frames, trials: pd.DataFrame) -> Iterator[pd.DataFrame]:
    base = trials[[*GROUP, "pair"]]
    failed = trials["status"] == FAILED
    digests = _digests(trials).fillna(UNTOLD).where(~failed, FAILED)
    yield base.assign(family="digest", metric="digest", text=digests)
    yield _of_data(frames.about.get("problems", {}))
    chosen = trials["tuned"] & (trials["seed"] == trials["seed"].where(trials["tuned"]).min())
    yield base.assign(family="digest", metric="setting", text=trials["setting"])[chosen].assign(pair="chosen")
    prefixes = {"default": DEFAULT, "tune": TUNING} if trials["tuned"].any() else {}
    for prefix, part in trials.groupby(trials["role"].map(lambda role: prefixes.get(role, "")), sort=False):
        yield from _of_convergence(part, frames.about["target"], str(prefix))
    # Seeds and settings do not matter to a count, so a group has one: the sum over its trials.
    sums = trials[~failed].groupby(GROUP)[[name for name in COUNTS if name in trials]].sum(min_count=1)
    for name in sums:
        yield (
            sums[name]
            .rename("value")
            .reset_index()
            .assign(family="count", metric=name, pair="all")
            .dropna(subset="value")
        )


def _digests(trials: pd.DataFrame) -> pd.Series:
    """The first digits of each curve's hash, exclusive or the bits of the last training loss and score, rotated.

    A curve may be over a part of the training samples, so that its hash does not cover the numbers over all of them.
    """
    texts = [text[:DIGEST_DIGITS] if isinstance(text, str) else None for text in trials["digest"].tolist()]
    # An export without hashes may hold anything.
    known = np.array([text is not None and _HEX(text) is not None for text in texts], bool)
    curves = pd.Series(texts, trials.index, object)
    found = np.frombuffer(bytes.fromhex("".join(curves[known])), ">u8").astype(np.uint64)  # there may be very many
    for turn, name in enumerate(FINAL, 1):  # rotated, so that two equal numbers do not cancel
        if name in trials:
            values = trials[name].to_numpy(np.float64)[known]
            bits = np.where(np.isnan(values), np.uint64(0), values.view(np.uint64))
            found ^= (bits << np.uint64(turn)) | (bits >> np.uint64(64 - turn))
    text = found.astype(">u8").tobytes().hex()
    curves[known] = [text[first : first + DIGEST_DIGITS] for first in range(0, len(text), DIGEST_DIGITS)]
    return curves


def _of_data(problems: Mapping[str, Any]) -> pd.DataFrame:
    """The hash of each problem's data, if these are read rather than generated."""
    sets = {name: about["dataset"] for name, about in problems.items() if about.get("kind") == "mlp"}
    rows = [
        (*DATA, name, None, np.nan, None, "all", np.nan, given.get(CONTENTS, UNTOLD), np.nan)
        for name, given in sets.items()
        if is_read(given)
    ]
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    return found.assign(text=found["text"].str.slice(0, DIGEST_DIGITS))


def _of_convergence(trials: pd.DataFrame, target: Any, prefix: str) -> Iterator[pd.DataFrame]:
    """The losses, steps to the target and successes of these trials."""
    text = trials["status"].map({FAILED: FAILED}).astype(object)
    base = trials[[*GROUP, "pair"]].assign(family="convergence", text=text)
    yield base.assign(metric=f"{prefix}final_loss", value=trials["loss"], shown=trials["shown"])
    reached = ~trials["status"].isin(LOST)
    if target:
        # The target is not part of a trial's key, and steps to different targets cannot be compared.
        base = base.assign(pair=base["pair"] + AT + _hash(target)[:TARGET_DIGITS])
        steps = censored_steps(trials)
        reached = np.isfinite(steps)
        yield base.assign(metric=f"{prefix}steps_to_target", value=steps)
    yield base.assign(metric=f"{prefix}success", value=reached.astype(float))


def _above_resolution(losses: pd.Series, frames: Frames, trials: pd.DataFrame) -> pd.Series:
    """The losses plus what the dtype resolves of the loss at step 0, below which differences mean nothing.

    A loss that should be zero may be rounded to less (ackley's value at its minimum); it counts as zero.
    """
    names = [name for name in ("val_loss", "train_loss", "value") if name in frames.curves]
    first = frames.curves[frames.curves["step"] == 0].set_index("trial")[names].bfill(axis=1).iloc[:, :1]
    start = trials["trial"].map(first.squeeze(axis=1) if len(names) else {}).abs().fillna(0.0)
    dtypes = {name: ROUNDINGS * float(np.finfo(name).eps) for name in trials["dtype"].unique()}
    floor = start * trials["dtype"].map(dtypes)
    return losses.where(losses < -floor, losses.clip(lower=0.0) + floor)


def _of_timings(frames: Frames) -> Iterator[pd.DataFrame]:
    """The costs relative to the peak of the same round, and the flops and bytes of a step."""
    subjects = frames.subjects[~frames.subjects["part"].isin(BESIDE)]
    if not len(subjects) or not len(frames.timings):
        return
    relative = over_peak(frames.timings, frames.subjects)
    seen = visits(frames.timings).set_index(["subject", "round"])["cost"]
    for row in subjects.to_dict("records"):
        if row["subject"] in relative:
            costs = relative[row["subject"]].dropna()
            names = {"metric": metric_of(row), **{name: row[name] for name in GROUP}}
            rounds, seconds = costs.index.astype(str), seen[row["subject"]].reindex(costs.index)
            yield pd.DataFrame({**names, "family": "cost", "pair": rounds, "value": costs.to_numpy(), "shown": seconds})
    yield step_counts(subjects)


def step_counts(subjects: pd.DataFrame) -> pd.DataFrame:
    """The flops and bytes of steps and their parts, as measures. subjects: `Run.subjects`."""
    alone = subjects[(subjects["jobs"] == 1) & ~subjects["part"].isin(BESIDE)]
    names = [metric_of(row) for row in alone.to_dict("records")]
    parts = [
        alone[GROUP].assign(family="count", metric=[f"{each} {name}" for each in names], pair="all", value=alone[name])
        for name in ("flops", "bytes")
    ]
    return pd.concat(parts).dropna(subset="value").reindex(columns=list(COLUMNS))


def metric_of(subject: Mapping[Any, Any]) -> str:
    """The name of a subject's cost: its part, layer and jobs, without the step that it is a part of.

    >>> metric_of({"part": "forward product", "layer": 2.0, "jobs": 2})
    'forward product 2, 2 jobs'
    """
    layer = "" if pd.isna(subject["layer"]) else f" {int(subject['layer'])}"
    return f"{subject['part']}{layer}" + (f", {subject['jobs']} jobs" if subject["jobs"] > 1 else "")
