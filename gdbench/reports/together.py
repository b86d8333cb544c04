"""Several runs as one: each rule of each run becomes a rule of its own, `adam (run 1)`, so that all figures work.

results = together([run.frames, other.frames])
list(cautions([run.frames, other.frames]))
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from gdbench.reports import labels
from gdbench.reports.results import Part, Results
from gdbench.results.files import without_places

SAME = ("title", "suite", "backend", "code", "git_commit")  # kept if all runs agree
WORDS = ("title", "description", "problem", "target")  # keys not compared: they make no trial, or have a sentence
NAMED = 8  # keys of a suite that a sentence names; the others are counted


def together(runs: Sequence[Results]) -> Part:
    """The trials, curves and costs of a step of all runs; `environment` holds the facts on which they agree.

    Trials get new numbers, and a column `side`, the number of their run from 1. Runs with different targets have no
    target together. Reference kernels are left out, since each describes one machine.
    """
    first = runs[0].about
    trials: list[pd.DataFrame] = []
    curves, timings, subjects = [], [], []
    for side, run in enumerate(runs, 1):
        before = sum(len(frame) for frame in trials)
        numbers = dict(zip(run.trials["trial"], range(before, before + len(run.trials)), strict=True))
        own = run.subjects[run.subjects["part"] == "step"]
        trials.append(_relabelled(run.trials, side).assign(trial=list(numbers.values()), side=side))
        curves.append(run.curves.assign(trial=run.curves["trial"].map(numbers)))
        subjects.append(_relabelled(own, side).assign(subject=_named(own["subject"], side)))
        seen = run.timings[run.timings["subject"].isin(own["subject"])]
        timings.append(seen.assign(subject=_named(seen["subject"], side)))
    about: dict[str, Any] = {name: first[name] for name in SAME if len({run.about[name] for run in runs}) == 1}
    about |= {
        "title": f"{about.get('title', 'Runs')}: {len(runs)} runs side by side",
        "description": first["description"] if len({run.about["description"] for run in runs}) == 1 else "",
        "run": "+".join(run.about["run"] for run in runs),
        "state": next((run.about["state"] for run in runs if run.about["state"] != "complete"), "complete"),
        "target": first["target"] if all(run.about["target"] == first["target"] for run in runs) else {},
        "table": {"stop_at_target": any(run.about["table"].get("stop_at_target") for run in runs)},
        "problems": {name: own for run in reversed(runs) for name, own in _problems(run).items()},
        "hyperparameters": list(dict.fromkeys(name for run in runs for name in run.about["hyperparameters"])),
    }
    environment = {
        name: value
        for name, value in runs[0].environment.items()
        if all(name in run.environment and run.environment[name] == value for run in runs)
    }
    return Part(about, environment, _joined(trials), _joined(curves), _joined(timings), _joined(subjects))


def cautions(runs: Sequence[Results]) -> Iterator[str]:
    """Sentences about what makes runs hard to compare."""
    if len({str(run.about["target"]) for run in runs}) > 1:
        yield "The runs had different targets, so they are compared by their last loss."
    for name in dict.fromkeys(name for run in runs for name in _problems(run)):
        own = [without_places(_problems(run)[name]) for run in runs if name in _problems(run)]
        if any(each != own[0] for each in own):
            yield f"{name} is not defined alike in all runs: its losses and steps belong to different problems."
    keys = [_keys({k: v for k, v in run.about["table"].items() if k not in WORDS}) for run in runs]
    differ = [
        key for key in dict.fromkeys(key for own in keys for key in own) if len({own.get(key) for own in keys}) > 1
    ]
    if differ:
        more = f" and {len(differ) - NAMED} more keys" if len(differ) > NAMED else ""
        yield (f"The runs’ suites differ in {', '.join(differ[:NAMED])}{more}, which may be why their results differ.")


def _problems(run: Results) -> dict[str, Any]:
    return dict(run.about.get("problems", {}))


def _keys(table: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """The values of a suite by the path of each key: `rule.adam.lr`."""
    found: dict[str, str] = {}
    for name, value in table.items():
        found |= _keys(value, f"{before}{name}.") if isinstance(value, dict) and value else {before + name: str(value)}
    return found


def _joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The frames one below the other, without empty ones: the dtypes of their columns mean nothing."""
    return pd.concat([frame for frame in frames if len(frame)] or list(frames[:1]), ignore_index=True)


def _relabelled(frame: pd.DataFrame, side: int) -> pd.DataFrame:
    return frame.assign(rule=frame["rule"].map(lambda rule: labels.of_run(rule, side), na_action="ignore"))


def _named(subjects: pd.Series, side: int) -> pd.Series:
    return f"{side}: " + subjects.astype(str)
