"""gdbench on a GPU as a runner uses it: all trials in one launch, which returns when they are done."""

import numpy as np

from gdbench.errors import GdbenchError
from gdbench.kernels import cuda
from gdbench.kernels.gpu.fleet import Fleet, Member
from gdbench.kernels.registry import find
from gdbench.peers.contract import Task
from gdbench.peers.ours import problem_of
from gdbench.timing.rates import Constant

ENDLESS = 2**40  # steps


class GdbenchCuda:
    """The rule and the training loop of this package."""

    def prepare(self, task: Task, threads: int) -> "_Fleet":
        """See `Adapter`. Raises GdbenchError where there is no GPU."""
        reason = cuda.missing()
        if reason:
            raise GdbenchError(reason)
        return _Fleet(task)


class _Fleet:
    """Every call takes all trials a chunk further."""

    def __init__(self, task: Task) -> None:
        problem, rule = problem_of(task), find(task.rule)
        begin = dict(zip(task.seeds, task.thetas, strict=True))
        problem.initial = begin.__getitem__  # type: ignore  # the task brings the parameters
        self.chunk, self.at_once = task.chunk, task.trials
        members = [
            Member(
                rule=rule,  # type: ignore[arg-type]  # of_case has seen to it
                settings={**task.settings, "lr": float(lr)},
                rates=Constant(float(lr)),
                recipe=(task.rule, float(lr)),
                seed=seed,
                batch_size=task.batch_size,
                steps=ENDLESS,
                points=(0,),
            )
            for seed, lr in zip(task.seeds, task.lrs, strict=True)
        ]
        self.fleet = Fleet(problem, members)

    def run(self) -> None:
        """See `Training`."""
        until = self.fleet.first + self.chunk
        while self.fleet.first < until:
            for _ in self.fleet.advance(until - self.fleet.first):
                pass

    def thetas(self) -> np.ndarray:
        """See `Training`."""
        return np.stack([self.fleet.theta(number) for number in range(self.at_once)])
