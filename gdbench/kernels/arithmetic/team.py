"""A team of threads that train one trial together, and the barriers where they meet.

    team = Team(2)
    team.together(lambda member: kernel(..., member))

    low, high = share(count, unit, member)  # inside: which of 0 ... count - 1 are this member's
    barrier(member)                         # what any member wrote before it, all of them read after it

Every number is computed by one member, in the order in which one thread alone would: a team changes no bit. Members are
threads of Python that call the same compiled function, each with its own Member, and that take the same way through it.
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

WORTH = 2**20  # samples x parameters of a step from which on it is worth sharing out among threads
_PATIENCE = 2000  # looks at the counter before a waiting member offers its core to others, every time
_YIELD = "gdbench.yield"
_FREE = 2**62  # more arrivals than any barrier waits for


class Member(NamedTuple):
    """One thread of a team."""

    rank: int  # 0, 1, ...
    size: int
    arrivals: np.ndarray  # int64, one element, the team's: how often its members have come to barriers
    passed: np.ndarray  # int64, one element, this member's: how many barriers lie behind it


class Team:
    """The threads of a team: that which calls, and others that wait for work as long as this object lives."""

    def __init__(self, size: int) -> None:
        arrivals = arrays.zeros(1, np.int64)
        self.members = [Member(rank, size, arrivals, arrays.zeros(1, np.int64)) for rank in range(size)]
        self._pool = ThreadPoolExecutor(size - 1, thread_name_prefix="gdbench-team") if size > 1 else None

    def together(self, part: Callable[[Member], Result]) -> Result:
        """Every member's part of some work, at the same time; returns what member 0's returns, once all are done.

        A part that raises an error sets the others free, who then go on without waiting for one another: what they
        wrote is worth nothing, and the team is of no more use.
        """
        if self.members[0].arrivals[0] >= _FREE:
            raise RuntimeError("a member of this team has failed before")

        def guarded(member: Member) -> Result:
            with self._free():
                return part(member)

        with self._free():
            others = [self._pool.submit(guarded, member) for member in self.members[1:]] if self._pool else []
            result = guarded(self.members[0])
            for other in others:
                other.result()
        return result

    @contextmanager
    def _free(self) -> Iterator[None]:
        """After an error, let nobody wait at a barrier any more."""
        try:
            yield
        except BaseException:
            self.members[0].arrivals[0] = _FREE
            raise


ALONE = Team(1).members[0]


def _give_way() -> int:
    """The address of the system's function that lets other threads have the core."""
    system: Any = ctypes
    function = system.windll.kernel32.SwitchToThread if os.name == "nt" else system.CDLL(None).sched_yield
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0)


llvmlite.binding.add_symbol(_YIELD, _give_way())


_lock = Lock()


def _meet_twin(counter, goal):
    """Without the compiler; Python adds in more than one instruction."""
    arrivals = view(np.int64(0), counter, (1,), (8,))
    with _lock:
        arrivals[0] += 1
    while arrivals[0] < goal:
        time.sleep(0)


@instruction(_meet_twin)
def _meet(context, counter, goal):
    """Add 1 to the number at an address, and wait until it is `goal` or more."""

    def lower(context, builder, signature, arguments):
        place = builder.inttoptr(arguments[0], I64.as_pointer())
        builder.atomic_rmw("add", place, I64(1), "seq_cst")
        give_way = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.IntType(32), []), _YIELD)
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
def barrier(member):
    """Wait until every member has come here; a team of one goes on."""
    if member.size > 1:
        member.passed[0] += 1
        _meet(address(member.arrivals), member.passed[0] * member.size)


@inlined
def share(count, unit, member):
    """low and high: which of 0 ... count - 1 are this member's, whole units of them but for the last."""
    units = (count + unit - 1) // unit
    low, high = member.rank * units // member.size, (member.rank + 1) * units // member.size
    return min(count, low * unit), min(count, high * unit)
