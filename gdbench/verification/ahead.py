"""Compile what takes longest, in a process of its own, while checks that do without it run.

What that process compiles reaches this process through the cache on disk, and changes no number.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from gdbench.kernels.compile.cache import cache_problem
from gdbench.kernels.compile.jit import DISABLED

FAMILIES = ("functions", "networks", "digits")  # whose checks need what is compiled ahead
PATIENCE = 300.0  # seconds
_COMMAND = "from gdbench.verification.ahead import compile_all; compile_all()"


def compile_all() -> None:
    """Call once what those families call."""
    from gdbench.kernels import FUNCTIONS
    from gdbench.suites import mathematics
    from gdbench.verification.networks import IRIS
    from gdbench.verification.work import walk

    problem = mathematics.problem(IRIS)
    theta = problem.initial(0)
    problem.loss(theta)
    problem.gradient(theta)
    problem.hessian(theta)
    walk(IRIS, "sgd", batch_size=32, lr=0.1).advance(1)
    for function in FUNCTIONS.values():
        assert function.compiled.hessian


@contextmanager
def compiled_ahead(wanted: bool) -> Iterator[Callable[[], int | None]]:
    """Begin to compile, if that is wanted and can be kept; gives what waits for it and returns the exit code."""
    if not wanted or DISABLED or cache_problem():
        yield lambda: None
        return
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    command, nowhere = [sys.executable, "-c", _COMMAND], subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment, stdin=nowhere, stdout=nowhere, stderr=nowhere)

    def wait() -> int | None:
        with suppress(subprocess.TimeoutExpired):  # then this process compiles what is missing
            return process.wait(PATIENCE)
        return None

    try:
        yield wait
    finally:
        process.kill()
        process.wait()
