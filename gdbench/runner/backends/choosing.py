"""Choose the backend of a run: the one that is asked for, or the best one on this machine."""

import re

from gdbench.errors import UsageError, shown
from gdbench.kernels.compile.driver import SIMULATED, driver_found
from gdbench.runner.backends.contract import Backend, First
from gdbench.runner.backends.threads import Threads
from gdbench.suites import Suite

BACKENDS = ("auto", "cpu", "cuda")
PARTS = ("name", "summary", "refuses", "prepare", "train", "facts")  # that a user's own backend must have


class NoBackendError(UsageError):
    """The backend asked for cannot be used here. Exit code 3: nothing was measured."""

    exit_code = 3


def choose_backend(asked: str) -> str:
    """The backend to use, `cpu` or `cuda`: `auto` means the GPU if it can be used.

    Raises UsageError for an unknown name, and NoBackendError, which says what is missing, if `cuda` cannot be used.
    """
    if asked not in BACKENDS:
        raise UsageError(f"backend {asked!r} is not one of {', '.join(BACKENDS)}")
    # The simulator is for tests of a few steps, so `auto` does not choose it.
    if asked == "cpu" or (asked == "auto" and (SIMULATED or not driver_found())):
        return "cpu"
    from gdbench.kernels.compile import cuda

    missing = cuda.missing()
    if missing and asked == "cuda":
        raise NoBackendError(f"backend 'cuda' cannot be used here: {missing}")
    return "cpu" if missing else "cuda"


def backend_of(suite: Suite, asked: str | Backend, threads: Threads) -> First:
    """The backends of a suite: the user's own or the GPU first, if there is one, and then the threads.

    Raises UsageError if the user's own backend lacks a part or has a bad name; and as `choose_backend` does.
    """
    if not isinstance(asked, str):
        lacks = [part for part in PARTS if not hasattr(asked, part)]
        if lacks:
            raise UsageError(
                f"backend = {shown(asked)} must be {', '.join(BACKENDS)} or a backend of your own; as one, it lacks "
                f"{', '.join(lacks)}"
            )
        if not re.fullmatch("[a-z][a-z0-9-]{0,15}", str(asked.name)):  # the store keeps 16 characters
            raise UsageError(
                f"a backend is called {shown(asked.name)}; its name must have 1 to 16 small letters, digits and '-', "
                "such as 'my-pool'"
            )
        return First([asked, threads])
    if choose_backend(asked) == "cuda":
        from gdbench.runner.backends.cuda import Cuda

        gpu = Cuda(suite)  # without groups the GPU can train none of the suite's trials
        if gpu.groups or asked == "cuda":
            return First([gpu, threads])
    return First([threads])
