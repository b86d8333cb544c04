"""A team of threads that train one trial together, and the barriers where they meet.

    team = Team(2)
    team.together(lambda worker: kernel(..., worker))

    low, high = share(count, unit, worker)  # inside: this worker's part of 0 ... count - 1
    barrier(worker)                         # after it, every worker sees what the others wrote before it

Each number is computed by one worker, in the order of a single thread, so a team changes no bit. Workers are Python
threads that call the same compiled function, each with its own Worker. All must come to the same barriers.
"""

import ctypes
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types

from gdbench.kernels.arithmetic import arrays
from gdbench.kernels.arithmetic.memory import address, view
from gdbench.kernels.arithmetic.vectors import I64, instruction
from gdbench.kernels.compile.jit import inlined

Result = TypeVar("Result")

WORTH = 2**20  # samples x parameters of a step from which it is worth a team
_PATIENCE = 2000  # how often a waiting worker reads the counter before it yields its core
_YIELD = "gdbench.yield"
_FREE = 2**62  # more arrivals than any barrier waits for


class Worker(NamedTuple):
    """One thread of a team."""

    rank: int  # 0, 1, ...
    size: int
    arrivals: np.ndarray  # int64, one element, the team's: arrivals at barriers so far
    passed: np.ndarray  # int64, one element, this worker's: barriers so far


class Team:
    """The threads of a team: the caller's, and others that wait for work as long as this object lives."""

    def __init__(self, size: int) -> None:
        arrivals = arrays.zeros(1, np.int64)
        self.workers = [Worker(rank, size, arrivals, arrays.zeros(1, np.int64)) for rank in range(size)]
        self._pool = ThreadPoolExecutor(size - 1, thread_name_prefix="gdbench-team") if size > 1 else None

    def together(self, part: Callable[[Worker], Result]) -> Result:
        """Run `part` for all workers at the same time; returns worker 0's result once all are done.

        If a part raises, the others stop waiting at barriers, so what they write is worthless. The error is raised
        here, and any later call raises RuntimeError.
        """
        if self.workers[0].arrivals[0] >= _FREE:
            raise RuntimeError("a worker of this team has failed before")

        def guarded(worker: Worker) -> Result:
            with self._free():
                return part(worker)

        with self._free():
            others = [self._pool.submit(guarded, worker) for worker in self.workers[1:]] if self._pool else []
            result = guarded(self.workers[0])
            for other in others:
                other.result()
        return result

    @contextmanager
    def _free(self) -> Iterator[None]:
        """On an error, release all workers from this and every later barrier."""
        try:
            yield
        except BaseException:
            self.workers[0].arrivals[0] = _FREE
            raise


ALONE = Team(1).workers[0]


def _give_way() -> int:
    """The address of the system's function that yields the core to other threads."""
    system: Any = ctypes
    function = system.windll.kernel32.SwitchToThread if os.name == "nt" else system.CDLL(None).sched_yield
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0)


llvmlite.binding.add_symbol(_YIELD, _give_way())


_lock = Lock()


def _meet_twin(counter, goal):
    """`_meet` in plain Python, whose addition is not atomic without the lock."""
    arrivals = view(np.int64(0), counter, (1,), (8,))
    with _lock:
        arrivals[0] += 1
    while arrivals[0] < goal:
        time.sleep(0)


@instruction(_meet_twin)
def _meet(context, counter, goal):
    """Add 1 to the int64 at an address, atomically, and wait until it is `goal` or more."""

    def lower(context, builder, signature, arguments):
        place = builder.inttoptr(arguments[0], I64.as_pointer())
        builder.atomic_rmw("add", place, I64(1), "seq_cst")
        give_way = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.IntType(32), []), _YIELD)
        # Read the counter in a loop; after every _PATIENCE reads, yield the core.
        before = builder.block
        look, wait, rest, after = (builder.append_basic_block(name) for name in ("look", "wait", "rest", "met"))
        builder.branch(look)
        builder.position_at_end(look)
        looks = builder.phi(I64)
        looks.add_incoming(I64(0), before)
        there = builder.icmp_signed(">=", builder.load_atomic(place, "seq_cst", 8), arguments[1])
        builder.cbranch(there, after, wait)
        builder.position_at_end(wait)
        following = builder.add(looks, I64(1))
        looks.add_incoming(following, wait)
        builder.cbranch(builder.icmp_signed("<", following, I64(_PATIENCE)), look, rest)
        builder.position_at_end(rest)
        builder.call(give_way, [])
        looks.add_incoming(I64(0), rest)
        builder.branch(look)
        builder.position_at_end(after)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), lower


@inlined
def barrier(worker):
    """Wait until every worker has come here; a team of one does not wait."""
    if worker.size > 1:
        # The counter only grows and is never reset: the k-th barrier waits for k arrivals of each worker.
        worker.passed[0] += 1
        _meet(address(worker.arrivals), worker.passed[0] * worker.size)


@inlined
def share(count, unit, worker):
    """low and high of this worker's part of 0 ... count - 1, in whole units; only the last unit may be smaller."""
    units = (count + unit - 1) // unit
    low, high = worker.rank * units // worker.size, (worker.rank + 1) * units // worker.size
    return min(count, low * unit), min(count, high * unit)
