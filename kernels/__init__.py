"""What is measured: update rules, network losses and their gradients, random numbers. Arrays in, arrays out."""

from gdbench.kernels import rules as _register_rules  # noqa: F401  (importing registers them)
from gdbench.kernels.contract import RULES, Rule, rule
from gdbench.kernels.mlp import MLP
from gdbench.kernels.source import source_hash
from gdbench.kernels.training import Samples

__all__ = ["MLP", "RULES", "Rule", "Samples", "rule", "source_hash"]
