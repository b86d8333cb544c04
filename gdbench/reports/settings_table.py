"""The ranking: which rule, at which setting and batch size, reached the target soonest."""

from functools import partial

import numpy as np
import pandas as pd

from gdbench.reports import text
from gdbench.reports.results import Results, has_batches, once, target
from gdbench.stats import (
    GROUP,
    Interval,
    bootstrap_median,
    bootstrap_product,
    censored_steps,
    choose,
    epochs_a_step,
    final_loss,
    final_score,
    objective,
    reported,
    score_name,
)
from gdbench.stats.timings import step_costs

NO_STEPS = np.zeros(0)
NO_COSTS = np.zeros(0)  # for a setting that was not timed, since its trials failed


def settings(results: Results) -> pd.DataFrame:
    """One row for each problem, rule and batch size; within a problem each rule at its best batch size comes first.

    Both parts are in order of median steps to target, then of `loss`: the metric that `objective` names, infinite for
    a lost trial. `score` names the metric in `test`, if any; `rank` counts the first part alone. The tuning seeds chose
    the setting. Every other number is a median over the reporting seeds with its 95 % bootstrap interval (`_low`,
    `_high`). `best_batch` marks the rule's best batch size on the tuning seeds. `default_*` is the rule with its own
    defaults. `at_edge` marks a chosen lr that is the least or greatest tried. `diverged` is the share of the group's
    tuning trials that diverged.
    If the run's steps were timed, `step` is the seconds of one, measured alone, in the faster half of the rounds.
    `time_to_target` is the median steps to target times `step` (`bootstrap_product`). Both have intervals.
    """
    return _settings(results).copy()


@once
def _settings(results: Results) -> pd.DataFrame:
    trials = results.trials
    chosen = choose(trials)
    chosen["best_batch"] = ~chosen.duplicated(["problem", "rule"])  # the best comes first
    final = reported(trials)
    finals = dict(iter(final.groupby(GROUP)))
    defaults = dict(iter(trials[trials["role"] == "default"].groupby(GROUP)))
    names = {problem: (objective(own), score_name(own)) for problem, own in trials.groupby("problem")}
    varied = _varied(results)
    wanted = target(results) is not None
    timed = step_costs(results.timings, results.subjects)
    a_step = epochs_a_step(trials)
    rows = []
    for choice in chosen.itertuples(index=False):
        group = {name: getattr(choice, name) for name in GROUP}
        key = tuple(group.values())
        mine, default = finals.get(key, final.iloc[:0]), defaults.get(key, trials.iloc[:0])
        judged, score = names[choice.problem]
        steps = censored_steps(mine).to_numpy() if wanted else NO_STEPS
        own = _median("steps_to_target", steps)
        row = {
            **group,
            "lr": choice.lr,
            "other": _other(mine, varied[choice.rule]),
            "trials": len(mine),
            "reached": float(np.isfinite(steps).mean()) if len(steps) else np.nan,
            **own,
            **(_times(steps, timed.get(key, NO_COSTS)) if timed else {}),
            "epochs_to_target": _epochs(
                own["steps_to_target"], a_step.get((choice.problem, choice.batch_size), np.nan)
            ),
            "objective": judged,
            **_median("loss", final_loss(mine)),
            "score": score,
            **_median("test", final_score(mine, score) if score else []),
            "default_steps_to_target": float(censored_steps(default).median()) if wanted and len(default) else np.nan,
            "default_loss": float(final_loss(default).median()) if len(default) else np.nan,
            "default_test": float(final_score(default, score).median()) if score and len(default) else np.nan,
            "at_edge": choice.at_edge,
            "diverged": choice.diverged,
            "settings": choice.settings,
            "best_batch": choice.best_batch,
        }
        rows.append(row)
    frame = pd.DataFrame(rows)
    if frame.empty:
        return frame
    frame["_problem"] = frame["problem"].map({name: i for i, name in enumerate(dict.fromkeys(trials["problem"]))})
    frame["_other"] = ~frame["best_batch"]
    frame = frame.sort_values(["_problem", "_other", "steps_to_target", "loss"], kind="stable", na_position="last")
    frame.insert(1, "rank", (frame.groupby("_problem").cumcount() + 1).where(frame["best_batch"]))
    return frame.drop(columns=["_problem", "_other"]).reset_index(drop=True)


