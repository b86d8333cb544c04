"""Time sweeps and a large network: gdbench and other libraries on the same GPU, and gdbench on two CPU cores.

Every library trains the same trials in its own process, in interleaved rounds (gdbench/peers/comparison.py).
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from gdbench.errors import GdbenchError
from gdbench.machine.environment import usable_cores
from gdbench.peers import ON_CUDA, OURS
from gdbench.peers.comparison import PeerResults, Workers, race
from gdbench.peers.tasks import of_case
from gdbench.timing.cases import of_shape
from gdbench.timing.pace import OF_PEERS
from gdbench.timing.work import step_flops
from gdbench.verification.gpu.contract import Budget, Row


class SweepSpec(NamedTuple):
    """A network and its trials. seeds: how many the trials take in turn, as in a suite. chunk: steps per call."""

    net: str
    batch_size: int
    trials: int
    seeds: int
    chunk: int


SWEEPS = (
    SweepSpec("64-32-10", 32, 4096, 16, 128),
    SweepSpec("64-128-10", 128, 1024, 16, 64),
    SweepSpec("784-128-10", 32, 1024, 16, 64),
)
SWEEPERS = (OURS, "jax-vmap", "jax-vmap-tf32", "pytorch-stacked", "pytorch-graphs", "gdbench-cpu")
MODEL = SweepSpec("784-4096-4096-10", 4096, 1, 1, 8)
TRAINERS = (OURS, "gdbench-cublas", "pytorch-graphs", "pytorch-fused", "jax")
RULE = "adam"
ROUNDS = OF_PEERS.rounds
PATIENCE = 45.0  # seconds that a library has to compile, or to answer
LEAST = 15.0  # seconds that must be left to begin another network


def sweeps(budget: Budget) -> Iterator[Row | str]:
    """Yields a row per network and library."""
    yield from _raced(SWEEPS, SWEEPERS, budget)


def large(budget: Budget) -> Iterator[Row | str]:
    """Yields a row per library."""
    yield from _raced([MODEL], TRAINERS, budget)


def _raced(asked: Sequence[SweepSpec], names: Sequence[str], budget: Budget) -> Iterator[Row | str]:
    workers = Workers(usable_cores(), ON_CUDA, patience=min(PATIENCE, budget.left / 2))
    try:
        for each in asked:
            if budget.left < LEAST:
                yield f"No time was left for {each.net}."
                continue
            case, found = of_shape(each.net, each.batch_size, "float32"), PeerResults()
            task = of_case(case, RULE, trials=each.trials, chunk=each.chunk, seeds=each.seeds)
            facts = {**case.facts, "rule": RULE, "trials": each.trials, "cores": len(workers.cores)}
            try:
                race(task, workers, names, facts, ROUNDS, found, limit=budget.left / 2)
            except GdbenchError as error:  # gdbench failed; the other libraries are timed without it
                yield f"{each.net}: {error}"
                others = [name for name in names if name != OURS]
                race(task, workers, others, facts, ROUNDS, found, limit=budget.left / 2)
            flops = sum(step_flops(case.network.sizes, each.batch_size))
            for row in found.speed:
                yield _row(row, flops)
    finally:
        workers.close()
    yield (
        f"{RULE}, float32; {ROUNDS} rounds, medians. Those that train one trial after another are given "
        f"{ON_CUDA['pytorch-graphs'].most} trials, and gdbench-cpu {ON_CUDA['gdbench-cpu'].most} on "
        f"{ON_CUDA['gdbench-cpu'].cores} cores: a trial-step of theirs costs the same however many there are."
    )


def _row(row: dict[str, Any], flops: int) -> Row:
    speed = float(row["speed"])
    known = not math.isnan(speed)
    return {
        "network": row["problem"],
        "batch": row["batch_size"],
        "trials": row["trials"],
        "by": row["peer"],
        "trial-steps/s": speed if known else None,
        "GFLOP/s": speed * flops / 1e9 if known else None,
        "gdbench is": _times(row),
        "preparing, s": None if math.isnan(row["prepare_seconds"]) else float(row["prepare_seconds"]),
        "without a number because": row["reason"] or None,
    }


def _times(row: dict[str, Any]) -> str | None:
    """How many times as fast as the peer gdbench is, with the interval over rounds; None for gdbench itself."""
    if row["peer"] == OURS or math.isnan(row["ratio"]):
        return None
    return f"{row['ratio']:.2f} × as fast [{row['ratio_low']:.2f}, {row['ratio_high']:.2f}]"
