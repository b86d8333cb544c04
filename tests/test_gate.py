"""What a comparison decides: its error rates and power on simulated sides, its symmetries, and each verdict by itself.

The bound on false alarms: a family's p-values are twice the smaller of two one-sided ones, so that where every metric
is worse by just the margin, the chance of any `regressed` is half the level. Shares are allowed what a binomial of
that chance exceeds once in a thousand.
"""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sides import group, metric, named, rows, side

from gdbench.gate import LEVEL, MARGIN, compare
from gdbench.gate.comparison import judge
from gdbench.gate.families import only
from gdbench.gate.measures import NAMES
from gdbench.stats.paired import clustered, mcnemar, signed_rank

EDGE = math.log1p(MARGIN)
METRICS, PAIRS = 300, 20
CLUSTERS = np.repeat(np.arange(5), 3)


def shifted(rng, shift, noise=0.05):
    """Signed ranks of pairs whose ratios scatter about exp(shift)."""
    return signed_rank(rng.normal(shift, noise, PAIRS), EDGE)


def clusters(rng, shift, noise=0.01, pairs=CLUSTERS):
    """Costs of 5 pairs of processes, which differ by a percent, in 3 rounds each."""
    found = rng.normal(shift, noise, pairs.max() + 1)[pairs] + rng.normal(0, 0.01, pairs.size)
    return clustered(found, pairs, EDGE)


def successes(rng, lost, won):
    """Successes in pairs, of which head loses and wins these shares."""
    drawn = rng.random(PAIRS)
    return mcnemar(drawn >= won, (drawn < won) | (drawn >= won + lost))


def verdicts(tests, family="convergence"):
    """The verdicts on metrics of one family, in their order."""
    found = judge(rows(tests, family, MARGIN), LEVEL)
    return found.set_index("rule").loc[[f"r{number}" for number in range(len(found))], "verdict"].to_numpy()


def allowed(times, chance=LEVEL / 2):
    """How often something of this chance may happen in so many times, in all but one of a thousand series."""
    return int(stats.binom.ppf(0.999, times, chance))


# False alarms: 300 metrics a time

NULLS = {
    "signed ranks, at the margin": (lambda rng: shifted(rng, EDGE), "convergence", 40),
    "signed ranks, nothing changed": (lambda rng: shifted(rng, 0.0), "convergence", 10),
    "successes, as many lost as won": (lambda rng: successes(rng, 0.2, 0.2), "convergence", 40),
    "clustered costs, at the margin": (lambda rng: clusters(rng, EDGE), "cost", 20),
    "clustered costs, nothing changed": (lambda rng: clusters(rng, 0.0), "cost", 5),
}


@pytest.mark.parametrize("name", NULLS)
def test_where_nothing_is_worse_than_the_margin_few_comparisons_say_so(name):
    simulate, family, times = NULLS[name]
    rng = np.random.default_rng(list(NULLS).index(name))
    alarms = sum("regressed" in verdicts([simulate(rng) for _ in range(METRICS)], family) for _ in range(times))
    assert alarms <= allowed(times)


def test_the_alarms_of_one_metric_at_the_margin_come_as_often_as_the_level_says():
    # The bound is sharp: a bug that makes tests too shy would pass the one above.
    times, rng = 4000, np.random.default_rng(10)
    alarms = np.mean([shifted(rng, EDGE).worse <= 0.025 for _ in range(times)])
    # The greatest attainable probability of 20 signed ranks below 0.025 is 0.0242.
    assert abs(alarms - 0.0242) <= 3.3 * math.sqrt(0.025 / times)


SOME = {
    "signed ranks": (shifted, "convergence", math.log(1.25)),
    "clustered costs": (clusters, "cost", math.log(1.25)),
}


@pytest.mark.parametrize("name", SOME)
def test_among_true_regressions_the_share_of_false_ones_is_within_its_bound(name):
    simulate, family, effect = SOME[name]
    times, true, rng = 10, 60, np.random.default_rng(20)
    false, found = [], []
    for _ in range(times):
        said = verdicts([simulate(rng, effect if number < true else EDGE) for number in range(METRICS)], family)
        false.append((said[true:] == "regressed").sum() / max(1, (said == "regressed").sum()))
        found.append((said[:true] == "regressed").mean())
    # Half the level times the share of nulls, and the slack of the mean of so many proportions.
    bound = LEVEL / 2 * (METRICS - true) / METRICS
    assert np.mean(false) <= bound + 3.3 * np.std(false, ddof=1) / math.sqrt(times)
    assert np.mean(found) > 0.9