def readable(frame: pd.DataFrame, results: Results) -> list[dict[str, str]]:
    """The ranking's rows with every number as text, for a terminal or a page."""
    several = results.trials["problem"].nunique() > 1
    batches = has_batches(results.trials)
    goal = target(results)
    rows = []
    for row in frame.to_dict("records"):
        cells = {"problem": row["problem"]} if several else {}
        cells |= {
            "#": text.number(row["rank"]),
            "rule": row["rule"],
            "lr": text.number(row["lr"]) + (f" ({row['at_edge']} edge)" if row["at_edge"] else ""),
        }
        if (frame["other"] != "").any():
            cells["other settings"] = row["other"]
        function = row["objective"] == "value"  # a function has neither batches nor epochs
        if batches:
            cells["batch"] = text.NONE if function else str(row["batch_size"])
        if goal:
            cells["steps to target"] = text.interval(text.steps, row, "steps_to_target")
            if batches:
                cells["epochs"] = text.NONE if function else text.number(row["epochs_to_target"], 2)
            if "step" in row:
                cells["time to target"] = text.interval(text.seconds, row, "time_to_target")
            cells["reached"] = text.percent(row["reached"], 0)
        if "step" in row:
            cells["step"] = text.seconds(row["step"])
        for name in dict.fromkeys(frame["objective"]):
            mine = name == row["objective"]
            cells[text.metric_title(name)] = text.interval(text.number, row, "loss") if mine else text.NONE
        for name in dict.fromkeys(filter(None, frame["score"])):
            mine = name == row["score"]
            write = partial(text.metric, name)
            cells[text.metric_title(name)] = text.interval(write, row, "test") if mine else text.NONE
        if frame["default_loss"].notna().any():
            default = f"{text.steps(row['default_steps_to_target'])} steps, " if goal else ""
            score = text.metric(row["score"], row["default_test"]) if row["score"] else text.number(row["default_loss"])
            cells["with defaults"] = default + score
        cells["diverged"] = text.percent(row["diverged"], 0)
        rows.append(cells)
    return rows


def _times(steps: np.ndarray, rounds: np.ndarray) -> dict[str, float]:
    """The cost of a step and the time to target, both with intervals. cost: seconds a step, one number a round."""
    return {**_median("step", rounds), **_named("time_to_target", bootstrap_product(steps, rounds))}


def _epochs(steps: float, a_step: float) -> float:
    """Steps as epochs. 0 and infinity are the same in any unit, also if no trial took a step."""
    return steps if steps in (0.0, np.inf) else steps * a_step


def _median(name: str, values: object) -> dict[str, float]:
    return _named(name, bootstrap_median(np.asarray(values, np.float64)))


def _named(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _varied(results: Results) -> dict[str, list[str]]:
    """The hyperparameters that the run varied for each rule besides lr."""
    names = [name for name in results.about["hyperparameters"] if name != "lr"]
    names += ["schedule", "dtype", "clip_norm", "clip_value"]
    counts = results.trials[results.trials["role"] != "default"].groupby("rule")[names].nunique()
    return {str(rule): [name for name in names if own[name] > 1] for rule, own in counts.iterrows()}


def _other(mine: pd.DataFrame, varied: list[str]) -> str:
    """The chosen values of the hyperparameters that were varied."""
    if mine.empty:
        return ""
    return ", ".join(f"{n} {text.number(v) if isinstance(v := mine[n].iloc[0], float) else v}" for n in varied)
