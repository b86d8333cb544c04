"""Start other Python interpreters, and share work with them.

    with helper("import gdbench.kernels") as wait:       # silent, ended with the block
        wait(10.0)                                       # its exit code, None if it is not done in 10 s
    result = apart(work, 1, 2)                           # work(1, 2), by an interpreter that does nothing else
    results = shared(work, items, processes=2)           # by this process and another

An interpreter imports from the same paths as this one. If the system refuses another process, callers work without it,
or report it in a sentence.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import gdbench
from gdbench.errors import GdbenchError

Item = TypeVar("Item")
Result = TypeVar("Result")

# ------------------------------------------------------------------------------------- interpreters that run some code


def command(code: str, python: Path | str | None = None) -> list[str]:
    """The command line of an interpreter, this one by default, that runs `code` and prints no warnings.

    -P: nothing is imported from the current folder, unless the path of this process names it.
    """
    return [str(python or sys.executable), "-P", "-W", "ignore", "-c", code]


def variables() -> dict[str, str]:
    """The environment variables with which another interpreter imports the same modules, this gdbench included."""
    paths = [path or os.getcwd() for path in sys.path if isinstance(path, str)]  # Python ignores what is no text
    paths.append(str(Path(gdbench.__file__).parents[1]))  # last; a path that is there already keeps its place
    return {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


def start(
    code: str, *, python: Path | str | None = None, environment: Mapping[str, str] | None = None, **streams: Any
) -> "subprocess.Popen[Any]":
    """Begin to run `code` in an interpreter. streams: as `Popen` takes them. Raises OSError if it cannot start."""
    return subprocess.Popen(command(code, python), env=variables() if environment is None else environment, **streams)


@contextmanager
def helper(code: str) -> Iterator[Callable[[float], int | None]]:
    """Run `code` in a silent interpreter while the block runs, and end it with the block.

    Yields `wait(seconds)`, which returns the exit code, or None if it is not done after so many seconds. If no process
    can be started, it returns None at once: this process can always do the work of a helper itself.
    """
    quiet, process = subprocess.DEVNULL, None
    if sys.executable:
        with suppress(OSError):  # no more processes
            process = start(code, stdin=quiet, stdout=quiet, stderr=quiet)

    def wait(seconds: float) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            return None if process is None else process.wait(seconds)
        return None

    try:
        yield wait
    finally:
        if process is not None:
            process.kill()
            process.wait()


# ------------------------------------------------------------------------------------- interpreters that do some work


class Interpreter:
    """A module's function, called in its own interpreter: `target(pipe, *given)`; `self.pipe` is our end of the pipe.

    It ignores Ctrl-C, which reaches all processes of a terminal; the first process ends the others. Raises
    NotStartedError.
    """

    def __init__(self, target: Callable[..., object], *given: Any) -> None:
        context = get_context("spawn")  # a fork would inherit the locks of threads, and compiled code
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_begin, args=(target, theirs, *given), daemon=True)
        try:
            self.process.start()
        except OSError as error:
            self.pipe.close()
            raise NotStartedError(f"no other process can be started ({error.strerror or error})") from None
        finally:
            theirs.close()  # now only the other process holds this end, so we notice when the process ends

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self.pipe.close()
        self.process.kill()
        self.process.join()


def _begin(target: Callable[..., object], pipe: Connection, *given: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    target(pipe, *given)


class NotStartedError(GdbenchError):
    """The system refuses another process."""


class EndedError(GdbenchError):
    """A process ended before it had done its work."""


def _answer(pipe: Connection, work: Callable[..., Any], *given: Any) -> None:
    try:
        pipe.send((work(*given), None))
    except Exception as error:
        pipe.send((None, error))


def _result(other: Interpreter) -> Any:
    """The result that `_answer` sent. Raises what the work raised, and EndedError if the process has ended."""
    try:
        result, error = other.pipe.recv()
    except (EOFError, OSError):
        other.process.join(1.0)
        raise EndedError(f"a process ended with exit code {other.process.exitcode} before it was done") from None
    other.process.kill()  # nothing in it is needed any more
    if error is not None:
        raise error
    return result


def apart(work: Callable[..., Result], *given: Any) -> Result:
    """`work(*given)`, by another interpreter that does nothing else.

    work: a module's function, or a partial of one. It, its arguments and its result are sent between processes. Raises
    what `work` raises, EndedError if the process ends early, and NotStartedError.
    """
    with closing(Interpreter(_answer, work, *given)) as other:
        result: Result = _result(other)
    return result


def shared(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    processes: int,
    then: Callable[[], object] = lambda: None,
) -> list[Result]:
    """The results of `work` for each item, in their order. Several processes share the items, this one included.

    work: as `apart` takes it. processes: how many share the work. then: this process calls it after its own share,
    while others may still work. If another process cannot be started or is killed, this one does its share too. An
    exception in another process is raised here.
    """
    shares = [items[first::processes] for first in range(processes)]
    with _others(work, shares[1:]) as others:
        found = [_each(work, shares[0])]
        then()
        found += [_share(other, work, share) for other, share in zip(others, shares[1:], strict=True)]
    return [found[place % processes][place // processes] for place in range(len(items))]


@contextmanager
def _others(work: Callable[..., Any], shares: Sequence[Sequence[Any]]) -> Iterator[list[Interpreter | None]]:
    """Yields one interpreter per share, None if it cannot be started; all end with the block."""
    others: list[Interpreter | None] = []
    try:
        for share in shares:
            others.append(None)
            with suppress(NotStartedError):
                others[-1] = Interpreter(_answer, _each, work, share)
        yield others
    finally:
        for other in filter(None, others):
            other.close()


def _each(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [*map(work, items)]


def _share(other: Interpreter | None, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    if other is not None:
        with suppress(EndedError):  # it was killed, perhaps for lack of memory; this process alone needs less
            results: list[Result] = _result(other)
            return results
    return _each(work, items)
