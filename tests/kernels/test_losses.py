"""Every loss and its derivatives, a block of samples at a time: formulas, differences, ties, far outputs, NaN."""

import math

import network_table
import numpy as np
import pytest
import reference

from gdbench.kernels.compile.jit import kernel
from gdbench.kernels.networks import losses
from gdbench.kernels.networks.losses import LOSSES, NUMBERS, Loss

ROWS = network_table.LOSSES
NAMES = tuple(ROWS)
LABELLED = tuple(name for name, row in ROWS.items() if row.classes)
ORDER, FIRST = np.array([4, 2, 0, 5, 1, 3]), 2  # the block is of rows 0, 5 and 1, or of the first of these
SCALE = 0.375


@kernel(source=None)
def _values(loss, z, labels, targets, order, first, scratch, values, scores):
    losses.loss_values(loss, z, labels, targets, order, first, scratch, values)
    losses.score_values(z, labels, targets, order, first, scratch, scores)


@kernel(source=None)
def _gradient(loss, z, labels, targets, order, first, scale, d):
    losses.loss_gradient(loss, z, labels, targets, order, first, scale, d)


@kernel(source=None)
def _turn(loss, z, targets, order, first, scale, h, rz, rd):
    losses.loss_hessian(loss, z, targets, order, first, scale, h)
    losses.loss_hvp(loss, h, rz, scale, rd)


def block(name, rows, outputs):
    """Outputs z, labels and targets of six samples, and what the block's samples are to be."""
    rng = np.random.default_rng(outputs)
    z, wanted = 2 * rng.normal(size=(rows, outputs)), rng.normal(size=(6, outputs))
    labels = np.arange(6) % max(outputs, 2)
    if name in LABELLED:
        wanted = (labels[:, None] == np.arange(outputs) + (outputs == 1)).astype(float)
    else:
        labels = labels[:0]
    targets = wanted[: 0 if ROWS[name].by_label else 6]
    return z, labels, targets, wanted[ORDER[FIRST : FIRST + rows]]


def values(name, z, labels, targets, order=ORDER, first=FIRST):
    """Losses and scores of the block's samples; the others' are left alone."""
    found, scores = np.full(order.size, math.nan), np.full(order.size, math.nan)
    _values(NUMBERS[name], z, labels, targets, order, first, np.full_like(z, math.nan), found, scores)
    others = np.r_[0:first, first + len(z) : order.size]
    assert np.isnan(found[others]).all() and np.isnan(scores[others]).all()
    return found[first : first + len(z)], scores[first : first + len(z)]


def gradient(name, z, labels, targets):
    d = np.full_like(z, math.nan)
    _gradient(NUMBERS[name], z, labels, targets, ORDER, FIRST, SCALE, d)
    return d


def turn(name, z, targets, rz):
    h, rd = np.full_like(z, math.nan), np.full_like(z, math.nan)
    _turn(NUMBERS[name], z, targets, ORDER, FIRST, SCALE, h, rz, rd)
    return rd


CASES = [
    (name, rows, outputs)
    for name in NAMES
    for rows, outputs in ((3, 1), (1, 2), (3, 2), (2, 3), (3, 4))
    if outputs >= ROWS[name].fewest
]


def test_the_losses_are_those_named_here():
    assert sorted(LOSSES) == sorted(NAMES) == sorted(NUMBERS)
    assert tuple(name for name in NAMES if LOSSES[name].classes) == LABELLED
    for name in NAMES:
        two = ROWS[name].outputs
        assert [losses.output_count(name, columns) for columns in (1, 2, 3)] == [1, two, 3]


@pytest.mark.parametrize(("name", "rows", "outputs"), CASES)
def test_values_and_gradients_follow_the_formula(name, rows, outputs):
    z, labels, targets, wanted = block(name, rows, outputs)
    got, d = values(name, z, labels, targets)[0], gradient(name, z, labels, targets)
    for i in range(rows):
        value, slope = reference.mean_loss(name, z[i : i + 1], wanted[i : i + 1])
        assert got[i] == pytest.approx(value, rel=1e-13)
        np.testing.assert_allclose(d[i : i + 1], SCALE * slope, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("name", "rows", "outputs"), CASES)
