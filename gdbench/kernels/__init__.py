"""What is measured: rules, losses and functions with their derivatives, random numbers. Arrays in, arrays out."""

from gdbench.kernels import directions as _register_directions  # noqa: F401  (importing registers them)
from gdbench.kernels import functions as _register_functions  # noqa: F401
from gdbench.kernels import rules as _register_rules  # noqa: F401
from gdbench.kernels.contract import Rule, rule
from gdbench.kernels.data_quadratic import DataQuadratic
from gdbench.kernels.direction import Direction
from gdbench.kernels.function import FUNCTIONS, Function
from gdbench.kernels.function_problem import FunctionProblem
from gdbench.kernels.mlp import MLP
from gdbench.kernels.registry import RULES
from gdbench.kernels.source import source_hash
from gdbench.kernels.training import Samples

__all__ = [
    "FUNCTIONS",
    "MLP",
    "RULES",
    "DataQuadratic",
    "Direction",
    "Function",
    "FunctionProblem",
    "Rule",
    "Samples",
    "rule",
    "source_hash",
]
