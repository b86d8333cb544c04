"""gdbench on a GPU as a run uses it: all trials in one launch, or large ones in turn, each by the whole GPU."""

import numpy as np

from gdbench.errors import GdbenchError
from gdbench.kernels.compile import cuda
from gdbench.kernels.gpu.costs import choose
from gdbench.kernels.gpu.engines import Engine, engines, take
from gdbench.kernels.gpu.sweep.engine import SweepEngine
from gdbench.kernels.gpu.trials import GpuTrial
from gdbench.kernels.rules.contract import find_scalar
from gdbench.peers.contract import InTurns, Task, UnsupportedError
from gdbench.peers.ours import problem_of
from gdbench.timing.rates import Constant

ENDLESS = 2**40  # steps
MOST = 16  # large trials that are trained in turn at most; more would have the same speed


class GdbenchCuda:
    """The rules and training loops of this package, by the engine that a run would choose.

    products: of large networks, as `kernels.gpu.engines.engines` takes them.
    """

    def __init__(self, *, products: str = "ordered") -> None:
        self.products = products

    def prepare(self, task: Task, threads: int) -> "_Together | InTurns":
        """See `Adapter`. Raises GdbenchError if no GPU can be used."""
        reason = cuda.missing()
        if reason:
            raise GdbenchError(reason)
        problem, gpu_trials = problem_of(task), _members(task)
        begin = dict(zip(task.seeds, task.thetas, strict=True))
        problem.initial = begin.__getitem__  # type: ignore  # the task brings the parameters
        choice = choose(problem, gpu_trials, cuda.gpu())
        if choice.engine == "sweep":
            if self.products != "ordered":
                raise UnsupportedError("its products are another library's in the engine for large networks alone")
            return _Together(SweepEngine(problem, gpu_trials), task.chunk)
        alone = [engines(problem, [one], products=self.products, choice=choice) for one in gpu_trials[:MOST]]
        return InTurns([_Alone(next(engine)[0], task.chunk) for engine in alone])


def _members(task: Task) -> list[GpuTrial]:
    return [
        GpuTrial(
            rule=find_scalar(task.rule),
            hyperparameters={**task.hyperparameters, "lr": float(lr)},
            rates=Constant(float(lr)),
            recipe=(task.rule, float(lr)),
            seed=seed,
            batch_size=task.batch_size,
            steps=ENDLESS,
            points=(0,),
        )
        for seed, lr in zip(task.seeds, task.lrs, strict=True)
    ]


class _Together:
    """Every call trains all trials for a chunk of steps."""

    def __init__(self, engine: SweepEngine, chunk: int) -> None:
        self.engine, self.chunk, self.at_once = engine, chunk, len(engine.gpu_trials)

    def run(self) -> None:
        """See `Training`."""
        take(self.engine, self.chunk)

    def thetas(self) -> np.ndarray:
        """See `Training`."""
        return np.stack([self.engine.theta(number) for number in range(self.at_once)])


class _Alone:
    """A trial that the whole GPU trains."""

    def __init__(self, engine: Engine, chunk: int) -> None:
        self.engine, self.chunk = engine, chunk

    def advance(self, call: int) -> None:
        """See `Trial`."""
        take(self.engine, self.chunk)

    def theta(self) -> np.ndarray:
        """See `Trial`."""
        return self.engine.theta(0)
