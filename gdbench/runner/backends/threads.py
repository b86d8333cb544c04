"""Threads of this process: the kernels release the GIL."""

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

IDLE_SECONDS = 1.0  # after which it yields no records, so that its user can see to other things


class Threads:
    """`jobs` threads, which take any trial. chunk: steps a call, after which a trial can be cancelled."""

    name, summary = "cpu", ""

    def __init__(self, jobs: int, chunk: int = CHUNK) -> None:
        self.jobs, self.chunk = jobs, chunk

    def refuses(self, setting: Setting) -> str:
        """Nothing."""
        return ""

    def prepare(self, settings: Sequence[Setting]) -> None:
        """See `Backend`. Raises UsageError when a rule or a function cannot be compiled."""
        compile_settings(settings)

    def facts(self) -> dict[str, object]:
        """How many there are."""
        return {"jobs": self.jobs}

    def threads_each(self, trials: int) -> int:
        """How many threads each of so many trials may have to itself.

        Threads of one trial wait for one another: more of them than cores would slow it down.
        """
        return max(1, min(self.jobs, usable_cores()) // max(1, trials))

    def train(self, orders: Sequence[Order]) -> Trained:
        """See `Backend`.

        The longest begin first: one that began last would leave the other cores idle. Where there are fewer trials than
        threads from the beginning, several of them train one trial; a trial keeps the threads that it began with. Twice
        as many trials as threads are handed out at a time.
        """
        waiting = iter(sorted(orders, key=lambda order: work(order.trial), reverse=True))
        threads, stop = self.threads_each(len(orders)), Event()
        pool = ThreadPoolExecutor(self.jobs, thread_name_prefix="gdbench")
        pending: list[Future[TrialRecord | None]] = []
        try:
            while True:
                # The plug-ins and the code of this process are those of the orders.
                pending += [
                    pool.submit(safely, order.trial, self.chunk, stop.is_set, threads)
                    for order in islice(waiting, 2 * self.jobs - len(pending))
                ]
                if not pending:
                    return
                done, _ = wait(pending, timeout=IDLE_SECONDS, return_when=FIRST_COMPLETED)
                ended = [future.result() for future in pending if future in done]  # in the order of the trials
                pending = [future for future in pending if future not in done]
                yield self.name, [record for record in ended if record is not None]
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
