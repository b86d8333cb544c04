"""Update rules, losses, test functions and their derivatives, random numbers: arrays in, arrays out."""

from gdbench.kernels import directions as _register_directions  # noqa: F401  (importing registers them)
from gdbench.kernels import functions as _register_functions  # noqa: F401
from gdbench.kernels import rules as _register_rules  # noqa: F401
from gdbench.kernels.compile.source import source_hash
from gdbench.kernels.directions.contract import Direction
from gdbench.kernels.functions.contract import FUNCTIONS, Function
from gdbench.kernels.functions.problem import FunctionProblem
from gdbench.kernels.networks.mlp import MLP
from gdbench.kernels.networks.passes import Samples
from gdbench.kernels.quadratic.problem import DataQuadratic
from gdbench.kernels.rules.contract import Rule, rule
from gdbench.kernels.rules.registry import RULES

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
