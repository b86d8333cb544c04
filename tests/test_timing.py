"""The timing protocol on clocks and machines of our own making."""

import pandas as pd
import pytest

from gdbench.stats.timings import costs, ratios, visits
from gdbench.timing import Sample, Subject, measure


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


def test_a_slow_hour_changes_costs_but_no_ratio_within_a_round():
    machine = Machine(lambda now: 1.0 if now < 1.0 else 3.0)
    subjects = [machine.subject("fast", 0.001), machine.subject("slow", 0.002)]
    timings = frame(machine.measure(*subjects, rounds=40, samples=2))
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
