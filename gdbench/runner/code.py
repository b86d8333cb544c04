"""Identify the code that produced a run's numbers."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from gdbench.kernels import source_hash
from gdbench.kernels.functions.contract import find as find_function
from gdbench.kernels.rules.registry import Written, find
from gdbench.plugins import plugin_hash


def code_hash(items: Iterable[Written] | None = None) -> str:
    """The SHA-256 of the kernels' source and of the plug-ins': of all plug-ins, or of those that define `items`."""
    plugins = plugin_hash(items)
    return hashlib.sha256(f"{source_hash()}|{plugins}".encode()).hexdigest() if plugins else source_hash()


def written_for(definition: Mapping[str, Any]) -> list[Written]:
    """The rules and the function that a trial's definition names. Raises UsageError for an unknown one."""
    problem = definition["problem"]
    functions = [find_function(problem["function"])] if "function" in problem else []
    return [*find(definition["rule"]).parts(), *functions]
