"""Which backend a run gets: the one that is asked for, or the best that is here."""

import re

from gdbench.errors import UsageError, shown
from gdbench.kernels.compile.driver import SIMULATED, driver_found
from gdbench.runner.backends.contract import Backend, First
from gdbench.runner.backends.threads import Threads
from gdbench.suites import Suite

BACKENDS = ("auto", "cpu", "cuda")
PARTS = ("name", "summary", "refuses", "prepare", "train", "facts")  # of a backend of somebody's own


class NoBackendError(UsageError):
    """The backend asked for is not here. Exit code 3: nothing was measured."""

    exit_code = 3


def choose_backend(asked: str) -> str:
    """The backend that runs: `auto` is the GPU where one can be used.

    Raises NoBackendError, which says what is missing, where `cuda` is asked for in vain.
    """
    if asked not in BACKENDS:
        raise UsageError(f"backend {asked!r} is not one of {', '.join(BACKENDS)}")
    # The simulator is for tests of a few steps, and is used by those who ask for it.
    if asked == "cpu" or (asked == "auto" and (SIMULATED or not driver_found())):
        return "cpu"
    from gdbench.kernels.compile import cuda

    missing = cuda.missing()
    if missing and asked == "cuda":
        raise NoBackendError(f"backend 'cuda' cannot be used here: {missing}")
    return "cpu" if missing else "cuda"


def backend_of(suite: Suite, asked: str | Backend, threads: Threads) -> First:
    """What trains a suite: threads, and before them a backend of somebody's own, or the GPU where it suits a trial."""
    if not isinstance(asked, str):
        lacks = [part for part in PARTS if not hasattr(asked, part)]
        if lacks:
            raise UsageError(
                f"backend = {shown(asked)} must be {', '.join(BACKENDS)} or a backend of your own; as one, it lacks "
                f"{', '.join(lacks)}"
            )
        if not re.fullmatch("[a-z][a-z0-9-]{0,15}", str(asked.name)):  # 16 characters are kept
            raise UsageError(
                f"a backend is called {shown(asked.name)}; its name must have 1 to 16 small letters, digits and '-', "
                "such as 'my-pool'"
            )
        return First([asked, threads])
    if choose_backend(asked) == "cuda":
        from gdbench.runner.backends.cuda import Cuda

        gpu = Cuda(suite)
        if gpu.groups or asked == "cuda":
            return First([gpu, threads])
    return First([threads])
