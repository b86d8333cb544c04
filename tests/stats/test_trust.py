"""When a timing is trusted: each reason by a timing that has it alone."""

import numpy as np
import pandas as pd
import pytest

from gdbench.stats.timings import step_costs
from gdbench.stats.trust import reference_costs, trust

PEAK, TRIAD = "peak float32", "triad L1"
FLOPS, BYTES = 1e6, 4e4  # of a step of sgd at batch 32


def session(*, rounds=6, peak=1e-6, busy=(), costs=None):
    """Timings and subjects. busy: rounds in which all takes twice as long. costs: of steps, by rule and batch."""
    subjects = [
        {"subject": PEAK, "part": "peak", "dtype": "float32", "flops": 1e5, "bytes": np.nan, "memory": None},
        {"subject": TRIAD, "part": "triad", "dtype": None, "flops": np.nan, "bytes": 1e5, "memory": "L1"},
    ]
    seconds = {PEAK: peak, TRIAD: 1e-6}
    for (rule, batch), cost in (costs or {("sgd", 32): 2e-5, ("adam", 32): 3e-5, ("sgd", 64): 4e-5}).items():
        name, slots = f"step: p, {rule}, batch {batch}", 2 if rule == "adam" else 0
        facts = {"flops": FLOPS * batch / 32, "bytes": BYTES * (3 + 2 * slots), "memory": "L1"}
        subjects.append(
            {"subject": name, "part": "step", "dtype": "float32", **facts, "rule": rule, "batch_size": batch}
        )
        seconds[name] = cost
    frame = pd.DataFrame(subjects).assign(problem="p", jobs=1, layer=np.nan)
    rows = [
        (name, "cpu", turn, sample, cost * (2 if turn in busy else 1) * (1 + 0.01 * sample), 1)
        for name, cost in seconds.items()
        for turn in range(rounds)
        for sample in range(5)
    ]
    return pd.DataFrame(rows, columns=["subject", "backend", "round", "sample", "seconds", "steps"]), frame


def test_a_quiet_session_is_trusted_and_one_without_a_past_says_so():
    timings, subjects = session()
    before = {name: [cost] for name, cost in reference_costs(timings, subjects).items()}
    assert set(before) == {PEAK, TRIAD} and before[PEAK] == [pytest.approx(1e-11, rel=0.01)]
    assert trust(timings, subjects, before) == ([], [])
    alone = trust(timings, subjects)
    assert alone.trusted and alone.notes == ["no earlier timing on this machine confirms this one"]


def test_rounds_beyond_the_faster_half_are_forgiven():
    timings, subjects = session(rounds=6, busy=(1, 3, 4))
    assert trust(timings, subjects).trusted
    quiet = session(rounds=6)
    for found, expected in zip(
        reference_costs(timings, subjects).values(), reference_costs(*quiet).values(), strict=True
    ):
        assert found == pytest.approx(expected, rel=0.02)
    costs, expected = step_costs(timings, subjects), step_costs(*quiet)
    assert all(np.median(costs[name]) == pytest.approx(np.median(expected[name]), rel=0.02) for name in expected)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"busy": (0, 1, 2, 4)},
            "the machine was busy: in half of the rounds .* took at least 100 % longer than in the fastest",
        ),
        ({"rounds": 4}, "there were 4 rounds of measurements, and 5 are needed"),
        ({"costs": {("sgd", 32): 4e-6}}, "1 of 3 subjects came out faster than this machine can compute"),
        (
            {"costs": {("sgd", 32): 9e-5, ("adam", 32): 6e-5}},
            "a step of adam at batch 32 came out cheaper than one of sgd",
        ),
        ({"costs": {("sgd", 32): 9e-5, ("sgd", 64): 6e-5}}, "at batch 64 came out cheaper than one of sgd at batch 32"),
    ],
)
def test_each_reason_is_found_alone(given, words):
    reasons = trust(*session(**given)).reasons
    assert len(reasons) == 1
    assert pd.Series(reasons).str.contains(words).all(), reasons


def test_a_machine_that_is_slower_than_in_its_best_sessions_is_not_trusted():
    timings, subjects = session()
    slow = {PEAK: [0.7e-11, 0.8e-11, *[5e-11] * 20], TRIAD: [1e-11]}
    assert trust(timings, subjects, slow).trusted  # of the ten best, the median is slow
    fast = {PEAK: [0.8e-11] * 10, TRIAD: [1e-11]}
    (reason,) = trust(timings, subjects, fast).reasons
    assert "the machine was slower than before: peak float32 took 26 % longer" in reason
    assert trust(timings, subjects, {PEAK: [0.92e-11]}).trusted and trust(timings, subjects, {PEAK: []}).trusted


def test_no_timing_is_no_trusted_timing():
    timings, subjects = session()
    assert trust(timings.iloc[:0], subjects).reasons == ["no step was timed"]


def test_references_without_known_work_are_none():
    timings, subjects = session()
    unknown = subjects.assign(flops=np.nan, bytes=np.nan)
    assert reference_costs(timings, unknown) == {}
    assert trust(timings, unknown).reasons == ["no reference was timed beside the steps"]
