"""The timing protocol on clocks and machines of our own making."""

import os
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gdbench
from gdbench.cli.peers import peers as peers_command
from gdbench.cli.timing import time as time_command
from gdbench.kernels.rules.registry import find
from gdbench.stats.intervals import bootstrap_ratio
from gdbench.stats.timings import compare, costs, ratios, visits
from gdbench.timing import Case, Sample, Subject, Timed, measure, pace
from gdbench.timing.layout import scattered
from gdbench.timing.pace import ALONE, LEAST, LONG, OF_PEERS, SHORT
from gdbench.timing.sampling import by_the_clock, calibrated, visit
from gdbench.timing.steps import endless_steps
from gdbench.timing.subjects import side_by_side


class Machine:
    """Time passes as subjects work: seconds a step, which may depend on the time."""

    def __init__(self, pace=lambda now: 1.0):
        self.now, self.pace, self.log = 0.0, pace, []

    def subject(self, name, seconds):
        def run(count):
            self.log.append(name)
            self.now += count * seconds * self.pace(self.now)

        return Subject(name, run)

    def measure(self, *subjects, **options):
        return measure(subjects, clock=lambda: self.now, **options)


def frame(samples):
    return pd.DataFrame(samples, columns=list(Sample._fields))


def test_every_round_visits_every_subject_once_in_an_order_of_its_own():
    machine = Machine()
    taken = machine.measure(*(machine.subject(name, 0.001) for name in "abcd"), rounds=12, samples=3)
    assert len(taken) == 12 * 4 * 3
    orders = set()
    for turn in range(12):
        visited = [sample.subject for sample in taken if sample.round == turn]
        order = visited[::3]
        assert sorted(order) == list("abcd") and visited == [name for name in order for _ in range(3)]
        orders.add("".join(order))
    assert len(orders) > 3
    again = Machine()
    same = again.measure(*(again.subject(name, 0.001) for name in "abcd"), rounds=12, samples=3)
    assert [s.subject for s in same] == [s.subject for s in taken]


@pytest.mark.parametrize("seconds", [1e-7, 3e-4, 0.002, 0.5])
def test_a_sample_is_long_enough_and_not_much_longer(seconds):
    machine = Machine()
    for sample in machine.measure(machine.subject("a", seconds), rounds=2, least=0.01):
        assert sample.seconds >= 0.01 * (1 - 1e-9)
        assert sample.seconds <= 0.1 or sample.steps == 1
        assert sample.seconds == pytest.approx(sample.steps * seconds, rel=1e-6)


@pytest.mark.parametrize("first", [1e-3, 0.5])
def test_a_first_step_does_not_count_however_long_it_compiles(first):
    machine, paces = Machine(), iter([first / 1e-3])
    machine.pace = lambda now: next(paces, 1.0)
    steps, seconds = calibrated(by_the_clock(machine.subject("a", 1e-3).run, lambda: machine.now), LEAST)
    assert 10 <= steps <= 12 and seconds == pytest.approx(steps * 1e-3)


def test_a_step_that_takes_too_long_is_taken_once():
    machine = Machine()
    subject = machine.subject("a", LONG)
    assert calibrated(by_the_clock(subject.run, lambda: machine.now), LEAST) == (1, LONG)
    assert machine.log == ["a"]


def test_the_time_of_the_call_is_left_out():
    machine = Machine()
    subject = machine.subject("a", 1e-5)

    def run(count):
        machine.now += 1e-4  # whatever the number of steps
        subject.run(count)

    taken = machine.measure(Subject("a", run), rounds=3, least=2e-4)
    assert {sample.steps for sample in taken} <= {20, 21, 22, 23, 24}
    assert [sample.seconds / sample.steps for sample in taken] == pytest.approx([1e-5] * len(taken))


def test_what_begins_together_has_longer_samples_and_fewer():
    machine = Machine()
    long = Subject("long", machine.subject("long", 1e-4).run, shortest=0.01)
    taken = frame(machine.measure(machine.subject("short", 1e-4), long, rounds=2, samples=8, least=2e-4, longest=3e-3))
    assert taken.groupby("subject")["steps"].unique().map(list).to_dict() == {"long": [100], "short": [3]}
    assert taken.groupby(["subject", "round"]).size().groupby("subject").max().to_dict() == {"long": 3, "short": 8}


