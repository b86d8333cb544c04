"""Every schedule against its formula worked by hand, against PyTorch's, and in pieces."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbench.errors import UsageError
from gdbench.kernels.compile.jit import DISABLED
from gdbench.kernels.rules import schedules

LR, TOTAL = 0.8, 40


def rates(given, *, lr=LR, first=1, count=TOTAL, total=TOTAL):
    return schedules.learning_rates(schedules.with_defaults(given), lr, first, count, total)


def cosine(start, end, done):
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


# The share of lr at steps 1, 2 and 40 of 40, from the formulas.
HAND = [
    ({"kind": "constant"}, 1, 1, 1),
    ({"kind": "step", "every": 10, "factor": 0.5}, 1, 1, 0.125),
    ({"kind": "step", "every": 1, "factor": 0.5}, 1, 0.5, 2.0**-39),
    ({"kind": "exponential", "gamma": 0.9}, 1, 0.9, 0.9**39),
    ({"kind": "inverse", "decay": 0.5}, 1, 1 / 1.5, 1 / 20.5),
    ({"kind": "inverse-sqrt"}, 1, 1 / math.sqrt(2), 1 / math.sqrt(40)),
    ({"kind": "cosine"}, 1, cosine(1, 0, 1 / 40), cosine(1, 0, 39 / 40)),
    ({"kind": "cosine", "final": 0.25 * LR}, 1, cosine(1, 0.25, 1 / 40), cosine(1, 0.25, 39 / 40)),
    ({"kind": "one-cycle"}, 1 / 25, cosine(1 / 25, 1, 1 / 11), 1 / 25 / 1e4),
    ({"kind": "one-cycle", "rise": 0.5, "factor": 0.1, "drop": 0.0}, 0.1, cosine(0.1, 1, 1 / 19), 0),
]


@pytest.mark.parametrize(("given", "one", "two", "last"), HAND)
def test_first_second_and_last_step_worked_by_hand(given, one, two, last):
    np.testing.assert_allclose(rates(given)[[0, 1, -1]], np.multiply(LR, [one, two, last]), rtol=1e-13, atol=1e-17)


def torch_schedulers(torch):
    """For each schedule, PyTorch's own."""
    scheduler = torch.optim.lr_scheduler
    return [
        ({"kind": "step", "every": 7, "factor": 0.3}, lambda o, n: scheduler.StepLR(o, 7, 0.3)),
        ({"kind": "exponential", "gamma": 0.99}, lambda o, n: scheduler.ExponentialLR(o, 0.99)),
        ({"kind": "cosine"}, lambda o, n: scheduler.CosineAnnealingLR(o, n)),
        ({"kind": "cosine", "final": 0.01}, lambda o, n: scheduler.CosineAnnealingLR(o, n, 0.01)),
        ({"kind": "one-cycle"}, lambda o, n: scheduler.OneCycleLR(o, LR, n, cycle_momentum=False)),
        (
            {"kind": "one-cycle", "rise": 0.45, "factor": 0.2, "drop": 0.01},
            lambda o, n: scheduler.OneCycleLR(
                o, LR, n, pct_start=0.45, div_factor=5, final_div_factor=100, cycle_momentum=False
            ),
        ),
        ({"kind": "inverse", "decay": 0.2}, lambda o, n: scheduler.LambdaLR(o, lambda i: 1 / (1 + 0.2 * i))),
        ({"kind": "inverse-sqrt"}, lambda o, n: scheduler.LambdaLR(o, lambda i: (i + 1) ** -0.5)),
        (
            {"kind": "exponential", "gamma": 0.99, "warmup": 12},
            lambda o, n: scheduler.LambdaLR(o, lambda i: 0.99**i * min(1, (i + 1) / 12)),
        ),
    ]


@pytest.mark.needs("torch")
@pytest.mark.parametrize("total", [1, 2, 3, 4, 40, 733])
@pytest.mark.parametrize("case", range(9))
def test_learning_rates_are_pytorchs(case, total):
    import torch

    given, make = torch_schedulers(torch)[case]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR)
    scheduler, expected = make(optimizer, total), []
    for step in range(total):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < total - 1:
            scheduler.step()
    np.testing.assert_allclose(rates(given, count=total, total=total), expected, rtol=1e-12, atol=1e-12 * LR)


def test_one_cycle_has_its_peak_where_pytorch_fails():
    np.testing.assert_allclose(rates({"kind": "one-cycle", "rise": 0.5}, count=2, total=2), [LR, LR * 4e-6], rtol=1e-12)
    np.testing.assert_allclose(rates({"kind": "one-cycle", "rise": 1.0}, count=1, total=1), [LR], rtol=1e-12)
    falling = rates({"kind": "one-cycle", "rise": 0.0})
    assert np.all(np.diff(falling) < 0) and falling[0] < LR


def test_one_cycle_starts_at_its_factor_where_the_peak_falls_within_the_second_step():
    got = rates({"kind": "one-cycle"}, count=5, total=5)  # the peak is at step 1.5
    np.testing.assert_allclose(got[:2], [LR / 25, LR * cosine(1, 4e-6, 0.5 / 3.5)], rtol=1e-12)


def test_one_cycle_has_lr_itself_at_its_peak_wherever_it_ends():
    assert rates({"kind": "one-cycle", "factor": 0.5, "drop": 1e20})[11] == LR  # step 12 of 40, where rise T is 12


