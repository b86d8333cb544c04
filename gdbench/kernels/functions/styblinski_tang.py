"""Styblinski and Tang's function: two minima along every axis.

descent = gdbench.minimize("styblinski-tang", [0.5, 0.5], "momentum", lr=0.01, steps=200)
"""

from gdbench.kernels.functions.contract import function

_LOW, _HIGH, _TOP = -2.9035340277711771, 2.7468027709908369, 0.1567312567803402  # roots of 4 x^3 - 32 x + 5


@function(least=1, start=(0.5,), minimisers=((_LOW,),), local_minimisers=((_HIGH,),), saddles=((_TOP,),))
def styblinski_tang(x):
    """f(x) = 1/2 sum_i x_i^4 - 16 x_i^2 + 5 x_i.

    Styblinski and Tang, "Experiments in nonconvex optimization: stochastic approximation with function smoothing and
    simulated annealing", Neural Networks 3 (1990).
    """
    total = 0.0
    for i in range(x.size):
        square = x[i] * x[i]
        total += square * square - 16.0 * square + 5.0 * x[i]
    return 0.5 * total


@styblinski_tang.gradient
def _(x, out):
    for i in range(x.size):
        out[i] = 2.0 * x[i] * x[i] * x[i] - 16.0 * x[i] + 2.5


@styblinski_tang.hessian
def _(x, out):
    out[:] = 0.0
    for i in range(x.size):
        out[i, i] = 6.0 * x[i] * x[i] - 16.0