@pytest.mark.parametrize(("longest", "samples"), [(100.0, 5), (5.0, 3), (0.0, 1)])
def test_a_visit_has_its_samples_or_those_that_fit(longest, samples):
    machine = Machine()
    seconds_of = by_the_clock(machine.subject("a", 1.0).run, lambda: machine.now)
    assert visit(seconds_of, 2, 5, longest) == [2.0] * samples


@pytest.mark.parametrize(("command", "asked"), [(time_command, ALONE), (peers_command, OF_PEERS)])
def test_the_help_tells_how_many_rounds_there_are(command, asked):
    assert f"{asked.rounds} by default" in command.__annotations__["rounds"].__metadata__[0].help


@pytest.mark.parametrize("rule", ["sgd", "lbfgs", "newton-damped"])
def test_steps_go_on_where_a_descent_has_ended_and_evaluations_are_counted(rule):
    problem = gdbench.problem({"kind": "function", "function": "booth"}, dtype="float64")
    steps = endless_steps(Case("booth", problem, 1), find(rule), {})
    steps.run(250)
    before = steps.gradient_evaluations
    steps.run(250)
    assert 0 < steps.steps <= 500 and steps.gradient_evaluations >= before + 100 * (rule == "sgd")
    assert steps.gradient_evaluations >= steps.steps and (steps.function_evaluations > 0) == (rule != "sgd")


def test_a_slow_hour_changes_costs_but_no_ratio_within_a_round():
    machine = Machine(lambda now: 1.0 if now < 1.0 else 3.0)
    subjects = [machine.subject("fast", 0.001), machine.subject("slow", 0.002)]
    timings = frame(machine.measure(*subjects, rounds=40, samples=2, least=0.01))
    spread = visits(timings).groupby("subject")["cost"].agg(["min", "max"])
    assert (spread["max"] > 2.9 * spread["min"]).all()
    found = ratios(timings, "fast").set_index("subject")
    assert found.loc["slow", "median"] == pytest.approx(2.0) and found.loc["fast", "median"] == 1.0
    assert found.loc["slow", "low"] == pytest.approx(2.0) and found.loc["slow", "high"] == pytest.approx(2.0)


def test_a_visit_counts_its_fastest_sample_and_a_cost_is_the_median_over_rounds():
    rows = [("a", turn, sample, 2.0 * (turn + 1 + sample), 2) for turn in range(3) for sample in range(2)]
    timings = frame([Sample(*row) for row in rows])
    assert visits(timings)["cost"].tolist() == [1.0, 2.0, 3.0]
    assert costs(timings)["median"].tolist() == [2.0]
    assert (costs(timings)["low"] >= 1.0).all() and (costs(timings)["high"] <= 3.0).all()


def test_two_subjects_of_one_name_are_refused():
    machine = Machine()
    with pytest.raises(ValueError, match="one name"):
        machine.measure(machine.subject("a", 1.0), machine.subject("a", 2.0))


@pytest.mark.parametrize("subjects", [1, 6, 20, 60, 400])
@pytest.mark.parametrize("seconds", [1.0, 3.0, 10.0])
def test_a_pace_fits_into_its_time_and_wastes_none_that_it_can_use(subjects, seconds):
    chosen = pace(subjects, seconds)
    machine = Machine()
    machine.measure(
        *(machine.subject(str(i), 1e-5) for i in range(subjects)), **chosen._asdict(), longest=chosen.longest
    )
    assert chosen.rounds >= 5 and chosen.samples >= 5 and chosen.least == SHORT
    assert machine.now <= seconds or chosen[:2] == (5, 5)  # then there are too many, and `limit` stops them
    assert machine.now >= 0.25 * seconds or chosen[:2] == (15, 20)


@pytest.mark.parametrize("limit", [0.0, 0.5, 2.0, 50.0])
def test_a_limit_stops_rounds_before_it_is_exceeded_but_not_the_first(limit):
    machine = Machine()
    taken = machine.measure(machine.subject("a", 0.002), machine.subject("b", 0.3), rounds=9, samples=1, limit=limit)
    rounds = 1 + max(sample.round for sample in taken)
    calibrating = machine.now - sum(sample.seconds for sample in taken)
    assert len(taken) == 2 * rounds and (rounds == 9) == (limit == 50.0)
    assert rounds == 1 or machine.now <= limit
    assert rounds == 9 or calibrating + (rounds + 1) * (machine.now - calibrating) / rounds > limit


