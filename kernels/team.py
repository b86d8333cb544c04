"""A team of threads that train one trial together, and the barriers where they meet.

    crew = Crew(2)
    crew.together(lambda member: kernel(..., member))

    low, high = share(count, unit, team)  # inside: which of 0 ... count - 1 are this member's
    barrier(team)                         # what any member wrote before it, all of them read after it

Every number is computed by one member, in the order in which one thread alone would: a team changes no bit. Members are
threads of Python that call the same compiled function, each with its own Team, and that take the same way through it.
"""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types

from gdbench.kernels import arrays
from gdbench.kernels.jit import inlined
from gdbench.kernels.memory import address
from gdbench.kernels.vectors import I64, instruction

Result = TypeVar("Result")

_PATIENCE = 2000  # looks at the counter before a waiting member offers its core to others, every time
_YIELD = "gdbench.yield"


class Team(NamedTuple):
    """One member's view of its team."""

    rank: int  # 0, 1, ...
    size: int
    arrivals: np.ndarray  # int64, one element, the team's: how often its members have come to barriers
    passed: np.ndarray  # int64, one element, this member's: how many barriers lie behind it


class Crew:
    """The threads of a team: that which calls, and others that wait for work as long as this object lives."""

    def __init__(self, size: int) -> None:
        arrivals = arrays.zeros(1, np.int64)
        self.members = [Team(rank, size, arrivals, arrays.zeros(1, np.int64)) for rank in range(size)]
        self._pool = ThreadPoolExecutor(size - 1, thread_name_prefix="gdbench-team") if size > 1 else None

    def together(self, work: Callable[[Team], Result]) -> Result:
        """Every member's `work`, at the same time; returns what that of member 0 returns, once all are done.

        `work` must raise nothing before the members' last barrier: the others would wait for ever.
        """
        others = [self._pool.submit(work, member) for member in self.members[1:]] if self._pool else []
        result = work(self.members[0])
        for other in others:
            other.result()
        return result


ALONE = Crew(1).members[0]


def _give_way() -> int:
    """The address of the system's function that lets other threads have the core."""
    if os.name == "nt":
        return int(ctypes.cast(ctypes.windll.kernel32.SwitchToThread, ctypes.c_void_p).value or 0)  # type: ignore[attr-defined]
    return int(ctypes.cast(ctypes.CDLL(None).sched_yield, ctypes.c_void_p).value or 0)


llvmlite.binding.add_symbol(_YIELD, _give_way())


def _meet_twin(counter, goal):
    raise NotImplementedError("plain Python has no atomic addition; a team there is one thread")


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
def barrier(team):
    """Wait until every member has come here; a team of one goes on."""
    if team.size > 1:
        team.passed[0] += 1
        _meet(address(team.arrivals), team.passed[0] * team.size)


@inlined
def share(count, unit, team):
    """low and high: which of 0 ... count - 1 are this member's, whole units of them but for the last."""
    units = (count + unit - 1) // unit
    low, high = team.rank * units // team.size, (team.rank + 1) * units // team.size
    return min(count, low * unit), min(count, high * unit)
