"""Who trains the trials. Threads on this machine by default: the kernels release the GIL.

Anything with this `map` can take their place, since a trial is a small value and so is its result.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from threading import Event
from typing import Protocol, TypeVar

from gdbench.machine.environment import usable_cores

Item = TypeVar("Item")
Result = TypeVar("Result")

IDLE_SECONDS = 1.0


class Executor(Protocol):
    """Applies a function to items, in any order."""

    def map(
        self, function: Callable[[Item, Callable[[], bool]], Result], items: Iterable[Item]
    ) -> Iterator[list[tuple[Item, Result]]]:
        """Pairs of item and function(item, cancelled), as they finish; no pair about once a second while none does.

        When the iterator is closed, `cancelled()` turns true and what is in flight is waited for.
        """
        ...

    def threads_each(self, items: int) -> int:
        """How many threads each of so many items may have to itself, one at least."""
        ...


class ThreadExecutor:
    """`jobs` threads of this process."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def threads_each(self, items: int) -> int:
        """See `Executor`. Threads of one item wait for one another: more of them than cores would slow it down."""
        return max(1, min(self.jobs, usable_cores()) // max(1, items))

    def map(
        self, function: Callable[[Item, Callable[[], bool]], Result], items: Iterable[Item]
    ) -> Iterator[list[tuple[Item, Result]]]:
        """See `Executor`. Twice as many items as threads are handed out at a time."""
        waiting = iter(items)
        stop = Event()
        pool = ThreadPoolExecutor(self.jobs, thread_name_prefix="gdbench")
        pending: dict[Future[Result], Item] = {}
        try:
            while True:
                for item in islice(waiting, 2 * self.jobs - len(pending)):
                    pending[pool.submit(function, item, stop.is_set)] = item
                if not pending:
                    return
                done, _ = wait(pending, timeout=IDLE_SECONDS, return_when=FIRST_COMPLETED)
                ended = [future for future in pending if future in done]  # in the order of the items
                yield [(pending.pop(future), future.result()) for future in ended]
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
