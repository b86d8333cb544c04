"""What is compared of a run, by hand: the pairs, the values and the counts of a suite of a few trials."""

import dataclasses
import math
import struct

import numpy as np
import pandas as pd
import pytest

import gdbench
from gdbench.gate.comparison import compare
from gdbench.gate.measures import COLUMNS, measures
from gdbench.gate.sides import side_of
from gdbench.reports.settings_table import settings
from gdbench.stats.timings import roofline

SUITE = {
    "title": "Iris, tuned",
    "seeds": 3,
    "tune_seeds": 2,
    "batch_size": [8],
    "budget": {"epochs": 2},
    "target": {"val_accuracy": 0.6},
    "evaluate": {"points": 4},
    "problem": {"iris": {"kind": "mlp", "dataset": "iris", "hidden": [4]}},
    "rule": {"sgd": {"lr": [0.01, 0.1]}},
}
FUNCTION = {
    "title": "A function",
    "seeds": 2,
    "tune_seeds": 0,
    "dtype": "float64",
    "budget": {"steps": 5},
    "problem": {"ackley": {"kind": "function", "function": "ackley"}},
    "rule": {"sgd": {"lr": [0.001, 0.01]}},
}


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """The frames of a suite's run, each suite run once."""
    store, seen = tmp_path_factory.mktemp("store") / "runs.db", {}

    def of(suite):
        name = repr(suite)
        if name not in seen:
            seen[name] = gdbench.run(suite, store=store).frames
        return seen[name]

    return of


def values(frame, metric, column="value"):
    """The values of one metric by pair."""
    return frame[frame["metric"] == metric].set_index("pair")[column]


def digest_of(row):
    """The gate's digest of a trial: its curve's, with the bits of the last training loss and score."""
    found = int(row["digest"][:16], 16)
    for turn, name in enumerate(("train_loss", "train_accuracy"), 1):
        (bits,) = struct.unpack("<Q", struct.pack("<d", row[name]))
        found ^= (bits << turn | bits >> 64 - turn) & (2**64 - 1)
    return f"{found:016x}"


def test_trials_are_found_by_their_keys_and_the_chosen_ones_by_their_seeds(frames):
    run = frames(SUITE)
    found, trials = measures(run), run.trials
    assert list(found) == list(COLUMNS)
    digests = values(found, "digest", "text")
    for row in trials[trials["role"] != "report"].to_dict("records"):
        assert digests[row["key"][:8]] == digest_of(row)
    chosen = trials[trials["role"] == "report"]
    by_seed = digests[digests.index.str.startswith("seed-")]
    assert [pair.split("-")[1] for pair in by_seed.index] == ["0", "1", "2"]
    assert by_seed.tolist() == [*map(digest_of, chosen.to_dict("records"))]
    assert len(digests) == len(trials) == 2 * 2 + 3 + 3 and digests.index.is_unique
    assert values(found, "setting", "text").to_dict() == {"chosen": chosen["setting"].iloc[0]}


def test_steps_successes_and_losses_are_those_of_the_trials(frames):
    run = frames(SUITE)
    steps = run.trials["steps_to_target"].to_numpy()
    assert np.isinf(steps).any() and np.isfinite(steps).any()
    for role, prefix in (("report", ""), ("default", "default "), ("tune", "tuning ")):
        check_convergence(run, run.trials[run.trials["role"] == role], prefix)


def check_convergence(run, trials, prefix):
    """The measures with this before their names are those of these trials."""
    found, steps = measures(run), trials["steps_to_target"].to_numpy()
    assert values(found, f"{prefix}steps_to_target").tolist() == steps.tolist()
    assert values(found, f"{prefix}success").tolist() == np.isfinite(steps).tolist()
    # 100 roundings of the loss at step 0 are added: about 1e-5 of it, in float32.
    first = run.curves[run.curves["step"] == 0].set_index("trial")["val_loss"]
    expected = trials["val_loss"].to_numpy() + 100 * 2.0**-23 * first[trials["trial"]].to_numpy()
    assert values(found, f"{prefix}final_loss").to_numpy() == pytest.approx(expected, rel=1e-12)