def test_a_comparison_of_300_metrics_whose_bits_differ_raises_no_alarm_and_finds_what_is_planted():
    rng = np.random.default_rng(30)
    base, head = [], []
    for number in range(METRICS // 3):
        steps, noise = rng.lognormal(4.0, 0.5, PAIRS), rng.normal(0.0, 0.1, (2, PAIRS))
        effect = 1.5 if number < 5 else 1.0
        names = [f"{number}-{trial}" for trial in range(PAIRS)]
        base.append(group(names, steps, steps, rule=f"r{number:03}"))
        values = steps * np.exp(noise) * effect
        head.append(group([f"new {name}" for name in names], *values, rule=f"r{number:03}"))
    found = compare(side(*base), side(*head))
    regressed = found.findings[found.findings["verdict"] == "regressed"]
    assert set(regressed["rule"]) == {f"r{number:03}" for number in range(5)}
    assert set(regressed["metric"]) == {"steps_to_target", "final_loss"} and len(regressed) == 10
    assert (found.findings["verdict"] == "improved").sum() == 0


# Power


@pytest.mark.parametrize(("pairs", "cut"), [(4, 0), (6, 1), (10, 2)])
def test_costs_are_found_as_often_as_the_noncentral_t_distribution_says(pairs, cut):
    times, rng, effect = 1500, np.random.default_rng(pairs), EDGE + 0.027 * math.sqrt(5 / pairs)
    each, kept = np.arange(pairs), pairs - 2 * cut
    found = np.mean([clustered(rng.normal(effect, 0.02, pairs), each, EDGE).worse <= 0.025 for _ in range(times)])
    # The mean of what is kept scatters a little more than that of all.
    scatter = np.sort(rng.normal(0, 0.02, (20_000, pairs)), axis=1)[:, cut : pairs - cut].mean(axis=1).std()
    expected = stats.nct.sf(stats.t.ppf(0.975, kept - 1), kept - 1, (effect - EDGE) / scatter)
    about = 0.03 if cut else 0.0  # the standard error of a trimmed mean is no exact root of chi squared
    assert 0.4 < expected < 0.8 and abs(found - expected) <= 3.3 * math.sqrt(0.25 / times) + about


def test_a_slow_down_is_found_though_one_pair_in_ten_was_disturbed():
    times, rng, each = 600, np.random.default_rng(9), np.arange(10)
    found = []
    for _ in range(times):
        noise = np.where(rng.random(10) < 0.1, rng.normal(0, 0.12, 10), rng.normal(0, 0.0145, 10))
        found.append(clustered(math.log(1.08) + noise, each, EDGE).p <= LEVEL)
    assert np.mean(found) >= 0.97


@pytest.mark.parametrize("pairs", [4, 6, 10])
def test_what_is_said_to_be_detectable_is_found_four_times_in_five(pairs):
    times, rng, each = 1200, np.random.default_rng(40 + pairs), np.arange(pairs)
    said = [math.log(clustered(rng.normal(0, 0.02, pairs), each, EDGE).detectable) for _ in range(times)]
    effect = float(np.mean(said))
    found = np.mean([clustered(rng.normal(effect, 0.02, pairs), each, EDGE).p <= LEVEL for _ in range(times)])
    assert abs(found - 0.8) <= 3.3 * math.sqrt(0.8 * 0.2 / times) + 0.01  # a percent: approximation of the spread


def test_signed_ranks_find_a_shift_nearly_as_often_as_students_test():
    # Asymptotic relative efficiency under normal noise: 3 / pi (Hodges and Lehmann, 1956).
    times, rng, effect, noise = 2500, np.random.default_rng(50), EDGE + 0.03, 0.05
    found = np.mean([shifted(rng, effect, noise).worse <= 0.025 for _ in range(times)])
    pairs = PAIRS * 3 / math.pi
    expected = stats.nct.sf(stats.t.ppf(0.975, pairs - 1), pairs - 1, (effect - EDGE) / noise * math.sqrt(pairs))
    assert 0.6 < expected < 0.8 and abs(found - expected) <= 0.03 + 3.3 * math.sqrt(0.25 / times)


def test_lost_successes_are_found_as_often_as_counting_says():
    times, rng, lost, won = 2500, np.random.default_rng(60), 0.4, 0.05
    found = np.mean([successes(rng, lost, won).p <= LEVEL for _ in range(times)])
    expected = 0.0
    for differ in range(PAIRS + 1):
        counts = np.arange(differ + 1)
        tells = np.array([stats.binomtest(int(k), differ).pvalue <= LEVEL if differ else False for k in counts])
        chance = stats.binom.pmf(differ, PAIRS, lost + won)
        expected += chance * stats.binom.pmf(counts, differ, lost / (lost + won))[tells].sum()
    assert 0.4 < expected < 0.8 and abs(found - expected) <= 3.3 * math.sqrt(0.25 / times)


# Symmetries


@st.composite
def two_sides(draw):
    """Two sides of a few groups of trials, some of which reach no target, with costs and counts."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    parts: tuple[list[pd.DataFrame], list[pd.DataFrame]] = ([], [])
    for number in range(draw(st.integers(1, 4))):
        pairs, names = draw(st.sampled_from([1, 4, 8, 15])), {"rule": f"r{number}"}
        values = np.round(rng.lognormal(2.0, 1.0, pairs), 1) - draw(st.sampled_from([0.0, 5.0]))
        factor = draw(st.sampled_from([0.3, 0.95, 1.0, 1.05, 2.0]))
        for index, scale in enumerate((1.0, factor)):
            steps = np.where(rng.random(pairs) < 0.2, np.inf, rng.lognormal(3.0, 0.1, pairs) * scale)
            same = index and draw(st.booleans())
            digests = [f"{number}-{trial}-{index * (not same)}" for trial in range(pairs)]
            parts[index].append(group(digests, steps, values * scale, **names))
            costs = rng.lognormal(1.0, 0.02, 6) * scale
            parts[index].append(metric("step", costs, family="cost", **names))
            parts[index].append(metric("step flops", [100.0 * scale], family="count", pairs=["all"], **names))
    return side(*parts[0]), side(*parts[1])


@given(two_sides())
@settings(max_examples=20)
def test_swapping_base_and_head_swaps_regressed_and_improved(sides):
    base, head = sides
    one, other = compare(base, head).findings, compare(head, base).findings
    assert named(one, "regressed") == named(other, "improved")
    assert named(one, "improved") == named(other, "regressed")
    assert named(one, "unchanged") == named(other, "unchanged")
    # What looks worse and is not shown to be is inconclusive, and what looks better is not.
    open_ = [named(found, "changed") | named(found, "inconclusive") for found in (one, other)]
    assert open_[0] == open_[1]
    one, other = (found.set_index(list(NAMES))["ratio"].astype(float) for found in (one, other))
    tested = one[one.notna()].index
    with np.errstate(divide="ignore"):
        theirs = 1.0 / other[tested]
    success = (tested.get_level_values("metric") == "success") & np.isinf(theirs)
    np.testing.assert_allclose(one[tested][~success], theirs[~success], rtol=1e-9)


@given(two_sides(), st.booleans())
@settings(max_examples=20)
def test_metrics_that_are_equal_or_of_another_family_turn_no_other_into_regressed_or_improved(sides, same_family):
    base, head = sides
    trials = [f"x{number}" for number in range(10)]
    equal = group(trials, np.arange(10.0), np.arange(10.0), rule="other")
    costs = [metric("step", np.full(5, cost), family="cost", rule="other") for cost in (1.0, 3.0)]
    added = (equal, equal) if same_family else costs
    more = compare(side(base.measures, added[0]), side(head.measures, added[1])).findings
    if not same_family:  # only the family of convergence must stay as it was
        more = more[more["family"] != "cost"]
    alone = compare(base, head).findings
    alone = alone[alone["family"] != "cost"] if not same_family else alone
    for verdict in ("regressed", "improved", "changed", "inconclusive"):
        assert named(more, verdict) == named(alone, verdict)


@given(two_sides(), st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_the_order_of_rows_does_not_matter(sides, seed):
    base, head = sides
    mixed = [side(each.measures.sample(frac=1, random_state=seed + i)) for i, each in enumerate(sides)]
    one, other = compare(base, head), compare(*mixed)
    columns = [name for name in one.findings if name not in ("test", "detail")]
    frames = [found.findings[columns].sort_values(list(NAMES), ignore_index=True) for found in (one, other)]
    pd.testing.assert_frame_equal(*frames)


# Single verdicts


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
        *("steps_to_target", "inconclusive", "few-pairs", 4),
    ),
    "none of three arrives": (
        *([group(TEN[:3], UP[:3])], [group(OTHER[:3], np.full(3, np.inf))]),
        *("steps_to_target", "inconclusive", "few-pairs", 4),
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
    "a cost of one round": ([cost(COST[:1])], [cost(COST[:1])], "step", "inconclusive", "few-pairs", 4),
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


def test_what_tells_by_itself_and_not_among_so_many_is_not_called_changed():
    rng = np.random.default_rng(70)
    lost = mcnemar(np.ones(20, bool), np.arange(20) % 2 > 0)  # p = 0.002
    said = verdicts([lost, *(shifted(rng, 0.0) for _ in range(METRICS - 1))])
    assert said[0] == "inconclusive" and (said[1:] == "changed").all()


def test_trials_that_are_copies_of_one_another_count_once():
    # A function has no noise: the seeds of a setting all give the same curve, which is no evidence of its own.
    base, head = group(["a"] * 10, np.full(10, 20.0)), group(["b"] * 10, np.full(10, 21.0))
    found = compare(side(base), side(head))
    assert found.findings.set_index("metric").loc["steps_to_target", "pairs"] == 1
    assert verdict_of(found, "steps_to_target") == ("inconclusive", "few-pairs")
    three = group([*"aaaabbbccc"], UP), group([*"AAAaBBBCCC"], UP)  # one of a's copies has not changed
    assert compare(*map(side, three)).findings.set_index("metric").loc["success", "pairs"] == 4


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