def test_second_derivatives_agree_with_differences(name, rows, outputs):
    z, labels, targets, _ = block(name, rows, outputs)
    rz, h = np.random.default_rng(9).normal(size=z.shape), 1e-5
    plus, minus = (gradient(name, z + step * rz, labels, targets) for step in (h, -h))
    got = turn(name, z, targets, rz)
    np.testing.assert_allclose(got, (plus - minus) / (2 * h), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("outputs", [1, 2, 4])
def test_scores_are_right_labels_or_squared_errors_in_blocks_of_any_length(name, outputs):
    if outputs < ROWS[name].fewest:
        return
    for rows in (1, 3):
        z, labels, targets, wanted = block(name, rows, outputs)
        expected = ((z - wanted) ** 2).sum(axis=1)
        if name in LABELLED:
            said = z.argmax(axis=1) if outputs > 1 else z[:, 0] > 0
            expected = said == labels[ORDER[FIRST : FIRST + rows]]
        np.testing.assert_allclose(values(name, z, labels, targets)[1], expected, rtol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_a_data_set_of_one_sample_is_scored(name):
    z, only = np.array([[0.5, 2.0]]), np.zeros(1, np.int64)
    labels = np.array([1] if name in LABELLED else [], np.int64)
    targets = np.array([[0.0, 1.0]])[: 0 if ROWS[name].by_label else 1]
    assert values(name, z, labels, targets, only, 0)[1] == [1.0 if name in LABELLED else 1.25]


def score(z, label):
    """Whether cross-entropy, or binary cross-entropy for one output, calls these outputs right."""
    name = "cross-entropy" if len(z) > 1 else "binary-cross-entropy"
    row, label = np.array([z]), np.array([label], np.int64)
    return values(name, row, label, np.zeros((int(len(z) == 1), 1)), np.zeros(1, np.int64), 0)[1][0]


@pytest.mark.parametrize(
    ("z", "label", "expected"),
    [
        ([2.0, 2.0, 1.0], 0, 1),  # the first of equals
        ([2.0, 2.0, 1.0], 1, 0),
        ([1.0, 2.0, 2.0], 1, 1),
        ([2.0, 1.0, 1.5], 0, 1),
        ([0.0, 1.0], 1, 1),
        ([0.5], 1, 1),  # one output says 1 above zero
        ([0.5], 0, 0),
        ([0.0], 0, 1),
        ([-0.5], 0, 1),
        ([math.nan], 0, 0),
        ([math.nan, 1.0], 0, 0),  # a NaN is the best of none
    ],
)
def test_the_first_of_equal_outputs_wins_and_a_nan_is_wrong(z, label, expected):
    assert score(z, label) == expected


@pytest.mark.parametrize("label", [0, 1, 2])
def test_cross_entropy_of_far_outputs_does_not_overflow(label):
    for top in range(3):
        z, labels = np.zeros((1, 3)), np.full(6, label)
        z[0, top] = 1000.0
        got, _ = values("cross-entropy", z, labels, np.zeros((0, 3)))
        assert got == [0.0 if label == top else 1000.0]
        softmax = np.eye(3)[[top]]
        np.testing.assert_array_equal(
            gradient("cross-entropy", z, labels, np.zeros((0, 3))), SCALE * (softmax - np.eye(3)[[label]])
        )


def test_binary_cross_entropy_of_far_outputs_does_not_overflow():
    z, targets = np.array([[700.0, -700.0]]), np.array([[0.0, 1.0]] * 6)
    assert values("binary-cross-entropy", z, np.zeros(0, np.int64), targets)[0] == [700.0]
    got = gradient("binary-cross-entropy", z, np.zeros(0, np.int64), targets)
    np.testing.assert_allclose(got, [[SCALE / 2, -SCALE / 2]], rtol=1e-15)


def test_huber_is_a_parabola_inside_one_and_a_line_from_there_on():
    z, targets, none = np.array([[-2.0, -1.0, 0.5, 1.0, 3.0]]), np.zeros((6, 5)), np.zeros(0, np.int64)
    assert values("huber", z, none, targets)[0] == [(1.5 + 0.5 + 0.125 + 0.5 + 2.5) / 5]
    share = SCALE / 5
    np.testing.assert_array_equal(gradient("huber", z, none, targets), [[-share, -share, share * 0.5, share, share]])
    np.testing.assert_array_equal(turn("huber", z, targets, np.ones_like(z)), [[0.0, 0.0, share, 0.0, 0.0]])


@pytest.mark.parametrize("missing", ["values", "gradient", "hessian", "hvp"])
def test_a_loss_that_lacks_one_of_its_functions_cannot_be_made(missing):
    given = LOSSES["huber"]._asdict()
    assert Loss(**given) == LOSSES["huber"]
    with pytest.raises(TypeError, match=missing):
        Loss(**{name: value for name, value in given.items() if name != missing})
