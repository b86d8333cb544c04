"""One process per library, on the cores that it may use; it gets commands over a pipe and is idle between them.

    with closing(Worker(PEERS["pytorch"], cores=(1,))) as worker:
        seconds = worker.prepare("sweep", task)  # compiled, and the first call of every trial made
        worker.run("sweep", 3)  # three more calls

The process is bound to its cores before it loads the library, since libraries count cores when they are loaded. If the
system cannot bind processes, environment variables set the number of threads. A failure is a `PeerError`, one sentence.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import numpy as np

from gdbench.errors import GdbenchError
from gdbench.machine.processes import Interpreter, NotStartedError
from gdbench.peers.contract import Adapter, InTurns, Task, Training, UnsupportedError

if TYPE_CHECKING:
    from gdbench.peers import Peer

PATIENCE = 300.0  # seconds; compiling takes a minute at most
_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_LIBRARIES = {"TORCHINDUCTOR_COMPILE_THREADS": "1", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
BINDS = hasattr(os, "sched_setaffinity")


class PeerError(GdbenchError):
    """A library that failed at a task."""


class Worker:
    """The process of a peer (gdbench/peers/__init__.py), bound to these cores.

    patience: seconds after which a process that does not answer is ended. Raises PeerError if it cannot be started.
    """

    def __init__(self, peer: "Peer", cores: Sequence[int], patience: float = PATIENCE) -> None:
        self.patience = patience
        try:
            with _confined(cores, peer.device):
                self._other = Interpreter(serve, peer, len(cores))
        except NotStartedError as error:
            raise PeerError(str(error)) from None

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self._other.process.is_alive()

    def prepare(self, key: str, task: Task) -> float:
        """Build the task, compile it and make its first call; returns the seconds that this took.

        Then the other trials make their first calls, outside of these seconds. All trials have taken a chunk of steps
        when this returns. Raises UnsupportedError if the library cannot express the task, and PeerError if it fails.
        """
        return float(self._ask("prepare", key, task))

    def run(self, key: str, calls: int) -> None:
        """Make so many more calls of a prepared task, each a chunk of steps. Raises PeerError if the library fails."""
        self._ask("run", key, calls)

    def at_once(self, key: str) -> int:
        """How many trials a call trains for a chunk of steps."""
        return int(self._ask("at_once", key))

    def thetas(self, key: str) -> np.ndarray:
        """The parameters of a prepared task, trials x parameters."""
        return np.asarray(self._ask("thetas", key))

    def forget(self) -> None:
        """Drop all prepared tasks."""
        self._ask("forget")

    def close(self) -> None:
        """End the process."""
        self._other.close()

    def tell(self, *message: Any) -> None:
        """Send a command: the name of a method and its arguments. `answer` then waits for the result."""
        with suppress(OSError):  # if the process has ended, `answer` reports it
            self._other.pipe.send(message)

    def answer(self) -> Any:
        """The answer to the last `tell`. Raises UnsupportedError and PeerError, as the command does."""
        try:
            if not self._other.pipe.poll(self.patience):
                self.close()
                raise PeerError(f"did not answer within {self.patience:g} s and was ended")
            kind, answer = self._other.pipe.recv()
        except (EOFError, OSError):
            self._other.process.join(1.0)
            raise PeerError(f"its process ended{_how(self._other.process.exitcode)}") from None
        if kind is not None:
            raise kind(answer)
        return answer

    def _ask(self, *message: Any) -> Any:
        self.tell(*message)
        return self.answer()


def _how(code: int | None) -> str:
    if code is None:
        return ""
    return f" by signal {signal.Signals(-code).name}" if code < 0 else f" with exit code {code}"


@contextmanager
def _confined(cores: Sequence[int], device: str = "cpu") -> Iterator[None]:
    """Bind the processes that this thread starts in the block to these cores; their environment has the number.

    On a GPU, JAX allocates memory only as it needs it, since other processes need some too.
    """
    given = {**dict.fromkeys(_VARIABLES, str(len(cores))), **_LIBRARIES, "JAX_PLATFORMS": device}
    before = {name: os.environ.get(name) for name in given}
    usable = os.sched_getaffinity(0) if BINDS else set()
    os.environ.update(given)
    try:
        if BINDS:
            os.sched_setaffinity(0, cores)
        yield
    finally:
        if BINDS:
            os.sched_setaffinity(0, usable)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def serve(pipe: Connection, peer: "Peer", threads: int) -> None:
    """The loop of the process: it answers (None, answer) or (kind of error, sentence) until the pipe is closed."""
    from gdbench.peers import load

    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # what libraries print must not get into the command's output
        os.dup2(nowhere, stream)
    commands = _WorkerCommands(peer, threads, load)
    with suppress(EOFError, OSError):
        while True:
            what, *given = pipe.recv()
            answer: tuple[Any, Any]
            try:
                answer = (None, getattr(commands, what)(*given))
            except UnsupportedError as error:
                answer = (UnsupportedError, str(error))
            except Exception as error:
                answer = (PeerError, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
            pipe.send(answer)


class _WorkerCommands:
    """The commands of `Worker`, in the library's process."""

    def __init__(self, peer: "Peer", threads: int, load: "Callable[[Peer], Adapter]") -> None:
        self.peer, self.threads, self.load = peer, threads, load
        self.trainings: dict[str, Training] = {}

    def prepare(self, key: str, task: Task) -> float:
        adapter = self.load(self.peer)
        started = time.perf_counter()
        training = adapter.prepare(task, self.threads)
        training.run()
        seconds = time.perf_counter() - started
        turns = len(training.trials) if isinstance(training, InTurns) else task.trials // training.at_once
        for _ in range(turns - 1):  # the first calls of the other trials, so that none is timed later
            training.run()
        self.trainings[key] = training
        return seconds

    def run(self, key: str, calls: int) -> None:
        training = self.trainings[key]
        for _ in range(calls):
            training.run()

    def at_once(self, key: str) -> int:
        return self.trainings[key].at_once

    def thetas(self, key: str) -> np.ndarray:
        return self.trainings[key].thetas()

    def forget(self) -> None:
        self.trainings.clear()
