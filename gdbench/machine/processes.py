"""Work that several Python processes share, of which this is one."""

import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def shared(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    processes: int,
    then: Callable[[], object] = lambda: None,
) -> list[Result]:
    """`work` of each item, in their order, by so many processes; this one does its share and what another failed to do.

    work: a function of a module, or a partial of one. It, items and results are sent from process to process. What it
    raises in another process is raised here. then: what this process does when its share is done; others may not be.
    """
    shares = [items[first::processes] for first in range(processes)]
    with ExitStack() as stack:
        others = [stack.enter_context(_Process(work, share)) for share in shares[1:]]
        found = [[*map(work, shares[0])]]
        then()
        found += [other.results() for other in others]
    return [found[place % processes][place // processes] for place in range(len(items))]


class _Process:
    """Another process at work; it is ended with the `with` block, whatever it is doing."""

    def __init__(self, work: Callable[[Item], Result], items: Sequence[Item]) -> None:
        self._work, self._items = work, items
        context = get_context("spawn")
        self._answers, self._theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_answer, args=(self._theirs, work, items), daemon=True)

    def __enter__(self) -> "_Process":
        self._process.start()
        self._theirs.close()  # only the other process holds it now, so that its end is seen
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()
        self._answers.close()

    def results(self) -> list[Any]:
        try:
            results, error = self._answers.recv()
        except EOFError:  # it was killed, perhaps for want of memory, and one at a time needs less
            return [*map(self._work, self._items)]
        self._process.kill()  # what it holds is not needed any more
        if error is not None:
            raise error
        return list(results)


def _answer(answers: Connection, work: Callable[[Any], Any], items: Sequence[Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all processes of a terminal get it; the first one ends the others
    try:
        answers.send(([*map(work, items)], None))
    except Exception as error:
        answers.send((None, error))
