"""gdbench: which gradient-descent rule, at which learning rate and batch size, reaches the target soonest?

    import gdbench
    run = gdbench.run("quick")
    run.trials, run.curves, run.targets        # pandas frames
    run.report("report.html")
    gdbench.minimize("rosenbrock", [-1.2, 1.0], "adam", lr=0.05, steps=500).plot()

Names are loaded when they are first used, so that importing gdbench costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gdbench.api.minimize import Descent, minimize
    from gdbench.api.runs import Run, load, run
    from gdbench.errors import GdbenchError
    from gdbench.kernels.directions.contract import direction
    from gdbench.kernels.functions.contract import function
    from gdbench.kernels.rules.contract import rule
    from gdbench.suites.mathematics import problem

__version__ = "0.1.0"

__all__ = [
    "Descent",
    "GdbenchError",
    "Run",
    "direction",
    "function",
    "load",
    "minimize",
    "problem",
    "rule",
    "run",
]

_HOMES = {
    "Descent": "gdbench.api.minimize",
    "direction": "gdbench.kernels.directions.contract",
    "function": "gdbench.kernels.functions.contract",
    "problem": "gdbench.suites.mathematics",
    "minimize": "gdbench.api.minimize",
    "GdbenchError": "gdbench.errors",
    "Run": "gdbench.api.runs",
    "load": "gdbench.api.runs",
    "rule": "gdbench.kernels.rules.contract",
    "run": "gdbench.api.runs",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gdbench' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
