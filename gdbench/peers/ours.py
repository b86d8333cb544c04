"""gdbench as a run uses it: compiled chunks of steps, one trial per thread, or a team of threads for a large one."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from gdbench.kernels import MLP, Samples
from gdbench.kernels.arithmetic.team import WORTH
from gdbench.kernels.networks.losses import LOSSES
from gdbench.kernels.rules.contract import find_scalar
from gdbench.kernels.rules.stepper import ScalarStepper
from gdbench.peers.contract import Task
from gdbench.timing.rates import Constant


class _Threads:
    """Every call trains all trials for a chunk of steps, as many at a time as there are threads."""

    def __init__(self, steppers: list[ScalarStepper], chunk: int, threads: int) -> None:
        self.steppers, self.chunk, self.at_once = steppers, chunk, len(steppers)
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="gdbench")

    def _advance(self, stepper: ScalarStepper) -> None:
        stepper.advance(self.chunk)

    def run(self) -> None:
        """See `Training`."""
        if self.at_once == 1:
            self._advance(self.steppers[0])
            return
        for _ in self.pool.map(self._advance, self.steppers):
            pass

    def thetas(self) -> np.ndarray:
        """See `Training`."""
        return np.stack([stepper.training.theta for stepper in self.steppers])


class Gdbench:
    """The rule and the training loop of this package."""

    def prepare(self, task: Task, threads: int) -> _Threads:
        """See `Adapter`."""
        problem = problem_of(task)
        rule = find_scalar(task.rule)
        large = task.batch_size * problem.size >= WORTH and rule.ours
        team = max(1, threads // task.trials) if large else 1
        steppers = []
        for seed, lr, theta in zip(task.seeds, task.lrs, task.thetas, strict=True):
            training = problem.begin(seed=seed, batch_size=task.batch_size, threads=team)
            training.theta[:] = theta
            hyperparameters = {**task.hyperparameters, "lr": float(lr)}
            steppers.append(ScalarStepper(rule, hyperparameters, training, Constant(float(lr))))
        return _Threads(steppers, task.chunk, threads)


def problem_of(task: Task) -> MLP:
    """The task's network with its training samples; validation and test splits are empty."""
    labels = LOSSES[task.loss].by_label
    none = np.zeros((0, task.sizes[-1]), task.dtype)
    train = Samples(task.x, task.y if labels else np.zeros(0, np.int64), none if labels else task.y)
    empty = Samples(task.x[:0], train.labels[:0], train.targets[:0])
    return MLP(
        [train, empty, empty],
        task.sizes[-1],
        hidden=task.sizes[1:-1],
        activation=task.activation,
        loss=task.loss,
        l2=task.l2,
        init="zeros",  # the task brings the parameters
        shuffle="epoch" if task.reshuffle else "once",
        drop_last=True,
        dtype=task.dtype,
    )
