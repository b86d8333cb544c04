"""A stand-in for the GPU's engine of the sweep, whose trials the CPU trains: for tests of what is around it."""

from types import SimpleNamespace

import numpy as np

from gdbench.kernels.compile.cuda import Gpu
from gdbench.kernels.directions.stepper import begin
from gdbench.kernels.gpu.trials import Evaluation
from gdbench.kernels.problem import WHOLE

GPU = Gpu("Stand-in", (9, 0), 1, 232_448, 233_472, 2**30)


class CpuEngine:
    """Trains its trials side by side, some steps a launch, and ends none by itself: `SweepEngine` need not either.

    made: how many trials each engine had. launched: is called before each launch with the engine, and may raise.
    """

    STEPS = 4
    made: list[int] = []  # noqa: RUF012
    launched = staticmethod(lambda engine: None)
    compiled = staticmethod(lambda capability: None)

    def __init__(self, problem, gpu_trials, *, rules=(), largest=0, scope=WHOLE):
        assert {m.rule.name for m in gpu_trials} <= {rule.name for rule in rules}
        assert largest >= max(m.batch_size for m in gpu_trials)
        self.gpu_trials, self.gpu, self.kernel = list(gpu_trials), GPU, SimpleNamespace(image=self.compiled)
        self.seconds, self.launches, self.ended = np.zeros(len(gpu_trials)), 0, set()
        self.suspects = set()
        self.trainings = [
            problem.begin(
                seed=m.seed, batch_size=m.batch_size, clip_norm=m.clip_norm, clip_value=m.clip_value, scope=scope
            )
            for m in gpu_trials
        ]
        pairs = zip(gpu_trials, self.trainings, strict=True)
        self.steppers = [begin(m.rule, m.hyperparameters, training, m.rates) for m, training in pairs]
        if gpu_trials[0].points != [0]:  # which is how what is only compiled is looked at
            type(self).made.append(len(gpu_trials))

    @property
    def running(self):
        return any(not self._over(i) for i in range(len(self.gpu_trials)))

    def _over(self, i):
        return i in self.ended | self.suspects or (
            self.launches > 0 and self.trainings[i].steps >= self.gpu_trials[i].steps
        )

    def advance(self):
        if self.gpu_trials[0].points != [0]:
            type(self).launched(self)
        over = [self._over(i) for i in range(len(self.gpu_trials))]
        first, self.launches = self.launches == 0, self.launches + 1
        for i, (gpu_trial, training, stepper) in enumerate(
            zip(self.gpu_trials, self.trainings, self.steppers, strict=True)
        ):
            if over[i]:
                continue
            if first:
                yield Evaluation(i, 0, training.evaluate(), np.nan)
            for _ in range(min(self.STEPS, gpu_trial.steps - training.steps)):
                stepper.advance(1)
                self.seconds[i] += 1.0
                if stepper.ended:
                    self.suspects.add(i)
                    break
                if training.steps in gpu_trial.points:
                    yield Evaluation(i, training.steps, training.evaluate(), stepper.lr)

    def theta(self, gpu_trial):
        return self.trainings[gpu_trial].theta

    def suspect(self, gpu_trial):
        return gpu_trial in self.suspects

    def end(self, gpu_trial):
        self.ended.add(gpu_trial)