def test_the_settings_that_were_tried_do_not_hide_what_became_of_the_chosen_one(frames):
    run = frames(SUITE | {"seeds": 8, "budget": {"epochs": 8}})
    chosen = run.trials["role"] == "report"
    later = run.trials.assign(
        steps_to_target=run.trials["steps_to_target"] * np.where(chosen, 10.0, 1.0),
        digest=run.trials["digest"].where(~chosen, "0" + run.trials["digest"].str.slice(1)),
    )
    found = compare(side_of(run), side_of(dataclasses.replace(run, trials=later)))
    row = found.findings.set_index("metric").loc["steps_to_target"]
    assert (row["verdict"], row["pairs"], row["ratio"]) == ("regressed", 8, pytest.approx(10.0))
    assert found.exit_code() == 1 and not found.findings["metric"].str.contains("default|tuning").any()


def test_fewer_reporting_seeds_than_can_tell_are_taken_together_with_the_other_trials(frames):
    run = frames(SUITE)
    later = run.trials.assign(digest="0" + run.trials["digest"].str.slice(1))
    found = compare(side_of(run), side_of(dataclasses.replace(run, trials=later))).findings
    tested = found[found["family"] == "convergence"].set_index("metric")
    assert set(tested.index) == {"steps_to_target", "final_loss", "success"}
    assert tested.loc["final_loss", "pairs"] == len(run.trials) == 10
    assert "all trials of a rule are compared" in tested.loc["final_loss", "detail"]


def test_the_numbers_shown_are_those_of_the_runs_own_tables(frames):
    run = frames(SUITE)
    later = run.trials.assign(digest="0" + run.trials["digest"].str.slice(1))
    tables = settings(run).iloc[0], roofline(run.timings, run.subjects).set_index("subject")["median"]
    for level in (0.05, 0.9):  # all trials are compared, or those that report alone
        found = compare(side_of(run), side_of(dataclasses.replace(run, trials=later)), level=level).findings
        row = found.set_index("metric")
        assert row.loc["final_loss", "base"] == row.loc["final_loss", "head"] == tables[0]["loss"]
        assert row.loc["steps_to_target", "base"] == tables[0]["steps_to_target"]
        assert (row.loc["success", "base"], row.loc["success", "unit"]) == (tables[0]["reached"], "share")
        step = run.subjects[(run.subjects["part"] == "step") & (run.subjects["jobs"] == 1)]["subject"].item()
        assert (row.loc["step", "base"], row.loc["step", "unit"]) == (tables[1][step], "s")


def test_a_rule_that_head_adds_leaves_the_metrics_of_the_others_as_they_are(frames):
    # Eight seeds tell among the six metrics of one rule, and not among the twelve of two.
    one = SUITE | {"seeds": 8, "budget": {"epochs": 8}}
    run, more = frames(one), frames(one | {"rule": one["rule"] | {"adam": {"lr": [0.01, 0.1]}}})
    found = compare(side_of(run), side_of(more), lenient=True)
    assert set(found.findings.query("family != 'cost'")["verdict"]) == {"unchanged"}
    assert set(found.findings["rule"]) - {""} == {"sgd"}


def test_a_dtype_that_is_chosen_otherwise_leaves_no_trial_behind(frames):
    run = frames(SUITE | {"dtype": ["float32", "float64"]})
    chosen = run.trials["role"] == "report"
    other = run.trials.assign(dtype=run.trials["dtype"].where(~chosen, "float64"))
    first = run.trials.assign(dtype=run.trials["dtype"].where(~chosen, "float32"))
    found = compare(*(side_of(dataclasses.replace(run, trials=trials)) for trials in (first, other)))
    assert "missing" not in set(found.findings["verdict"])
    dtypes = found.findings.query("metric == 'setting'")["dtype"]
    assert dtypes.tolist() == ["float32/float64"]


def test_counts_are_sums_over_the_trials_of_a_group(frames):
    found = measures(frames(SUITE))
    counts = found[found["family"] == "count"].set_index("metric")["value"]
    # 4 x 4 + 4 + 4 x 3 + 3 parameters; 106 samples to train on are 14 batches of 8 an epoch.
    assert counts["parameters"] == 10 * 35 and counts["gradient_evaluations"] == 10 * 2 * 14
    step = frames(SUITE).subjects.set_index("part").loc[["step"]]  # one with each number of jobs
    assert counts["step flops"] == step[step["jobs"] == 1]["flops"].item()