@pytest.mark.skipif(DISABLED, reason="nothing is compiled in this lane")
def test_learning_rates_are_compiled_once():
    for kind in schedules.SCHEDULES:
        rates(kind)
    assert len(schedules._fill.signatures) == 1


@pytest.mark.parametrize("kind", schedules.SCHEDULES)
def test_warm_up_multiplies_by_its_share_and_then_changes_nothing(kind):
    share = np.minimum(1.0, np.arange(1, TOTAL + 1) / 8)
    np.testing.assert_allclose(rates({"kind": kind, "warmup": 8}), rates(kind) * share, rtol=1e-15)


@given(
    st.sampled_from(list(schedules.SCHEDULES)),
    st.integers(1, 3000),
    st.integers(1, 3000),
    st.integers(1, 50),
    st.sampled_from([0, 5, 1500]),
)
def test_a_chunk_is_the_slice_of_the_whole(kind, total, first, count, warmup):
    first = min(first, total)
    count = min(count, total - first + 1)
    schedule = {"kind": kind, "warmup": warmup}
    whole = rates(schedule, count=total, total=total)
    assert np.all(np.isfinite(whole)) and np.all(whole >= 0)
    piece = rates(schedule, first=first, count=count, total=total)
    np.testing.assert_array_equal(piece, whole[first - 1 : first - 1 + count])


# A thousand steps make lr a tenth by step, a half by inverse and 1 / e by exponential; the rest is PyTorch's.
DEFAULTS = {
    "constant": {},
    "step": {"every": 1000, "factor": 0.1},
    "exponential": {"gamma": 0.999},
    "inverse": {"decay": 0.001},
    "inverse-sqrt": {},
    "cosine": {"final": 0.0},
    "one-cycle": {"rise": 0.3, "factor": 0.04, "drop": 1e-4},
}


def test_every_schedule_has_the_defaults_named_here():
    assert {kind: schedules.with_defaults(kind) for kind in schedules.SCHEDULES} == {
        kind: {"kind": kind, **options, "warmup": 0} for kind, options in DEFAULTS.items()
    }


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("constant", {"warmup": 2**62 - 1}),
        ("step", {"every": 1, "factor": 5e-324}),
        ("step", {"every": 2**62 - 1, "factor": 2.0}),
        ("exponential", {"gamma": 5e-324}),
        ("exponential", {"gamma": 1.5}),
        ("inverse", {"decay": 0.0}),
        ("cosine", {"final": 0.0}),
        ("one-cycle", {"rise": 0.0, "factor": 2.0, "drop": 0.0}),
        ("one-cycle", {"rise": 1.0, "drop": 1e6}),
    ],
)
def test_options_reach_to_the_ends_of_their_ranges(kind, options):
    assert schedules.with_defaults({"kind": kind, **options}) == {**schedules.with_defaults(kind), **options}


def test_settings_fill_in_the_defaults_and_write_numbers_one_way():
    assert schedules.with_defaults("cosine") == {"kind": "cosine", "final": 0.0, "warmup": 0}
    step = schedules.with_defaults({"kind": "step", "factor": 1, "every": 5})
    assert step == {"kind": "step", "every": 5, "factor": 1.0, "warmup": 0}
    assert isinstance(step["factor"], float) and isinstance(step["every"], int)
    assert set(schedules.MEANINGS) == set(schedules.SCHEDULES)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (3, "must be a name or a table"),
        ("cosin", "unknown schedule 'cosin'; did you mean 'cosine'?"),
        ({"warmup": 3}, "unknown schedule None"),
        ({"kind": "step", "gamma": 0.5}, "schedule 'step' has no option 'gamma'"),
        ({"kind": "cosine", "finl": 0.5}, "did you mean 'final'?"),
        ({"kind": "step", "every": 0}, "schedule 'step': every = 0 must be a whole number of steps, 1 or more"),
        ({"kind": "step", "every": 2.0}, "every = 2.0 must be a whole number"),
        ({"kind": "step", "factor": 0.0}, "factor = 0.0 must be a finite number greater than 0"),
        ({"kind": "exponential", "gamma": -0.5}, "gamma = -0.5 must be a finite number greater than 0"),
        ({"kind": "exponential", "gamma": math.inf}, "gamma = inf must be a finite number"),
        ({"kind": "inverse", "decay": -1}, "decay = -1 must be a finite number, 0 or more"),
        ({"kind": "inverse", "decay": math.nan}, "decay = nan must be"),
        ({"kind": "cosine", "final": -0.5}, "final = -0.5 must be a finite learning rate, 0 or more"),
        ({"kind": "cosine", "final": "0"}, "final = '0' must be"),
        ({"kind": "one-cycle", "rise": -0.1}, "rise = -0.1 must be a share of the budget from 0 to 1"),
        ({"kind": "one-cycle", "rise": 1.0000001}, "rise = 1.0000001 must be a share of the budget from 0 to 1"),
        ({"kind": "one-cycle", "drop": math.inf}, "drop = inf must be a finite number, 0 or more"),
        ({"kind": "step", "every": 2**62}, "must be a whole number of steps, 1 or more"),
        ({"kind": "constant", "warmup": True}, "warmup = True must be a whole number of steps, 0 or more"),
        ({"kind": "constant", "warmup": -1}, "warmup = -1 must be"),
        ({"kind": "constant", "warmup": 2**62}, "must be a whole number of steps"),
    ],
)
def test_wrong_schedules_are_refused(given, words):
    with pytest.raises(UsageError) as caught:
        schedules.with_defaults(given)
    assert words in str(caught.value)
