"""What a comparison decides of planted sides: each verdict with its reason and exit code, alone and among others."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sides import group, metric, side

from gdbench.gate.comparison import compare
from gdbench.gate.families import only
from gdbench.gate.pairing import too_few


def verdict_of(comparison, name):
    """Verdict and reason of the one metric of this name."""
    found = comparison.findings.set_index("metric").loc[name]
    return found["verdict"], found["reason"]


TEN = [f"a{number}" for number in range(10)]
OTHER = [f"b{number}" for number in range(10)]
NONE = ["none"] * 10  # trials without digests
UP = np.arange(10.0, 20.0)
COST = np.array([1.0, 1.01, 0.99, 1.0, 1.02])


def cost(values, **changes):
    return metric("step", values, family="cost", **changes)


def count(name, value, **changes):
    return metric(name, [value], family="count", pairs=["all"], **changes)


VERDICT = {
    # name: base, head, metric, verdict, reason, exit code
    "equal bits": ([group(TEN, UP, UP)], [group(TEN, UP, UP)], "digest", "unchanged", "equal", 0),
    "bits differ, statistics agree": (
        [group(TEN, UP, UP)],
        [group(OTHER, UP, UP * np.tile([0.9, 1.1], 5))],
        *("final_loss", "changed", "bits-differ", 0),
    ),
    "one bit of one trial": ([group(TEN, UP)], [group([*TEN[:9], "b"], UP)], "digest", "changed", "bits-differ", 0),
    "twice the steps": ([group(TEN, UP)], [group(OTHER, 2 * UP)], "steps_to_target", "regressed", "beyond-margin", 1),
    "a third of the steps less": (
        *([group(TEN, UP)], [group(OTHER, UP / 1.5)]),
        *("steps_to_target", "improved", "beyond-margin", 0),
    ),
    "a hundredth of the steps": (
        *([group(TEN, UP)], [group(OTHER, UP / 100)]),
        *("steps_to_target", "improved", "suspicious", 0),
    ),
    "twice the steps of three": (
        *([group(TEN[:3], UP[:3])], [group(OTHER[:3], 2 * UP[:3])]),
        *("steps_to_target", "inconclusive", "few-pairs", 3),
    ),
    "none of three arrives": (
        *([group(TEN[:3], UP[:3])], [group(OTHER[:3], np.full(3, np.inf))]),
        *("steps_to_target", "inconclusive", "few-pairs", 3),
    ),
    "all of three arrive for the first time": (
        *([group(TEN[:3], np.full(3, np.inf))], [group(OTHER[:3], UP[:3])]),
        *("steps_to_target", "changed", "suspicious", 0),
    ),
    "a third of the loss of three": (
        *([group(TEN[:3], UP[:3], UP[:3])], [group(OTHER[:3], UP[:3], UP[:3] / 3)]),
        *("final_loss", "changed", "suspicious", 0),
    ),
    "none arrives in either": (
        *([group(TEN, np.full(10, np.inf))], [group(OTHER, np.full(10, np.inf))]),
        *("steps_to_target", "changed", "bits-differ", 0),
    ),
    "a lost trial in head": (
        *([group(TEN, UP)], [group([*TEN[:9], "failed"], UP)]),
        *("digest", "failed", "failed-trial", 3),
    ),
    "a lost trial in both": (
        *([group([*TEN[:9], "failed"], UP)], [group([*TEN[:9], "failed"], UP)]),
        *("digest", "failed", "failed-trial", 3),
    ),
    "a trial too few": ([group(TEN)], [group(TEN[:9])], "digest", "missing", "not-in-head", 3),
    "a trial more": ([group(TEN[:9])], [group(TEN)], "digest", "inconclusive", "no-baseline", 4),
    "a trial more, and another bit": (
        *([group(TEN[:9])], [group(["b", *TEN[1:]])]),
        *("digest", "inconclusive", "no-baseline", 4),
    ),
    "a metric too few": (
        [count("flops", 1), count("bytes", 1)],
        [count("flops", 1)],
        "bytes",
        "missing",
        "not-in-head",
        3,
    ),
    "a metric more": ([count("flops", 1)], [count("flops", 1), cost(COST)], "step", "inconclusive", "no-baseline", 4),
    "nothing in common": ([count("flops", 1)], [cost(COST)], "flops", "missing", "not-in-head", 3),
    "the same cost": ([cost(COST)], [cost(COST * 1.05)], "step", "unchanged", "within-margin", 0),
    "twice the cost": ([cost(COST)], [cost(COST * 2)], "step", "regressed", "beyond-margin", 1),
    "a noisy cost": ([cost(COST)], [cost(COST * [1, 2, 1, 3, 1])], "step", "inconclusive", "noisy", 4),
    "a cost of one round": ([cost(COST[:1])], [cost(COST[:1])], "step", "inconclusive", "few-pairs", 3),
    "a cost without a batch size": (
        *([cost(COST, batch_size=math.nan)], [cost(COST * 2, batch_size=math.nan)]),
        *("step", "regressed", "beyond-margin", 1),
    ),
    "the same count": ([count("flops", 10)], [count("flops", 10)], "flops", "unchanged", "equal", 0),
    "one more": ([count("flops", 10)], [count("flops", 11)], "flops", "regressed", "count-differs", 1),
    "one less": ([count("flops", 10)], [count("flops", 9)], "flops", "improved", "count-differs", 0),
    "more evaluations of the same bits": (
        [group(TEN), count("gradient_evaluations", 10)],
        [group(TEN), count("gradient_evaluations", 11)],
        *("gradient_evaluations", "regressed", "count-differs", 1),
    ),
    "a few more evaluations of other bits": (
        [group(TEN), count("gradient_evaluations", 100)],
        [group(OTHER), count("gradient_evaluations", 103)],
        *("gradient_evaluations", "changed", "follows-bits", 0),
    ),
    "many more evaluations of other bits": (
        [group(TEN), count("gradient_evaluations", 100)],
        [group(OTHER), count("gradient_evaluations", 104)],
        *("gradient_evaluations", "inconclusive", "follows-bits", 4),
    ),
    "many fewer evaluations of other bits": (
        [group(TEN), count("gradient_evaluations", 100)],
        [group(OTHER), count("gradient_evaluations", 50)],
        *("gradient_evaluations", "changed", "follows-bits", 0),
    ),
    "more parameters with other bits": (
        [group(TEN), count("parameters", 10)],
        [group(OTHER), count("parameters", 11)],
        *("parameters", "regressed", "count-differs", 1),
    ),
    "another setting": (
        [metric("setting", ["a"], pairs=["chosen"])],
        [metric("setting", ["b"], pairs=["chosen"])],
        *("setting", "changed", "setting-differs", 0),
    ),
    "another target": (
        [group(TEN), metric("steps_to_target", UP, pairs=[f"k{number}@1" for number in range(10)])],
        [group(OTHER), metric("steps_to_target", 2 * UP, pairs=[f"k{number}@2" for number in range(10)])],
        *("steps_to_target", "inconclusive", "no-baseline", 4),
    ),
    "no digests, the same numbers": (
        *([group(NONE, UP, UP)], [group(NONE, UP, UP)]),
        *("final_loss", "unchanged", "equal", 0),
    ),
    "no digests, other numbers": (
        *([group(NONE, UP, UP)], [group(NONE, UP, UP + 1e-4)]),
        *("final_loss", "changed", "bits-differ", 0),
    ),
    "no digests, twice the loss": (
        *([group(NONE, UP, UP)], [group(NONE, UP, 2 * UP)]),
        *("final_loss", "regressed", "beyond-margin", 1),
    ),
    "no digests, a trial too few": (
        *([group(NONE, UP, UP)], [group(NONE[:9], UP[:9], UP[:9])]),
        *("digest", "missing", "not-in-head", 3),
    ),
    "no digests, a failed trial": (
        *([group(NONE, UP, UP)], [group([*NONE[:9], "failed"], UP, UP)]),
        *("digest", "failed", "failed-trial", 3),
    ),
    "the default settings take twice the steps": (
        *(
            [group(TEN), metric("default steps_to_target", UP)],
            [group(OTHER), metric("default steps_to_target", 2 * UP)],
        ),
        *("default steps_to_target", "regressed", "beyond-margin", 1),
    ),
    "the default settings arrive no more": (
        *([group(TEN), metric("default success", UP > 0)], [group(OTHER), metric("default success", UP < 0)]),
        *("default success", "regressed", "beyond-margin", 1),
    ),
}


@pytest.mark.parametrize("name", VERDICT)
def test_each_verdict_has_its_reason_and_exit_code(name):
    base, head, which, verdict, reason, code = VERDICT[name]
    found = compare(side(*base), side(*head))
    assert verdict_of(found, which) == (verdict, reason) and found.exit_code() == code


def test_equal_digests_are_unchanged_whatever_else_is_said_of_the_trials():
    found = compare(side(group(TEN, UP, UP)), side(group(TEN, 9 * UP, 9 * UP)))
    assert found.verdict == "unchanged" and found.findings["metric"].tolist() == ["digest"]


def test_censored_trials_rank_worst_and_are_not_dropped():
    trials, steps = [f"t{n}" for n in range(20)], np.arange(100.0, 120.0)
    late = np.where(np.arange(20) % 2, np.inf, steps)
    base, head = side(group(trials, steps)), side(group([f"{name}'" for name in trials], late))
    found = compare(base, head)
    # 10 of 10 lost: p = 2 / 2^10. Of those that still arrive, none takes longer: dropping the others would hide it.
    row = found.findings.set_index("metric").loc["success"]
    assert row["verdict"] == "regressed" and row["p"] == 2 / 2**10 and row["pairs"] == 20
    assert found.findings.set_index("metric").loc["steps_to_target", "ratio"] == math.inf
    all_late = compare(base, side(group([f"{name}'" for name in trials], np.full(20, np.inf))))
    assert verdict_of(all_late, "steps_to_target")[0] == "regressed"


def test_trials_that_are_copies_of_one_another_count_once():
    # A function has no noise: the seeds of a setting all give the same curve, which is no evidence of its own.
    base, head = group(["a"] * 10, np.full(10, 20.0)), group(["b"] * 10, np.full(10, 21.0))
    found = compare(side(base), side(head))
    assert found.findings.set_index("metric").loc["steps_to_target", "pairs"] == 1
    assert verdict_of(found, "steps_to_target") == ("inconclusive", "few-pairs")
    three = group([*"aaaabbbccc"], UP), group([*"AAAaBBBCCC"], UP)  # one of a's copies has not changed
    assert compare(*map(side, three)).findings.set_index("metric").loc["success", "pairs"] == 4


def test_too_few_pairs_to_ever_say_regressed_fail_unless_that_is_allowed():
    found = compare(side(group(TEN[:3], UP[:3])), side(group(OTHER[:3], 2 * UP[:3])))
    assert (found.exit_code(), found.exit_code(strict=True)) == (3, 1)
    assert replace(found, few_pairs=True).exit_code() == 4
    assert compare(side(group(TEN[:3], UP[:3])), side(group(OTHER[:3], 1.01 * UP[:3]))).exit_code() == 0


def test_a_baseline_with_too_few_pairs_is_told_by_its_fewest_and_most():
    few = side(group(TEN[:3], UP[:3], UP[:3]), group(TEN[:5], UP[:5], UP[:5], rule="adam"), group(TEN, UP, rule="lion"))
    (words,) = too_few(few)
    assert words.startswith("3 to 5 trials of a rule can never show a regression of one metric alone among 8, ")
    assert "; 9 can." in words
    assert not [*too_few(side(group(TEN, UP, UP)))] and not [*too_few(side(count("flops", 1)))]
    copies = side(group(["a"] * 10, UP))  # a function without noise
    assert next(too_few(copies)).startswith("1 trial of a rule can never")
    names = [f"seed-{number}-p" for number in range(4)]
    tuned = side(*(part.assign(pair=names) for part in (metric("digest", TEN[:4]), metric("final_loss", UP[:4]))))
    assert next(too_few(tuned)).startswith("4 seeds can never")


def test_beside_a_baseline_both_sides_show_what_it_keeps():
    seconds = pd.Series([1e-3] * 5)
    stored = side(group(TEN[:3], UP[:3]), cost(COST), metric("default final_loss", UP[:3]).assign(shown=1.0))
    head = side(
        group(OTHER[:3], UP[:3]), cost(COST).assign(shown=seconds), metric("final_loss", UP[:3]).assign(shown=2.0)
    )
    run = side(group(TEN[:3], UP[:3]), cost(COST).assign(shown=seconds))
    for base, unit, shown in ((side(group(TEN[:3], UP[:3]), cost(COST)), "times the peak", 1.0), (run, "s", 1e-3)):
        row = compare(base, head).findings.set_index("metric").loc["step"]
        assert (row["unit"], row["base"]) == (unit, shown)
    assert compare(stored, head).findings.set_index("metric").loc["step", "unit"] == "times the peak"


def test_negative_losses_have_a_difference_and_no_ratio():
    found = compare(side(group(TEN, UP, -UP)), side(group(OTHER, UP, -0.5 * UP))).findings.set_index("metric")
    row = found.loc["final_loss"]
    assert row["verdict"] == "regressed" and "negative" in row["detail"]
    assert row[["ratio", "low", "high"]].isna().all() and (row["base"], row["head"]) == (-14.5, -7.25)


def test_times_of_another_machine_are_inconclusive_and_bits_are_not():
    sides = [side(group(TEN), cost(COST), machine=name) for name in ("here", "there")]
    found = compare(*sides)
    assert verdict_of(found, "step") == ("inconclusive", "other-machine") and found.exit_code() == 4
    assert verdict_of(found, "digest") == ("unchanged", "equal")


def test_nothing_at_all_was_not_compared():
    assert compare(side(), side()).exit_code() == compare(side(), side(), lenient=True).exit_code() == 3


def test_lenient_leaves_out_what_base_lacks_but_not_what_failed():
    base, new = side(group(TEN)), group(TEN, rule="new")
    assert compare(base, side(group(TEN), new)).exit_code() == 4
    assert compare(base, side(group([*TEN, "more"]), new), lenient=True).verdict == "unchanged"
    failing = side(group(TEN), group([*TEN[:9], "failed"], rule="new"))
    assert compare(base, failing, lenient=True).exit_code() == 3
    assert compare(base, side(group([*TEN, "failed"])), lenient=True).exit_code() == 3


def test_counts_of_other_trials_are_not_compared():
    one = [count("parameters", 10), count("step flops", 7)]
    for base, head in ((TEN, TEN[:9]), (TEN, [*TEN[:9], "failed"]), ([*TEN[:9], "failed"], TEN)):
        findings = compare(side(group(base), *one), side(group(head), count("parameters", 9), one[1])).findings
        assert "parameters" not in set(findings["metric"]) and "step flops" in set(findings["metric"])


def test_whichever_families_are_asked_for_trials_that_cannot_be_compared_are_told():
    one, more = count("parameters", 10), count("parameters", 12)
    for head, verdict in ((TEN[:9], "missing"), ([*TEN[:9], "failed"], "failed"), ([*TEN, "new"], "inconclusive")):
        found = compare(side(group(TEN), one), side(group(head), more))
        assert only(found, ["count"]).verdict == only(found, ["convergence"]).verdict == verdict
        assert only(found, ["cost"]).verdict == "missing"  # nothing was compared


def test_what_has_no_baseline_yet_may_be_excused_and_nothing_else():
    found = [replace(compare(side(), side(*head)), excused=True) for head in ([group(TEN)], [group(["failed"])], [])]
    assert [(each.verdict, each.exit_code()) for each in found] == [("inconclusive", 0), ("failed", 3), ("missing", 3)]


def test_strict_makes_changed_bits_a_regression_whatever_else_was_found():
    bits = compare(side(group(TEN)), side(group(OTHER)))
    assert (bits.exit_code(), bits.exit_code(strict=True)) == (0, 1)
    more = compare(side(group(TEN)), side(group(OTHER), cost(COST)))
    assert (more.exit_code(), more.exit_code(strict=True)) == (4, 1)


def many(factors, digests=OTHER):
    """Base and head, of which each rule takes so many times the steps."""
    base = side(*(group(TEN, UP, rule=f"r{i}") for i in range(len(factors))))
    return base, side(
        *(group(digests if factor != 1 else TEN, UP * factor, rule=f"r{i}") for i, factor in enumerate(factors))
    )


@pytest.mark.parametrize(
    ("factors", "reason"),
    [
        ([1.5] * 5, "suite-wide"),
        ([1.5] * 4 + [1], "suite-wide"),
        ([1.5] * 4 + [1] * 6, "beyond-margin"),
        ([1.5] * 3, "beyond-margin"),
    ],
)
def test_a_suite_wide_shift_is_one_of_nearly_all_groups_of_the_suite(factors, reason):
    found = compare(*many(factors))
    rows = found.findings[found.findings["verdict"] == "regressed"]
    assert set(rows["reason"]) == {reason} and len(rows) == factors.count(1.5)
    assert bool(found.notes) == (reason == "suite-wide")
    if found.notes:
        assert f"in {factors.count(1.5)} of {len(factors)} metrics" in found.notes[0] and "1.500" in found.notes[0]


def test_equal_bits_say_nothing_of_whether_all_costs_moved():
    costs = [[cost(COST * factor, rule=f"r{number}") for number in range(4)] for factor in (1, 2)]
    trials = [group(TEN, rule=f"r{number}") for number in range(9)]
    found = compare(side(*trials, *costs[0]), side(*trials, *costs[1])).findings
    assert set(found[found["family"] == "cost"]["reason"]) == {"suite-wide"}


def test_the_gravest_comes_first():
    found = compare(*many([1, 1.5, 1 / 1.5, 3])).findings
    assert found["verdict"].tolist()[:2] == ["regressed", "regressed"] and found["rule"].tolist()[:2] == ["r3", "r1"]
    assert found["verdict"].iloc[-1] == "unchanged"
