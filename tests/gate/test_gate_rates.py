"""What a comparison decides of simulated sides: its error rates, its power and its symmetries.

The bound on false alarms: a family's p-values are twice the smaller of two one-sided ones, so that where every metric
is worse by just the margin, the chance of any `regressed` is half the level. Shares are allowed what a binomial of
that chance exceeds once in a thousand.
"""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sides import group, metric, named, rows, side

from gdbench.gate.comparison import MARGIN, compare, judge
from gdbench.gate.measures import NAMES
from gdbench.gate.pairing import LEVEL
from gdbench.stats.paired import clustered, mcnemar, one_sided, sign

EDGE = math.log1p(MARGIN)
METRICS, PAIRS = 300, 20
CLUSTERS = np.repeat(np.arange(5), 3)


def shifted(rng, shift, noise=0.05):
    """Signs of pairs whose ratios scatter about exp(shift)."""
    return sign(rng.normal(shift, noise, PAIRS), EDGE)


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
    "signs, at the margin": (lambda rng: shifted(rng, EDGE), "convergence", 40),
    "signs, nothing changed": (lambda rng: shifted(rng, 0.0), "convergence", 10),
    "successes, as many lost as won": (lambda rng: successes(rng, 0.2, 0.2), "convergence", 40),
    "clustered costs, at the margin": (lambda rng: clusters(rng, EDGE), "cost", 20),
    "clustered costs, nothing changed": (lambda rng: clusters(rng, 0.0), "cost", 5),
}


@pytest.mark.slow
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
    # The greatest attainable probability of 20 signs below 0.025: 15 or more above the margin.
    assert abs(alarms - stats.binom.sf(14, PAIRS, 0.5)) <= 3.3 * math.sqrt(0.025 / times)


@pytest.mark.parametrize(
    "noise",
    [
        lambda rng, size: rng.lognormal(0.0, 1.0, size) - 1.0,  # the median of a log-normal is 1
        lambda rng, size: rng.exponential(1.0, size) - math.log(2.0),
    ],
    ids=["log-normal", "exponential"],
)
def test_skewed_differences_whose_median_is_at_the_margin_are_called_worse_no_more_often_than_the_level(noise):
    times, pairs, rng = 1000, 70, np.random.default_rng(11)
    found = [EDGE + 0.1 * noise(rng, pairs) for _ in range(times)]
    tests = [sign(each, EDGE) for each in found]
    assert sum(test.p <= LEVEL and test.worse < test.better for test in tests) <= allowed(times)
    assert sum(one_sided(each - EDGE) <= LEVEL / 2 for each in found) > 5 * allowed(times)  # signed ranks


SOME = {
    "signs": (shifted, "convergence", math.log(1.25)),
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


def test_what_tells_by_itself_and_not_among_so_many_is_not_called_changed():
    rng = np.random.default_rng(70)
    lost = mcnemar(np.ones(20, bool), np.arange(20) % 2 > 0)  # p = 0.002
    said = verdicts([lost, *(shifted(rng, 0.0) for _ in range(METRICS - 1))])
    assert said[0] == "inconclusive" and (said[1:] == "changed").all()


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


@pytest.mark.slow
@pytest.mark.parametrize("pairs", [3, 4, 6, 10, 18])
def test_what_is_said_to_be_detectable_is_found_four_times_in_five(pairs):
    # Each comparison says its own, from the spread that it happened to see; other data of the kind then meet it.
    times, rng, each = 1500, np.random.default_rng(40 + pairs), np.arange(pairs)
    said = [math.log(clustered(rng.normal(0, 0.02, pairs), each, EDGE).detectable) for _ in range(times)]
    found = np.mean([clustered(rng.normal(effect, 0.02, pairs), each, EDGE).worse <= LEVEL / 2 for effect in said])
    assert abs(found - 0.8) <= 0.02 + 3.3 * math.sqrt(0.8 * 0.2 / times)


def test_signs_find_a_shift_as_often_as_counting_says():
    times, rng, effect, noise = 2500, np.random.default_rng(50), EDGE + 0.04, 0.05
    found = np.mean([shifted(rng, effect, noise).worse <= 0.025 for _ in range(times)])
    least = next(k for k in range(PAIRS + 1) if stats.binom.sf(k - 1, PAIRS, 0.5) <= 0.025)
    expected = stats.binom.sf(least - 1, PAIRS, stats.norm.cdf((effect - EDGE) / noise))
    assert 0.6 < expected < 0.9 and abs(found - expected) <= 3.3 * math.sqrt(0.25 / times)


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


@pytest.mark.slow
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


@pytest.mark.slow
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