def test_a_visit_ends_early_where_a_single_step_lasts_longer():
    machine = Machine()
    taken = frame(
        machine.measure(
            machine.subject("fast", 0.001), machine.subject("slow", 1.0), rounds=3, samples=5, least=0.01, longest=0.1
        )
    )
    counts = taken.groupby(["subject", "round"]).size()
    assert (counts["fast"] == 5).all() and (counts["slow"] == 1).all()


def test_subjects_are_made_anew_for_every_round_but_the_first():
    machine = Machine()
    made = []

    def renew():
        made.append(len(machine.log))
        return [machine.subject("a", 0.001 * (1 + len(made)))]

    taken = frame(machine.measure(machine.subject("a", 0.001), machine.subject("b", 0.001), renew=renew, rounds=4))
    cost = visits(taken).pivot(index="round", columns="subject", values="cost")
    assert len(made) == 3 and cost["a"].tolist() == pytest.approx([0.001, 0.002, 0.003, 0.004])
    assert cost["b"].tolist() == pytest.approx([0.001] * 4)


def test_arrays_lie_elsewhere_each_time():
    def builder():
        array = np.zeros(600)
        return [Timed("a", lambda count: array, part="step")]

    build, kept = scattered([builder, builder]), []
    places = set()
    for _ in range(20):
        kept.append(build())
        places |= {subject.run(1).ctypes.data % 64 for subject in kept[-1]}
    assert len(places) > 1


numbers = st.lists(st.floats(1e-9, 1e3), min_size=2, max_size=20).map(np.array)


@given(numbers, numbers)
def test_swapping_what_is_compared_gives_the_reciprocal(first, second):
    there, back = bootstrap_ratio(first, second), bootstrap_ratio(second, first)
    assert there.low <= there.high
    assert (there.estimate, there.low, there.high) == pytest.approx((1 / back.estimate, 1 / back.high, 1 / back.low))


def test_a_ratio_of_medians_has_the_interval_of_both():
    values = np.array([0.9, 1.0, 1.05, 1.1, 1.2])
    assert bootstrap_ratio(2 * values, values).estimate == pytest.approx(2.0)
    assert bootstrap_ratio(values, values[1:2]).estimate == pytest.approx(1.05)
    assert np.isnan(bootstrap_ratio(values, values[1:2])[1:]).all() and np.isnan(bootstrap_ratio(values, []))[0]
    wide, narrow = bootstrap_ratio(values, values), bootstrap_ratio(values, np.full(5, 1.0))
    assert narrow.low < 1.05 < narrow.high and wide.high / wide.low > narrow.high / narrow.low
    assert bootstrap_ratio(np.full(5, 3.0), np.full(5, 2.0)) == (1.5, 1.5, 1.5)


def drawn(scale, seed, rounds=12):
    """A timing of a reference and a step on a machine whose pace differs from round to round."""
    random = np.random.default_rng(seed)
    paces = random.uniform(1.0, 3.0, rounds)
    rows = [("peak", turn, 0, pace, 1) for turn, pace in enumerate(paces)]
    rows += [("step", turn, 0, scale * pace * random.normal(1, 0.01), 1) for turn, pace in enumerate(paces)]
    return pd.DataFrame(rows, columns=list(Sample._fields))


def test_of_the_same_code_the_interval_contains_one_as_often_as_it_says():
    pairs = [compare(drawn(5.0, 2 * i), drawn(5.0, 2 * i + 1), "peak").iloc[0] for i in range(100)]
    assert sum(pair["low"] <= 1.0 <= pair["high"] for pair in pairs) >= 90


def test_a_slower_step_is_told_from_a_slower_machine():
    head = drawn(5.5, 1).assign(seconds=lambda frame: 2 * frame["seconds"])
    found = compare(drawn(5.0, 0), head, "peak")
    assert found["subject"].tolist() == ["step"]
    assert found["ratio"].iloc[0] == pytest.approx(1.1, abs=0.03) and found["low"].iloc[0] > 1.05


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no thread to a core")
def test_jobs_run_at_the_same_time_each_on_a_core_of_its_own():
    usable, found = os.sched_getaffinity(0), []
    meet = threading.Barrier(2, timeout=60)

    def run(count):
        meet.wait()
        found.append(frozenset(os.sched_getaffinity(0)))

    (both,) = side_by_side(lambda: [Timed("work", run, part="step")], 2)
    both.run(1)
    assert both.jobs == 2
    assert all(len(cores) == 1 for cores in found)
    assert len(set(found)) == min(2, len(usable))
    assert os.sched_getaffinity(0) == usable