def test_costs_are_over_the_peak_of_their_round(frames):
    run = frames(SUITE)
    timings = run.timings.assign(cost=run.timings["seconds"] / run.timings["steps"])
    costs = timings.groupby(["subject", "round"])["cost"].min()
    step = run.subjects[(run.subjects["part"] == "step") & (run.subjects["jobs"] == 1)]["subject"].item()
    expected = costs[step] / costs["peak float32"]
    found = values(measures(run), "step")
    assert found.index.tolist() == [str(number) for number in expected.index]
    assert found.to_numpy() == pytest.approx(expected.to_numpy())


def test_a_failed_trial_is_told_and_counts_for_nothing(frames):
    run = frames(SUITE)
    trials = run.trials.copy()
    place = trials.index[trials["role"] == "report"][1]
    trials.loc[place, ["status", "digest"]] = ["failed", None]
    found = measures(dataclasses.replace(run, trials=trials))
    pair = f"seed-{trials['seed'][place]}-"
    told, losses = (values(found, "final_loss", column).filter(like=pair) for column in ("text", "value"))
    assert values(found, "digest", "text").filter(like=pair).tolist() == ["failed"] == told.tolist()
    assert losses.tolist() == [math.inf] and values(found, "parameters").item() == 9 * 35
    both = side_of(dataclasses.replace(run, trials=trials))
    assert compare(both, both).verdict == "failed"


def test_the_same_suite_is_unchanged_but_for_its_costs(frames):
    one = side_of(frames(SUITE))
    findings = compare(one, one).findings
    assert set(findings[findings["family"] != "cost"]["verdict"]) == {"unchanged"}


@pytest.mark.parametrize("change", [{"hidden": [5]}, {"activation": "tanh"}, {"l2": 0.1}])
def test_tuned_trials_of_another_problem_do_not_pair(frames, change):
    other = frames({**SUITE, "problem": {"iris": {**SUITE["problem"]["iris"], **change}}})
    sides = side_of(frames(SUITE)), side_of(other)
    pairs = [set(values(side.measures, "digest", "text").index) for side in sides]
    assert not pairs[0] & pairs[1]
    found = compare(*sides)
    digest = found.findings.set_index("metric").loc["digest"]
    assert (digest["verdict"], digest["reason"]) == ("missing", "not-in-head") and found.exit_code() != 0


def test_a_setting_chosen_otherwise_is_compared_with_the_old_one(frames):
    rates = frames({**SUITE, "rule": {"sgd": {"lr": [0.01]}}, "schedule": "cosine"})
    old, new = (measures(each) for each in (frames(SUITE), rates))
    seeds = [set(values(each, "digest", "text").filter(like="seed").index) for each in (old, new)]
    assert seeds[0] == seeds[1] and len(seeds[0]) == 3
    assert values(old, "setting", "text").item() != values(new, "setting", "text").item()


def test_steps_to_another_target_do_not_pair(frames):
    old, new = (measures(frames(suite)) for suite in (SUITE, {**SUITE, "target": {"val_accuracy": 0.5}}))
    for metric, common in (("digest", True), ("final_loss", True), ("steps_to_target", False), ("success", False)):
        index = values(old, metric).index.intersection(values(new, metric).index)
        assert bool(len(index)) is common


def test_without_a_target_success_is_not_to_diverge(frames):
    run = frames(FUNCTION)
    trials = run.trials.copy()
    trials.loc[0, "status"] = "diverged"
    found = measures(dataclasses.replace(run, trials=trials))
    assert values(found, "success").tolist() == [0.0, 1.0, 1.0, 1.0]
    assert "steps_to_target" not in set(found["metric"])


def test_below_what_a_dtype_resolves_losses_are_equal_to_a_percent(frames):
    run = frames(FUNCTION)
    start = run.curves[run.curves["step"] == 0]["value"].iloc[0]
    rounding, trials = 2.0**-52 * start, run.trials.copy()
    trials["value"] = [0.0, -rounding, rounding, -2 * start]
    losses = values(measures(dataclasses.replace(run, trials=trials)), "final_loss").to_numpy()
    assert losses[:3].max() / losses[:3].min() == pytest.approx(1.01) and losses[3] == -2 * start


def test_a_timing_by_itself_has_costs_and_no_convergence(frames):
    run = frames(SUITE)
    found = measures(dataclasses.replace(run, trials=run.trials[:0].astype(object), curves=run.curves[:0]))
    assert set(found["family"]) == {"cost", "count"}
    none = measures(dataclasses.replace(run, trials=run.trials[:0], timings=run.timings[:0]))
    assert list(none) == list(COLUMNS) and not len(none) and pd.api.types.is_float_dtype(none["value"])
