"""Every activation and both its derivatives, a vector at a time: formulas, differences, zeros of either sign, NaN."""

import math

import network_table
import numpy as np
import pytest
import reference

from gdbench.kernels.compile.jit import kernel
from gdbench.kernels.networks import activations
from gdbench.kernels.networks.activations import ACTIVATIONS, NUMBERS, Activation

ROWS = network_table.ACTIVATIONS
NAMES = tuple(ROWS)
POINTS = np.array([-3.0, -1.0, -0.3, 0.2, 0.5, 1.0, 2.5])  # away from the kinks


@kernel(source=None)
def _activate(activation, z, sums):
    activations.activate(activation, z, sums)


@kernel(source=None)
def _backpropagate(activation, a, z, d):
    activations.backpropagate(activation, a, z, d)


@kernel(source=None)
def _bend(activation, a, z, out):
    activations.second_derivative(activation, a, z, out)


def derivatives(name, z, d=1.0):
    """The activation of z, d times its derivative and its second derivative, as the kernels give them."""
    a, sums = z.copy(), np.full_like(z, math.nan)
    _activate(NUMBERS[name], a, sums)
    np.testing.assert_array_equal(sums, z if ROWS[name].keeps_sums else np.full_like(z, math.nan))
    slope, bend = np.full_like(z, d), np.full_like(z, math.nan)
    _backpropagate(NUMBERS[name], a, sums, slope)
    _bend(NUMBERS[name], a, sums, bend)
    return a, slope, bend


def test_the_activations_are_those_named_here():
    assert tuple(sorted(NUMBERS)) == tuple(sorted(NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_values_and_derivatives_follow_the_formula(name):
    h = 1e-4
    a, slope, bend = derivatives(name, POINTS, 3.0)
    np.testing.assert_allclose(a, reference.activate(name, POINTS), rtol=1e-12)
    np.testing.assert_allclose(slope, 3 * reference.slope(name, POINTS), rtol=1e-12)
    difference = (reference.slope(name, POINTS + h) - reference.slope(name, POINTS - h)) / (2 * h)
    np.testing.assert_allclose(bend, difference, rtol=1e-12, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_a_zero_of_either_sign_takes_the_derivatives_from_the_left(name):
    zeros = np.array([0.0, -0.0])
    a, slope, bend = derivatives(name, zeros)
    for got, expected in zip((a, slope, bend), ROWS[name].at_zero, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-15)
    assert not ROWS[name].keeps_sign or np.signbit(a).tolist() == [False, True]


@pytest.mark.parametrize("name", NAMES)
def test_a_nan_passes_through(name):
    a, slope, _ = derivatives(name, np.array([math.nan, 1.0]), math.nan)
    assert np.isnan(a).tolist() == [True, False] and np.isnan(slope[0]) == ROWS[name].keeps_nan


@pytest.mark.parametrize("missing", ["apply", "backpropagate", "second_derivative"])
def test_an_activation_that_lacks_one_of_its_functions_cannot_be_made(missing):
    given = ACTIVATIONS["tanh"]._asdict()
    assert Activation(**given) == ACTIVATIONS["tanh"]
    with pytest.raises(TypeError, match=missing):
        Activation(**{name: value for name, value in given.items() if name != missing})
