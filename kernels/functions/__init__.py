"""The test functions, one file each; importing this package registers them."""

from gdbench.kernels.functions import (
    beale,
    booth,
    double_well,
    himmelblau,
    monkey_saddle,
    plateau,
    quadratic,
    rosenbrock,
    saddle,
    styblinski_tang,
)

__all__ = [
    "beale",
    "booth",
    "double_well",
    "himmelblau",
    "monkey_saddle",
    "plateau",
    "quadratic",
    "rosenbrock",
    "saddle",
    "styblinski_tang",
]
