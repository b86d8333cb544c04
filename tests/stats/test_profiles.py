"""Running times, profiles and the best of k: by hand, by property, and wrong formulas that must show."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gdbench.stats.best_of import chance_of_any, expected_best
from gdbench.stats.ert import ert, running_times
from gdbench.stats.intervals import bootstrap_quotient, bootstrap_ratio
from gdbench.stats.profiles import bands, profile, ratios, share_within

INF = math.inf
NUMBERS = st.floats(0.5, 1e6)
TIMES = st.one_of(NUMBERS, st.just(INF))


# ---- expected running time


def trials(*rows, **common):
    """Trials as (steps to target, steps, status)."""
    given = [dict(zip(("steps_to_target", "steps", "status"), row, strict=True)) for row in rows]
    return pd.DataFrame([{"trial": i, "rule": "r", **common, **row} for i, row in enumerate(given)])


def test_all_steps_are_charged_to_the_successes():
    # Reached at 10 and 30 of 100 steps, one exhausted after 100: (10 + 30 + 100) / 2.
    frame = trials((10.0, 100, "reached"), (30.0, 100, "reached"), (INF, 100, "exhausted"))
    row = running_times(frame, ["rule"]).iloc[0]
    assert (row["ert"], row["reached"], row["trials"]) == (70.0, 2, 3)


def test_a_lost_trial_spends_its_steps_and_reaches_nothing():
    # The second passed the target at step 5 and diverged at 40; the third failed before its first step.
    frame = trials((20.0, 90, "reached"), (5.0, 40, "diverged"), (INF, 0, "failed"))
    assert running_times(frame, ["rule"])["ert"].item() == 60.0


def test_without_a_success_it_is_infinite_and_without_trials_there_is_none():
    assert running_times(trials((INF, 100, "exhausted")), ["rule"])["ert"].item() == INF
    assert running_times(trials((3.0, 9, "reached")).iloc[:0], ["rule"]).empty
    assert all(math.isnan(x) for x in ert(np.array([]), np.array([])))
    assert ert(np.array([5.0]), np.array([True]))[0] == 5.0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda to, all_, ok: to[ok].mean(),  # the failed trials forgotten
        lambda to, all_, ok: np.median(np.where(ok, to, INF)),
        lambda to, all_, ok: np.where(ok, to, all_).mean(),  # over all trials in place of the successes
        lambda to, all_, ok: all_.sum() / ok.sum(),  # what the successes did after the target too
    ],
)
def test_planted_faults_in_the_running_time_would_show(wrong):
    to, all_, ok = np.array([10.0, 30.0, INF]), np.array([100.0, 100.0, 100.0]), np.array([True, True, False])
    assert ert(np.where(ok, to, all_), ok).estimate == 70.0 != wrong(to, all_, ok)


@given(st.lists(st.tuples(st.integers(1, 1000), st.booleans()), min_size=2, max_size=12), st.randoms())
def test_running_time_properties(rows, rng):
    spent, ok = (np.array(column) for column in zip(*rows, strict=True))
    got = ert(spent, ok)
    if not ok.any():
        assert got == (INF, INF, INF)
        return
    assert got.low <= got.estimate <= got.high and got.estimate >= spent[ok].mean()
    if ok.all():
        assert got.estimate == pytest.approx(spent.mean())
    assert ert(np.append(spent, 50), np.append(ok, False)).estimate == pytest.approx(got.estimate + 50 / ok.sum())
    assert ert(7 * spent, ok).estimate == pytest.approx(7 * got.estimate)
    rng.shuffle(rows)
    assert ert(*(np.array(column) for column in zip(*rows, strict=True))).estimate == pytest.approx(got.estimate)


# ---- performance profiles

# Three rules on four problems: a is best on p and q, b on r; nobody solves s, a alone does not solve r.
HAND = pd.DataFrame(
    {"a": [10.0, 20.0, INF, INF], "b": [20.0, 80.0, 5.0, INF], "c": [30.0, 20.0, 10.0, INF]}, index=list("pqrs")
)


def test_ratios_and_profiles_by_hand():
    table = ratios(HAND)
    assert table["a"].tolist() == [1.0, 1.0, INF, INF]
    assert table["b"].tolist() == [2.0, 4.0, 1.0, INF]
    assert table["c"].tolist() == [3.0, 1.0, 2.0, INF]
    assert share_within(table, 1.0).tolist() == [0.5, 0.25, 0.25]
    assert share_within(table, 2.0).tolist() == [0.5, 0.5, 0.5]
    assert share_within(table, 1e300).tolist() == share_within(table, INF).tolist() == [0.5, 0.75, 0.75]
    steps = profile(table)
    assert steps[steps["rule"] == "c"][["tau", "share"]].values.tolist() == [[1.0, 0.25], [2.0, 0.5], [3.0, 0.75]]


def test_ratios_to_a_reference_do_not_depend_on_who_else_is_compared():
    table = ratios(HAND, "b")
    assert table["b"].tolist() == [1.0, 1.0, 1.0, INF] and table["a"].tolist() == [0.5, 0.25, INF, INF]
    assert ratios(HAND[["a", "b"]], "b")["a"].equals(table["a"])
    assert not ratios(HAND[["b", "c"]])["b"].equals(ratios(HAND)["b"])  # which ratios to the best do
    assert ratios(HAND, "a")["b"].tolist() == [2.0, 4.0, 0.0, INF]  # sooner by any factor where a gets nowhere


def test_a_rule_that_was_not_tried_has_no_place():
    for bad in (math.nan, 0.0, -1.0):
        with pytest.raises(ValueError, match="positive"):
            ratios(pd.DataFrame({"a": [1.0], "b": [bad]}))


def slow_rho(times, rule, tau, reference=None):
    """The definition, word for word."""
    within = 0
    for _, row in times.iterrows():
        base = min(row) if reference is None else row[reference]
        if row[rule] < INF and row[rule] / base <= tau:
            within += 1
    return within / len(times)


@settings(max_examples=30)
@given(
    st.lists(st.tuples(TIMES, TIMES, TIMES), min_size=1, max_size=8),
    st.floats(1.0, 100.0),
    st.sampled_from([None, "a"]),
)
def test_profile_properties(rows, tau, reference):
    times = pd.DataFrame(rows, columns=list("abc"))
    table = ratios(times, reference)
    for rule in "abc":
        assert share_within(table, tau)[rule] == pytest.approx(slow_rho(times, rule, tau, reference))
        own = profile(table)
        own = own[own["rule"] == rule]
        assert own["tau"].is_monotonic_increasing and own["share"].is_monotonic_increasing
        solved = np.isfinite(times[rule]).mean()
        assert (own["share"].iloc[-1] if len(own) else 0.0) == pytest.approx(solved)
        for row in own.itertuples():
            assert share_within(table, row.tau)[rule] == pytest.approx(row.share)
    if reference is None:
        somebody = np.isfinite(times).any(axis=1)
        assert (table[somebody].min(axis=1) == 1).all() and (table >= 1).all().all()
        assert share_within(table, 1.0).sum() >= somebody.mean() - 1e-12  # each solved problem has a best
        pd.testing.assert_frame_equal(ratios(times * 4), table)  # the unit does not matter
    more = pd.concat([times, pd.DataFrame([[INF] * 3], columns=list("abc"))], ignore_index=True)
    shrunk = share_within(ratios(more, reference), tau) * len(more)
    assert np.allclose(shrunk, share_within(table, tau) * len(times))  # one that nobody solves stays below the line


@pytest.mark.parametrize(
    "wrong",
    [
        lambda t: (t.div(t.min(axis=1), axis=0) < 2.0).mean(),  # < for <=
        lambda t: (ratios(t[np.isfinite(t).any(axis=1)]) <= 2.0).mean(),  # the problem that nobody solves left out
        lambda t: (t.div(t.min(axis=0), axis=1) <= 2.0).mean(),  # over the rule's own best problem
        lambda t: (t.div(t.max(axis=1), axis=0) <= 2.0).mean(),
        lambda t: (t.div(t.median(axis=1), axis=0) <= 2.0).mean(),
        lambda t: t.apply(
            lambda own: (own.dropna() / t.min(axis=1) <= 2.0)[np.isfinite(own)].mean()
        ),  # solved ones only
    ],
)
def test_planted_faults_in_the_profile_would_show(wrong):
    with np.errstate(invalid="ignore"):
        assert wrong(HAND).tolist() != share_within(ratios(HAND), 2.0).tolist()


def test_bands_hold_the_share_and_stay_within_their_strata():
    table = ratios(pd.concat([HAND.iloc[:3]] * 4, ignore_index=True))
    tau = np.array([1.0, 2.0, 5.0])
    frame = bands(table, np.tile([0, 1, 2], 4), tau)
    assert (frame["low"] == frame["share"]).all() and (frame["high"] == frame["share"]).all()  # seeds never differ
    mixed = bands(table, np.zeros(12), tau)
    assert ((mixed["low"] <= mixed["share"]) & (mixed["share"] <= mixed["high"])).all()
    assert (mixed["high"] > mixed["low"]).any()
    for rule in "abc":
        assert frame.loc[frame["rule"] == rule, "share"].tolist() == [share_within(table, t)[rule] for t in tau]


# ---- the best of k


def slow_best(values, k):
    """Over all sets of k."""
    return float(np.mean([min(chosen) for chosen in itertools.combinations(values, k)]))


def test_the_best_of_k_by_hand():
    # Of 3, 1, 2: mean 2; the pairs have 1, 2, 1 as their best; all three have 1.
    assert expected_best(np.array([3.0, 1.0, 2.0]), np.array([1, 2, 3])) == pytest.approx([2.0, 4 / 3, 1.0])
    # Of 1 and two that were lost: a pair without the 1 is one in three.
    lost = np.array([INF, 1.0, INF])
    assert expected_best(lost, np.array([1, 2, 3])).tolist() == [INF, INF, 1.0]
    assert chance_of_any(3, 1) == pytest.approx([1 / 3, 2 / 3, 1.0])


@given(st.lists(TIMES, min_size=1, max_size=8), st.randoms())
def test_best_of_properties(values, rng):
    every = np.arange(1, len(values) + 1)
    got = expected_best(np.array(values), every)
    assert got == pytest.approx([slow_best(values, k) for k in every])
    assert got[0] == pytest.approx(np.mean(values)) and got[-1] == min(values)
    assert (got[1:] <= got[:-1] * (1 + 1e-12)).all()
    finite = np.isfinite(values)
    chances = [np.mean([any(s) for s in itertools.combinations(finite, k)]) for k in every]
    assert chance_of_any(len(values), int(finite.sum())) == pytest.approx(chances)
    lost = int((~finite).sum())
    assert np.isinf(got[:lost]).all() and np.isfinite(got[lost:]).all()
    rng.shuffle(values)
    assert expected_best(np.array(values), every) == pytest.approx(got)


def test_ten_thousand_trials_lose_no_accuracy():
    n = 10_000
    got = expected_best(np.arange(1.0, n + 1), np.array([1, 2, 100, 5000, n]))
    assert got == pytest.approx([(n + 1) / (k + 1) for k in (1, 2, 100, 5000, n)], rel=1e-11)  # of 1, ..., n


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, k, n, i: x @ ((1 - (i - 1) / n) ** k - (1 - i / n) ** k),  # with replacement: Dodge et al.
        lambda x, k, n, i: x @ np.array([math.comb(n - j, k - 1) for j in i]) / math.comb(n, k - 1),
        lambda x, k, n, i: x @ np.array([math.comb(n - j, k) for j in i]) / math.comb(n, k),
        lambda x, k, n, i: x @ np.array([math.comb(j - 1, k - 1) for j in i]) / math.comb(n, k),  # the worst of k
        lambda x, k, n, i: x[:k].mean(),
    ],
)
def test_planted_faults_in_the_best_of_k_would_show(wrong):
    x, k = np.array([1.0, 2.0, 3.0, 7.0]), 2
    right = slow_best(x, k)
    assert expected_best(x, np.array([k])).item() == pytest.approx(right)
    assert wrong(x, k, len(x), np.arange(1, len(x) + 1)) != pytest.approx(right)


def test_with_replacement_less_is_expected_than_k_draws_give():
    x = np.array([1.0, 2.0, 3.0, 7.0])
    i = np.arange(1, 5)
    for k in (2, 3, 4):
        assert x @ ((1 - (i - 1) / 4) ** k - (1 - i / 4) ** k) > expected_best(x, np.array([k])).item()


def test_draws_outside_and_nan_are_refused():
    for values, k in (([1.0, 2.0], 3), ([1.0], 0), ([], 1), ([math.nan, 1.0], 1)):
        with pytest.raises(ValueError):
            expected_best(np.array(values), np.array([k]))


# ---- a time over another


def test_a_quotient_by_hand_and_its_reciprocal():
    steps, costs = np.array([100.0, 100.0, 100.0]), np.array([2.0, 2.0])
    assert bootstrap_quotient([steps, costs], [2 * steps, costs]) == (0.5, 0.5, 0.5)
    assert bootstrap_quotient([np.array([3.0])], [costs])[0] == 1.5
    one, two = np.array([1.0, 2.0, 3.0, 9.0]), np.array([2.0, 5.0, 6.0])
    assert bootstrap_quotient([one], [two]).estimate == bootstrap_ratio(one, two).estimate


def test_a_quotient_with_lost_trials_hides_nothing():
    steps, late = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([10.0, 20.0, 30.0, INF, INF])
    ratio = bootstrap_quotient([late], [steps])
    assert ratio.estimate == 10.0 and ratio.high == INF and ratio.low > 0
    both = bootstrap_quotient([late], [late])
    assert both.estimate == 1.0 and both.low == 0.0 and both.high == INF
    mostly = np.array([INF, INF, INF, INF, 5.0])  # where both are lost, nobody knows: neither bound may gain by it
    assert bootstrap_quotient([mostly], [late]) == (INF, 0.0, INF)
    assert bootstrap_quotient([late], [mostly]) == (0.0, 0.0, INF)
    assert math.isnan(bootstrap_quotient([np.array([INF])], [np.array([INF])]).estimate)
    assert math.isnan(bootstrap_quotient([np.array([])], [steps]).estimate)
