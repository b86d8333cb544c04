"""Trains trials of one network on the GPU by the faster engine: all of them together, or one after another.

for engine, places in engines(problem, trials):
    while engine.running:
        for found in engine.advance():
            print(places[found.trial], found.step, found.values)
"""

from collections.abc import Iterator, Sequence

from gdbench.kernels.compile import cuda
from gdbench.kernels.gpu.costs import Choice, choose
from gdbench.kernels.gpu.large.engine import LargeEngine
from gdbench.kernels.gpu.sweep.engine import SweepEngine
from gdbench.kernels.gpu.trials import GpuTrial
from gdbench.kernels.networks.mlp import MLP
from gdbench.kernels.problem import WHOLE, Scope
from gdbench.kernels.rules.contract import Rule

Engine = SweepEngine | LargeEngine


def take(engine: Engine, steps: int) -> None:
    """Take `steps` steps of all trials, and drop their evaluations."""
    until = engine.steps + steps
    while engine.steps < until:
        for _ in engine.advance(until - engine.steps):
            pass


def engines(
    problem: MLP,
    gpu_trials: Sequence[GpuTrial],
    *,
    products: str = "ordered",
    choice: Choice | None = None,
    rules: Sequence[Rule] = (),
    largest: int = 0,
    scope: Scope = WHOLE,
) -> Iterator[tuple[Engine, list[int]]]:
    """Each engine with the indices of the trials that it trains; an engine is made when the iterator comes to it.

    products: of the engine for large networks, "ordered" or "cublas" (kernels/gpu/large/engine.py); an engine's
    `comparable` says whether its trials' digests can be compared. choice: which engine, by default the one of `choose`.
    rules, largest, scope: as for `SweepEngine`.
    """
    if (choice or choose(problem, gpu_trials, cuda.gpu())).engine == "sweep":
        sweep = SweepEngine(problem, gpu_trials, rules=rules, largest=largest, scope=scope)
        yield sweep, list(range(len(gpu_trials)))
        return
    for place, gpu_trial in enumerate(gpu_trials):
        large = LargeEngine(problem, gpu_trial, products=products, scope=scope)
        try:
            yield large, [place]
        finally:
            large.close()
        del large  # frees its memory before the next one allocates
