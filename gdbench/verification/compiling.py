"""Compile what takes longest in a process of its own, while checks that do not need it run.

Its machine code reaches this process through the cache on disk, and changes no number.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gdbench.kernels.compile.cache import cache_problem
from gdbench.kernels.compile.jit import DISABLED
from gdbench.machine.processes import helper

FAMILIES = ("functions", "networks", "digits")  # their checks need what is compiled ahead
PATIENCE = 300.0  # seconds


def compile_all() -> None:
    """Call once everything that those families call."""
    from gdbench.kernels import FUNCTIONS
    from gdbench.suites import mathematics
    from gdbench.verification.experiments import stepper_for
    from gdbench.verification.networks import IRIS

    problem = mathematics.problem(IRIS)
    theta = problem.initial(0)
    problem.loss(theta)
    problem.gradient(theta)
    problem.hessian(theta)
    stepper_for(IRIS, "sgd", batch_size=32, lr=0.1).advance(1)
    for function in FUNCTIONS.values():
        assert function.compiled.hessian


@contextmanager
def compiled_ahead(wanted: bool) -> Iterator[Callable[[], int | None]]:
    """Start to compile, if that is wanted and the cache can keep it. Yields a function that waits for the exit code."""
    if not wanted or DISABLED or cache_problem():
        yield lambda: None
        return
    with helper(f"from {__name__} import compile_all; compile_all()") as wait:
        yield lambda: wait(PATIENCE)  # what it has not managed by then, this process compiles
