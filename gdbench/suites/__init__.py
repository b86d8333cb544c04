"""Sweeps: suites as TOML files, the schema that checks them, and their trials."""

from gdbench.suites.named import data_table, distinct_labels, problem_table
from gdbench.suites.reading import find, load, read, shipped
from gdbench.suites.suite import Suite
from gdbench.suites.trials import Setting, Trial

__all__ = [
    "Setting",
    "Suite",
    "Trial",
    "data_table",
    "distinct_labels",
    "find",
    "load",
    "problem_table",
    "read",
    "shipped",
]
