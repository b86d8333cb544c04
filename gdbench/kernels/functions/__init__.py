"""The test functions, one file each; importing this package registers them."""

from gdbench.kernels.functions import (
    ackley,
    beale,
    booth,
    double_well,
    gramacy_lee,
    himmelblau,
    monkey_saddle,
    plateau,
    quadratic,
    rastrigin,
    ripples,
    rosenbrock,
    saddle,
    styblinski_tang,
)

__all__ = [
    "ackley",
    "beale",
    "booth",
    "double_well",
    "gramacy_lee",
    "himmelblau",
    "monkey_saddle",
    "plateau",
    "quadratic",
    "rastrigin",
    "ripples",
    "rosenbrock",
    "saddle",
    "styblinski_tang",
]
