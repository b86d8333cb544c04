"""Tests of paired and unpaired log-ratios: against scipy, against counting by hand, and against simulated truth."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gdbench.stats.paired import clustered, differences, mcnemar, one_sided, sign, unpaired

MARGIN = math.log(1.03)
SLACK = 3.3  # standard deviations of Monte Carlo error that a share may be off: one seed in a thousand


def above(found):
    """P(sum of positive ranks >= what it is), by going through all signs of all nonzero differences."""
    found = [value for value in found if value != 0]
    sizes = [abs(value) for value in found]
    ranks = [sum(s < size for s in sizes) + (sum(s == size for s in sizes) + 1) / 2 for size in sizes]
    seen = sum(rank for rank, value in zip(ranks, found, strict=True) if value > 0)
    sums = [sum(itertools.compress(ranks, signs)) for signs in itertools.product((0, 1), repeat=len(found))]
    return sum(total >= seen for total in sums) / len(sums)


def within(share, expected, times):
    """Whether a share of so many times is the expected one but for Monte Carlo error."""
    return abs(share - expected) <= SLACK * math.sqrt(expected * (1 - expected) / times)


def counted(found):
    """P(at least as many differences above zero), by going through all outcomes of one coin a pair."""
    seen = sum(value > 0 for value in found)
    return sum(sum(coins) >= seen for coins in itertools.product((0, 1), repeat=len(found))) / 2 ** len(found)


# Signed ranks


@pytest.mark.parametrize("pairs", [3, 8, 25, 50])
def test_signed_ranks_are_scipys_where_nothing_is_tied(pairs):
    found = np.random.default_rng(pairs).normal(0.02, 0.1, pairs)
    expected = stats.wilcoxon(found, alternative="greater", method="exact").pvalue
    assert one_sided(found) == pytest.approx(expected, rel=1e-9)


values = st.one_of(st.integers(-3, 3).map(float), st.sampled_from([math.inf, -math.inf]))


@given(st.lists(values, min_size=1, max_size=10))
def test_signed_ranks_count_all_signs_with_ties_zeros_and_infinities(found):
    assert one_sided(np.array(found)) == pytest.approx(above(found), rel=1e-12)


def test_the_normal_approximation_of_many_signed_ranks_is_near_the_exact_probabilities():
    found = np.random.default_rng(0).normal(0.02, 0.1, 61) - MARGIN
    exact = stats.wilcoxon(found, alternative="greater", method="exact").pvalue
    assert one_sided(found) == pytest.approx(exact, rel=0.002)


def test_equal_ratios_are_tied_whatever_rounding_left_of_them():
    found = differences(np.array([10, 20, 30, 70]), np.array([20, 40, 15, 35]))
    assert one_sided(found) == above([1, 1, -1, -1])


def test_an_infinite_difference_has_the_highest_rank_and_is_not_dropped():
    assert one_sided(np.array([math.inf, -0.1, -0.2, -0.3])) == above([9, -1, -2, -3])


# Signs


@given(st.lists(values, min_size=1, max_size=10))
def test_signs_count_all_outcomes_of_a_coin_a_pair_and_a_tie_counts_for_neither_claim(found):
    test = sign(np.array(found), margin=1.0)
    assert test.worse == pytest.approx(counted([value - 1.0 for value in found]), rel=1e-12)
    assert test.better == pytest.approx(counted([-value - 1.0 for value in found]), rel=1e-12)
    assert test.pairs == len(found)


@pytest.mark.parametrize(("above", "pairs"), [(0, 1), (9, 10), (60, 100), (1050, 2000)])
def test_signs_are_scipys_exact_binomial_test_at_every_size(above, pairs):
    test = sign(np.repeat([0.5, -0.5], [above, pairs - above]), MARGIN)
    assert test.worse == pytest.approx(stats.binomtest(above, pairs, alternative="greater").pvalue, rel=1e-9)
    assert test.better == pytest.approx(stats.binomtest(pairs - above, pairs, alternative="greater").pvalue, rel=1e-9)


def test_five_pairs_cannot_be_significant_and_six_can():
    # 2 / 2^5 = 0.0625 and 2 / 2^6 = 0.03125; of order statistics, five pairs have no interval at 95 %.
    five, six = (sign(np.full(n, 1.0), MARGIN) for n in (5, 6))
    assert (five.p, six.p) == (0.0625, 0.03125)
    assert (five.low, five.high) == (0.0, math.inf) and six.low == six.high == pytest.approx(math.e)


def test_pairs_at_the_margin_do_not_let_a_few_others_decide():
    # Six of twenty are worse, and the median is at the margin. Without the ties, six of six would be p = 0.016.
    assert sign(np.repeat([MARGIN, 1.0], [14, 6]), MARGIN).worse > 0.5


def test_a_ratio_at_the_margin_is_no_evidence_whatever_rounding_left_of_it():
    base = np.arange(100.0, 2100.0, 100.0)
    assert sign(differences(base, base * 1.03), np.log1p(0.03)).worse == 1.0
    assert sign(differences(base * 1.03, base), np.log1p(0.03)).better == 1.0


@pytest.mark.parametrize(
    ("found", "ratio"),
    [
        ([0.0, math.inf], math.inf),
        ([-math.inf, 0.0], 0.0),
        ([-math.inf, math.inf], 1.0),  # as many won as lost
        ([-math.inf, math.log(2), math.inf], 2.0),
        ([800.0], math.inf),
    ],
)
def test_the_ratio_is_that_of_the_median_pair(found, ratio):
    assert sign(np.array(found), MARGIN).ratio == pytest.approx(ratio)


def test_no_pairs_tell_nothing():
    test = sign(np.array([]), MARGIN)
    assert test.pairs == 0 and test.p == test.worse == test.better == 1.0 and math.isnan(test.ratio)


# Differences


@pytest.mark.parametrize(
    ("base", "head", "expected"),
    [
        (1.0, 2.0, [math.log(2)]),
        (2.0, 1.0, [-math.log(2)]),
        (3.0, 3.0, [0.0]),
        (math.inf, math.inf, []),  # both are later than their budget: which is the later is not known
        (1.0, math.inf, [math.inf]),
        (math.inf, 1.0, [-math.inf]),
        (0.0, math.inf, [math.inf]),
        (-1.0, math.inf, [math.inf]),
        (math.inf, -1.0, [-math.inf]),
        (0.0, 0.0, [0.0]),
        (0.0, 5.0, [1.0]),
        (5.0, 0.0, [-1.0]),
        (-10.0, -9.0, [0.1]),
        (-9.0, -10.0, [-0.1]),
        (-7.0, -7.0, [0.0]),
        (-1.0, 1.0, [2.0]),
    ],
)
def test_differences(base, head, expected):
    assert differences([base], [head]).tolist() == pytest.approx(expected)


# Successes


@pytest.mark.parametrize(("lost", "won", "both", "neither"), [(10, 0, 10, 0), (3, 1, 2, 5), (0, 0, 4, 0), (1, 7, 0, 0)])
def test_mcnemar_is_the_binomial_test_of_what_differs(lost, won, both, neither):
    base = np.repeat([True, False, True, False], [lost, won, both, neither])
    head = np.repeat([False, True, True, False], [lost, won, both, neither])
    test, discordant = mcnemar(base, head), lost + won
    if discordant:
        assert test.worse == pytest.approx(stats.binomtest(lost, discordant, alternative="greater").pvalue)
        assert test.better == pytest.approx(stats.binomtest(won, discordant, alternative="greater").pvalue)
        assert test.p == pytest.approx(stats.binomtest(lost, discordant).pvalue)
    else:
        assert test.p == 1.0
    assert test.pairs == base.size


@pytest.mark.parametrize(
    ("base", "head", "ratio"),
    [([1, 1], [1, 0], 2.0), ([1, 0], [0, 0], math.inf), ([0, 0], [1, 0], 0.0), ([0, 0], [0, 0], 1.0)],
)
def test_a_ratio_of_successes_above_one_is_worse(base, head, ratio):
    assert mcnemar(np.array(base), np.array(head)).ratio == ratio


# Costs


def test_few_clusters_are_students_test_of_their_medians():
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(4), 5)  # too few for a fifth to be one of them
    found = rng.normal(0.05, 0.02, 4)[clusters] + rng.normal(0, 0.01, 20)
    medians = [np.median(found[clusters == each]) for each in range(4)]
    test = clustered(found, clusters, MARGIN)
    worse = stats.ttest_1samp(medians, MARGIN, alternative="greater").pvalue
    better = stats.ttest_1samp(medians, -MARGIN, alternative="less").pvalue
    interval = stats.ttest_1samp(medians, 0.0).confidence_interval(0.95)
    assert (test.worse, test.better) == pytest.approx((worse, better))
    assert (test.low, test.high) == pytest.approx((math.exp(interval.low), math.exp(interval.high)))
    assert test.pairs == 4 and test.ratio == pytest.approx(math.exp(np.mean(medians)))


def test_clusters_are_yuens_test_by_hand():
    # Of six, the least and the greatest are left out: 4, 5, 6 and 9 have the mean 6. For the standard error these two
    # are moved to 4 and 9: the sum of squares about the mean is 255 - 37^2 / 6, over 4 x 3.
    found = np.array([5.0, -50.0, 9.0, 6.0, 70.0, 4.0]) / 100
    spread = math.sqrt((4**2 * 2 + 5**2 + 6**2 + 9**2 * 2 - 37**2 / 6) / (4 * 3)) / 100
    test = clustered(found, np.arange(6), MARGIN)
    assert test.ratio == pytest.approx(math.exp(0.06)) and test.pairs == 6
    assert test.worse == pytest.approx(stats.t.sf((0.06 - MARGIN) / spread, 3))
    reach = stats.t.ppf(0.975, 3) * spread
    assert (test.low, test.high) == pytest.approx((math.exp(0.06 - reach), math.exp(0.06 + reach)))


def test_pairs_that_were_disturbed_neither_move_the_estimate_nor_hide_the_others():
    clean = np.array([0.070, 0.071, 0.072, 0.073, 0.074, 0.075, 0.076, 0.077])
    calm, disturbed = (clustered(np.append(clean, odd), np.arange(10), MARGIN) for odd in ([0.0735] * 2, [-0.4, 0.9]))
    assert disturbed.worse < 1e-4 and disturbed.ratio == pytest.approx(calm.ratio, rel=1e-3)


def test_rounds_of_one_pair_of_processes_tell_nothing_however_many():
    test = clustered(np.full(50, 0.5), np.zeros(50), MARGIN)
    assert test.pairs == 1 and test.p == 1.0 and math.isnan(test.low)
    assert clustered(np.array([]), np.array([]), MARGIN).p == 1.0


def test_unpaired_is_welchs_test_with_a_percent_for_either_process():
    # Variances of the means: 0.0004 / 3 and 0.002 / 3 / 4; with 2 x 0.01^2 for the processes 0.0005 together.
    base, head = np.exp([0.00, 0.02, 0.04]), np.exp([0.30, 0.32, 0.34, 0.36])
    spread, freedom = math.sqrt(0.0005), 0.0005**2 / ((0.0004 / 3) ** 2 / 2 + (0.0005 / 3) ** 2 / 3)
    test = unpaired(base, head, margin=0.25)
    assert test.ratio == pytest.approx(math.exp(0.31)) and test.pairs == 3
    assert test.worse == pytest.approx(stats.t.sf(0.06 / spread, freedom))
    assert test.better == pytest.approx(stats.t.sf(-0.56 / spread, freedom))
    assert test.high == pytest.approx(math.exp(0.31 + stats.t.ppf(0.975, freedom) * spread))


def test_a_stricter_level_finds_only_greater_slow_downs():
    base, head = np.exp([0.00, 0.02, 0.04]), np.exp([0.30, 0.32, 0.34])
    tests = [unpaired(base, head, 0.25, size=size) for size in (0.05, 0.001)]
    assert tests[0][:6] == tests[1][:6] and 1.25 < tests[0].detectable < tests[1].detectable


def test_unpaired_timings_of_one_round_tell_nothing():
    assert unpaired(np.ones(1), np.full(20, 9.0), 0.25).p == 1.0


def test_two_exact_timings_differ_by_what_processes_do():
    test = unpaired(np.ones(5), np.ones(5), 0.25)
    assert test.high == pytest.approx(math.exp(stats.norm.ppf(0.975) * math.sqrt(2) * 0.01))


# What holds of all of them

positive = st.integers(1, 60).map(float)
pairs_of = st.lists(st.tuples(positive, positive), min_size=2, max_size=30)
TESTS = {
    "signs": lambda base, head: sign(differences(base, head), MARGIN),
    "clusters": lambda base, head: clustered(differences(base, head), np.arange(base.size) // 2, MARGIN),
    "unpaired": lambda base, head: unpaired(base, head, MARGIN),
    "successes": lambda base, head: mcnemar(base > 30, head > 30),
}


@pytest.mark.parametrize("name", TESTS)
@given(pairs_of)
def test_swapping_base_and_head_swaps_worse_and_better_and_inverts_ratios(name, pairs):
    base, head = np.array(pairs).T
    one, other = TESTS[name](base, head), TESTS[name](head, base)
    assert (one.worse, one.better) == pytest.approx((other.better, other.worse), rel=1e-9)
    mine, theirs = ([math.log(v) if v else -math.inf for v in (t.ratio, t.low, t.high)] for t in (one, other))
    expected = [-theirs[0], -theirs[2], -theirs[1]]
    if name == "successes" and not (base > 30).any() and not (head > 30).any():
        assert one.ratio == other.ratio == 1.0
    else:
        assert mine == pytest.approx(expected, nan_ok=True, abs=1e-9)
    if name != "successes":
        assert one.detectable == pytest.approx(other.detectable, nan_ok=True)


@pytest.mark.parametrize("name", [name for name in TESTS if name != "successes"])
@given(pairs_of, st.sampled_from([1e-6, 0.1, 3.0, 1e9]))
def test_units_do_not_matter(name, pairs, unit):
    base, head = np.array(pairs).T
    one, other = TESTS[name](base, head), TESTS[name](base * unit, head * unit)
    assert list(one) == pytest.approx(list(other), rel=1e-6, nan_ok=True)


@pytest.mark.parametrize("name", [name for name in TESTS if name != "successes"])
def test_more_is_worse(name):
    base = np.arange(21.0, 41.0)
    test = TESTS[name](base, base * 1.5)
    assert test.ratio > 1.3 and test.worse < 0.05 < test.better


# Simulated truth


@pytest.mark.parametrize("size", [6, 12, 20])
def test_the_interval_of_a_median_covers_it_as_often_as_counted_whatever_the_distribution(size):
    times, rng = 1500, np.random.default_rng(size)
    found = rng.exponential(1.0, (times, size)) - math.log(2)  # skewed, with the median at zero
    tests = [sign(row, MARGIN) for row in found]
    covered = np.mean([test.low <= 1.0 <= test.high for test in tests])
    cut = next(k for k in range(size) if 2 * stats.binom.cdf(k, size, 0.5) > 0.05)  # ranks below it are outside
    assert within(covered, 1 - 2 * stats.binom.cdf(cut - 1, size, 0.5), times)


def test_the_interval_of_clusters_covers_the_truth_in_95_of_100():
    times, rng = 1500, np.random.default_rng(2)
    clusters = np.repeat(np.arange(6), 3)
    found = rng.normal(0.04, 0.02, (times, 6))[:, clusters] + rng.normal(0, 0.01, (times, 18))
    covered = [test.low <= math.exp(0.04) <= test.high for test in (clustered(f, clusters, MARGIN) for f in found)]
    assert within(np.mean(covered), 0.95, times)


@pytest.mark.slow
def test_the_interval_of_unpaired_timings_covers_the_truth_in_95_of_100_or_more():
    times, rng = 1500, np.random.default_rng(3)
    layouts = rng.normal(0, 0.01, (times, 2, 1))
    base, head = np.exp(layouts + rng.normal(0, 0.02, (times, 2, 15))).transpose(1, 0, 2)
    covered = [t.low <= 1.0 <= t.high for t in (unpaired(b, h, MARGIN) for b, h in zip(base, head, strict=True))]
    assert np.mean(covered) >= 0.95 - SLACK * math.sqrt(0.95 * 0.05 / times)
