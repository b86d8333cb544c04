"""Train trials in threads of this process; they run in parallel, since the kernels release the GIL."""

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from threading import Event

from gdbench.machine.environment import usable_cores
from gdbench.results.records import TrialRecord
from gdbench.runner.backends.contract import Order, Trained, safely
from gdbench.runner.compiling import compile_settings
from gdbench.runner.trial import CHUNK, work
from gdbench.suites import Setting

IDLE_SECONDS = 1.0  # without a finished trial, after which an empty list is yielded, so that the caller can react


class Threads:
    """`jobs` threads, which train any trial. chunk: steps per call, between which a trial can be cancelled."""

    name, summary = "cpu", ""

    def __init__(self, jobs: int, chunk: int = CHUNK) -> None:
        self.jobs, self.chunk = jobs, chunk

    def refuses(self, setting: Setting) -> str:
        """Refuse nothing: always empty."""
        return ""

    def prepare(self, settings: Sequence[Setting]) -> None:
        """See `Backend`. Raises UsageError if a rule or a function cannot be compiled."""
        compile_settings(settings)

    def facts(self) -> dict[str, object]:
        """The number of threads, `jobs`."""
        return {"jobs": self.jobs}

    def threads_each(self, trials: int) -> int:
        """The number of threads that each of so many trials gets.

        The threads of a trial wait for one another, so more threads than cores would slow it down.
        """
        return max(1, min(self.jobs, usable_cores()) // max(1, trials))

    def train(self, orders: Sequence[Order]) -> Trained:
        """See `Backend`.

        The longest trials begin first: a long one that began last would leave the other cores idle at the end. If there
        are fewer trials than threads at the start, several threads train one trial; it keeps them until it ends. At
        most twice as many trials as threads are in the pool, so that a free thread always finds one.
        """
        waiting = iter(sorted(orders, key=lambda order: work(order.trial), reverse=True))
        threads, stop = self.threads_each(len(orders)), Event()
        pool = ThreadPoolExecutor(self.jobs, thread_name_prefix="gdbench")
        pending: list[Future[TrialRecord | None]] = []
        try:
            while True:
                # This process made the orders, so its plug-ins and its code need no check.
                pending += [
                    pool.submit(safely, order.trial, self.chunk, stop.is_set, threads)
                    for order in islice(waiting, 2 * self.jobs - len(pending))
                ]
                if not pending:
                    return
                done, _ = wait(pending, timeout=IDLE_SECONDS, return_when=FIRST_COMPLETED)
                ended = [future.result() for future in pending if future in done]  # in the order of submission
                pending = [future for future in pending if future not in done]
                yield self.name, [record for record in ended if record is not None]
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
